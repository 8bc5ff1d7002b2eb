# The Control Plane's own limits, for the stock quota of 2 GiB would raise an alarm that stays; and
# a short election, for a single member has nobody to wait for.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)
settled=''     # yes | no: whether settle has found the step's work done
quorum_seen='' # what refuse_quorum has found, asked once
swarm_after='' # revived | made: what this script is about to do to a Swarm without a leader

# turn_word: done | closed | passed | open. Done: this host is back already. Closed: the recovery
# is. Passed: a step of phase 1, and the old etcd is set aside: nothing here may stop it again.
turn_word() {
  local word
  if [[ "${way:-}" == 'done' ]]; then
    printf 'done\n'
  elif [[ -e "${STATE}/closed" ]]; then
    printf 'closed\n'
  elif [[ "${step}" != 1.* ]]; then
    printf 'open\n'
  else
    word=$(progress)
    if [[ "${word}" == 'fresh' ]]; then printf 'open\n'; else printf 'passed\n'; fi
  fi
}

# settle: says so where the step has nothing to do any more; the answer is in settled.
settle() {
  local word
  word=$(turn_word)
  settled='yes'
  case "${word}" in
    done) already "${HOST} is back" ;;
    closed) already 'this recovery is closed' ;;
    passed) already "${HOST} has passed phase 1" ;;
    *) settled='no' ;;
  esac
}

# quorum_word URL ADDRESS PORT: intact | lost | silent. An authenticated read needs consensus, so
# an answer, be it that the password is wrong, proves a quorum.
quorum_word() {
  local port text
  port=$(port_word "$2" "$3" 2)
  if [[ "${port}" != 'open' || ! -f "${CONFIG}" ]]; then
    printf 'silent\n'
    return
  fi
  text=$(as_host bash -c 'if timeout 8 "$@" 2>&1; then echo answered; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 2s \
    get plan-recovery)
  if [[ "${text}" == *'answered' || "${text}" == *'authentication failed'* ]]; then
    printf 'intact\n'
  else
    printf 'lost\n'
  fi
}

# refuse_quorum: the wrong tool while this host's own etcd has a quorum.
refuse_quorum() {
  if [[ -n "${quorum_seen}" ]]; then
    return
  fi
  quorum_seen=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  [[ "${quorum_seen}" != 'intact' ]] || stop "${MISMATCH}" \
    'etcd has its quorum: this plan is for a quorum that is lost' \
    'no answer to an authenticated read' "${CLIENT_URL} answers" \
    'nothing was changed; bring single hosts back by the Control Plane itself'
}

# url_host ADDRESS: as it stands in a URL.
url_host() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# holders PATH: the processes that hold PATH open, one a line. /proc is on every machine and shows
# processes in containers too; fuser, lsof and ss are not, or do not.
holders() {
  local found fd pid name
  if [[ ! -e "$1" ]]; then
    return
  fi
  found=$(find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1" 2>/dev/null) || true
  while IFS= read -r fd; do
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    [[ -z "${fd}" ]] || printf '%s (pid %s) holds %s\n' "${name:-ended}" "${pid}" "$1"
  done <<<"${found}"
}

# listening: the local ports something listens on, in /proc's form, each with its socket's inode.
listening() {
  local text
  text=$(cat -- /proc/net/tcp /proc/net/tcp6 2>/dev/null) || true
  awk '$4 == "0A" { print substr($2, length($2) - 4), $10 }' <<<"${text}"
}

# listeners PORT: the processes that listen on PORT, one a line.
listeners() {
  local hex text inode fd pid name
  printf -v hex ':%04X' "$1"
  text=$(listening)
  text=$(awk -v port="${hex}" '$1 == port { print $2 }' <<<"${text}")
  while IFS= read -r inode; do
    if [[ -z "${inode}" ]]; then
      continue
    fi
    fd=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[${inode}\]" 2>/dev/null) || true
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    printf '%s (pid %s) listens on port %s\n' "${name:-unknown}" "${pid:-unknown}" "$1"
  done <<<"${text}"
}

# host_holders: every process that holds this host's database or listens on one of its ports.
host_holders() {
  local port
  holders "${ETCD_DIR}/member/snap/db"
  for port in "${API_PORT}" "${CLIENT_PORT}" "${PEER_PORT}"; do
    listeners "${port}"
  done
}

# refuse_holders: nothing may hold the database or the ports; a process just killed gets 5 s.
refuse_holders() {
  local text waited=0
  if ((work > 0)); then
    cannot_know 'whether a process holds the database or a port'
    return
  fi
  text=$(host_holders)
  while [[ -n "${text}" ]] && ((waited < 5)); do
    sleep 1
    waited=$((waited + 1))
    text=$(host_holders)
  done
  [[ -z "${text}" ]] || stop "${MISMATCH}" 'the database or a port of this host is in use' \
    "nobody at ${ETCD_DIR}/member/snap/db or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}" \
    "${text//$'\n'/; }" \
    'find out what started it and stop it there; never end processes by name'
  say "proved: nothing holds the database or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}"
}

# loopback_port FROM: the first port from FROM on that nothing listens on.
loopback_port() {
  local port="$1" hex text
  text=$(listening)
  printf -v hex ':%04X' "${port}"
  while [[ "${text}" == *"${hex} "* ]]; do
    port=$((port + 1))
    printf -v hex ':%04X' "${port}"
  done
  printf '%s\n' "${port}"
}

# first_free PREFIX: PREFIX-1, or the first number after it that is not taken.
first_free() {
  local number=1
  while [[ -e "$1-${number}" || -L "$1-${number}" ]]; do
    number=$((number + 1))
  done
  printf '%s-%s\n' "$1" "${number}"
}

# require_minor TOOL...: release 3.6 exactly. What 3.7 has touched the Control Plane's etcd refuses.
require_minor() {
  local tool minor
  for tool in "$@"; do
    minor=$(tool_minor "${tool}")
    [[ "${minor}" == '3.6' ]] || stop "${UNAVAILABLE}" "${tool} has the wrong release" '3.6' \
      "${minor:-unknown}" "put ${tool} 3.6 first in PATH, or name its directory in the inventory"
  done
}

# require_space BYTES: free on the data directory's file system.
require_space() {
  local free
  free=$(df --output=avail -B1 -- "${DATA_DIR}" | sed -n '2{s/[^0-9]//g;p}')
  ((free >= $1)) || stop "${MISMATCH}" "too little space free at ${DATA_DIR}" "$1 bytes" \
    "${free} bytes" 'make room on that file system; nothing was changed'
}

# snapshot_kind FILE: saved | raw | broken. A saved snapshot is pages of 512 bytes and a SHA-256 of
# 32; a copied database has no sum.
snapshot_kind() {
  local size
  size=$(stat -L -c %s -- "$1")
  case "$((size > 0 ? size % 512 : 1))" in
    32) printf 'saved\n' ;;
    0) printf 'raw\n' ;;
    *) printf 'broken\n' ;;
  esac
}

