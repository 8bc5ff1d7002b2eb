# Guide 6.1b (7.1b for a client host, which also has certificates): data are moved, so that undo is
# possible. instances/, the data of Postgres, is never changed.
clear_for_join() {
  local removal="$1" record name
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} has joined, so nothing is cleared"
    return
  fi
  record=$(record_word "${HOST}")
  if [[ "${record}" == 'present' && -e "${STATE}/cleared" ]]; then
    already "${HOST} was cleared and has joined since"
    return
  fi
  [[ "${record}" == 'absent' ]] \
    || stop "${MISMATCH}" "the record of ${HOST} still exists" 'removed by phase 5' "${record}" \
      "run ${removal} on ${RECOVERY_HOST} first"
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  prove_stopped
  for name in etcd certificates generated.config.json; do
    clear_away "${name}"
  done
  remember_cleared 'etcd certificates generated.config.json'
}
