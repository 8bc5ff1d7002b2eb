# Which Swarm this machine is in, by ids, and how it enters the Swarm of the recovery host.

swarm_way='' # stay | join | leave (and join): set by the guard swarm-is-known

# swarm_home: right | other | unknown: whether this machine is in the recovery host's Swarm, by the
# ids in both node certificates. If one cannot be read, right if this machine knows that node as a
# manager. The state of Swarm decides nothing: a manager without quorum is in no other Swarm.
swarm_home() {
  local own there node='' managers
  own=$(swarm_id_here)
  there=$(swarm_id_there)
  if [[ -n "${own}" && -n "${there}" ]]; then
    if [[ "${own}" == "${there}" ]]; then printf 'right\n'; else printf 'other\n'; fi
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 200 ]]; then
    node=$(answer '.hosts[] | select(.id == $id) | .cohort.member_id // empty' \
      --arg id "${RECOVERY_HOST}")
  fi
  managers=$(known_managers)
  if [[ -n "${node}" && " ${managers} " == *" ${node} "* ]]; then
    printf 'right\n'
  else
    printf 'unknown\n'
  fi
}

# swarm_id_here: the id of this machine's Swarm, or nothing.
swarm_id_here() {
  local folder text
  folder=$(swarm_folder)
  text=$("${AT_MOST[@]}" 10 openssl x509 -noout -subject -nameopt multiline \
    -in "${folder}/certificates/swarm-node.crt" 2>/dev/null) || return 0
  swarm_id_of "${text}"
}

# swarm_id_there: the id of the Swarm that the recovery host manages, or nothing. openssl ends with
# an error, because it has no client certificate, but it prints the server's certificate.
swarm_id_there() {
  local remote text
  remote=$(recovery_manager)
  text=$("${AT_MOST[@]}" 10 openssl s_client -connect "${remote}" </dev/null 2>/dev/null \
    | tr -d '\0') || true
  text=$("${AT_MOST[@]}" 10 openssl x509 -noout -subject -nameopt multiline \
    <<<"${text}" 2>/dev/null) || return 0
  swarm_id_of "${text}"
}

# swarm_id_of SUBJECT: the organization in it.
swarm_id_of() {
  sed -nE 's/^ *organizationName *= *//p' <<<"$1"
}

# known_managers: node ids and addresses of the managers that this machine knows or last knew.
known_managers() {
  local folder text
  text=$("${AT_MOST[@]}" 30 docker info \
    --format '{{range .Swarm.RemoteManagers}}{{.NodeID}} {{.Addr}} {{end}}' 2>/dev/null) || text=''
  folder=$(swarm_folder)
  if [[ -r "${folder}/state.json" ]]; then
    text="${text} $(jq -r '.[]? | "\(.node_id) \(.addr)"' "${folder}/state.json" 2>/dev/null \
      | tr '\n' ' ' || true)"
  fi
  printf '%s\n' "${text//$'\n'/ }"
}

# enter_as ROLE REMOTE: enters the Swarm of the recovery host, if the guard found that it must.
enter_as() {
  if [[ "${swarm_way}" == 'stay' ]]; then
    already "this machine is in the Swarm of ${RECOVERY_HOST}"
    return
  fi
  # Until then Docker reports services of no Swarm, or of another one.
  swarm_after='entered'
  if [[ "${swarm_way}" == 'leave' ]]; then
    say 'Leaving the other Swarm. Its tasks on this machine end, instances/ stays.'
    mutate docker_patiently swarm leave --force
  fi
  mutate join_swarm "$2"
  wait_until "${DEADLINE_SWARM}" "$1" "this machine is a $1 of the Swarm" \
    'docker ps' swarm_word
}

# take_token ROLE: a Swarm join token is a password, so it is read from a file that only root can
# read, and kept in memory. Without one the script can look, but not act.
take_token() {
  local file rights token=''
  local how="on ${RECOVERY_HOST}, run docker swarm join-token -q $1; then run this script with \
--swarm-token-file - and paste it (or name a file of mode 0600, preferably in /dev/shm)"
  file="${option["--swarm-token-file"]:-}"
  if [[ -z "${file}" ]]; then
    [[ "${mode}" == 'look' ]] \
      || stop "${USAGE}" "the Swarm's join token for a $1 is needed" '' '' "${how}"
    say "To act, this script needs the Swarm's join token: ${how}"
    return
  fi
  if [[ "${file}" == '-' ]]; then
    IFS= read -r token || true
  else
    [[ -r "${file}" ]] \
      || stop "${USAGE}" 'the token file cannot be read' '' "${file}" "${how}"
    rights=$(stat -L -c %a -- "${file}")
    [[ "${rights}" =~ ^[0-7]?00$ ]] \
      || stop "${USAGE}" 'others can read the token file' 'mode 0600' "mode ${rights}" \
        "make a new token with docker swarm join-token --rotate $1; give its file mode 0600"
    IFS= read -r token <"${file}" || true
  fi
  [[ "${token}" =~ ^SWMTKN-1-[0-9a-z]+-[0-9a-z]+$ ]] \
    || stop "${USAGE}" 'this is not a Swarm join token' 'one line SWMTKN-1-...' '' "${how}"
  printf '%s' "${token}" >"${scratch}/token"
}

# join_swarm REMOTE: joins through the engine's API, because the docker command needs the token as
# an argument. Through mutate only.
join_swarm() {
  local address="${HOST_ADDRESSES[0]}" listen='0.0.0.0:2377' text
  address=$(resolve "${address}")
  address="${address%%$'\n'*}"
  if [[ "${address}" == *:* ]]; then
    listen='[::]:2377'
  fi
  jq -n --rawfile token "${scratch}/token" --arg listen "${listen}" --arg own "${address}" \
    --arg remote "$1" '{ListenAddr: $listen, AdvertiseAddr: $own, RemoteAddrs: [$remote],
      JoinToken: $token, Availability: "active"}' >"${scratch}/swarm-join"
  engine POST /swarm/join "${scratch}/swarm-join" "${DEADLINE_SWARM}"
  rm -f -- "${scratch:?}/token" "${scratch:?}/swarm-join"
  if [[ "${http_status}" == 'failed' || "${http_status}" == 'timeout' ]]; then
    text=$(<"${scratch}/complaint")
  else
    text=$(answer_text)
  fi
  [[ "${http_status}" == 200 ]] \
    || stop "${FAILED}" 'the Swarm did not accept this machine' 200 "${http_status}, ${text}" \
      "check the token, and that $1 and port 7946 can be reached, then run this script again"
}

# recovery_manager: where the recovery host's Swarm manager listens, ADDRESS:2377.
recovery_manager() {
  local address="${RECOVERY_ENDPOINT#*://}"
  printf '%s:2377\n' "${address%:*}"
}
