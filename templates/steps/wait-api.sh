# Guide 4.2: /v1/version answers 200 even without data and without quorum, so it proves nothing.
# Ready is 200 of /v1/hosts and /v1/cluster. A 409 is a Control Plane that has not taken the
# restored data and waits to be initialised: a hard stop, and nobody may call /v1/cluster/init.
wait_api() {
  local diagnose="docker service logs --tail 50 '${RECOVERY_SERVICE}'"
  wait_until "${DEADLINE_API}" answers "the API of ${RECOVERY_HOST} answers" wait_api_word
  if ((work > 0)); then
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    stop "${FAILED}" "the Control Plane of ${RECOVERY_HOST} started without the restored data" \
      '200' '409 cluster_not_initialized' \
      "undo/${RECOVERY_HOST}.sh --apply, then phase 1 and 2 again; never call /v1/cluster/init"
  fi
  prove 200 '/v1/cluster answers 200' 'see the Control Plane log' \
    api_word "${RECOVERY_API}/v1/cluster"
}

# wait_api_word: answers | the failed request. A 409 is an answer too, and ends the wait.
wait_api_word() {
  local word
  word=$(api_word "${RECOVERY_API}/v1/hosts")
  case "${word}" in
    200 | 409) printf 'answers\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
}
