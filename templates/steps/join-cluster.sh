# guide 6.1d and 6.1e (7.1e): the recovery host's join token is passed on unchanged, because its
# fields differ between releases, from file to file and never shown. 204 is joined; the guide pipes
# the empty answer into jq and reads no status. A POST is not repeated: the world is asked instead.
join_cluster() {
  local api="$1" target="$2"
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/cluster/join-token"
  cat -- "${scratch}/answer" >"${scratch}/join-token"
  jq -e '.token and (.server_urls or .server_url)' -- "${scratch}/join-token" >/dev/null \
    || stop "${FAILED}" "${RECOVERY_HOST} gave no join token" 'token and server_urls' 'neither' \
      "see the Control Plane's log on ${RECOVERY_HOST}"
  say "until this script has ended: stop neither ${target} nor ${RECOVERY_HOST}"
  mutate join_cluster_post "${api}" "${target}"
}

# Through mutate only.
join_cluster_post() {
  local api="$1" target="$2" text
  api POST "${api}/v1/cluster/join" "${scratch}/join-token" "${DEADLINE_JOIN}"
  if [[ "${http_status}" == 204 ]]; then
    say "${target} has joined"
    return
  fi
  text=$(answer_text)
  case "${http_status}:${text}" in
    409:*) join_cluster_look "${api}" "${target}" ;;
    400:*'already exists'*)
      join_cluster_stop "${MISMATCH}" "run the script that removes ${target} (phase 5) first"
      ;;
    400:*)
      join_cluster_stop "${MISMATCH}" "${target} and ${RECOVERY_HOST} must run the same release"
      ;;
    401:*)
      join_cluster_stop "${FAILED}" "the token is stored with the CA: ask ${RECOVERY_API} again"
      ;;
    500:*'already exist'*)
      join_cluster_stop "${FAILED}" 'a stale entry is in the member list: run this script again'
      ;;
    500:*'too many learner'*)
      join_cluster_stop "${BUSY}" 'another host is joining: wait for it, run this script again'
      ;;
    500:*'unhealthy cluster'*)
      join_cluster_stop "${FAILED}" 'a voter is down or just started: see member list, run it again'
      ;;
    500:*'failed to reach any'*)
      join_cluster_stop "${FAILED}" "${target} must reach ${RECOVERY_API}: mend that, run it again"
      ;;
    500:*'already initialized'*)
      join_cluster_stop "${FAILED}" "half done: run the script that clears ${target} again"
      ;;
    500:*'swarm'*)
      join_cluster_stop "${FAILED}" "do NOT stop it, it may vote: mend Docker there, run this again"
      ;;
    timeout:* | failed:* | refused:*)
      join_cluster_stop "${BUSY}" 'it may go on by itself: run this script again, it looks first'
      ;;
    *)
      join_cluster_stop "${FAILED}" "see the Control Plane's log on ${target}; run it again"
      ;;
  esac
}

# Uses what its caller has seen.
join_cluster_stop() {
  stop "$1" "${target} could not join" 204 "${http_status}: ${text}" "$2"
}

# A 409 is fine where the host has joined already.
join_cluster_look() {
  local record
  record=$(record_word "$2")
  api GET "$1/v1/hosts"
  [[ "${record}:${http_status}" == 'present:200' ]] \
    || stop "${FAILED}" "$2 holds state, but is no host of the cluster" 'joined' \
      "record ${record}, its API ${http_status}" "run the script that clears $2 again"
  already "$2 has joined"
}
