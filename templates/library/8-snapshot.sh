# The Control Plane's own limits: the stock quota of 2 GiB would raise an alarm that stays. The
# election is short, because a single member waits for no other.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)

prepared='' # yes | no: see_prepared found that the step has nothing to do

swarm_after='' # revived | made | entered: what this script does, or would do, to its Swarm

# turn_word: done | closed | passed | open. done: this host is already back. closed: the recovery is
# closed. passed: a step of phase 1, but the old etcd is already set aside.
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

# see_prepared: sets prepared to yes if the step has nothing left to do, and reports why.
see_prepared() {
  local word
  word=$(turn_word)
  prepared='yes'
  case "${word}" in
    done) already "${HOST} is back" ;;
    closed) already 'this recovery is closed' ;;
    passed) already "${HOST} has passed phase 1" ;;
    *) prepared='no' ;;
  esac
}

# quorum_word URL ADDRESS PORT: intact | lost | silent. An authenticated read needs consensus, so
# any answer proves a quorum, even a wrong password.
quorum_word() {
  local port text
  port=$(port_word "$2" "$3" 2)
  if [[ "${port}" != 'open' || ! -f "${CONFIG}" ]]; then
    printf 'silent\n'
    return
  fi
  text=$(as_host bash -c 'if timeout --foreground 8 "$@" 2>&1; then echo answered; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 2s \
    get plan-recovery)
  if [[ "${text}" == *'answered' || "${text}" == *'authentication failed'* ]]; then
    printf 'intact\n'
  else
    printf 'lost\n'
  fi
}

# search_processes PATH...: find below /proc, one file descriptor per line. Processes end during the
# search, so its exit status means nothing, except that of the time limit.
search_processes() {
  local status=0
  "${AT_MOST[@]}" 60 find "$@" 2>"${scratch}/find.err" || status=$?
  if ((status >= 124)); then
    stop "${BUSY}" 'cannot tell which processes use a file or a port' 'a reply from find in 60 s' \
      "status ${status}" \
      'check dmesg and mount (a file system may hang), then run this script again'
  fi
}

# holders PATH: the processes that have PATH open, one per line. /proc shows processes in containers
# too; fuser, lsof and ss may be missing, or do not. This script opens the file as well: if the
# search does not find that, it would not find others either.
holders() {
  local found fd pid name control="/proc/${BASHPID}/fd" own control_seen='no'
  if [[ ! -e "$1" ]]; then
    return
  fi
  exec {own}<"$1"
  found=$(
    exec {own}<&- # open in this process only, not in the search
    search_processes -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1"
  )
  exec {own}<&-
  while IFS= read -r fd; do
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    if [[ "${fd}" == "${control}/${own}" ]]; then
      control_seen='yes'
    elif [[ -n "${fd}" ]]; then
      name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
      printf '%s (pid %s) has %s open\n' "${name:-ended}" "${pid}" "$1"
    fi
  done <<<"${found}"
  [[ "${control_seen}" == 'yes' ]] || stop "${UNAVAILABLE}" \
    "cannot tell whether a process has $1 open" 'at least this script, which has it open' \
    "the search of /proc found ${found:-no process}" \
    'run this script as root on the machine itself, with /proc mounted without hidepid'
}

# listening: the local ports that something listens on, as /proc writes them, with the socket's
# inode.
listening() {
  local text=''
  local -a tables=(/proc/net/tcp)
  [[ ! -e /proc/net/tcp6 ]] || tables+=(/proc/net/tcp6)
  text=$(cat -- "${tables[@]}" 2>"${scratch}/complaint") || text=''
  [[ "${text}" == *local_address* ]] || stop "${UNAVAILABLE}" \
    'cannot tell which ports of this machine are in use' 'the table /proc/net/tcp' \
    "$(<"${scratch}/complaint")" 'run this script as root on the machine itself, with /proc mounted'
  awk '$4 == "0A" { print substr($2, length($2) - 4), $10 }' <<<"${text}"
}

# listeners PORT: the processes that listen on PORT, one per line.
listeners() {
  local hex text inode fd pid name
  printf -v hex ':%04X' "$1"
  text=$(listening)
  text=$(awk -v port="${hex}" '$1 == port { print $2 }' <<<"${text}")
  while IFS= read -r inode; do
    if [[ -z "${inode}" ]]; then
      continue
    fi
    fd=$(search_processes /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[${inode}\]")
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    printf '%s (pid %s) listens on port %s\n' "${name:-unknown}" "${pid:-unknown}" "$1"
  done <<<"${text}"
}

# host_holders: every process that has this host's database open or listens on one of its ports.
host_holders() {
  local port
  holders "${ETCD_DIR}/member/snap/db"
  for port in "${API_PORT}" "${CLIENT_PORT}" "${PEER_PORT}"; do
    listeners "${port}"
  done
}

# refuse_holders: no process may use the database or the ports; a process just killed gets 5 s.
refuse_holders() {
  local text waited=0
  if ((work > 0)); then
    cannot_know 'that no process uses the database or a port of this host'
    return
  fi
  text=$(host_holders)
  while [[ -n "${text}" ]] && ((waited < 5)); do
    sleep 1
    waited=$((waited + 1))
    text=$(host_holders)
  done
  [[ -z "${text}" ]] || stop "${MISMATCH}" 'the database or a port of this host is in use' \
    "no process at ${ETCD_DIR}/member/snap/db or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}" \
    "${text//$'\n'/; }" \
    'find what started it and stop it there, then run this script again; never use pkill'
  say "Check passed: nothing uses the database or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}"
}

# loopback_port FROM: the first port from FROM that no process listens on.
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

# first_free PREFIX: PREFIX-1, or the next number that does not exist.
first_free() {
  local number=1
  while [[ -e "$1-${number}" || -L "$1-${number}" ]]; do
    number=$((number + 1))
  done
  printf '%s-%s\n' "$1" "${number}"
}

# require_space BYTES: the file system of the data directory has that much free space.
require_space() {
  local free status=0
  free=$("${AT_MOST[@]}" 20 df --output=avail -B1 -- "${DATA_DIR}" 2>"${scratch}/complaint") \
    || status=$?
  free=$(sed -n '2{s/[^0-9]//g;p}' <<<"${free}")
  if ((status != 0)) || [[ -z "${free}" ]]; then
    stop "${BUSY}" "cannot get the free space at ${DATA_DIR}" 'a reply from df' \
      "status ${status}, $(<"${scratch}/complaint")" \
      'check df and mount, then run this script again'
  fi
  ((free >= $1)) || stop "${MISMATCH}" "not enough free space at ${DATA_DIR}" "$1 bytes" \
    "${free} bytes" 'free space on that file system, then run this script again'
}

# snapshot_kind FILE: saved | raw | broken. A saved snapshot has pages of 512 bytes and a SHA-256 of
# 32 bytes; a copied database has no checksum.
snapshot_kind() {
  local size
  size=$(stat -L -c %s -- "$1")
  case "$((size > 0 ? size % 512 : 1))" in
    32) printf 'saved\n' ;;
    0) printf 'raw\n' ;;
    *) printf 'broken\n' ;;
  esac
}

