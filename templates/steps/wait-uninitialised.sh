# Guide 6.1c: a host is ready to join if it answers /v1/version and refuses /v1/hosts with 409. If
# it answers both, it has state, and a join would be refused.
wait_uninitialised() {
  local api="$1" target="$2" clear="$3" record
  local check='docker service ps --no-trunc and docker service logs of its service'
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  wait_until "${DEADLINE_API}" settled "${api} reports whether it has state" \
    "${check}" wait_uninitialised_word "${api}"
  if ((work > 0)); then
    return
  fi
  api GET "${api}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    say "${target} is ready to join"
    return
  fi
  record=$(record_word "${target}")
  [[ "${record}" == 'present' ]] \
    || stop "${MISMATCH}" "${target} has state, but is not a host of the cluster" \
      'a cleared host (409)' "${http_status}, record ${record}" \
      "stop it, then run ${clear} on ${target} again"
  way='done'
  already "${target} has joined"
}

# settled (200 or 409 from /v1/hosts), or the present answer of the API.
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
