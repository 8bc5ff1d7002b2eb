# Which host holds the most, by the evidence of several: bash and jq only, on any machine.

# compare FILE...: the ranking, then the bundle and the first command.
compare() {
  local file text status=0 host
  : >"${scratch}/files"
  for file in "$@"; do
    text=$(jq -c --arg file "${file}" '{file: $file, evidence: .}' \
      -- "${file}" 2>"${scratch}/err") || status=$?
    # More than one value in a file, or none, is no evidence either.
    if ((status != 0)) || [[ -z "${text}" || "${text}" == *$'\n'* ]]; then
      text=$(jq -nc --arg file "${file}" '{file: $file, problem: "it is not one JSON object"}')
      status=0
    fi
    printf '%s\n' "${text}" >>"${scratch}/files"
  done
  text=$(compare_evidence)
  if [[ "${action}" == 'json' ]]; then
    printf '%s\n' "${text}"
  else
    jq -r '.lines[]' <<<"${text}"
  fi
  host=$(jq -r '.host // ""' <<<"${text}")
  [[ -n "${host}" ]] || exit "${MISMATCH}"
  text=$(jq -r '.snapshot.path // ""' <<<"${text}")
  compare_next "${host}" "${text}"
}

# compare_evidence: the result of the program, as JSON.
compare_evidence() {
  local now left preferred
  printf -v now '%(%s)T' -1
  left=$(jq -nc --args '$ARGS.positional' -- "${without[@]}")
  preferred=$(recovery_host_of "${0%/*}")
  jq -s --argjson now "${now}" --argjson without "${left}" --arg preferred "${preferred}" \
    "${COMPARE_JQ}" "${scratch}/files"
}

# compare_next HOST SNAPSHOT: the bundle whose recovery host it is, and the first command.
compare_next() {
  local place folder='' host text=''
  for place in "${0%/*}" "${0%/*}/$1" "${0%/*}/../$1"; do
    host=$(recovery_host_of "${place}")
    if [[ -z "${folder}" && "${host}" == "$1" ]]; then
      folder="${place}"
    fi
  done
  if [[ -n "$2" && "$2" != "${SNAPSHOT_FILE}" ]]; then
    tell "The bundle restores no such snapshot. At a workstation, run plan choose with the same \
files, or set recovery.host to $1 and recovery.snapshot.path to $2, and compile again."
    return
  elif [[ -z "${folder}" ]]; then
    tell "No bundle here has the recovery host $1. At a workstation, run plan choose with the same \
files, or set recovery.host to $1 and compile again."
    return
  fi
  [[ -z "${ADDRESSES["$1"]:-}" ]] || text=" (${ADDRESSES["$1"]%% *})"
  tell "Bundle: ${folder}"
  tell "First command: log in to $1${text}, change to this folder there, and run: bash recover.sh"
}

# recovery_host_of FOLDER: the recovery host of the bundle there, or nothing.
recovery_host_of() {
  if [[ -r "$1/plan.json" ]]; then
    jq -r '.recovery.host // ""' -- "$1/plan.json" 2>/dev/null || true
  fi
}
