#!/usr/bin/env bash
# 03-rewrite-on-host-1.sh: prove one voter on host-1, then end all old logins
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       The restored data is tried on loopback before anything relies on it; surviving
#             databases can write again from here on.
#   guide     phase 3, Rewrite the membership: 3.1 3.2 3.3
#   after     02-restore-on-host-1.sh
#   changes   3.2 Rewrite the membership on loopback and prove one voter; 3.2 Make everything that
#             holds an old login log in again; 3.3 Set owner, mode and label of the restored data
#   page      sha256:4a8784e15dc9e3eb9b233f916aa7682c2a5ec3bce7c0a507762ea172d219ee1c
#   functions sha256:7e44678c3197320e3ea191cefbb162e4e7aff7020558f9d1ee7778703940a20c
#   engine    sha256:15842eeec98fbe5bbeb46273161a013b8086dad916a9737394da3c9ceb2225ea

# --- page

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own

# Each guard passes, or stops the script and says what was expected, what was found and what to do.
# Nothing is changed before all of them have passed.
guards() {
  need '02-restore-on-host-1.sh' etcd_restored
  docker_is_local
  data_directory
  service_uses_data
  records_agree
  certificates_fit
  recovery_is_current
  others_are_quiet
  service_is_stopped
  rename_works
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # Nothing is killed by name: the script names the process that holds them, and stops.
  begin '3.1' 'Prove again that nothing holds the database or the ports'
  prove_free 'rewrite'

  # A trial start that no client and no old member can reach.
  begin '3.2' 'Rewrite the membership on loopback and prove one voter'
  rewrite_membership
  # $ etcd --name 'host-1' --data-dir '/data/pgedge/control-plane/etcd' --force-new-cluster \
  #     --listen-client-urls "https://127.0.0.1:${port}" \
  #     --advertise-client-urls 'https://192.168.104.1:2379' \
  #     --listen-peer-urls "https://127.0.0.1:${peer}" \
  #     --trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --peer-client-cert-auth \
  #     --peer-trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --peer-cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --peer-key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --quota-backend-bytes 8589934592 --max-txn-ops 2048 --max-request-bytes 10485760 \
  #     --heartbeat-interval 20 --election-timeout 200
  # $ kill -TERM "${etcd_pid}"
  # $ install -m 0600 /dev/stdin "${STATE}/rewritten"

  # A restored etcd makes clients with old login tokens wait instead of refusing them, so surviving
  # databases would stay read-only. They can write from here on.
  begin '3.2' 'Make everything that holds an old login log in again'
  token_window '12'
  # $ etcd --name 'host-1' --data-dir '/data/pgedge/control-plane/etcd' \
  #     --listen-client-urls "${client_urls}" --advertise-client-urls 'https://192.168.104.1:2379' \
  #     --listen-peer-urls "https://127.0.0.1:${peer}" \
  #     --listen-metrics-urls "http://127.0.0.1:${metrics}" \
  #     --auth-token "jwt,sign-method=HS256,priv-key=${key},ttl=10m" \
  #     --trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --peer-client-cert-auth \
  #     --peer-trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --peer-cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --peer-key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --quota-backend-bytes 8589934592 --max-txn-ops 2048 --max-request-bytes 10485760 \
  #     --heartbeat-interval 20 --election-timeout 200
  # $ sleep '12'
  # $ kill -TERM "${etcd_pid}"
  # $ install -m 0600 /dev/stdin "${STATE}/token-window"

  # etcd has written as root since phase 2.
  begin '3.3' 'Set owner, mode and label of the restored data'
  fix_ownership 'reference'
  # ? chown -R "${owner}" -- "${directory}"
  # ? chmod "${mode}" -- "${directory}"
  # ? chcon -R "${label}" -- "${directory}"

  finish \
    'Next: 04-start-on-host-1.sh here on host-1'
}

# --- values

# The script starts itself again with an environment of its own: proxies, DOCKER_*, ETCD*, exported
# functions and user settings of the calling shell have no effect. Only what the terminal can show
# passes. In POSIX mode exec cannot be an exported function.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s\n' "bash 4.4 or newer is needed, this is ${BASH_VERSION}" >&2
  exit 69
fi
if [[ "${BASH_SOURCE[0]:-}" == "$0" && "${PLAN_PID:-}" != "$$" ]]; then
  POSIXLY_CORRECT=1
  exec /usr/bin/env -i "PLAN_PID=$$" "PLAN_FLAGS=$-" "TERM=${TERM:-dumb}" \
    "NO_COLOR=${NO_COLOR:-}" 'HOME=/nonexistent' 'LC_ALL=C' \
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "${BASH}" -p "$0" "$@"
fi
set -Eeuo pipefail
shopt -s inherit_errexit

readonly PLAN='acme-host-1'
readonly SCRIPT='03-rewrite-on-host-1.sh'
readonly HOST='host-1'
readonly -a HOST_ADDRESSES=('192.168.104.1')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-1'
readonly API_PORT='3000'
readonly CLIENT_PORT='2379'
readonly PEER_PORT='2380'
readonly CLIENT_URL='https://192.168.104.1:2379'
readonly PEER_URL='https://192.168.104.1:2380'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly -a HOSTS=()
readonly -a OTHERS=('host-2 192.168.104.2 3000 2379 2380' 'host-3 192.168.104.3 3000 2379 2380')
readonly -a SERVICES=(
  'host-1 control-plane_host-1'
  'host-2 control-plane_host-2'
  'host-3 control-plane_host-3'
)
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly -a CHAIN=(
  '01-prepare-on-host-1.sh'
  '02-restore-on-host-1.sh'
  '03-rewrite-on-host-1.sh'
  '04-start-on-host-1.sh'
)
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly UNDO_SCRIPT='undo/undo-on-host-1.sh'
readonly -a API_TLS=()
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'curl' 'date' 'docker' 'etcd' 'etcdctl' 'find' 'flock'
  'getent' 'grep' 'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'openssl' 'rm' 'rmdir' 'sed'
  'sha256sum' 'sleep' 'stat' 'sync' 'tail' 'timeout' 'touch' 'tr' 'uname' 'wc'
)
readonly -a OPTIONS=()
readonly DEADLINE_SWARM='120'
readonly DEADLINE_ETCD='60'

# --- functions: what the page calls

way='' # done: this host is already back, and no later step may stop it

http_status='' # result of the last request: three digits, or refused | timeout | failed

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

readonly ETCD_DIR="${DATA_DIR}/etcd"

readonly CONFIG="${DATA_DIR}/generated.config.json"

readonly CERTIFICATES="${DATA_DIR}/certificates"

readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")

# For health and metrics of an etcd, which are served over HTTP without a login.
readonly -a ETCD_CURL=(-q --silent --noproxy '*' --globoff --cacert "${CERTIFICATES}/ca.crt"
  --cert "${CERTIFICATES}/etcd-user.crt" --key "${CERTIFICATES}/etcd-user.key")

# As in the Control Plane: the trusted CA alone requires a client certificate. With
# --client-cert-auth the certificate's name would count as a login.
readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
  --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
  --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
  --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
  --peer-key-file "${CERTIFICATES}/etcd-server.key")

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

# The Control Plane's own limits: the stock quota of 2 GiB would raise an alarm that stays. The
# election is short, because a single member waits for no other.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)

prepared='' # yes | no: see_prepared found that the step has nothing to do

# need SCRIPT FACT [HOST]: checks that SCRIPT, an earlier one, has done its work. FACT is a probe:
# yes | later, what is seen instead, or unknown and why. A fact stays satisfied after later
# steps, so that a script can be run a second time.
need() {
  local what="${2//_/ }${3:+ ($3)}" seen
  seen=$("${@:2}")
  case "${seen}" in
    yes) say "Already done: ${what}" ;;
    later) say "Checked later, by the step that relies on it: ${what}" ;;
    *) need_stop "$1" "${what}" "${seen}" ;;
  esac
}

# need_stop SCRIPT WHAT SEEN: SCRIPT, or one before it, has not been run. If SEEN begins with
# unknown, the probe got no answer, and the step may be done.
need_stop() {
  local first script note
  first=$(need_first "$1")
  script="${first%%|*}"
  note="${first#*|}"
  if [[ "$3" == 'unknown '* && "${script}" == "$1" ]]; then
    stop "${BUSY}" "cannot tell whether an earlier step is done: $2" 'a reply' "${3#unknown }" \
      "fix the problem shown above; if ${script} was not run, run it${note}; then run this again"
  fi
  stop "${MISMATCH}" "Earlier step missing: $2" '' "${3#unknown }" \
    "run ${script} first${note}; then this script again"
}

# need_first SCRIPT: `PATH|NOTE`: the first script of the recovery host that has not been run, or
# must be run again; otherwise SCRIPT. CHAIN has the script of each fact, or - if the plan leaves
# out its step.
need_first() {
  local word at
  local -a facts=(snapshot_chosen etcd_restored membership_rewritten api_answers)
  word=$(need_leader_word)
  if [[ "${word}" == 'no-leader' ]]; then
    printf '%s| (the etcd of %s runs and has no leader)\n' "${CHAIN[0]}" "${RECOVERY_HOST}"
    return
  fi
  if [[ "${HOST}" != "${RECOVERY_HOST}" ]]; then
    # Only the recovery host itself knows which of its scripts have been run.
    word=''
    if [[ " ${CHAIN[*]} " == *" $1 "* ]]; then
      word=' (it names an earlier script if one is missing)'
    fi
    printf '%s|%s\n' "$1" "${word}"
    return
  fi
  for at in "${!facts[@]}"; do
    [[ "${CHAIN[at]}" != "${SCRIPT}" ]] || break
    [[ "${CHAIN[at]}" != '-' ]] || continue
    word=$("${facts[at]}")
    if [[ ! "${word}" =~ ^(yes|later|unknown.*)$ ]]; then
      printf '%s|\n' "${CHAIN[at]}"
      return
    fi
  done
  printf '%s|\n' "$1"
}

# Phase 1 ends when the chosen snapshot is in place.
snapshot_chosen() {
  local reached
  reached=$(progress)
  if [[ -f "${STATE}/snapshot.db" || "${reached}" =~ ^(aside|restored)$ ]]; then
    printf 'yes\n'
  elif [[ "${reached}" == 'fresh' ]]; then
    printf 'no %s\n' "${STATE}/snapshot.db"
  else
    printf 'later\n' # the guard records-agree reports more
  fi
}

# progress: how far this recovery has changed the recovery host's disk. fresh: untouched; aside:
# etcd/ is set aside, complete; restored: phase 2 has ended; undoing: undo has begun; unclear: the
# disk does not match the records.
progress() {
  local kept placed
  if [[ -e "${STATE}/undone" ]]; then
    printf 'undoing\n'
    return
  elif [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
    return
  fi
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  case "${kept}:${placed}" in
    incomplete:*) printf 'unclear\n' ;;
    *:ours) if [[ -f "${STATE}/restored" ]]; then printf 'restored\n'; else printf 'aside\n'; fi ;;
    *:absent) if [[ -f "${STATE}/restored" ]]; then printf 'unclear\n'; else printf 'aside\n'; fi ;;
    *) printf 'unclear\n' ;;
  esac
}