# snapshot_sum_word FILE: good | bad: whether the last 32 bytes of a saved snapshot are its
# checksum.
snapshot_sum_word() {
  local kept counted
  kept=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  counted=$(head -c -32 -- "$1" | sha256sum)
  if [[ "${counted%% *}" == "${kept}" ]]; then printf 'good\n'; else printf 'bad\n'; fi
}

# snapshot_field FILE FIELD: revision, totalKey, totalSize or version of a snapshot.
snapshot_field() {
  local text
  text=$(snapshot_status "$1")
  jq -er --arg field "$2" '.[$field]' <<<"${text}"
}

# snapshot_status FILE: the fields of a snapshot as JSON. If a process has it open, the tool would
# wait without end.
snapshot_status() {
  local text
  text=$(holders "$1")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "$1 is in use" 'a file that no process uses' "${text}" \
    'stop that process, copy the file, then run this script again'
  "${AT_MOST[@]}" 300 etcdutl snapshot status -w json -- "$1"
}

# require_snapshot_ca FILE: the snapshot belongs to these certificates: its join token begins with
# the CA's fingerprint. Without a CA in etcd the Control Plane silently makes a new one, and no
# other host can join again.
require_snapshot_ca() {
  local seen own
  own=$(ca_sum)
  own="PGEDGE-${own}"
  # In a large file, a fixed string is found several times faster than a pattern.
  if grep -qaF -- "${own}" "$1"; then
    say 'Check passed: the snapshot belongs to the CA of these certificates'
    return
  fi
  seen=$(grep -aoE -e 'PGEDGE-[0-9a-f]{64}' -- "$1") || true
  if [[ -z "${seen}" ]]; then
    stop "${MISMATCH}" 'the snapshot holds no CA of a Control Plane' "a join token ${own}-..." \
      'none' 'choose another snapshot; this one is from another etcd, or damaged'
  fi
  stop "${MISMATCH}" 'snapshot and certificates belong to different clusters' \
    "the token of this CA, ${own}" "${seen%%$'\n'*}" \
    'restore the certificates that belong to this snapshot, or choose the snapshot that fits them'
}

