# guide 6.1c: the guide sleeps 10 s. Ready to join is a host that answers /v1/version and refuses
# /v1/hosts with 409: one that answers both holds state, and a join would be refused.
wait_uninitialised() {
  local api="$1" target="$2" record
  # shellcheck disable=SC2034  # wait_until prints it
  local diagnose='docker service ps --no-trunc and docker service logs of its service'
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  wait_until "${DEADLINE_API}" settled "${api} says whether it holds state" \
    wait_uninitialised_word "${api}"
  if ((work > 0)); then
    return
  fi
  api GET "${api}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    say "${target} waits to be joined"
    return
  fi
  record=$(record_word "${target}")
  [[ "${record}" == 'present' ]] \
    || stop "${MISMATCH}" "${target} holds state, but is no host of the cluster" \
      'a cleared host (409)' "${http_status}, record ${record}" \
      "stop it and run the script that clears ${target} again"
  way='done'
  already "${target} has joined"
}

# settled (200 or 409 from /v1/hosts), or what the API answers meanwhile.
wait_uninitialised_word() {
  api GET "$1/v1/version"
  if [[ "${http_status}" == 200 ]]; then
    api GET "$1/v1/hosts"
  fi
  case "${http_status}" in
    200 | 409) printf 'settled\n' ;;
    *) printf '%s\n' "${http_status}" ;;
  esac
}