# kept_word NAME: complete | incomplete | absent: whether STATE/before/NAME still has the recorded
# size.
kept_word() {
  local size
  if [[ ! -e "${STATE}/before/$1" ]]; then
    printf 'absent\n'
    return
  fi
  size=$(size_of "${STATE}/before/$1")
  if [[ -f "${STATE}/aside.$1" && "${size}" == "$(<"${STATE}/aside.$1")" ]]; then
    printf 'complete\n'
  else
    printf 'incomplete\n'
  fi
}

# size_of PATH: the number of files and bytes, for comparison.
size_of() {
  find "$1" -type f -printf '%s\n' \
    | awk '{ bytes += $1 } END { printf "%d files, %d bytes\n", NR, bytes }'
}

# restored_word DIRECTORY: ours | other | absent: whether this recovery restored it. The mark stays
# in it, even after the Control Plane has written to it.
restored_word() {
  if [[ ! -e "$1" && ! -L "$1" ]]; then
    printf 'absent\n'
  elif [[ -d "$1/member/wal" && -f "$1/${RESTORED_MARK}" &&
    "$(<"$1/${RESTORED_MARK}")" == "${CLUSTER_TOKEN}-${incident}" ]]; then
    printf 'ours\n'
  else
    printf 'other\n'
  fi
}

etcd_restored() {
  local reached
  reached=$(progress)
  case "${reached}" in
    restored) printf 'yes\n' ;;
    fresh | aside) printf '%s is %s\n' "${ETCD_DIR}" "${reached}" ;;
    *) printf 'later\n' ;;
  esac
}

membership_rewritten() {
  local reached
  reached=$(progress)
  if [[ "${reached}" == 'unclear' || "${reached}" == 'undoing' ]]; then
    printf 'later\n'
  else
    need_file "${STATE}/rewritten"
  fi
}

need_file() {
  if [[ -f "$1" ]]; then printf 'yes\n'; else printf 'no %s\n' "$1"; fi
}

# 409 is a host without a cluster, and a refused connection means that none runs. A script that was
# killed while it restarted all hosts at once finds no API; it starts the hosts first.
api_answers() {
  if [[ "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    printf 'later\n'
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  case "${http_status}" in
    200) printf 'yes\n' ;;
    refused | 409) printf '%s answers %s\n' "${RECOVERY_API}/v1/hosts" "${http_status}" ;;
    *) need_unanswered "${RECOVERY_API}/v1/hosts" ;;
  esac
}

# api METHOD URL [BODY_FILE [SECONDS]]: one request. The body is in scratch/answer, the headers are
# in scratch/headers. Callers may repeat reads; POST and DELETE are never repeated, only probed.
api() {
  local method="$1" url="$2" body="${3:-}" limit="${4:-10}" status=0
  local -a call=(curl -q --silent --show-error --globoff --noproxy '*' --connect-timeout 5
    --max-time "${limit}" --output "${scratch}/answer" --dump-header "${scratch}/headers"
    --write-out '%{http_code}' --request "${method}" "${API_TLS[@]}")
  if [[ -n "${body}" ]]; then
    call+=(--header 'Content-Type: application/json' --data-binary "@${body}")
  fi
  : >"${scratch}/answer"
  : >"${scratch}/headers"
  http_status=$("${call[@]}" -- "${url}" 2>"${scratch}/curl.err") || status=$?
  : >"${scratch}/complaint"
  case "${status}" in
    0) ;;
    7) http_status='refused' ;;
    28) http_status='timeout' ;;
    35 | 52 | 55 | 56)
      http_status='failed'
      head -c 300 "${scratch}/curl.err" >"${scratch}/complaint"
      ;;
    *)
      # Not an answer from the other side: a name, a certificate or curl itself failed.
      stop "${UNAVAILABLE}" "cannot send a request to ${url}" 'a reply or a refused connection' \
        "curl ended with status ${status}, $(<"${scratch}/curl.err")" \
        'fix the problem shown above, then run this script again'
      ;;
  esac
}

# need_unanswered URL: the result of the last request.
need_unanswered() {
  local complaint
  complaint=$(<"${scratch}/curl.err")
  printf 'unknown %s answers %s %s\n' "$1" "${http_status}" "${complaint//$'\n'/ }"
}

# need_leader_word: no-leader if the recovery host's etcd has reported that for 15 s, otherwise
# other. Then the quorum is lost again, and phase 1 comes first.
need_leader_word() {
  local text start now
  start=$(uptime_seconds)
  while true; do
    text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 4 \
      "${RECOVERY_ENDPOINT}/health?exclude=NOSPACE&exclude=CORRUPT" 2>/dev/null) || text=''
    now=$(uptime_seconds)
    if [[ "${text}" != *'RAFT NO LEADER'* ]]; then
      printf 'other\n'
      return
    elif ((now - start >= 15)); then
      printf 'no-leader\n'
      return
    fi
    sleep 1
  done
}

# Docker is this machine's own: the socket is here, and Docker's name or address is this machine's.
docker_is_local() {
  local text name address own status=0 found
  [[ -S "${DOCKER_SOCKET}" ]] || stop "${UNAVAILABLE}" 'Docker is not running here' \
    "a socket ${DOCKER_SOCKET}" 'none' \
    'run systemctl start docker, or set swarm.dockerSocket in the inventory to another socket'
  text=$("${AT_MOST[@]}" 30 docker info --format '{{.Name}}|{{.Swarm.NodeAddr}}' \
    2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    found=$(docker_complaint)
    stop "${UNAVAILABLE}" 'Docker does not answer' 'a reply from docker info' "${found}" \
      'start or repair Docker (systemctl status docker), then run this script again'
  fi
  name="${text%%|*}"
  address="${text##*|}"
  text=$(uname -n)
  own=$(own_addresses)
  if [[ "${name%%.*}" != "${text%%.*}" && " ${own} " != *" ${address:-none} "* ]]; then
    stop "${MISMATCH}" "the Docker at ${DOCKER_SOCKET} is not this machine's" \
      "name ${text}, or an address of this machine" "name ${name}, address ${address:-none}" \
      'stop the ssh or proxy that forwards this socket, then run this script again'
  fi
  passed "Docker answers at ${DOCKER_SOCKET} and is this machine's (${name})"
}

# docker_complaint: the last error message of Docker, in one line.
docker_complaint() {
  local text=''
  text=$(head -c 300 "${scratch}/docker.err" 2>/dev/null | tr '\n' ' ') || true
  printf '%s\n' "${text:-no answer in time}"
}

# passed TEXT: a guard has passed.
passed() {
  say "Check passed: $1"
}

# Every path that a script changes is a plain directory or file on one file system that can rename.
# With a symbolic link or a mount below the data directory, a rename would move only the link, or
# copy, and after a reboot other data would be in that place.
data_directory() {
  local name path want word
  local -a names=(etcd etcd/member etcd/member/snap etcd/member/snap/db etcd/member/wal certificates
    generated.config.json plan-recovery "${STATE#"${DATA_DIR}/"}" "${STATE#"${DATA_DIR}/"}/before")
  # The snapshot script writes to its own folder only.
  if [[ "${SCRIPT}" == before/* ]]; then
    names=(plan-recovery plan-recovery/snapshots)
  fi
  word=$(file_word "${DATA_DIR}")
  case "${word}" in
    absent)
      passed "${DATA_DIR} does not exist yet"
      return
      ;;
    directory | mount) ;;
    *) data_directory_refuse "${DATA_DIR}" directory "${word}" ;;
  esac
  for name in "${names[@]}"; do
    path="${DATA_DIR}/${name}"
    want='directory'
    if [[ "${name}" == */db || "${name}" == *.json ]]; then
      want='file'
    fi
    word=$(file_word "${path}")
    if [[ "${word}" != 'absent' && "${word}" != "${want}" ]]; then
      data_directory_refuse "${path}" "${want}" "${word}"
    fi
  done
  data_directory_mounts "${names[@]}"
  data_directory_system "${names[@]}"
  passed "${DATA_DIR} holds plain directories and files, on one file system"
}

# file_word PATH: absent | file | directory | link | mount | other.
file_word() {
  if [[ -L "$1" ]]; then
    printf 'link\n'
  elif [[ ! -e "$1" ]]; then
    printf 'absent\n'
  elif [[ -f "$1" ]]; then
    printf 'file\n'
  elif [[ ! -d "$1" ]]; then
    printf 'other\n'
  else
    local inner outer
    inner=$(stat -c %d -- "$1")
    outer=$(stat -c %d -- "$1/..")
    if [[ "${inner}" == "${outer}" ]]; then printf 'directory\n'; else printf 'mount\n'; fi
  fi
}

# data_directory_refuse PATH WANT WORD
data_directory_refuse() {
  local found="$3" remedy="check ls -ld '$1', then run this script again"
  case "$3" in
    link)
      found=$(stat -c '%N' -- "$1")
      found="a symbolic link: ${found}"
      remedy="stop the Control Plane of ${HOST} and replace the link with the directory it points \
to; or use the real directory as dataDirectory in the inventory and in the service"
      ;;
    mount)
      found='another file system, mounted there'
      remedy="stop the Control Plane of ${HOST}, move the contents into ${DATA_DIR} itself and \
remove the mount (also from /etc/fstab), then run this script again"
      ;;
    *) ;;
  esac
  stop "${MISMATCH}" "$1 cannot be used" "a plain $2" "${found}" "${remedy}"
}

# data_directory_mounts NAME...: a bind mount has the same device number as its parent, so the list
# of mounts is read instead. It writes a space as \040.
data_directory_mounts() {
  local text real line place name
  text=$(cat -- /proc/self/mountinfo 2>/dev/null) || true
  [[ -n "${text}" ]] || stop "${UNAVAILABLE}" 'cannot tell what is mounted on this machine' \
    'a list in /proc/self/mountinfo' 'nothing' 'mount /proc, then run this script again'
  real=$(cd -P -- "${DATA_DIR}" && printf '%s\n' "${PWD}")
  while IFS= read -r line; do
    read -r _ _ _ _ place _ <<<"${line}"
    place="${place//\\040/ }"
    place="${place//\\011/$'\t'}"
    place="${place//\\134/\\}"
    for name in "$@"; do
      if [[ "${place}" == "${real}/${name}" || "${place}" == "${real}/${name}/"* ]]; then
        data_directory_refuse "${DATA_DIR}${place#"${real}"}" 'directory or file' 'mount'
      fi
    done
  done <<<"${text}"
}

