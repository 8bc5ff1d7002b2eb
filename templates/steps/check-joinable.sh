# Guide 6.1a: a join is refused while the host still has a record. A host that can be reattached is
# not cleared, because it would lose its databases.
check_joinable() {
  local removal="$1" reattach="$2" entry record age complaint
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  entry=$(entry_word "${DATA_DIR}")
  entry=$(let_finish "${entry}")
  record=$(record_word "${HOST}")
  case "${record}:${entry}" in
    present:voter)
      way='done'
      already "${HOST} is a started voter of the recovered cluster"
      return
      ;;
    absent:voter)
      # Stopping it now would stop a cluster of two, so its own process must finish.
      local check="docker service logs ${SERVICE}"
      say "${HOST} votes, but has not written its record yet. Do not stop it."
      wait_until "${DEADLINE_JOIN}" present "${HOST} has a record" \
        "${check}" record_word "${HOST}"
      way='done'
      return
      ;;
    absent:unreachable)
      complaint=$(kept_complaint)
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'a reply' "${complaint}" \
        'repair the network between them, then run this script again'
      ;;
    absent:*) say "The record of ${HOST} is removed, so it can join" ;;
    *)
      age=$(generation)
      if [[ -n "${reattach}" && "${age}" == '0.7' ]]; then
        case "${entry}" in
          learner | unstarted | absent)
            stop "${MISMATCH}" "${HOST} need not join, because it can be reattached" \
              'a host whose record has been removed' 'a record and valid credentials' \
              "run ${reattach} instead; it changes no database"
            ;;
          *) ;;
        esac
      fi
      stop "${MISMATCH}" "the record of ${HOST} still exists" 'removed by phase 5' 'present' \
        "run ${removal} on ${RECOVERY_HOST} first"
      ;;
  esac
  check_images
  check_place
}
