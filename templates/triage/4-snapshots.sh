# Saved snapshots: the one in the inventory, and those that our scripts have saved on this host.

# triage_snapshots: the newest ten.
triage_snapshots() {
  local text path number=0
  local -a places=("${DATA_DIR}/plan-recovery")
  local -a names=('(' -path '*/snapshots/*.db' -o -name 'salvaged*.db' -o -name 'snapshot*.db' ')')
  if [[ -n "${SNAPSHOT_FILE}" && -f "${SNAPSHOT_FILE}" ]]; then
    triage_snapshot "${number}" "${SNAPSHOT_FILE}"
    number=$((number + 1))
  fi
  if [[ ! -d "${places[0]}" ]]; then
    return
  fi
  # salvaged.db and snapshot.db may be one file with two names.
  text=$(find "${places[@]}" -maxdepth 2 -type f "${names[@]}" -printf '%T@ %i %p\n' \
    | sort -k 1,1nr -k 3 | awk '!seen[$2]++ { sub(/^[^ ]+ [^ ]+ /, ""); print }' | head -n 10)
  while IFS= read -r path; do
    if [[ -n "${path}" && ! "${path}" -ef "${SNAPSHOT_FILE:-/nonexistent}" ]]; then
      triage_snapshot "${number}" "${path}"
      number=$((number + 1))
    fi
  done <<<"${text}"
}

# triage_snapshot NUMBER PATH: its integrity, its revision, and whether it belongs to this CA.
triage_snapshot() {
  local text bytes at kind sum
  text=$(stat -L -c '%s %Y' -- "$2")
  read -r bytes at <<<"${text}"
  at=$(date -u -d "@${at}" +%FT%TZ)
  fact "snapshots.[$1].path" "$2"
  figure "snapshots.[$1].bytes" "${bytes}"
  fact "snapshots.[$1].written" "${at}"
  kind=$(snapshot_kind "$2")
  fact "snapshots.[$1].kind" "${kind}"
  if [[ "${kind}" == 'broken' ]]; then
    return
  fi
  # shellcheck disable=SC2310  # a file that cannot be read must not end the search
  text=$(snapshot_status "$2" 2>/dev/null || true)
  text=$(jq -r '"\(.revision) \(.totalKey) \(.version)"' <<<"${text}" 2>/dev/null) || text=''
  if [[ -n "${text}" ]]; then
    figure "snapshots.[$1].revision" "${text%% *}"
    sum="${text#* }"
    figure "snapshots.[$1].keys" "${sum%% *}"
    fact "snapshots.[$1].storage" "${text##* }"
  fi
  if [[ "${kind}" == 'saved' ]]; then
    sum=$(snapshot_sum_word "$2")
    fact "snapshots.[$1].checksum" "${sum}"
  fi
  if [[ ! -s "${CERTIFICATES}/ca.crt" ]]; then
    return
  fi
  sum=$(ca_sum)
  if grep -qaF -e "PGEDGE-${sum}" -- "$2"; then
    fact "snapshots.[$1].ca" "${sum}"
  fi
}