# data_directory_system NAME...: all files are on one file system, which can rename directories.
data_directory_system() {
  local kind device name status=0 text
  local -a places=()
  kind=$(stat -f -c %T -- "${DATA_DIR}")
  [[ "${kind}" != 'overlayfs' ]] || stop "${MISMATCH}" \
    "${DATA_DIR} is on an overlay file system, which cannot rename directories" \
    'ext4, xfs or another disk file system' "${kind}" \
    "run this script on the machine, not in a container; otherwise move ${DATA_DIR} to a disk"
  device=$(stat -c %d -- "${DATA_DIR}")
  for name in "$@"; do
    if [[ "${name}" != */* && -e "${DATA_DIR}/${name}" ]]; then
      places+=("${DATA_DIR}/${name}")
    fi
  done
  if ((${#places[@]} == 0)); then
    return
  fi
  # Earlier recoveries are not changed, so of plan-recovery/ only the folders used here count.
  text=$("${AT_MOST[@]}" 60 find "${places[@]}" -ignore_readdir_race \
    -path "${DATA_DIR}/plan-recovery/*" -prune -o -printf '%y %D %p\n' 2>&1) || status=$?
  ((status == 0)) || stop "${BUSY}" "cannot list ${DATA_DIR}" 'a list of its files' \
    "status ${status}, ${text##*$'\n'}" 'check dmesg and mount, then run this script again'
  text=$(awk -v device="${device}" '$1 !~ /^[fd]$/ || $2 != device { $2 = ""; print; exit }' \
    <<<"${text}")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "${text#*  } cannot be used" \
    "a plain directory or file on the file system of ${DATA_DIR}" \
    "type ${text%% *} (l is a symbolic link), or another file system" \
    "stop the Control Plane of ${HOST}, put a plain file there, then run this script again"
}

# The service mounts the data directory of the inventory. If Swarm does not answer, the newest
# container of the service on this machine is read, running or not.
service_uses_data() {
  local text='' ids status=0 complaint asked="the service ${SERVICE}" place
  local spec='.Spec.TaskTemplate.ContainerSpec' mounts environment
  mounts="{{range ${spec}.Mounts}}{{.Type}}|{{.Source}}|{{.Target}}{{\"\\n\"}}{{end}}"
  environment="{{range ${spec}.Env}}env|{{.}}{{\"\\n\"}}{{end}}"
  text=$("${AT_MOST[@]}" 20 docker service inspect --format "${mounts}${environment}" \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    status=0
    asked="the container of ${SERVICE}"
    ids=$("${AT_MOST[@]}" 20 docker ps --all --quiet --no-trunc \
      --filter "label=com.docker.swarm.service.name=${SERVICE}" 2>"${scratch}/docker.err") \
      || status=$?
    if ((status == 0)) && [[ -z "${ids}" ]]; then
      passed "${DATA_DIR} has the right contents; Swarm does not answer which directory \
${SERVICE} mounts, and it has no container here"
      return
    fi
    # The first one is the newest.
    if ((status == 0)); then
      mounts='{{range .Mounts}}{{.Type}}|{{.Source}}|{{.Destination}}{{"\n"}}{{end}}'
      environment='{{range .Config.Env}}env|{{.}}{{"\n"}}{{end}}'
      text=$("${AT_MOST[@]}" 20 docker inspect --type container \
        --format "${mounts}${environment}" -- "${ids%%$'\n'*}" 2>"${scratch}/docker.err") \
        || status=$?
    fi
    complaint=$(docker_complaint)
    ((status == 0)) || stop "${BUSY}" "Docker does not report which directory ${SERVICE} mounts" \
      'a reply from docker ps and docker inspect' "${complaint}" \
      'check docker ps --all, then run this script again'
  fi
  place=$(service_uses_data_place "${text}")
  if [[ "${place}" != "${DATA_DIR}" && ! "${place}" -ef "${DATA_DIR}" ]]; then
    stop "${MISMATCH}" "${SERVICE} uses another data directory than the inventory" \
      "${DATA_DIR}" "${place}" \
      "correct dataDirectory of ${HOST} in the inventory and compile again"
  fi
  passed "${DATA_DIR} is what ${asked} mounts"
}

# service_uses_data_place TEXT: the service's data directory on this machine. TEXT has its mounts as
# TYPE|SOURCE|TARGET and its environment as env|NAME=VALUE, one per line.
service_uses_data_place() {
  local kind from to inside='' place='' best='' status=0
  inside=$(sed -n 's/^env|PGEDGE_DATA_DIR=//p' <<<"$1")
  inside="${inside%/}"
  while IFS='|' read -r kind from to; do
    to="${to%/}"
    if [[ "${kind}" == 'env' || -z "${kind}" ]]; then
      continue
    fi
    if [[ "${inside:-${DATA_DIR}}/" == "${to}/"* && ${#to} -ge ${#best} ]]; then
      best="${to}"
      if [[ "${kind}" == 'volume' && "${from}" != /* ]]; then
        from=$("${AT_MOST[@]}" 20 docker volume inspect --format '{{.Mountpoint}}' -- "${from}" \
          2>"${scratch}/docker.err") || status=$?
        ((status == 0)) || from="the volume ${from}, which is not on this machine"
      fi
      place="${from%/}${inside:+${inside#"${to}"}}"
    fi
  done <<<"$1"
  printf '%s\n' "${place:-no mount at ${inside:-${DATA_DIR}}}"
}

# The data that this recovery set aside and restored here match its own records.
records_agree() {
  local word found
  word=$(progress)
  case "${word}" in
    undoing)
      stop "${MISMATCH}" "an undo of this recovery has begun on ${HOST} and has not ended" \
        'a recovery that is under way' "${STATE}/undone" "run ${UNDO_SCRIPT} --apply again first"
      ;;
    unclear)
      found=$(records_agree_found)
      stop "${MISMATCH}" "the data of ${HOST} do not match the records of this recovery" \
        "${ETCD_DIR} as phase 2 restored it, and ${STATE}/before/etcd complete" \
        "${found}" \
        "check with ls -lR which of ${ETCD_DIR} and ${STATE}/before/etcd is complete; move the \
wrong one out of ${DATA_DIR}; to use the old one again, run ${UNDO_SCRIPT}"
      ;;
    *) passed "the records of this recovery agree with what is on this disk" ;;
  esac
}

records_agree_found() {
  local kept placed
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  [[ "${placed}" != 'ours' ]] || placed='restored by this recovery'
  printf 'before/etcd is %s, etcd/ is %s\n' "${kept}" "${placed}"
}

# Certificates are checked before every request that uses them, so that a failure names the cause.
certificates_fit() {
  local name file text status=0
  openssl version >/dev/null 2>"${scratch}/complaint" || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" 'openssl does not work' 'a reply from openssl version' \
    "status ${status}, $(<"${scratch}/complaint")" 'repair or install openssl'
  for name in ca.crt etcd-user.crt etcd-user.key etcd-server.crt etcd-server.key; do
    file="${CERTIFICATES}/${name}"
    [[ -s "${file}" && -r "${file}" ]] || stop "${MISMATCH}" "${name} is missing or empty" \
      "a file ${file}" 'none' "restore certificates/ of ${HOST} from a backup"
  done
  for name in ca etcd-user etcd-server; do
    certificates_valid "${name}"
  done
  for name in etcd-user etcd-server; do
    certificates_signed "${name}"
    certificates_pair "${name}"
  done
  text=$(certificates_names "${HOST_ADDRESSES[0]}")
  [[ "${text}" == *'does match certificate'* ]] || stop "${MISMATCH}" \
    'the etcd certificate does not cover the address of this host' "${HOST_ADDRESSES[0]}" \
    "${text}" \
    "set the address that ${HOST} had when it was issued, or restore the right certificates/"
  passed "the certificates are valid, belong together and cover ${HOST_ADDRESSES[0]}"
}

# certificates_valid NAME: readable, and valid now by this machine's clock.
certificates_valid() {
  local text from until now clock status=0
  text=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -startdate -enddate 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not a readable certificate" 'PEM' \
    "${text%%$'\n'*}" "restore certificates/ of ${HOST} from a backup"
  text="${text/notBefore=/}"
  text="${text/notAfter=/}"
  from=$(date -u -d "${text%%$'\n'*}" +%s) || status=$?
  until=$(date -u -d "${text##*$'\n'}" +%s) || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" "cannot read the dates of $1.crt" 'two dates' "${text}" \
    "check openssl x509 -noout -dates -in '${CERTIFICATES}/$1.crt'"
  now=$(date -u +%s)
  clock=$(date -u '+%b %e %T %Y GMT')
  text="${text//$'\n'/ to }"
  if ((now < from)); then
    stop "${MISMATCH}" "$1.crt is not valid yet" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      'correct the clock of this machine (timedatectl), then run this script again'
  elif ((now >= until)); then
    stop "${MISMATCH}" "$1.crt has expired" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      "if the clock is wrong, correct it (timedatectl); otherwise restore a valid certificate of \
${HOST} from a backup, or have one issued by the same CA"
  fi
}

# certificates_signed NAME: signed by ca.crt, whatever its dates.
certificates_signed() {
  local text status=0
  text=$(openssl verify -no_check_time -CAfile "${CERTIFICATES}/ca.crt" -- \
    "${CERTIFICATES}/$1.crt" 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not signed by ca.crt" 'one CA' \
    "${text//$'\n'/ }" "restore all of certificates/ of ${HOST} from one backup"
}

# certificates_pair NAME: the key belongs to the certificate.
certificates_pair() {
  local of_key of_cert status=0
  of_key=$(openssl pkey -in "${CERTIFICATES}/$1.key" -pubout 2>/dev/null) || status=$?
  of_cert=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -pubkey 2>/dev/null) || status=$?
  if ((status != 0)) || [[ "${of_key}" != "${of_cert}" ]]; then
    stop "${MISMATCH}" "$1.key does not belong to $1.crt" 'a key and its certificate' \
      'the key of another certificate, or none' "restore certificates/ of ${HOST} from a backup"
  fi
}

# certificates_names ADDRESS: the answer of openssl; its exit status is 0 either way.
certificates_names() {
  local check='-checkhost'
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    check='-checkip'
  fi
  openssl x509 -in "${CERTIFICATES}/etcd-server.crt" -noout "${check}" "$1"
}

# Phases 2 to 4 run in order: the script names the first one that is missing. A later run changes
# nothing. If the quorum has been lost again since then, phase 1 begins the next incident first.
recovery_is_current() {
  local before word what waits first="${CHAIN[0]}"
  before=$(recovery_word)
  what="the recovery of incident ${incident} is ${before}"
  if [[ "${before}" == 'new' || "${before}" == 'under way' ]]; then
    word=$(need_first "${SCRIPT}")
    [[ "${word%%|*}" == "${SCRIPT}" ]] || stop "${MISMATCH}" 'Earlier step missing' \
      "the scripts before ${SCRIPT} have been run" "${what}" \
      "run ${word%%|*} first${word#*|}; then run this script again"
    passed "${what}, and the scripts before this one have been run"
    return
  fi
  word=$(watch_member 15 "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}" "${API_PORT}")
  if [[ "${word%% *}" =~ ^(mute|changing)$ ]]; then
    waits=$(own_waits)
    [[ "${waits}" == 'no' ]] || word='no-leader since its start'
  fi
  case "${before}:${word%% *}" in
    *:leader) passed "${what}, and its etcd has a leader" ;;
    *:no-leader | closed:closed | closed:silent)
      stop "${MISMATCH}" "${what}, and its etcd has no leader" 'a leader' "${word}" \
        "run ${first}, which checks whether the quorum is lost again and begins the next incident"
      ;;
    started:closed | started:silent | started:running)
      passed "the recovery of incident ${incident} has started ${HOST}, which does not run now"
      ;;
    *:broken)
      stop "${UNAVAILABLE}" 'cannot ask etcd whether it has a leader' \
        'a reply from etcd at its client port' "${word#broken }" \
        'fix the certificates, names or curl as shown above, then run this script again'
      ;;
    *)
      stop "${BUSY}" "cannot tell whether the etcd of ${HOST} has a leader" \
        'a leader, or no leader for 15 s' "${word}" 'wait a minute, then run this script again'
      ;;
  esac
}

# recovery_word: new | under way | started | closed: the latest incident on this disk.
recovery_word() {
  local word
  word=$(progress)
  if [[ -e "${STATE}/closed" ]]; then
    printf 'closed\n'
  elif [[ "${word}" == 'restored' && -e "${STATE}/started" ]]; then
    printf 'started\n'
  elif [[ "${word}" != 'fresh' ]]; then
    printf 'under way\n'
  else
    printf 'new\n'
  fi
}

# watch_member SECONDS ADDRESS CLIENT API: repeats asked_word until it is the same for SECONDS, then
# prints it; `changing ANSWER` after three times as long. A leader or a broken request ends it at
# once.
watch_member() {
  local limit="$1" start since now word seen='' flips=0
  start=$(uptime_seconds)
  since="${start}"
  while true; do
    word=$(asked_word "${@:2}")
    now=$(uptime_seconds)
    if [[ "${word}" == 'leader' || "${word}" == 'broken '* ]]; then
      printf '%s\n' "${word}"
      return
    elif [[ "${word%% *}" != "${seen%% *}" ]]; then
      since="${now}"
      flips=$((flips + 1))
    elif ((now - since >= limit)); then
      printf '%s\n' "${word}"
      return
    fi
    if ((flips > 1 && now - start >= 3 * limit)); then
      printf 'changing %s\n' "${word}"
      return
    fi
    seen="${word}"
    sleep 1
  done
}

# asked_word ADDRESS CLIENT API: as member_health. If etcd alone does not decide it, the API is
# asked too: leader if it serves a cluster, running if something listens there.
asked_word() {
  local word served
  word=$(member_health "$1" "$2")
  case "${word%% *}" in
    leader | no-leader | broken) served='' ;;
    *) served=$(api_open "$1" "$3") ;;
  esac
  if [[ "${served}" == 'serving' ]]; then
    word='leader'
  elif [[ "${served}" == 'running' && "${word}" =~ ^(closed|silent)$ ]]; then
    word='running'
  fi
  printf '%s\n' "${word}"
}

# member_health ADDRESS PORT: the state of the etcd there, in one line:
#   leader     it has a leader: its cluster has a quorum
#   no-leader  it runs and has no leader
#   unsettled TEXT  it answers something else
#   mute       something accepts the connection and does not answer
#   closed     the machine is up and refuses the connection
#   silent     no answer at all
#   broken TEXT  the request failed here: certificates, name, curl
# Alarms are excluded, because they would replace the reason in the answer.
member_health() {
  local url text status=0 id="${BASHPID}"
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf '%s\n' "${text/unreachable/silent}"
    return
  fi
  url=$(url_host "$1")
  url="https://${url}:$2/health?exclude=NOSPACE&exclude=CORRUPT"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --show-error --connect-timeout 3 --max-time 4 \
    "${url}" 2>"${scratch}/health.${id}") || status=$?
  text="${text} $(<"${scratch}/health.${id}")"
  text="${text//$'\n'/ }"
  case "${status}" in
    0)
      case "${text}" in
        *'"health":"true"'*) printf 'leader\n' ;;
        *'RAFT NO LEADER'*) printf 'no-leader\n' ;;
        *) printf 'unsettled %s\n' "${text:0:200}" ;;
      esac
      ;;
    7 | 28 | 35 | 52 | 55 | 56)
      # Timed out, or the other side is stopping. A rejected certificate is named in the text.
      if [[ "${text}" =~ [Aa]lert|[Cc]ertificate|verif ]]; then
        printf 'broken %s\n' "${text:0:200}"
      else
        printf 'mute\n'
      fi
      ;;
    *) printf 'broken curl ended with status %s, %s\n' "${status}" "${text:0:200}" ;;
  esac
}

# port_word ADDRESS PORT [SECONDS]: open | closed | unreachable. Closed means that a running machine
# refused the connection.
port_word() {
  local status=0 text
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  text=$("${AT_MOST[@]}" "${3:-3}" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>&1) || status=$?
  if ((status == 0)); then
    printf 'open\n'
  elif [[ "${text}" == *'Connection refused'* ]]; then
    printf 'closed\n'
  else
    printf 'unreachable\n'
  fi
}

# url_host ADDRESS: as it is written in a URL.
url_host() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# api_open ADDRESS PORT: serving | running | quiet: whether a Control Plane there serves a cluster,
# or at least something accepts connections at its port.
api_open() {
  local url text
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf 'quiet\n'
    return
  fi
  url=$(url_host "$1")
  text=$("${AT_MOST[@]}" 8 curl -q --silent --noproxy '*' --globoff --connect-timeout 3 \
    --max-time 5 --output /dev/null --write-out '%{http_code}' "${API_TLS[@]}" \
    "${RECOVERY_API%%://*}://${url}:$2/v1/hosts" 2>/dev/null) || true
  if [[ "${text}" == 200 ]]; then printf 'serving\n'; else printf 'running\n'; fi
}

# own_waits: yes | no: the etcd of this host accepts connections at its client port and does not
# answer, because it has started and waits for a leader: since its start it has had none. Its peer
# port answers from the beginning, and names the voters. With others it is no leader alone. With
# HTTP/2 only other members are answered there.
own_waits() {
  local url word text voters=0
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'running' ]]; then
    url=$(url_host "${HOST_ADDRESSES[0]}")
    text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
      --http1.1 "https://${url}:${PEER_PORT}/members" 2>/dev/null) || text=''
    voters=$(jq '[.[] | select(.isLearner != true)] | length' <<<"${text:-[]}" 2>/dev/null) \
      || voters=0
  fi
  if ((voters > 1)); then printf 'yes\n'; else printf 'no\n'; fi
}

# voters ENDPOINT: the number of started voting members.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
}

# members ENDPOINT: the member list, in the format of member_lines.
members() {
  local text
  text=$(etcdctl_at "$1" member list -w simple)
  member_lines <<<"${text}"
}

# etcdctl_at ENDPOINT ARGUMENT...: a read. Changes are written out as mutate as_host etcdctl.
etcdctl_at() {
  as_host etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s \
    "${@:2}"
}

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment,
# never in an argument list. Only this one command gets them.
as_host() (
  take_login "${CONFIG}"
  exec "$@"
)

# take_login FILE: exports the etcd user and password in that configuration. For subshells only.
take_login() {
  ETCDCTL_PASSWORD=$(jq -er '.etcd_username // error("no etcd_username"),
    .etcd_password // error("no etcd_password")' "$1") || exit
  ETCDCTL_USER="${ETCDCTL_PASSWORD%%$'\n'*}"
  ETCDCTL_PASSWORD="${ETCDCTL_PASSWORD#*$'\n'}"
  export ETCDCTL_USER ETCDCTL_PASSWORD
}

# member_lines: reads `member list -w simple`, prints one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# container_word SERVICE: running | gone | unknown, on this machine.
container_word() {
  local ids status=0
  ids=$("${AT_MOST[@]}" 20 docker ps --quiet \
    --filter "label=com.docker.swarm.service.name=$1" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    printf 'unknown\n'
  elif [[ -n "${ids}" ]]; then
    printf 'running\n'
  else
    printf 'gone\n'
  fi
}

# Before a script restores or starts something: no other server host has a leader or serves a
# cluster. One that runs without a leader is no danger. One that is silent must have been stopped by
# this Swarm or confirmed in phase 1: it may be under recovery by another person.
others_are_quiet() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'closed' || "${word}" == 'started' ]]; then
    passed "this recovery is ${word}, and ${HOST} serves it"
    return
  fi
  if ((${#OTHERS[@]} == 0)); then
    passed 'there is no other server host'
    return
  fi
  wait_quietly "${DEADLINE_SWARM}"
}

# wait_quietly SECONDS: until others_word is quiet. The script stops if it is another recovery.
wait_quietly() {
  local limit="$1" word start now reported=0
  start=$(uptime_seconds)
  while true; do
    word=$(others_word)
    case "${word%% *}" in
      quiet)
        passed "no other server host has a leader or serves a cluster (${word#* })"
        return
        ;;
      leader)
        stop "${MISMATCH}" "${word#* } has a leader or serves a cluster" \
          'no other server host that does' "${word}" \
          "never run two clusters; if that one is right, undo this recovery (${UNDO_SCRIPT}) and \
bring ${HOST} back to it; otherwise stop it, then run ${FIRST_SCRIPT} with --fenced ${word#* }"
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= limit)); then
      stop "${BUSY}" "cannot tell whether another person is recovering ${word#* }" \
        'no leader, or stopped by this Swarm, or confirmed as fenced' "${word}" \
        "ask who works on it; stop it, then run ${FIRST_SCRIPT} again with --fenced ${word#* }"
    elif ((now - start >= reported)); then
      say "Waiting until other server hosts are accounted for \
($((now - start)) s of ${limit} s): currently ${word}"
      reported=$((now - start + 10))
    fi
    sleep 2
  done
}

# others_word: quiet HOSTS | leader HOST | WORD HOST: the first other server host that is not
# accounted for.
others_word() {
  local host word answers ended fenced_hosts='' seen='' open=''
  if [[ -e "${STATE}/fenced" ]]; then
    fenced_hosts=$(<"${STATE}/fenced")
  fi
  answers=$(ask_others)
  while read -r host word _; do
    case "${word}" in
      leader)
        printf 'leader %s\n' "${host}"
        return
        ;;
      no-leader) ;;
      closed | silent)
        ended='yes'
        if [[ " ${fenced_hosts} " != *" ${host} "* ]]; then
          ended=$(ended_by_swarm "${host}")
        fi
        [[ "${ended}" == 'yes' ]] || open="${open:-${word} ${host}}"
        ;;
      *) open="${open:-${word} ${host}}" ;;
    esac
    seen="${seen}, ${host} ${word}"
  done <<<"${answers}"
  printf '%s\n' "${open:-quiet ${seen#, }}"
}

# ask_others: as watch_members, for the other server hosts, and only once.
ask_others() {
  ask_all asked_word -- "${OTHERS[@]}"
}

# ask_all QUESTION... -- LINE...: asks all at once: QUESTION... ADDRESS CLIENT API, of each line of
# OTHERS.
# A question that ends without an answer is broken: no host is left out.
ask_all() {
  local line host address port client number=0
  local -a pids=() question=()
  while [[ "$1" != '--' ]]; do
    question+=("$1")
    shift
  done
  shift
  for line in "$@"; do
    read -r host address port client _ <<<"${line}"
    number=$((number + 1))
    printf '%s ' "${host}" >"${scratch}/asked.${number}"
    "${question[@]}" "${address}" "${client}" "${port}" >>"${scratch}/asked.${number}" &
    pids+=("$!")
  done
  if ((number == 0)); then
    return
  fi
  wait "${pids[@]}" || true
  awk '
    BEGIN {
      n = split("silent closed running mute broken changing unsettled no-leader leader", order, " ")
      for (i = 1; i <= n; i++) rank[order[i]] = i
    }
    !($2 in rank) { $0 = $1 " broken the request ended without an answer" }
    !($1 in best) { hosts[++count] = $1; best[$1] = 0 }
    rank[$2] > best[$1] { best[$1] = rank[$2]; line[$1] = $0 }
    END { for (i = 1; i <= count; i++) print line[hosts[i]] }' "${scratch}/asked."*
  rm -f -- "${scratch}/asked."*
}

# ended_by_swarm HOST: yes if a Swarm with a leader shows its node Ready, and its service at 0 or
# its task ended. A closed port alone proves nothing: a firewall answers the same way.
ended_by_swarm() {
  local service text node state
  service=$(service_of_host "$1")
  text=$(newest_task "${service}")
  read -r state node _ <<<"${text}"
  if [[ "${state}" == 'none' ]]; then
    node=$(node_of "${service}")
  fi
  case "${state}" in
    none | shutdown | complete | failed | rejected | remove | orphaned) ;;
    *)
      printf 'no\n'
      return
      ;;
  esac
  text=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || text=''
  if [[ -n "${node}" && $'\n'"${text}"$'\n' == *$'\n'"${node} Ready"$'\n'* ]]; then
    printf 'yes\n'
  else
    printf 'no\n'
  fi
}

# service_of_host HOST: the name of its service.
service_of_host() {
  local line
  for line in "${SERVICES[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}

# newest_task SERVICE: `STATE NODE CREATED ID SINCE` of the newest task that Swarm wants to run.
# SINCE is when it entered that state; times are epoch seconds. `none - 0 - 0` without a task,
# `unknown - 0 - 0` if Docker does not answer.
newest_task() {
  local text status=0
  local -a ids=()
  text=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc --filter desired-state=running \
    -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'none - 0 - 0\n'
    return
  fi
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$("${AT_MOST[@]}" 20 docker inspect --type task "${ids[@]}" 2>"${scratch}/docker.err") \
      || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown - 0 - 0\n'
    return
  fi
  jq -r "${EPOCH_JQ}"' max_by(.CreatedAt)
    | [.Status.State, .NodeID // "-", (.CreatedAt | epoch), .ID, (.Status.Timestamp | epoch)]
    | map(tostring) | join(" ")' \
    <<<"${text}"
}

# node_of SERVICE: the Swarm node id in its placement constraint, or nothing.
node_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# Right before data are changed: this host's service is at 0, and it has no container.
service_is_stopped() {
  local scale word complaint
  word=$(recovery_word)
  if [[ "${word}" == 'closed' || "${word}" == 'started' ]]; then
    passed "this recovery is ${word}, and nothing of ${HOST} is changed"
    return
  fi
  scale=$(service_scale "${SERVICE}")
  complaint=$(docker_complaint)
  case "${scale}" in
    0) ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${SERVICE}" '0' "${complaint}" \
        "check docker node ls; if there is no leader, run ${FIRST_SCRIPT}, then run this again"
      ;;
    absent)
      stop "${MISMATCH}" "there is no service ${SERVICE}" 'a service with 0 replicas' 'absent' \
        'correct the name in the inventory and compile again, or deploy the stack'
      ;;
    *)
      stop "${MISMATCH}" "${SERVICE} is not stopped" '0 replicas' "${scale}" \
        "run ${FIRST_SCRIPT} again to stop it"
      ;;
  esac
  word=$(container_word "${SERVICE}")
  complaint=$(docker_complaint)
  case "${word}" in
    gone) passed "${SERVICE} is at 0, and no container of it exists" ;;
    unknown)
      stop "${BUSY}" 'Docker does not report which containers run' 'none' "${complaint}" \
        'check docker ps, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "a container of ${SERVICE} runs" 'none' "${word}" \
        "run ${FIRST_SCRIPT} again to stop it"
      ;;
  esac
}

# service_scale SERVICE: the desired number of replicas, or absent, or unknown.
service_scale() {
  local text status=0
  text=$("${AT_MOST[@]}" 20 docker service inspect \
    --format '{{.Spec.Mode.Replicated.Replicas}}' -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    printf '%s\n' "${text}"
  elif grep -qi -e 'no such service' -- "${scratch}/docker.err"; then
    printf 'absent\n'
  else
    printf 'unknown\n'
  fi
}

# The last guard, with --apply: a rename out of the data directory and back moves a directory and
# does not copy it. It uses an empty directory of its own and removes it again.
rename_works() {
  local probe="${DATA_DIR}/plan-recovery.probe" place="${DATA_DIR}/plan-recovery" left seen
  if [[ "${mode}" == 'look' || ! -d "${DATA_DIR}" ]]; then
    return
  fi
  if [[ -d "${STATE}/before" ]]; then
    place="${STATE}/before"
  elif [[ ! -d "${place}" ]]; then
    place="${probe}.place"
  fi
  for left in "${probe}" "${probe}.place/probe" "${probe}.place" "${DATA_DIR}/plan-recovery/probe" \
    "${STATE}/before/probe"; do
    [[ ! -d "${left}" ]] || rmdir -- "${left}"
  done
  install -d -m 0700 -- "${probe}"
  [[ "${place}" != "${probe}.place" ]] || install -d -m 0700 -- "${place}"
  seen=$(rename_works_word "${probe}" "${place}/probe")
  for left in "${place}/probe" "${probe}" "${probe}.place"; do
    [[ ! -d "${left}" ]] || rmdir -- "${left}"
  done
  [[ "${seen}" == 'moved' ]] || stop "${MISMATCH}" \
    "a directory of ${DATA_DIR} cannot be renamed to ${place}" 'one rename on one file system' \
    "${seen}" \
    'check mount, df and lsattr of both; put them on one file system that can rename, run again'
  passed 'directories can be renamed out of the data directory and back'
}

# rename_works_word FROM TO: moved, or what happened. A copy has another inode number.
rename_works_word() {
  local before after='' words
  before=$(stat -c '%d:%i' -- "$1")
  words=$(mv -T -- "$1" "$2" 2>&1) || true
  after=$(stat -c '%d:%i' -- "$2" 2>&1) || true
  words="${words}$(mv -T -- "$2" "$1" 2>&1)" || true
  if [[ "${before}" == "${after}" && -d "$1" && -z "${words}" ]]; then
    printf 'moved\n'
  else
    printf '%s\n' "${words:-it was copied, ${before} became ${after}}"
  fi
}

# Guide 1.3 and 3.1: reports which process uses the database or a port. Nothing is ended here,
# because ending processes by name would also end other etcd processes, and miss an embedded one.
# prove_free restore|rewrite: before which of the two.
prove_free() {
  local word
  if [[ "$1" == 'restore' ]]; then
    see_prepared
    if [[ "${prepared}" == 'yes' ]]; then
      return
    fi
  else
    word=$(prove_free_phase)
    if [[ "${word}" == 'started' ]]; then
      already "phase 4 has started ${SERVICE}, which now uses them"
      return
    fi
  fi
  refuse_holders
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

# prove_free_phase: started | before: whether phase 4 has started the service on restored data.
prove_free_phase() {
  local word scale
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    scale=$(service_scale "${SERVICE}")
    if [[ "${scale}" =~ ^[1-9] ]]; then
      printf 'started\n'
      return
    fi
  fi
  printf 'before\n'
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

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
}

# host_holders: every process that has this host's database open or listens on one of its ports.
host_holders() {
  local port
  holders "${ETCD_DIR}/member/snap/db"
  for port in "${API_PORT}" "${CLIENT_PORT}" "${PEER_PORT}"; do
    listeners "${port}"
  done
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

# Guide 3.2, first part: a restored directory already has one member. This trial start proves it, on
# loopback and unused ports, where no client and no old member can connect. etcd answers with this
# host's own credentials and is then ended by its pid.
rewrite_membership() {
  local evidence="${STATE}/rewritten" port url expected line='' revision='' id='' text='' again
  again="run ${UNDO_SCRIPT}, then start over with ${FIRST_SCRIPT}"
  if [[ -f "${evidence}" ]]; then
    already "the membership is checked ($(<"${evidence}"))"
    return
  fi
  refuse_holders
  expected=$(<"${STATE}/expected")
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  port=$(loopback_port "$((port + 1))")
  start_etcd rewrite "${ETCD_DIR}" "${url}" --force-new-cluster --listen-client-urls "${url}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${port}"
  prove '1' 'there is exactly one member' "${again}" rewrite_membership_count "${url}"
  prove 'voter' "it is ${HOST} at ${PEER_URL}, started and voting" \
    "${again}" member_word "${url}" "${HOST}" "${PEER_URL}"
  if ((work == 0)); then
    revision=$(endpoint_field "${url}" Revision)
    ((revision >= expected)) || stop "${FAILED}" 'the revision is lower than the restored one' \
      "${expected} or later" "${revision}" "${again}"
    say "Check passed: revision ${revision} is ${expected} or later"
    line=$(members "${url}")
    id=$(endpoint_field "${url}" ClusterID)
    text="member ${line}, revision ${revision}, cluster id ${id}"
  fi
  mutate end_etcd
  mutate write_file "${evidence}" 0600 "${text}"
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

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, through mutate. It does not
# inherit the lock. If this script is killed, the second process ends it.
launch_etcd() {
  etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
  {
    tail --pid="$$" -s 0.5 -f /dev/null
    kill -KILL "${etcd_pid}"
  } {LOCK}<&- >/dev/null 2>&1 &
  etcd_guard=$!
  disown "${etcd_guard}"
}

# wait_until SECONDS WANT WHAT CHECK PROBE...: repeats PROBE, which prints one word, until it prints
# WANT. The word dead ends the wait at once. CHECK is a command for a person to find the cause.
wait_until() {
  local limit="$1" want="$2" what="$3" check="$4" seen='' start reported=0 spent=0
  shift 4
  if ((work > 0)); then
    say "Would wait up to ${limit} s until ${what}"
    return
  fi
  start=$(uptime_seconds)
  seen=$("$@")
  if [[ "${mode}" == 'look' && "${seen}" != "${want}" ]]; then
    work_began="${step_number}"
    work=1
    say "Would wait up to ${limit} s until ${what}; currently ${seen}"
    return
  fi
  until [[ "${seen}" == "${want}" ]]; do
    [[ "${seen}" != 'dead' ]] || stop "${FAILED}" "the process ended while waiting until ${what}" \
      "${want}" 'dead' "find the cause with ${check}, then run this script again"
    spent=$(uptime_seconds)
    spent=$((spent - start))
    if ((spent >= limit)); then
      stop "${BUSY}" "Timed out after ${spent} s waiting until ${what}" "${want}" "${seen}" \
        "run this script again to continue waiting; for the cause, check ${check}"
    fi
    if ((spent >= reported)); then
      say "Waiting until ${what} (${spent} s of ${limit} s): currently ${seen}"
      reported=$((spent + 5))
    fi
    if ((spent < 3)); then sleep 0.2; else sleep 1; fi
    seen=$("$@")
  done
  say "${what}: ${seen}"
}

# started_word ENDPOINT: up (healthy or dead) or waiting.
started_word() {
  local word
  word=$(endpoint_word "$1")
  if [[ "${word}" == 'waiting' ]]; then printf 'waiting\n'; else printf 'up\n'; fi
}

# endpoint_word ENDPOINT: healthy | dead | waiting, for the etcd that this script started.
endpoint_word() {
  if [[ ! -d "/proc/${etcd_pid}" ]]; then
    printf 'dead\n'
    return
  fi
  as_host bash -c 'if "$@" >/dev/null 2>&1; then echo healthy; else echo waiting; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 3s \
    endpoint health
}

# last_words FILE: the line that says why a tool ended, without Go stack traces.
last_words() {
  awk '/^goroutine [0-9]/ { exit }
    /^(panic|Error|fatal error|unexpected fault)/ || /"level":"(fatal|panic|error)"/ { cause = $0 }
    /[^ \t]/ { last = $0 }
    END {
      sub(/,"stacktrace":.*/, "}", cause)
      print substr(cause == "" ? last : cause, 1, 400)
    }' "$1"
}

