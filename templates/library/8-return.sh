# What coming back (phases 6 and 7) and its undo share.

# as_kept DIR COMMAND...: as as_host, with the certificates and the password kept in DIR: the data
# directory itself, or where they were set aside. etcdctl reads all of it from its environment.
as_kept() (
  ETCDCTL_USER=$(jq -er '.etcd_username' -- "$1/generated.config.json")
  ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "$1/generated.config.json")
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_USER ETCDCTL_PASSWORD ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  exec "${@:2}"
)

# kept_try DIR USER: asks the recovery host's etcd for its member list. USER own logs in, nobody
# shows the certificate only, which suffices for this one call. Prints etcdctl's exit status; the
# answer is in scratch/etcd.out, the complaint in scratch/etcd.err.
kept_try() (
  local status=0
  local -a call=(etcdctl --endpoints "${RECOVERY_ENDPOINT}" --dial-timeout 5s --command-timeout 10s
    member list -w simple)
  if [[ "$2" == 'own' ]]; then
    ETCDCTL_USER=$(jq -er '.etcd_username' -- "$1/generated.config.json")
    ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "$1/generated.config.json")
    export ETCDCTL_USER ETCDCTL_PASSWORD
  fi
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  "${call[@]}" >"${scratch}/etcd.out" 2>"${scratch}/etcd.err" || status=$?
  printf '%s\n' "${status}"
)

# certificates_word DIR: complete | missing, of the three files a client of etcd shows.
certificates_word() {
  local file
  for file in ca.crt etcd-user.crt etcd-user.key; do
    if [[ ! -s "$1/certificates/${file}" ]]; then
      printf 'missing\n'
      return
    fi
  done
  printf 'complete\n'
}

# credentials_word DIR: accepted | rejected | unreachable | missing: what the recovery host's etcd
# says to the certificates, user and password kept in DIR. Accepted leaves its member list in
# scratch/etcd.out.
credentials_word() {
  local files user status
  files=$(certificates_word "$1")
  user=$(jq -r 'if .etcd_password then .etcd_username else empty end' \
    -- "$1/generated.config.json" 2>/dev/null) || user=''
  if [[ "${files}" == 'missing' || -z "${user}" ]]; then
    printf 'missing\n'
    return
  fi
  status=$(kept_try "$1" own)
  if [[ "${status}" == 0 ]]; then
    printf 'accepted\n'
  elif grep -qiE 'authentication failed|user name not found|x509|tls:|certificate' \
    -- "${scratch}/etcd.err"; then
    printf 'rejected\n'
  else
    printf 'unreachable\n'
  fi
}

# entry_word DIR: voter | learner | unstarted | absent, or what credentials_word says instead: this
# host in the recovered cluster's member list. Unlike member_word it outlives a changing leader.
entry_word() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" == 'accepted' ]]; then
    word=$(member_lines <"${scratch}/etcd.out" | pick_member "${HOST}" "${PEER_URL}" \
      | member_state)
  fi
  printf '%s\n' "${word}"
}

# let_finish ENTRY: where an attempt of this host is under way (ENTRY learner or unstarted, its data
# there, its container running), it is given time: mostly it becomes a voter by itself. Prints the
# entry as it is then.
let_finish() {
  local word="$1" running='gone' began="${SECONDS}"
  if [[ "${word}" =~ ^(learner|unstarted)$ && -d "${ETCD_DIR}/member/wal" ]]; then
    running=$(container_word "${SERVICE}")
  fi
  if [[ "${mode}" == 'apply' && "${running}" == 'running' ]]; then
    say "an earlier attempt is under way: it is given ${DEADLINE_FRESH} s to finish by itself"
    while [[ "${word}" =~ ^(learner|unstarted|unreachable)$ ]] \
      && ((SECONDS - began < DEADLINE_FRESH)); do
      sleep 1
      word=$(entry_word "${DATA_DIR}")
    done
    say "its entry is now: ${word}"
  fi
  printf '%s\n' "${word}"
}

# spare_voter: before anything is cleared. This host may have become a voter between the look and
# the stop; cleared, it would take the quorum of two with it for ever. A voter that was stopped is
# told by a cluster that no longer answers.
spare_voter() {
  local word scale
  if ((work > 0)) || [[ ! -d "${ETCD_DIR}/member/wal" ]]; then
    return
  fi
  word=$(entry_word "${DATA_DIR}")
  case "${word}" in
    learner | unstarted | absent | rejected | missing) ;;
    voter)
      way='done'
      already "${HOST} became a voter meanwhile: nothing is cleared"
      ;;
    *)
      scale=$(service_scale "${SERVICE}")
      # Only what this recovery has made may start again; the old data never.
      if [[ -e "${STATE}/cleared" && "${scale}" == 0 ]]; then
        mutate docker_patiently service scale --detach "${SERVICE}=1"
      fi
      stop "${BUSY}" "the cluster does not answer: ${HOST} may just have become one of two voters" \
        'learner, unstarted, absent or voter' "${word}" \
        'nothing was cleared; what was stopped is started again: run the script again in a minute'
      ;;
  esac
}

