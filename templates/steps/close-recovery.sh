# Guide 8.4, the end: a mark on the recovery host. With it the scripts of phases 1 to 4 change
# nothing any more; another disaster takes another --incident.
close_recovery() {
  local word text list
  word=$(file_word "${STATE}/closed")
  if [[ "${word}" == 'file' ]]; then
    already 'this recovery is closed'
    return
  fi
  list=''
  if ((work == 0)); then
    list=$(membership "${RECOVERY_ENDPOINT}")
  fi
  printf -v text 'plan %s, incident %s, closed %(%FT%T%z)T\n%s' "${PLAN}" "${incident}" -1 "${list}"
  mutate put_file "${STATE}/closed" 0600 text
  say "what was set aside stays in ${STATE}; for another disaster give --incident $((incident + 1))"
}