# prove WANT WHAT REMEDY PROBE...: checks the result of a step. The step fails unless PROBE prints
# WANT.
prove() {
  local want="$1" what="$2" remedy="$3" seen
  shift 3
  if ((work > 0)); then
    cannot_know "that ${what}"
    return
  fi
  seen=$("$@")
  [[ "${seen}" == "${want}" ]] \
    || stop "${FAILED}" "Check failed: ${what}" "${want}" "${seen}" "${remedy}"
  say "Check passed: ${what}"
}

# rewrite_membership_count ENDPOINT: the number of members, of any kind.
rewrite_membership_count() {
  local list
  list=$(members "$1")
  wc -l <<<"${list}"
}

# member_word ENDPOINT HOST PEER_URL: voter | learner | unstarted | absent.
member_word() {
  local list
  list=$(members "$1")
  pick_member "$2" "$3" <<<"${list}" | member_state
}

# pick_member HOST PEER_URL: reads such lines, prints those of that host.
pick_member() {
  awk -F '|' -v host="$1" -v peer="$2" \
    '$3 == host || index("," $4 ",", "," peer ",") > 0'
}

# member_state: reads the lines of one host, prints voter | learner | unstarted | absent.
member_state() {
  awk -F '|' '{ word = ($2 != "started") ? "unstarted" : ($5 == "true") ? "learner" : "voter" }
    END { print (word == "" ? "absent" : word) }'
}

