# What a person reads, and what machines read.

# tell TEXT: to a person. With --json standard output is for the evidence.
tell() {
  if [[ "${action}" == 'json' ]]; then
    printf '%s\n' "$1" >&2
  else
    printf '%s\n' "$1"
  fi
}

# show: the verdict, then one line for each finding, problems first.
show() {
  local level finding line what expected found remedy
  tell "${verdict_words}"
  for level in problem unknown note ok; do
    for finding in "${findings[@]}"; do
      IFS='|' read -r line _ what expected found remedy <<<"${finding}"
      if [[ "${line}" != "${level}" ]]; then
        continue
      fi
      line="${what}"
      [[ -z "${found}" ]] || line="${line}. Found: ${found}"
      [[ -z "${expected}" ]] || line="${line}. Expected: ${expected}"
      [[ -z "${remedy}" ]] || line="${line}. Do: ${remedy}"
      printf -v level_shown '%-8s' "${level}"
      tell "${level_shown} ${line}"
    done
  done
  if [[ "${verdict}" == 'lost' ]]; then
    tell "Next: on every machine that is up, run: bash triage.sh --json >evidence-HOST.json"
    tell 'Carry the files to one place and run: bash triage.sh --compare evidence-*.json'
  fi
}

level_shown=''

# show_json: the evidence as one JSON object on standard output.
show_json() {
  local number=0 finding line about what expected found remedy name
  for finding in "${findings[@]}"; do
    IFS='|' read -r line about what expected found remedy <<<"${finding}"
    note s "findings.[${number}].level" "${line}"
    note s "findings.[${number}].about" "${about}"
    note s "findings.[${number}].what" "${what}"
    note s "findings.[${number}].expected" "${expected}"
    note s "findings.[${number}].found" "${found}"
    note s "findings.[${number}].remedy" "${remedy}"
    number=$((number + 1))
  done
  number=0
  for name in "${!result_of[@]}"; do
    if [[ "${result_of["${name}"]}" == 'none' ]]; then
      printf '%s\n' "${name}"
    fi
  done | sort >"${scratch}/unanswered"
  while IFS= read -r name; do
    note s "unanswered.[${number}]" "${name}"
    number=$((number + 1))
  done <"${scratch}/unanswered"
  jq -n --rawfile lines "${scratch}/evidence" "${EVIDENCE_JQ}"
}

# The lines of the evidence -> one object. [N] in a path is a place in a list.
readonly EVIDENCE_JQ='
  reduce ($lines | split("\n")[] | select(. != "") | split("\t")) as [$kind, $path, $value]
    ({format: "evidence/1"};
      setpath(
        $path | split(".") | map(if startswith("[") then .[1:-1] | tonumber else . end);
        if $kind == "s" then $value
        elif $kind == "n" then ($value | tonumber)
        else $value == "true" end))
  | . + ({snapshots: [], recoveries: [], findings: [], unanswered: []} + . | {snapshots, recoveries,
      findings, unanswered})'