# snapshot_sum_word FILE: good | bad, whether a saved snapshot's last 32 bytes are the sum it has.
snapshot_sum_word() {
  local kept counted
  kept=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  counted=$(head -c -32 -- "$1" | sha256sum)
  if [[ "${counted%% *}" == "${kept}" ]]; then printf 'good\n'; else printf 'bad\n'; fi
}

# snapshot_field FILE FIELD: revision, totalKey, totalSize or version of a snapshot nobody holds;
# on one that is held, the tool would wait for ever.
snapshot_field() {
  local text
  text=$(holders "$1")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "$1 is in use" 'a file nobody holds' "${text}" \
    'copy it while its process is stopped'
  text=$(timeout 300 etcdutl snapshot status -w json -- "$1")
  jq -er --arg field "$2" '.[$field]' <<<"${text}"
}

# start_etcd NAME DIRECTORY ENDPOINT ARGUMENT...: stock etcd 3.6 on DIRECTORY, with this host's
# certificates, until it answers at ENDPOINT. Its words go to log/NAME.log.
start_etcd() {
  local endpoint="$3"
  mutate launch_etcd "${STATE}/log/$1.log" --name "${HOST}" --data-dir "$2" "${@:4}" \
    "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  diagnose="tail '${STATE}/log/$1.log'"
  wait_until "${DEADLINE_ETCD}" 'healthy' 'etcd answers' endpoint_word "${endpoint}"
}

# endpoint_field ENDPOINT FIELD: ClusterID, Revision or another field of the endpoint's status, in
# etcd's own decimal digits: jq would round the ids.
endpoint_field() {
  local text
  text=$(etcdctl_at "$1" endpoint status -w fields)
  sed -nE "s/^\"$2\" : \"?([^\"]*)\"?\$/\1/p" <<<"${text}"
}