# endpoint_field ENDPOINT FIELD: ClusterID, Revision or another field of the endpoint's status, as
# decimal text, because jq would round the ids.
endpoint_field() {
  local text
  text=$(etcdctl_at "$1" endpoint status -w fields)
  sed -nE "s/^\"$2\" : \"?([^\"]*)\"?\$/\1/p" <<<"${text}"
}

# write_file PATH MODE TEXT: a temporary file with the mode, and the owner and label of the file it
# replaces, then sync and one rename. For mutate, which never shows the text.
write_file() {
  local want have
  printf '%s\n' "$3" >"$1.partial"
  if [[ -e "$1" ]]; then
    want=$(stat -c '%u:%g' -- "$1")
    have=$(stat -c '%u:%g' -- "$1.partial")
    [[ "${want}" == "${have}" ]] || chown -- "${want}" "$1.partial"
    [[ ! -e /sys/fs/selinux/enforce ]] || chcon --reference="$1" -- "$1.partial"
  fi
  chmod -- "$2" "$1.partial"
  sync -- "$1.partial"
  mv -T -- "$1.partial" "$1"
}

# Guide 3.2, an addition. A login token from before the restore has a raft index that the restored
# etcd reaches in months; until then databases stay read-only. With JWT tokens etcd refuses it at
# once, so clients log in again, and once more when the window closes. Peers are on loopback.
token_window() {
  local evidence="${STATE}/token-window" key="${scratch}/jwt" addresses peer metrics logins='' text
  if [[ -f "${evidence}" ]]; then
    already "$(<"${evidence}")"
    return
  fi
  refuse_holders
  addresses=$(token_window_urls)
  peer=$(loopback_port 32380)
  metrics=$(loopback_port "$((peer + 1))")
  # Useless after this etcd has ended; removed with the scratch directory.
  head -c 64 /dev/urandom >"${key}"
  start_etcd token-window "${ETCD_DIR}" "${CLIENT_URL}" --listen-client-urls "${addresses}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${peer}" \
    --listen-metrics-urls "http://127.0.0.1:${metrics}" \
    --auth-token "jwt,sign-method=HS256,priv-key=${key},ttl=10m"
  mutate hold_token_window "$1" "http://127.0.0.1:${metrics}/metrics"
  text="window of $1 s, ${logins:-no count of} login(s)"
  mutate end_etcd
  mutate write_file "${evidence}" 0600 "${text}"
}