# clear_away NAME: takes DATA_DIR/NAME out of the way: what this host had before the recovery goes
# to STATE/before, once; what a failed attempt since has made goes to STATE/half-done-K.
clear_away() {
  local from="${DATA_DIR}/$1" now kept cleared='' k=1
  now=$(file_word "${from}")
  kept=$(file_word "${STATE}/before/$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${now}" == 'absent' ]]; then
    already "${from} is not there"
    return
  fi
  if [[ "${kept}" == 'absent' && " ${cleared} " != *" $1 "* ]]; then
    set_aside "$1"
    return
  fi
  [[ "${now}" == 'directory' || "${now}" == 'file' ]] \
    || stop "${MISMATCH}" "cannot move ${from} away" 'a plain directory or file' "${now}" \
      'look at it'
  while [[ -e "${STATE}/half-done-${k}/$1" ]]; do
    k=$((k + 1))
  done
  say "${from} is left over from a half-done attempt"
  mutate install -d -m 0700 -- "${STATE}/half-done-${k}"
  mutate mv -T -- "${from}" "${STATE}/half-done-${k}/$1"
}

# remember_cleared NAMES: from here on what stands at these names is of our own making.
remember_cleared() {
  # shellcheck disable=SC2034  # put_file reads it by name
  local cleared_names="$1" seen=''
  if [[ -e "${STATE}/cleared" ]]; then
    seen=$(<"${STATE}/cleared")
  fi
  if [[ "${seen}" != "$1" ]]; then
    mutate put_file "${STATE}/cleared" 0600 cleared_names
  fi
}

# stop_own: this host's Control Plane is stopped: its service at 0 and its container gone.
stop_own() {
  local scale
  scale=$(service_scale "${SERVICE}")
  case "${scale}" in
    0 | absent) already "service ${SERVICE} is at 0" ;;
    unknown)
      stop "${UNAVAILABLE}" "cannot ask Swarm for ${SERVICE}" '' \
        "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
      ;;
    *) mutate docker_patiently service scale --detach "${SERVICE}=0" ;;
  esac
  wait_until "${DEADLINE_STOP}" gone "the container of ${SERVICE} is gone" \
    container_word "${SERVICE}"
}

# clock_gap: seconds between this machine's clock and the recovery host's (the Date of its API's
# answer), or unknown.
clock_gap() {
  local text there='' here
  api GET "${RECOVERY_API}/v1/version"
  text=$(sed -nE 's/^[Dd]ate: *([^\r]*)\r?$/\1/p' -- "${scratch}/headers")
  if [[ -n "${text}" ]]; then
    there=$(date -d "${text}" +%s 2>/dev/null) || there=''
  fi
  here=$(date +%s)
  if [[ -z "${there}" ]]; then
    printf 'unknown\n'
  else
    printf '%s\n' "$((here > there ? here - there : there - here))"
  fi
}

# check_clock: hosts whose clocks differ by more than 30 s call each other unreachable for ever.
check_clock() {
  local gap
  gap=$(clock_gap)
  [[ "${gap}" != 'unknown' ]] \
    || stop "${UNAVAILABLE}" "cannot read the clock of ${RECOVERY_HOST}" \
      'a Date in the answer of its API' "${http_status}, no Date" "ask: ${RECOVERY_API}/v1/version"
  ((gap <= 30)) \
    || stop "${MISMATCH}" "the clocks of ${HOST} and ${RECOVERY_HOST} differ" 'at most 30 s' \
      "${gap} s" 'set the clocks (chronyc makestep), then run the script again'
  say "clocks differ by ${gap} s"
}

# check_images: 0.6 and 0.7 or newer speak different joins; both services must be of one side.
check_images() {
  local own other
  if ((work > 0)); then
    cannot_know 'whether both hosts run the same Control Plane generation'
    return
  fi
  own=$(image_of "${SERVICE}")
  other=$(image_of "${RECOVERY_SERVICE}")
  if [[ "${own}" == "${other}" ]]; then
    say "both hosts run ${own}"
    return
  fi
  local own_side other_side
  own_side=$(image_side "${own}")
  other_side=$(image_side "${other}")
  case "${own_side}:${other_side}" in
    old:new | new:old)
      stop "${MISMATCH}" 'the Control Plane generations differ' "${other} (${RECOVERY_HOST})" \
        "${own} (${HOST})" "docker service update --detach --image IMAGE ${SERVICE}"
      ;;
    *) say "different images, taken as compatible: ${own} here, ${other} on ${RECOVERY_HOST}" ;;
  esac
}

