# Guide 4.2: /v1/version answers 200 even without data and quorum, so /v1/hosts and /v1/cluster are
# read. 409 means that the Control Plane has not loaded the restored data: a hard stop, and
# /v1/cluster/init must never be called.
wait_api() {
  local check="docker service logs --tail 50 '${RECOVERY_SERVICE}'"
  local started
  wait_until "${DEADLINE_API}" answers "the API of ${RECOVERY_HOST} answers" \
    "${check}" wait_api_word
  printf -v started 'since %(%FT%T%z)T' -1
  if ((work > 0)); then
    [[ -e "${STATE}/started" ]] || mutate write_file "${STATE}/started" 0600 "${started}"
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    stop "${FAILED}" "the Control Plane of ${RECOVERY_HOST} started without the restored data" \
      '200' '409 cluster_not_initialized' \
      "run ${UNDO_SCRIPT} --apply, then start over with ${FIRST_SCRIPT}; never call \
/v1/cluster/init"
  fi
  prove 200 '/v1/cluster answers 200' 'check the Control Plane log, then run this script again' \
    api_word "${RECOVERY_API}/v1/cluster"
  # For undo: from here on the cluster accepts writes.
  [[ -e "${STATE}/started" ]] || mutate write_file "${STATE}/started" 0600 "${started}"
}

# wait_api_word: answers | the failed request. A 409 is an answer and ends the wait.
wait_api_word() {
  local word
  word=$(api_word "${RECOVERY_API}/v1/hosts")
  case "${word}" in
    200 | 409) printf 'answers\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
}