# token_window_urls: client URLs of those addresses of this host that this machine has. etcd listens
# on addresses, not on names.
token_window_urls() {
  local here address text host urls=''
  here=$(own_addresses)
  for address in "${HOST_ADDRESSES[@]}"; do
    text=$(resolve "${address}")
    while IFS= read -r address; do
      host=$(url_host "${address}")
      if [[ " ${here} " == *" ${address} "* && "${urls}" != *"//${host}:"* ]]; then
        urls="${urls:+${urls},}https://${host}:${CLIENT_PORT}"
      fi
    done <<<"${text}"
  done
  printf '%s\n' "${urls:-${CLIENT_URL}}"
}

# hold_token_window SECONDS URL: keeps the window open and counts logins of other clients.
hold_token_window() {
  local own seen=0 start now
  say "Clients can log in again and write. Keeping the window open for $1 s"
  own=$(token_window_logins "$2")
  start=$(uptime_seconds)
  now="${start}"
  while ((now - start < $1)); do
    sleep 1
    now=$(uptime_seconds)
    seen=$(token_window_logins "$2")
    seen=$((seen - own))
    [[ -d "/proc/${etcd_pid}" ]] || stop "${FAILED}" 'etcd ended during the token window' '' '' \
      "check ${STATE}/log/token-window.log, then run this script again"
    if ((seen > ${logins:-0})); then
      say "${seen} login(s) after $((now - start)) s"
    fi
    logins="${seen}"
  done
  say "The window closes after ${logins} login(s)"
}

# token_window_logins URL: the number of successful logins, from etcd's metrics.
token_window_logins() {
  api GET "$1"
  awk '/^grpc_server_handled_total\{.*grpc_code="OK".*grpc_method="Authenticate"/ { n += $NF }
    END { print n + 0 }' "${scratch}/answer"
}

# Guide 2.4 and 3.3: owner, group, mode and SELinux label are copied from the directory set aside
# or, in a total loss, from the certificates; or the inventory has the owner. The image runs as
# root. fix_ownership reference|USER:GROUP. In phase 2 it runs before the rename into place.
fix_ownership() {
  local like="${STATE}/before/etcd" seen user group bits wrong target="${ETCD_DIR}"
  local -a owner=("$1") permissions=(0700)
  seen=$(restored_word "${ETCD_DIR}")
  if [[ "${step}" == '2.4' && "${seen}" != 'ours' ]]; then
    target=$(staging)
  fi
  seen="${like}"
  if [[ ! -d "${like}" ]]; then
    if ((work > 0)) && [[ -d "${ETCD_DIR}" ]]; then
      seen="${ETCD_DIR}" # an earlier step of this script sets it aside
    else
      like="${CERTIFICATES}"
      seen="${like}"
    fi
  fi
  user="${1%%:*}"
  group="${1#*:}"
  bits='700'
  if [[ "$1" == 'reference' ]]; then
    user=$(stat -c %u -- "${seen}")
    group=$(stat -c %g -- "${seen}")
    bits=$(stat -c %a -- "${seen}")
    owner=("--reference=${like}")
    permissions=("--reference=${like}")
  fi
  if ((work > 0)); then
    # Root restores it with owner root and mode 0700.
    if [[ "${user}:${group}:${bits}" =~ ^(0|root):(0|root):700$ ]]; then
      wrong=''
    elif [[ "${step}" == '2.4' ]]; then
      wrong='yes'
    else
      cannot_know "whether etcd has made files with another owner than ${user}:${group}"
      return
    fi
  else
    wrong=$(fix_ownership_wrong "${target}" "${user}" "${group}" "${bits}")
  fi
  if [[ -z "${wrong}" ]]; then
    already "${target} has owner ${user}:${group}, mode ${bits}"
  else
    mutate chown -R "${owner[@]}" -- "${target}"
    mutate chmod "${permissions[@]}" -- "${target}"
    prove '' "${target} has owner ${user}:${group}, mode ${bits}" 'check that file with ls -l' \
      fix_ownership_wrong "${target}" "${user}" "${group}" "${bits}"
  fi
  fix_ownership_label "${target}" "${like}"
}

# staging: where the snapshot is restored, until it is complete and renamed into place.
staging() {
  printf '%s.restoring-%s-%s\n' "${ETCD_DIR}" "${PLAN}" "${incident}"
}

# fix_ownership_wrong DIRECTORY USER GROUP MODE: the first file with another owner or mode, if any.
fix_ownership_wrong() {
  local bits
  bits=$(stat -c %a -- "$1")
  if [[ "${bits}" != "$4" ]]; then
    printf '%s\n' "$1 has mode ${bits}"
    return
  fi
  find "$1" \( ! -user "$2" -o ! -group "$3" \) -print -quit
}

