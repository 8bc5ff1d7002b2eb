# Guide 6.1d and 6.1e (7.1e): the recovery host's join token is passed on unchanged, in a file,
# because its fields differ between releases and it is a secret. 204 means joined. A POST is not
# repeated; the script checks the result instead.
join_cluster() {
  local api="$1" target="$2" removal="$3" clear="$4"
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/cluster/join-token"
  cat -- "${scratch}/answer" >"${scratch}/join-token"
  jq -e '.token and (.server_urls or .server_url)' "${scratch}/join-token" >/dev/null \
    || stop "${FAILED}" "${RECOVERY_HOST} returned no join token" 'token and server_urls' \
      'neither' \
      "check the Control Plane log on ${RECOVERY_HOST}"
  say "Stop neither ${target} nor ${RECOVERY_HOST} until this script has ended"
  mutate api_send POST "${api}/v1/cluster/join" "${scratch}/join-token" "${DEADLINE_JOIN}"
  if ((work == 0)); then
    join_cluster_judge "${api}" "${target}" "${removal}" "${clear}"
  fi
}

# join_cluster_judge API HOST REMOVAL CLEAR: what HOST answered to the join.
join_cluster_judge() {
  local api="$1" target="$2" removal="$3" clear="$4" text
  if [[ "${http_status}" == 204 ]]; then
    say "${target} has joined"
    return
  fi
  text=$(answer_text)
  case "${http_status}:${text}" in
    409:*) join_cluster_look "${api}" "${target}" "${clear}" ;;
    400:*'already exists'*)
      join_cluster_stop "${MISMATCH}" "${target}" "${text}" \
        "run ${removal} on ${RECOVERY_HOST} first"
      ;;
    400:*)
      join_cluster_stop "${MISMATCH}" "${target}" "${text}" \
        "${target} and ${RECOVERY_HOST} must run the same release"
      ;;
    401:*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        'the join token was not accepted; run this script again'
      ;;
    500:*'already exist'*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        'the member list has a stale entry; run this script again'
      ;;
    500:*'too many learner'*)
      join_cluster_stop "${BUSY}" "${target}" "${text}" \
        'wait until the other host has joined, then run this script again'
      ;;
    500:*'unhealthy cluster'*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        'a voter is down or starting; check member list, run this again'
      ;;
    500:*'failed to reach any'*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        "make ${RECOVERY_API} reachable from ${target}, then run this again"
      ;;
    500:*'already initialized'*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        "the join is incomplete; run ${clear} on ${target} again"
      ;;
    500:*'swarm'*)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        'do NOT stop it, it may vote; repair Docker there, run this again'
      ;;
    timeout:* | failed:* | refused:*)
      join_cluster_stop "${BUSY}" "${target}" "${text}" \
        'the join may still finish; run this script again to check'
      ;;
    *)
      join_cluster_stop "${FAILED}" "${target}" "${text}" \
        "check the Control Plane log on ${target}, then run this again"
      ;;
  esac
}

# join_cluster_stop STATUS HOST ANSWER REMEDY
join_cluster_stop() {
  stop "$1" "$2 could not join" 204 "${http_status}, $3" "$4"
}

# A 409 is not an error if the host has already joined.
join_cluster_look() {
  local record
  record=$(record_word "$2")
  api GET "$1/v1/hosts"
  [[ "${record}:${http_status}" == 'present:200' ]] \
    || stop "${FAILED}" "$2 has state, but is not a host of the cluster" 'joined' \
      "record ${record}, its API ${http_status}" "run $3 on $2 again"
  already "$2 has joined"
}