# image_of SERVICE: the image its next container gets, without its digest.
image_of() {
  local text
  text=$(timeout 20 docker service inspect \
    --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' -- "$1")
  printf '%s\n' "${text%%@*}"
}

# image_side IMAGE: old (before 0.7) | new | unknown, by its tag.
image_side() {
  if [[ ! "$1" =~ :v?([0-9]+)\.([0-9]+)[^/]*$ ]]; then
    printf 'unknown\n'
  elif ((BASH_REMATCH[1] == 0 && BASH_REMATCH[2] < 7)); then
    printf 'old\n'
  else
    printf 'new\n'
  fi
}

# swarm_home REMOTE: right | other | unknown: whether this machine's Swarm is the one the recovery
# host is in, by the node id in the recovery host's record; where that has none, by the address.
swarm_home() {
  local node='' managers
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 200 ]]; then
    node=$(answer '.hosts[] | select(.id == $id) | .cohort.member_id // empty' \
      --arg id "${RECOVERY_HOST}")
  fi
  managers=$(timeout 30 docker info \
    --format '{{range .Swarm.RemoteManagers}}{{.NodeID}} {{.Addr}} {{end}}')
  # The address alone does not tell: a Swarm made anew has managers at the addresses of the old.
  if [[ -n "${node}" ]]; then
    if [[ " ${managers} " == *" ${node} "* ]]; then printf 'right\n'; else printf 'other\n'; fi
  elif [[ -n "$1" && " ${managers} " == *" $1 "* ]]; then
    printf 'right\n'
  else
    printf 'unknown\n'
  fi
}

# check_token_file ROLE: a Swarm join token is a password: said how to get one, and only a file that
# nobody else can read is taken.
check_token_file() {
  local rights
  local how="on ${RECOVERY_HOST}: docker swarm join-token -q $1 >token; carry it here, mode 0600; \
then run this script with --swarm-token-file token (or - and paste it)"
  if [[ -z "${swarm_token_file}" ]]; then
    [[ "${mode}" == 'look' ]] \
      || stop "${USAGE}" "the Swarm's join token for a $1 is needed" '' '' "${how}"
    say "needs the Swarm's join token: ${how}"
    return
  fi
  if [[ "${swarm_token_file}" == '-' ]]; then
    return
  fi
  [[ -r "${swarm_token_file}" ]] \
    || stop "${USAGE}" 'the token file cannot be read' '' "${swarm_token_file}" "${how}"
  rights=$(stat -L -c %a -- "${swarm_token_file}")
  [[ "${rights}" =~ ^[0-7]?00$ ]] \
    || stop "${USAGE}" 'others can read the token file' 'mode 0600' "mode ${rights}" \
      "chmod 0600 '${swarm_token_file}'; better a new token: docker swarm join-token --rotate $1"
}

# join_swarm REMOTE: joins through the engine's API, because docker would want the token as an
# argument. Through mutate only.
join_swarm() {
  local address="${HOST_ADDRESSES[0]}" listen='0.0.0.0:2377' text
  if [[ ! "${address}" =~ ^[0-9.]+$ && "${address}" != *:* ]]; then
    address=$(getent ahosts "${address}" | awk 'NR == 1 { first = $1 } END { print first }')
  fi
  if [[ "${address}" == *:* ]]; then
    listen='[::]:2377'
  fi
  if [[ "${swarm_token_file}" == '-' ]]; then
    cat >"${scratch}/token"
  else
    cat -- "${swarm_token_file}" >"${scratch}/token"
  fi
  grep -qE '^SWMTKN-1-[0-9a-z]+-[0-9a-z]+$' -- "${scratch}/token" \
    || stop "${USAGE}" 'this is no Swarm join token' 'one line: SWMTKN-1-...' '' \
      "on ${RECOVERY_HOST}: docker swarm join-token -q manager (or worker)"
  jq -n --rawfile token "${scratch}/token" --arg listen "${listen}" --arg own "${address}" \
    --arg remote "$1" '{ListenAddr: $listen, AdvertiseAddr: $own, RemoteAddrs: [$remote],
      JoinToken: ($token | gsub("\\s"; "")), Availability: "active"}' >"${scratch}/swarm-join"
  engine POST /swarm/join "${scratch}/swarm-join" "${DEADLINE_SWARM}"
  text=$(answer_text)
  [[ "${http_status}" == 200 ]] \
    || stop "${FAILED}" 'the Swarm did not take this machine in' 200 "${http_status}: ${text}" \
      "check that $1 (and 7946) can be reached and the token is the right one; run it again"
}

# recovery_manager: where the recovery host's Swarm manager listens, ADDRESS:2377.
recovery_manager() {
  local address="${RECOVERY_ENDPOINT#*://}"
  printf '%s:2377\n' "${address%:*}"
}