# fix_ownership_label DIRECTORY LIKE: the SELinux label, if this machine has SELinux.
fix_ownership_label() {
  local want have
  if [[ ! -e /sys/fs/selinux/enforce ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'whether the restored directory needs another SELinux label'
    return
  fi
  want=$(stat -c %C -- "$2")
  have=$(stat -c %C -- "$1")
  if [[ "${have}" == "${want}" ]]; then
    already "SELinux label ${want}"
    return
  fi
  mutate chcon -R --reference="$2" -- "$1"
}

# --- engine: the same in every script of every bundle

# Exit statuses, listed in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply; only mutate and the waits read it
incident=1    # incident number: 1 for the first use of this plan, then 2, 3 ...
step='start'  # the current guide step, printed in every line
step_number=0 # how many steps have begun
work=0        # changes shown but not run; always 0 with --apply
work_began=0  # the step that showed the first of them
changed=0     # changes run
log=''        # this run's log, set after all guards have passed
scratch=''    # a private directory in memory, removed at exit
began=0       # when this run began, by uptime_seconds

# "${AT_MOST[@]}" SECONDS COMMAND...: runs it with a limit; status 124 or 137 when that was reached.
# In the foreground, so that Ctrl-C reaches it.
readonly -a AT_MOST=(timeout --foreground --kill-after=3)

apply='no'
arguments=()         # as given
declare -A option=() # the other options: value by name; yes by `NAME HOST` where they name hosts

STATE='' # the folder of this incident, on this disk

etcd_pid='' # the etcd that this script started, if any

etcd_guard='' # the process that ends it if this script is killed

# start ARGUMENT...: reads options and checks what every script needs before its own guards: root,
# tools, the right machine, a lock, and memory for secrets. Changes nothing on disk.
start() {
  began=$(uptime_seconds)
  arguments=("$@")
  umask 077
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  # Only the Docker of this machine, without user settings.
  export PATH DOCKER_HOST="unix://${DOCKER_SOCKET}" DOCKER_CONFIG='/nonexistent'
  read_options "$@"
  refuse_xtrace
  require_root
  require_tools
  require_machine
  take_lock
  trap 'on_error "$?" "${LINENO}" "${BASH_COMMAND}"' ERR
  trap 'on_exit "$?"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  take_scratch
  find_incident
  if [[ "${apply}" == 'yes' ]]; then
    mode='apply'
  fi
  say "${SCRIPT} on ${HOST}, plan ${PLAN}, incident ${incident}: ${mode}"
}

# uptime_seconds: seconds since this machine started, on a clock that is never set.
uptime_seconds() {
  local up
  read -r up _ </proc/uptime
  printf '%s\n' "${up%%.*}"
}

read_options() {
  while (($# > 0)); do
    case "$1" in
      --apply) apply='yes' ;;
      --incident | --fenced | --also | --swarm-token-file)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' "see ${0##*/} --help"
        take_option "$1" "$2"
        shift
        ;;
      --drop-writes-since-restore) take_option "$1" 'yes' ;;
      --help)
        show_help
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument $1" '' '' "see ${0##*/} --help" ;;
    esac
    shift
  done
}

# stop STATUS WHAT EXPECTED FOUND REMEDY: ends the script; an empty EXPECTED or FOUND is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  found:    $4"
  say "  do:       $5"
  exit "$1"
}

# say TEXT: prints a line on standard error and, with --apply, writes it to the log. If the disk is
# full, the line is still printed.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" 2>/dev/null >>"${log}" || true
  fi
}

take_option() {
  if [[ "$1" != '--incident' && " ${OPTIONS[*]} " != *" $1 "* ]]; then
    stop "${USAGE}" "this script has no option $1" '' '' "see ${0##*/} --help"
  fi
  case "$1" in
    --incident)
      [[ "$2" =~ ^[1-9][0-9]{0,3}$ ]] \
        || stop "${USAGE}" 'the incident is not a number' '1 to 9999' "$2" 'give a number'
      option["$1"]="$2"
      ;;
    --fenced | --also) take_hosts "$1" "$2" ;;
    *) option["$1"]="$2" ;;
  esac
}

# take_hosts OPTION HOST[,HOST...]
take_hosts() {
  local host
  local -a listed=()
  IFS=, read -ra listed <<<"$2"
  ((${#listed[@]} > 0)) || stop "${USAGE}" "$1 needs the id of a host" 'HOST or HOST,HOST' \
    'nothing' "see ${0##*/} --help"
  for host in "${listed[@]}"; do
    [[ "${host}" =~ ^[a-z0-9][a-z0-9-]*$ ]] || stop "${USAGE}" \
      "$1 names something that is no host" 'an id of lower-case letters, digits and -' \
      "${host:-nothing}" 'correct the id; separate several ids with commas'
    if [[ "$1" == '--fenced' && " ${HOSTS[*]} " != *" ${host} "* ]]; then
      stop "${USAGE}" "$1 names a host that is not another host of this plan" \
        "one of ${HOSTS[*]}" "${host:-nothing}" 'correct the id; separate several ids with commas'
    fi
    option["$1 ${host}"]='yes'
  done
}

# The header comment of this file is the first part of the help text.
show_help() {
  sed -n '2,/^$/s/^#\( \{0,1\}\)//p' "$0"
  cat <<'HELP'

OPTIONS
  --apply               make the changes. Without it the script only looks: it runs every check and
                        prints every command that it would run, with all arguments
  --fenced HOST,...     you confirm that HOST is stopped (powered off, disconnected, or its Control
                        Plane stopped) and stays so until its own script is run (phase 1)
  --also HOST,...       also remove HOST in this recovery (phase 5)
  --swarm-token-file F  read the Swarm join token from file F, mode 0600; - is standard input
  --drop-writes-since-restore
                        undo even if this drops writes accepted since the restore (undo)
  --incident N          the incident number: 1 for the first use of this plan, then 2, 3 ... It is
                        found automatically; give it only if a script asks for it
  --help                print this help

EXIT STATUS
  0 done, or nothing to do      1 a step failed               3 looked, and there is work to do
  64 usage                      69 a required tool or service is missing or does not work
  75 busy or timed out: run this script again                  77 not root
  78 wrong machine, or its state does not match the plan      129, 130, 143 signals

If a script is interrupted, run it again. It checks what is already done and continues. Nothing is
deleted. Data that were set aside are in plan-recovery/ in the data directory.
HELP
}

# already TEXT: the work of this step is already done.
already() {
  say "Already done: $1"
}

# A trace would print passwords. PLAN_FLAGS has the flags of the shell that was started first.
refuse_xtrace() {
  if [[ "${PLAN_FLAGS:-}$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'shell tracing (set -x) is on and would print passwords' '' '' \
      'run this script without -x'
  fi
}

require_root() {
  local id
  id=$(id -u)
  [[ "${id}" == 0 ]] \
    || stop "${NOT_ROOT}" 'not root' 'user id 0' "user id ${id}" \
      "run it as root, for example with sudo bash $0"
}

# require_tools: every command of this script exists, and supports the features that it uses.
require_tools() {
  local tool missing=''
  for tool in "${TOOLS[@]}"; do
    if ! command -v "${tool}" >/dev/null; then
      missing="${missing} ${tool}"
    fi
  done
  [[ -z "${missing}" ]] || stop "${UNAVAILABLE}" "required tools are missing (${missing# })" \
    "all of them in ${PATH}" '' \
    'install them (etcd, etcdctl, etcdutl: release 3.6), or set their directory in the inventory'
  for tool in "${TOOLS[@]}"; do
    require_feature "${tool}"
  done
}

# require_feature TOOL: tries the features of the tool that the script needs.
require_feature() {
  local out='' want='ok' status=0 feature
  case "$1" in
    awk)
      feature='split and substr'
      out=$(awk 'BEGIN { n = split("a ok", w, " "); print substr(w[n], 1, 2) }' 2>&1) || status=$?
      ;;
    curl)
      feature='-q, --noproxy and --unix-socket'
      out=$(curl -q --noproxy '*' --unix-socket /nonexistent --max-time 1 http://localhost/ 2>&1) \
        || status=$?
      # 7: curl accepts the options, and the socket does not exist.
      if ((status == 7)); then status=0 out='ok'; fi
      ;;
    date)
      feature='date -d'
      out=$(date -u -d 'Thu, 26 Nov 2026 10:00:00 GMT' +%s 2>&1) || status=$?
      want='1795687200'
      ;;
    find)
      feature='-samefile, -lname and -quit'
      out=$(find / -maxdepth 0 -samefile / ! -lname x -printf 'ok' -quit 2>&1) || status=$?
      ;;
    etcd | etcdctl | etcdutl)
      # The Control Plane's etcd refuses data written by etcd 3.7; etcd 3.5 cannot restore as
      # needed.
      feature='release 3.6'
      out=$(tool_minor "$1")
      want='3.6'
      ;;
    jq)
      feature='release 1.6: --args, IN and fromdateiso8601'
      out=$(jq -nr --args '($ARGS.positional[0] | IN("ok")) as $in | "1970-01-01T00:00:00Z"
        | if $in and fromdateiso8601 == 0 then "ok" else "no" end' 'ok' 2>&1) || status=$?
      ;;
    stat)
      feature='stat -c and stat -f -c'
      out=$(stat -c '%F' / 2>&1 && stat -f -c 'ok' / 2>&1) || status=$?
      want=$'directory\nok'
      ;;
    timeout)
      feature='--foreground and --kill-after'
      out=$(timeout --foreground --kill-after=3 5 awk 'BEGIN { print "ok" }' 2>&1) || status=$?
      ;;
    *) return 0 ;;
  esac
  if ((status != 0)) || [[ "${out}" != "${want}" ]]; then
    feature_fails "$1" "${feature}" "status ${status}: ${out}"
  fi
}

