# guide 6.1b (7.1b for a client host, which does have certificates): moved, where the guide deletes
# with an unguarded rm -rf. instances/, the data of Postgres, is never touched.
clear_for_join() {
  local record name
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} has joined: nothing is cleared"
    return
  fi
  record=$(record_word "${HOST}")
  if [[ "${record}" == 'present' && -e "${STATE}/cleared" ]]; then
    already "${HOST} was cleared and has joined since"
    return
  fi
  [[ "${record}" == 'absent' ]] \
    || stop "${MISMATCH}" "the record of ${HOST} is still there" 'removed by phase 5' "${record}" \
      "run the script of phase 5 that removes ${HOST}, on ${RECOVERY_HOST}, first"
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  for name in etcd certificates generated.config.json; do
    clear_away "${name}"
  done
  remember_cleared 'etcd certificates generated.config.json'
}