# ca_sum: the SHA-256 of the CA of this host, which is the same on every host of a cluster.
ca_sum() {
  local text
  text=$(openssl x509 -in "${CERTIFICATES}/ca.crt" -outform der | sha256sum)
  printf '%s\n' "${text%% *}"
}

# require_storage FILE: written by etcd 3.6; otherwise the Control Plane's etcd refuses it later.
require_storage() {
  local version
  version=$(snapshot_field "$1" version)
  [[ "${version}" == 3.6.* ]] || stop "${MISMATCH}" 'the snapshot has the wrong storage version' \
    '3.6' "${version}" 'choose another snapshot; the Control Plane reads only 3.6'
}

# start_etcd NAME DIRECTORY ENDPOINT ARGUMENT...: starts stock etcd 3.6 on DIRECTORY, with this
# host's certificates, and waits until it answers at ENDPOINT. Its output goes to log/NAME.log.
start_etcd() {
  local endpoint="$3" seen file="${STATE}/log/$1.log" text
  mutate launch_etcd "${file}" --name "${HOST}" --data-dir "$2" "${@:4}" \
    "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  local check="tail '${file}'"
  wait_until "${DEADLINE_ETCD}" 'up' 'etcd answers' \
    "${check}" started_word "${endpoint}"
  if ((work > 0)); then
    return
  fi
  seen=$(endpoint_word "${endpoint}")
  if [[ "${seen}" == 'dead' ]]; then
    text=$(last_words "${file}")
    if [[ "$1" == 'salvage' ]]; then
      say "The database or the log of ${HOST} may be damaged. Its data are unchanged. You can use:"
      say '  1. another surviving server host. Run the prepare script of its own bundle there'
      say '  2. a snapshot that was saved earlier. Copy it to this host, set recovery.snapshot in'
      say '     the inventory to {"source": "saved", "path": "FILE"}, and compile again'
      say "  3. as a last resort, the database without its log. Copy ${ETCD_DIR}/member/snap/db to"
      say '     FILE, set recovery.snapshot to {"source": "raw", "path": "FILE"}, compile again'
    fi
    stop "${FAILED}" "etcd ended before it answered ($1)" 'an etcd that starts on these data' \
      "${text:-no output}" "check ${file}; if the disk is full, free space and run this again"
  fi
}

# started_word ENDPOINT: up (healthy or dead) or waiting.
started_word() {
  local word
  word=$(endpoint_word "$1")
  if [[ "${word}" == 'waiting' ]]; then printf 'waiting\n'; else printf 'up\n'; fi
}

# endpoint_field ENDPOINT FIELD: ClusterID, Revision or another field of the endpoint's status, as
# decimal text, because jq would round the ids.
endpoint_field() {
  local text
  text=$(etcdctl_at "$1" endpoint status -w fields)
  sed -nE "s/^\"$2\" : \"?([^\"]*)\"?\$/\1/p" <<<"${text}"
}