# tool_minor TOOL: the first two numbers of its release, as 3.6; otherwise its output.
tool_minor() {
  local text status=0 argument='version'
  if [[ "$1" == 'etcd' ]]; then
    argument='--version'
  fi
  text=$("${AT_MOST[@]}" 20 "$1" "${argument}" 2>&1) || status=$?
  if ((status == 0)) && [[ "${text%%$'\n'*}" =~ ([0-9]+\.[0-9]+) ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
  else
    printf 'status %s: %s\n' "${status}" "${text:0:200}"
  fi
}

# feature_fails TOOL FEATURE FOUND
feature_fails() {
  stop "${UNAVAILABLE}" "$1 cannot do what this script needs" "$2" "${3//$'\n'/ }" \
    "install a newer $1, or put it in the tools directory of the inventory"
}

# A machine is identified by its machine id if the inventory has one, otherwise by an address.
require_machine() {
  local found address text
  if [[ -n "${MACHINE_ID}" ]]; then
    found=$(cat /etc/machine-id)
    [[ "${found}" == "${MACHINE_ID}" ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
      "machine id ${MACHINE_ID}" "machine id ${found}" "run this script on ${HOST}"
    return
  fi
  found=$(own_addresses)
  # Addresses in the inventory may be host names.
  for address in "${HOST_ADDRESSES[@]}"; do
    text=$(resolve "${address}")
    while IFS= read -r address; do
      if [[ " ${found} " == *" ${address} "* ]]; then
        return
      fi
    done <<<"${text}"
  done
  stop "${MISMATCH}" "this machine is not ${HOST}" "an address of ${HOST}, ${HOST_ADDRESSES[*]}" \
    "addresses ${found}" "run this script on ${HOST} (${HOST_ADDRESSES[0]})"
}

# own_addresses: every address of this machine, separated by spaces.
own_addresses() {
  local text status=0
  text=$("${AT_MOST[@]}" 10 hostname -I 2>/dev/null) || status=$?
  if ((status != 0)) && command -v ip >/dev/null; then
    status=0
    text=$("${AT_MOST[@]}" 10 ip -o address show 2>/dev/null) || status=$?
    text=$(awk '{ sub(/\/.*/, "", $4); print $4 }' <<<"${text}")
  fi
  if ((status != 0)) || [[ -z "${text}" ]]; then
    stop "${UNAVAILABLE}" 'cannot find the addresses of this machine' \
      'a reply from hostname -I or ip address' "status ${status}" \
      'install iproute2 (the command ip), or set machineId in the inventory'
  fi
  printf '%s\n' "${text//$'\n'/ }"
}

# resolve NAME: prints its addresses, one per line. An address resolves to itself.
resolve() {
  local text status=0
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    printf '%s\n' "$1"
    return
  fi
  text=$("${AT_MOST[@]}" 15 getent ahosts "$1") || status=$?
  if ((status != 0)) || [[ -z "${text}" ]]; then
    stop "${UNAVAILABLE}" "cannot resolve $1" "an address of $1" \
      "getent ahosts ended with status ${status}" \
      "repair name resolution, or add $1 to /etc/hosts on this machine"
  fi
  awk '!seen[$1]++ { print $1 }' <<<"${text}"
}

# The lock is on a directory, so that look mode creates no file. It ends with the process.
take_lock() {
  local place="${DATA_DIR}" lock status=0
  "${AT_MOST[@]}" 10 stat "${DATA_DIR}" >/dev/null 2>&1 || status=$?
  ((status < 124)) || stop "${UNAVAILABLE}" "the file system of ${DATA_DIR} does not answer" \
    'a reply within 10 s' 'none' "check mount, then run this script again"
  while [[ ! -d "${place}" ]]; do
    place="${place%/*}"
    place="${place:-/}"
  done
  exec {lock}<"${place}"
  readonly LOCK="${lock}"
  flock --nonblock "${LOCK}" || stop "${BUSY}" \
    'another recovery script is running on this machine' '' \
    "the lock on ${place} is held" "wait until it ends; fuser -v '${place}' shows it"
}

# take_scratch: a private directory in memory. Tokens, passwords and answers never reach a disk,
# even if this script is killed. bash keeps long here-strings there, too.
take_scratch() {
  local place kind left pid
  for place in /dev/shm /run; do
    kind=$(stat -f -c %T "${place}" 2>/dev/null) || kind='none'
    if [[ "${kind}" == 'tmpfs' || "${kind}" == 'ramfs' ]] && [[ -w "${place}" ]]; then
      # Left by a killed script; the name contains its process id.
      for left in "${place}"/plan-recovery.*.*; do
        pid="${left#"${place}"/plan-recovery.}"
        if [[ -O "${left}" && -d "${left}" && ! -L "${left}" && ! -e "/proc/${pid%%.*}" ]]; then
          rm -rf -- "${left:?}"
        fi
      done
      scratch=$(mktemp -d "${place}/plan-recovery.$$.XXXXXXXX")
      export TMPDIR="${scratch}"
      return
    fi
  done
  stop "${UNAVAILABLE}" 'no in-memory file system for temporary files' \
    'a tmpfs at /dev/shm or /run' "${kind}" \
    'run mount -t tmpfs tmpfs /dev/shm, then run this script again'
}

# find_incident: sets STATE to the folder of this plan's latest incident on this disk. Folder names
# carry the inventory's digest, so folders of another plan with the same name do not count.
find_incident() {
  local folder number
  incident=1
  for folder in "${DATA_DIR}/plan-recovery/${CLUSTER_TOKEN}"-*; do
    number="${folder##*-}"
    if [[ -d "${folder}" && "${number}" =~ ^[1-9][0-9]{0,3}$ ]] && ((number > incident)) \
      && [[ "${folder##*/}" == "${CLUSTER_TOKEN}-${number}" ]]; then
      incident="${number}"
    fi
  done
  use_incident "${option["--incident"]:-${incident}}"
}

# use_incident NUMBER
use_incident() {
  incident="$1"
  STATE="${DATA_DIR}/plan-recovery/${CLUSTER_TOKEN}-${incident}"
}

# begin_changes: all guards have passed. Creates the folder of this incident and opens the log.
begin_changes() {
  local text
  if [[ "${mode}" == 'look' ]]; then
    return
  fi
  # install would change the mode of an existing data directory.
  [[ -d "${DATA_DIR}" ]] || install -d -m 0700 -- "${DATA_DIR}"
  install -d -m 0700 -- "${DATA_DIR}/plan-recovery" "${STATE}" "${STATE}/log"
  log="${STATE}/log/${SCRIPT//\//.}.log"
  touch -- "${log}"
  say "log: ${log}"
  text=$(record_start)
  record "${text}"
}

# record_start: the fields of a run that begins: the text that runs, and its arguments.
record_start() {
  local sum each list=''
  sum=$(sha256sum -- "$0")
  for each in "${arguments[@]}"; do
    each=$(json_text "${each}")
    list="${list:+${list},}${each}"
  done
  printf '"event":"start","sha256":"%s","arguments":[%s]\n' "${sum%% *}" "${list}"
}

# json_text TEXT: the text as a JSON string. Control characters become spaces.
json_text() {
  local text="${1//\\/\\\\}"
  text="${text//\"/\\\"}"
  printf '"%s"\n' "${text//[[:cntrl:]]/ }"
}

# record FIELDS: appends a line of JSON to this host's record, for plan record. If the disk is full,
# the script continues.
record() {
  local login='' line
  read -r login 2>/dev/null </proc/self/loginuid || true
  printf -v line '{"time":"%(%Y-%m-%dT%H:%M:%S%z)T","host":"%s","plan":"%s","incident":%d' \
    -1 "${HOST}" "${PLAN}" "${incident}"
  printf '%s,"script":"%s","run":"%s-%s","login":"%s",%s}\n' "${line}" "${SCRIPT}" \
    "${began}" "$$" "${login}" "$1" 2>/dev/null >>"${DATA_DIR}/plan-recovery/record.jsonl" || true
}

# begin GUIDE TITLE: starts the next step. GUIDE is the guide's own number.
begin() {
  step_number=$((step_number + 1))
  step="$1"
  say "== ${step_number}. $2"
}

# finish NEXT...: the last lines say what to run next, and on which host.
finish() {
  local line now
  step='end'
  if ((work > 0)); then
    say "Looked only: ${work} change(s) to make. Run again with --apply."
    exit "${LOOKED}"
  fi
  if [[ "${mode}" == 'look' ]]; then
    say 'Looked only: nothing to do.'
  else
    now=$(uptime_seconds)
    say "Done in $((now - began)) s. Log: ${log}"
  fi
  for line in "$@"; do
    say "${line}"
  done
}

on_error() {
  trap - ERR
  # In a subshell the command has already reported, and the parent reports the line.
  if ((BASH_SUBSHELL == 0)); then
    case "$1" in
      "${UNAVAILABLE}" | "${BUSY}" | "${MISMATCH}") ;;
      *)
        say "FAILED in step ${step_number} (line $2, status $1): ${3%%$'\n'*}"
        if [[ -s "${scratch}/complaint" ]]; then
          say "  found:    $(<"${scratch}/complaint")"
        fi
        say '  do:       Fix the problem shown above, then run this script again.'
        exit "${FAILED}"
        ;;
    esac
  fi
  exit "$1"
}

on_exit() {
  local text
  trap - ERR EXIT
  trap '' INT TERM HUP
  end_etcd
  end_children
  if [[ -n "${scratch}" && "$1" != 0 && "$1" != "${LOOKED}" ]]; then
    if ((changed > 0)); then
      say "  changed:  ${changed} change(s) were made before this, see ${log}"
    else
      say '  changed:  nothing'
    fi
  fi
  if [[ -n "${log}" ]]; then
    text=$(record_end "$1")
    record "${text}"
  fi
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}

# end_etcd: ends the etcd of this script, by its pid. etcd is crash-safe; with watchers connected
# TERM takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  # In the EXIT trap, a bare return would return the status from before the trap, and end it.
  if [[ -z "${etcd_pid}" ]]; then
    return 0
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  end_process "${etcd_guard}"
  etcd_pid=''
}

# end_process PID: ends it and every process that it started. It is stopped first, so that it starts
# no other one meanwhile; a process that is just starting one stops a moment later.
end_process() {
  local child children='' text='' tries IFS=$' \t\n'
  kill -STOP "$1" 2>/dev/null || true
  for ((tries = 0; tries < 200; tries++)); do
    IFS= read -r text 2>/dev/null <"/proc/$1/stat" || break
    [[ "${text##*) }" == [RSD]* ]] || break
  done
  read -r children 2>/dev/null <"/proc/$1/task/$1/children" || true
  kill -KILL "$1" 2>/dev/null || true
  for child in ${children}; do
    end_process "${child}"
  done
}

# end_children: ends the background processes of this script.
end_children() {
  # A trap may run within IFS= read.
  local pid pids IFS=$' \t\n'
  pids=$(jobs -p)
  for pid in ${pids}; do
    end_process "${pid}"
  done
}

# record_end STATUS: the fields of a run that ends.
record_end() {
  local now loss='null' fenced='null'
  now=$(uptime_seconds)
  if [[ -f "${STATE}/loss" ]]; then
    loss=$(json_text "$(<"${STATE}/loss")")
  fi
  if [[ -f "${STATE}/fenced" ]]; then
    fenced=$(json_text "$(<"${STATE}/fenced")")
  fi
  printf '"event":"end","status":%d,"step":"%s","seconds":%d,"changes":%d,' \
    "$1" "${step}" "$((now - began))" "${changed}"
  printf '"loss":%s,"fenced":%s\n' "${loss}" "${fenced}"
}

# mutate COMMAND...: every change goes through here. Look mode prints the command that --apply runs.
mutate() {
  local shown
  shown=$(shown_as "$@")
  if [[ "${mode}" == 'look' ]]; then
    ((work > 0)) || work_began="${step_number}"
    work=$((work + 1))
    say "would run: ${shown}"
    return
  fi
  say "run: ${shown}"
  changed=$((changed + 1))
  "$@"
}

# The command as a person would type it: docker_patiently is docker with retries while Swarm is
# busy; as_host and as_kept are etcdctl with this host's own credentials in its environment.
shown_as() {
  local text
  if [[ "$1" == 'noted' ]]; then
    set -- "${@:3}"
  fi
  case "$1" in
    docker_patiently) set -- docker "${@:2}" ;;
    docker_kill) set -- docker kill -- "${@:2}" ;;
    launch_etcd) set -- etcd "${@:3}" ;;
    as_host) set -- "${@:2}" ;;
    as_kept) set -- "${@:3}" ;;
    rename_only) set -- mv -T -- "${@:2}" ;;
    write_file) set -- install -m "$3" /dev/stdin "$2" ;;
    end_etcd) set -- kill -TERM PID ;;
    hold_token_window) set -- sleep "$2" ;;
    join_swarm) set -- docker swarm join --token TOKEN "$2" ;;
    api_send) set -- curl --request "$2" "$3" ${4:+--data-binary "@${4##*/}"} ;;
    *) ;;
  esac
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }"
}

main() {
  # Only the scripts of a bundle with tools have this function.
  if declare -F take_tools >/dev/null; then
    take_tools "$@"
  fi
  start "$@"
  guards
  say 'All checks passed.'
  begin_changes
  commands
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  main "$@"
fi
