# guide 6.1a: the guide clears a host without looking. Its record has to be gone (a join is refused
# otherwise), and a host that could be reattached must not lose its databases by mistake.
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
      # Stopping it now would halt a cluster of two: its own process has to finish.
      # shellcheck disable=SC2034  # wait_until prints it
      local diagnose="docker service logs ${SERVICE}"
      say "${HOST} votes, but has not written its record yet: do not stop it"
      wait_until "${DEADLINE_JOIN}" present "the record of ${HOST} is there" record_word "${HOST}"
      way='done'
      return
      ;;
    absent:unreachable)
      complaint=$(tail -n 1 -- "${scratch}/etcd.err")
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'an answer' "${complaint}" \
        'mend the network between them; run it again'
      ;;
    absent:*) say "the record of ${HOST} is removed: it may join" ;;
    *)
      age=$(generation)
      if [[ -n "${reattach}" && "${age}" == '0.7' ]]; then
        case "${entry}" in
          learner | unstarted | absent)
            stop "${MISMATCH}" "${HOST} need not join: it can be reattached" \
              'a host whose record has been removed' 'record and credentials are good' \
              "run ${reattach} instead: no database is touched"
            ;;
          *) ;;
        esac
      fi
      stop "${MISMATCH}" "the record of ${HOST} is still there" 'removed by phase 5' 'present' \
        "run ${removal} on ${RECOVERY_HOST} first"
      ;;
  esac
  check_images
  check_clock
}
