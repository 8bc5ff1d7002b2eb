#!/usr/bin/env bash
# 05-reattach-on-host-2.sh: reattach host-2
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-2 (192.168.104.2), as root
#   why       host-2 comes back with its disk: nothing of it has to be removed.
#   guide     phase 6, Bring server hosts back: 6.1a 6.1b 6.1c 6.1f
#   after     04-start-on-host-1.sh
#   changes   6.1a Make sure that this machine is back in the Swarm; 6.1a Place control-plane_host-2
#             on its node of this Swarm; 6.1a Scale the service to 0; 6.1a Stop the container and
#             prove that it is gone; 6.1b Set etcd/ aside, and point the configuration at the
#             recovery host; 6.1c Make sure that no stale member entry is in the way; 6.1c Start the
#             service, which joins etcd again automatically
#   page      sha256:392f4b78e30944861f2f38c3200b1299f3804d13d7a2736956333e66cf040c56
#   functions sha256:648b2af8ef307b749d18ba54f818b737a1b64d0916845be4221022cf2e23da69
#   engine    sha256:15842eeec98fbe5bbeb46273161a013b8086dad916a9737394da3c9ceb2225ea

# --- page

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own

# Each guard passes, or stops the script and says what was expected, what was found and what to do.
# Nothing is changed before all of them have passed.
guards() {
  need '04-start-on-host-1.sh' api_answers
  docker_is_local
  data_directory
  service_uses_data
  clocks_agree
  recovery_is_under_way
  swarm_is_known
  rename_works
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # After the Swarm is revived, a returning manager is a worker first and becomes a manager within a
  # minute.
  begin '6.1a' 'Make sure that this machine is back in the Swarm'
  return_to_swarm
  # if this machine is in another Swarm, or in none:
  # ? docker swarm leave --force
  # ? docker swarm join --token TOKEN "${manager}"

  # A machine that is new to the Swarm has a new node id, and the service is still tied to the old
  # one.
  begin '6.1a' 'Place control-plane_host-2 on its node of this Swarm'
  place_service 'control-plane_host-2'
  # if the service is tied to another node; the constraint on that node is removed:
  # ? docker service update --detach "${constraints[@]}" 'control-plane_host-2'

  # Its record, its credentials and the API generation decide, before anything changes.
  begin '6.1a' 'Check whether this host can be reattached'
  check_reattachable 'if-needed/01-remove-host-2-on-host-1.sh' 'if-needed/03-join-on-host-2.sh'

  # Its data is moved next. Usually the service has been at 0 since phase 1.
  begin '6.1a' 'Scale the service to 0'
  stop_services 'control-plane_host-2'
  # those that are not at 0:
  # ? docker service scale --detach 'control-plane_host-2=0'

  # Swarm reports converged while the container is still running, and moving etcd/ would then
  # corrupt it. Without quorum a graceful stop cannot succeed.
  begin '6.1a' 'Stop the container and prove that it is gone'
  stop_container 'control-plane_host-2'
  # if it still runs:
  # ? docker kill -- "${container}"

  # Its old membership is void: two hosts with old data would form the old quorum again.
  begin '6.1b' 'Set etcd/ aside, and point the configuration at the recovery host'
  clear_for_reattach
  # a directory that is set aside twice gets a number:
  # ? install -d -m 0700 -- "${STATE}/half-done-${number}"
  # ? mv -T -- '/data/pgedge/control-plane/etcd' "${STATE}/half-done-${number}/etcd"
  # ? install -m 0600 /dev/stdin "${STATE}/aside.etcd"
  # ? install -d -m 0700 -- "${STATE}/before"
  # ? mv -T -- '/data/pgedge/control-plane/etcd' "${STATE}/before/etcd"
  # $ install -d -m 0700 -- "${STATE}/before"
  # ? rm -rf -- "${STATE}/before/generated.config.json.partial"
  # $ cp -a -- '/data/pgedge/control-plane/generated.config.json' \
  #     "${STATE}/before/generated.config.json.partial"
  # $ mv -T -- "${STATE}/before/generated.config.json.partial" \
  #     "${STATE}/before/generated.config.json"
  # $ install -m 0600 /dev/stdin "${STATE}/cleared"
  # $ install -m "${mode}" /dev/stdin '/data/pgedge/control-plane/generated.config.json'
  # ? chown -- "${owner}" '/data/pgedge/control-plane/generated.config.json'
  # ? chmod -- "${mode}" '/data/pgedge/control-plane/generated.config.json'

  # If an unstarted member or a learner has this peer URL, every further attempt fails.
  begin '6.1c' 'Make sure that no stale member entry is in the way'
  drop_stale_member
  # an unstarted or learner entry with the peer URL of this host:
  # ? etcdctl --endpoints 'https://192.168.104.1:2379' member remove "${member}"

  # No removal, no token, and no database is touched: the host keeps its record and its credentials.
  begin '6.1c' 'Start the service, which joins etcd again automatically'
  start_reattached
  # $ docker service update --detach --env-add PGEDGE_ETCD_MODE=server \
  #     --label-add plan.recovery.env=1 --replicas 1 'control-plane_host-2'
  # if it is already a voter, or has the variable:
  # ? docker service scale --detach 'control-plane_host-2=1'
  # ? docker service update --detach --replicas 1 'control-plane_host-2'

  # Started members that are not learners, compared with the target.
  begin '6.1f' 'Prove that this host votes, and count the voters'
  prove_voter '2' 'host-1' 'host-3'
  # $ install -m 0600 /dev/stdin "${STATE}/returned"
  # if phase 8 has already closed the recovery:
  # ? docker service update --force --detach --env-rm PGEDGE_ETCD_MODE \
  #     --label-rm plan.recovery.env 'control-plane_host-2'

  finish \
    'Next: 06-reattach-on-host-3.sh on host-3 (192.168.104.3)'
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
readonly SCRIPT='05-reattach-on-host-2.sh'
readonly HOST='host-2'
readonly -a HOST_ADDRESSES=('192.168.104.2')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-2'
readonly API='http://192.168.104.2:3000'
readonly CLIENT_PORT='2379'
readonly CLIENT_URL='https://192.168.104.2:2379'
readonly PEER_URL='https://192.168.104.2:2380'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly RECOVERY_PEER_URL='https://192.168.104.1:2380'
readonly RECOVERY_SERVICE='control-plane_host-1'
readonly -a SERVERS=('host-1' 'host-2' 'host-3')
readonly -a HOSTS=()
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly -a CHAIN=(
  '01-prepare-on-host-1.sh'
  '02-restore-on-host-1.sh'
  '03-rewrite-on-host-1.sh'
  '04-start-on-host-1.sh'
)
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly START_SCRIPT='04-start-on-host-1.sh'
readonly -a API_TLS=()
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'cp' 'curl' 'cut' 'date' 'docker' 'etcd' 'etcdctl'
  'find' 'flock' 'getent' 'grep' 'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'openssl' 'rm'
  'rmdir' 'sed' 'sha1sum' 'sha256sum' 'sleep' 'stat' 'sync' 'tail' 'timeout' 'touch' 'tr' 'uname'
  'wc'
)
readonly -a OPTIONS=('--swarm-token-file')
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'
readonly DEADLINE_API='180'
readonly DEADLINE_FRESH='90'
readonly DEADLINE_JOIN='600'

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

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

swarm_way='' # stay | join | leave (and join): set by the guard swarm-is-known

prepared='' # yes | no: see_prepared found that the step has nothing to do

swarm_after='' # revived | made | entered: what this script does, or would do, to its Swarm

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

# The clocks are checked before certificates and passwords, because a wrong clock makes good ones
# fail. Hosts whose clocks differ by more than 30 s also report each other as unreachable.
clocks_agree() {
  local gap
  # Not in a subshell, because it sets http_status.
  clocks_agree_gap
  gap=$(<"${scratch}/gap")
  [[ "${gap}" != 'unknown' ]] \
    || stop "${BUSY}" "cannot read the clock of ${RECOVERY_HOST}" \
      "a Date header from ${RECOVERY_API}/v1/version" "${http_status}, no Date header" \
      "if ${START_SCRIPT} has not run yet, run it first; otherwise check that ${RECOVERY_HOST} \
is up and reachable, then run this script again"
  ((gap <= 30)) \
    || stop "${MISMATCH}" "the clocks of ${HOST} and ${RECOVERY_HOST} differ" 'at most 30 s' \
      "${gap} s" 'set the clocks (chronyc makestep), then run this script again'
  passed "the clocks differ by ${gap} s"
}

# clocks_agree_gap: the difference in seconds between this clock and the recovery host's (the Date
# header of its API), or unknown; into scratch/gap.
clocks_agree_gap() {
  api GET "${RECOVERY_API}/v1/version"
  clock_gap "${scratch}/headers" >"${scratch}/gap"
}

# clock_gap HEADERS: the difference in seconds between this clock and the Date header in that file,
# or unknown.
clock_gap() {
  local text there='' here
  text=$(sed -nE -e 's/^[Dd]ate: *([^\r]*)\r?$/\1/p' -- "$1")
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

# On other hosts: the recovery host serves the cluster that this plan restored. The cluster id
# follows from its peer URL and token, and the token contains the incident number. So the id proves
# the recovery, and a person need not know that number.
recovery_is_under_way() {
  local word rest
  recovery_is_under_way_served
  recovery_is_under_way_ask >"${scratch}/recovered"
  read -r word rest <"${scratch}/recovered"
  case "${word}" in
    incident) ;;
    other)
      stop "${MISMATCH}" 'no recovery with this plan is under way' \
        "a cluster on ${RECOVERY_HOST} that this plan restored" \
        "cluster id ${rest}, which is not from a restore of this plan" \
        "if the quorum was not lost, recover single hosts with the Control Plane API; if another \
host was recovered, use the bundle of that host"
      ;;
    unreachable)
      stop "${BUSY}" "cannot read the cluster id from etcd at ${RECOVERY_ENDPOINT}" 'a reply' \
        "${rest}" "check the network to ${RECOVERY_HOST}, then run this script again"
      ;;
    *)
      recovery_is_under_way_otherwise "${word}" "${rest}"
      return
      ;;
  esac
  recovery_is_under_way_as "${rest}"
}

# recovery_is_under_way_served: waits up to 30 s until the recovery host serves a cluster.
recovery_is_under_way_served() {
  local word start now left=''
  start=$(uptime_seconds)
  while true; do
    word=$(api_word "${RECOVERY_API}/v1/hosts")
    now=$(uptime_seconds)
    if [[ "${word}" == 200 ]]; then
      return
    elif ((now - start >= 30)); then
      break
    fi
    sleep 2
  done
  if [[ -e "${STATE}/cleared" && -d "${ETCD_DIR}/member/wal" ]]; then
    left="; if ${SERVICE} was stopped while ${HOST} was one of two voters, start it with docker \
service scale --detach ${SERVICE}=1"
  fi
  stop "${BUSY}" "${RECOVERY_HOST} does not serve a cluster" "200 from ${RECOVERY_API}/v1/hosts" \
    "${word} for $((now - start)) s" \
    "run ${FIRST_SCRIPT} to ${START_SCRIPT} on ${RECOVERY_HOST} first; if they have been run, \
check the log of its Control Plane${left}"
}

# api_word URL: the status of a GET, as a word for wait_until and prove.
api_word() {
  api GET "$1"
  printf '%s\n' "${http_status}"
}

# recovery_is_under_way_ask: incident N | other ID | certificate TEXT | unreachable TEXT | missing:
# which cluster the recovery host's etcd is. Tries every certificate of this host, for up to 30 s.
recovery_is_under_way_ask() {
  local word start now
  start=$(uptime_seconds)
  while true; do
    word=$(recovery_is_under_way_try)
    now=$(uptime_seconds)
    if [[ "${word}" != 'unreachable '* ]] || ((now - start >= 30)); then
      printf '%s\n' "${word}"
      return
    fi
    sleep 2
  done
}

recovery_is_under_way_try() {
  local places place files status id text word='missing'
  places=$(kept_places)
  while IFS= read -r place; do
    files=$(certificates_word "${place}")
    if [[ "${files}" == 'missing' ]]; then
      continue
    fi
    status=$(kept_try "${place}" nobody fields)
    if [[ "${status}" == 0 ]]; then
      id=$(sed -n 's/^"ClusterID" : //p' -- "${scratch}/etcd.out")
      incident_of_cluster "${id:-none}"
      return
    fi
    word=$(kept_refusal)
    text=$(kept_complaint)
    word="${word} ${text}"
  done <<<"${places}"
  printf '%s\n' "${word}"
}

# kept_places: where certificates and passwords of this host may be, the most likely first: the data
# directory, what failed attempts left, what was set aside.
kept_places() {
  local k=1
  local -a places=()
  while [[ -d "${STATE}/half-done-${k}" ]]; do
    places=("${STATE}/half-done-${k}" "${places[@]}")
    k=$((k + 1))
  done
  printf '%s\n' "${DATA_DIR}" "${places[@]}" "${STATE}/before"
}

# certificates_word DIR: complete | missing: the three files that a client of etcd needs.
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

# kept_try DIR USER [FORMAT]: asks the recovery host's etcd for its member list. USER own logs in;
# nobody shows only the certificate, which is enough for this one call. Prints etcdctl's exit
# status; the answer is in scratch/etcd.out, the error in scratch/etcd.err.
kept_try() (
  local status=0
  local -a call=(etcdctl --endpoints "${RECOVERY_ENDPOINT}" --dial-timeout 5s --command-timeout 10s
    member list -w "${3:-simple}")
  if [[ "$2" == 'own' ]]; then
    take_login "$1/generated.config.json"
  fi
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  "${AT_MOST[@]}" 20 "${call[@]}" >"${scratch}/etcd.out" 2>"${scratch}/etcd.err" || status=$?
  printf '%s\n' "${status}"
)

# take_login FILE: exports the etcd user and password in that configuration. For subshells only.
take_login() {
  ETCDCTL_PASSWORD=$(jq -er '.etcd_username // error("no etcd_username"),
    .etcd_password // error("no etcd_password")' "$1") || exit
  ETCDCTL_USER="${ETCDCTL_PASSWORD%%$'\n'*}"
  ETCDCTL_PASSWORD="${ETCDCTL_PASSWORD#*$'\n'}"
  export ETCDCTL_USER ETCDCTL_PASSWORD
}

# incident_of_cluster ID: incident N if the restore of incident N results in that id, otherwise
# other ID.
incident_of_cluster() {
  local number suffix id
  for ((number = 1; number <= incident + 9; number++)); do
    # A restore after an undo has its own token.
    for suffix in '' -1 -2 -3 -4 -5 -6 -7 -8 -9; do
      id=$(restored_cluster_id "${number}${suffix}")
      if [[ "${id}" == "$1" ]]; then
        printf 'incident %s\n' "${number}"
        return
      fi
    done
  done
  printf 'other %s\n' "$1"
}

# restored_cluster_id NUMBER: as etcd computes it, in decimal. A member's id is the start of the
# SHA-1 of its peer URL and the token; a new cluster's id is the start of the SHA-1 of its member
# ids.
restored_cluster_id() {
  local sum bytes='' k
  sum=$(printf '%s' "${RECOVERY_PEER_URL}${CLUSTER_TOKEN}-$1" | sha1sum)
  for ((k = 0; k < 16; k += 2)); do
    bytes="${bytes}\\x${sum:k:2}"
  done
  sum=$(printf '%b' "${bytes}" | sha1sum)
  printf '%u\n' "$((16#${sum:0:16}))"
}

# kept_refusal: rejected | certificate | unreachable, by the last error of etcdctl.
kept_refusal() {
  if grep -qiE 'authentication failed|user name not found' -- "${scratch}/etcd.err"; then
    printf 'rejected\n'
  elif grep -qiE 'x509|tls:|certificate' -- "${scratch}/etcd.err"; then
    printf 'certificate\n'
  else
    printf 'unreachable\n'
  fi
}

# kept_complaint: the last error of etcdctl, in one line.
kept_complaint() {
  local text=''
  text=$(tail -n 2 -- "${scratch}/etcd.err" 2>/dev/null | tr '\n' ' ' | cut -c -300) || true
  printf '%s\n' "${text:-no answer in time}"
}

# recovery_is_under_way_otherwise WORD TEXT: if etcd accepts no certificate, a mark in the Swarm
# proves the recovery as well. A machine that holds nothing of a cluster has nothing to lose.
recovery_is_under_way_otherwise() {
  local marked advice
  marked=$(recovery_is_under_way_marked)
  if [[ -n "${marked}" ]]; then
    recovery_is_under_way_as "${marked}"
  elif [[ -e "${STATE}/cleared" ]]; then
    passed "${HOST} was cleared in incident ${incident}, and ${RECOVERY_HOST} serves a cluster"
  elif [[ "$1" == 'missing' && ! -e "${ETCD_DIR}" ]]; then
    passed "${HOST} holds nothing of a cluster, and ${RECOVERY_HOST} serves one"
  elif [[ "$1" == 'missing' ]]; then
    stop "${MISMATCH}" "${HOST} has etcd data, but no certificates to connect with" \
      "ca.crt, etcd-user.crt and etcd-user.key in ${CERTIFICATES}" 'missing' \
      'restore certificates/ from a backup, then run this script again'
  else
    advice=$(certificate_advice "${DATA_DIR}")
    stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
      'a valid certificate from the same CA' "$2" "${advice}"
  fi
}

# recovery_is_under_way_marked: the incident number in the mark of a node of this Swarm, or nothing.
recovery_is_under_way_marked() {
  local word marks mark
  word=$(swarm_word)
  if [[ "${word}" == 'manager' ]]; then
    marks=$(recovery_marks)
    while read -r _ _ mark; do
      if [[ "${mark}" =~ ^"${CLUSTER_TOKEN}"-([1-9][0-9]{0,3})$ ]]; then
        printf '%s\n' "${BASH_REMATCH[1]}"
        return
      fi
    done <<<"${marks}"
  fi
}

# swarm_word: down | locked | error | inactive | pending | recovering | worker | leaderless |
# manager. recovering: a manager that waits for its quorum. For 10 to 40 s after the loss of its
# quorum a manager answers docker info after 20 s (measured), so the limit is longer.
swarm_word() {
  local text status=0 answered=0
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>"${scratch}/docker.err") || status=$?
  if [[ "${text}" == 'active true' ]]; then
    "${AT_MOST[@]}" 20 docker node ls >/dev/null 2>"${scratch}/docker.err" || answered=$?
  fi
  state_word "${status}" "${text}" "${answered}"
}

# state_word STATUS STATE NODES: the word for the results of docker info and docker node ls.
state_word() {
  if (($1 != 0)); then
    printf 'down\n'
    return
  fi
  case "$2" in
    'active true') if (($3 == 0)); then printf 'manager\n'; else printf 'leaderless\n'; fi ;;
    'active false') printf 'worker\n' ;;
    'pending true') printf 'recovering\n' ;;
    'inactive '*) printf 'inactive\n' ;;
    'locked '*) printf 'locked\n' ;;
    'error '*) printf 'error\n' ;;
    *) printf 'pending\n' ;;
  esac
}

# recovery_marks: `NODE_ID HOSTNAME MARK` of each node of this Swarm that a recovery has marked. The
# script stops if Docker does not report them.
recovery_marks() {
  local ids text='' complaint status=0
  local -a nodes=()
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    mapfile -t nodes <<<"${ids}"
    text=$("${AT_MOST[@]}" 20 docker node inspect --format \
      '{{.ID}} {{.Description.Hostname}} {{index .Spec.Labels "plan.recovery"}}' \
      -- "${nodes[@]}" 2>"${scratch}/docker.err") || status=$?
  fi
  complaint=$(docker_complaint)
  ((status == 0)) || stop "${BUSY}" 'Docker does not report whether a recovery has been started' \
    'the labels of the nodes of this Swarm' "${complaint}" \
    'check docker node ls, then run this script again'
  awk 'NF == 3 && $3 != "<no" { print }' <<<"${text}"
}

# recovery_is_under_way_as INCIDENT: this host takes part in that incident.
recovery_is_under_way_as() {
  [[ "${option["--incident"]:-$1}" == "$1" ]] \
    || stop "${MISMATCH}" "the cluster of ${RECOVERY_HOST} is from another incident" \
      "incident ${option["--incident"]}, as --incident says" "incident $1" 'leave --incident out'
  if [[ "$1" != "${incident}" ]]; then
    say "${RECOVERY_HOST} was recovered in incident $1, so this is no longer incident ${incident}."
    use_incident "$1"
  fi
  passed "the cluster of ${RECOVERY_HOST} is the one that was restored in incident $1"
}

# certificate_advice DIR: what to do about a rejected certificate.
certificate_advice() {
  printf '%s\n' "compare date with openssl x509 -noout -dates -issuer -in \
'$1/certificates/etcd-user.crt'; set the clock, or restore certificates/ of this cluster from a \
backup, then run this script again"
}

# This machine is in the Swarm of the recovery host, in the role that its service needs; or it is in
# no Swarm, or by the ids in another one, and a join token is given. The state of Swarm alone proves
# neither.
swarm_is_known() {
  local role='worker' word home='unknown' start now reported=0
  if [[ " ${SERVERS[*]} " == *" ${HOST} "* ]]; then
    role='manager'
  fi
  start=$(uptime_seconds)
  while true; do
    word=$(swarm_word)
    if [[ "${word}" == 'inactive' ]]; then
      swarm_way='join'
      take_token "${role}"
      passed "this machine is in no Swarm and joins the one of ${RECOVERY_HOST} as a ${role}"
      return
    fi
    if [[ "${word}" != 'down' ]]; then
      home=$(swarm_home)
    fi
    case "${word}:${home}" in
      *:other)
        swarm_is_known_other "${role}" "${word}"
        return
        ;;
      locked:*) swarm_is_known_stop "${word}" "${home}" 0 ;;
      manager:right)
        swarm_way='stay'
        swarm_is_known_service
        passed "this machine is a manager of the Swarm of ${RECOVERY_HOST}"
        return
        ;;
      worker:right)
        if [[ "${role}" == 'worker' ]]; then
          swarm_way='stay'
          passed "this machine is a worker of the Swarm of ${RECOVERY_HOST}"
          return
        fi
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= DEADLINE_SWARM)); then
      swarm_is_known_stop "${word}" "${home}" "$((now - start))"
    elif ((now - start >= reported)); then
      say "Waiting until Swarm works here ($((now - start)) s of ${DEADLINE_SWARM} s): \
currently ${word}"
      reported=$((now - start + 10))
    fi
    sleep 2
  done
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

# swarm_folder: the folder of this machine's Docker for Swarm.
swarm_folder() {
  local root
  root=$("${AT_MOST[@]}" 30 docker info --format '{{.DockerRootDir}}' 2>/dev/null) || root=''
  printf '%s\n' "${root:-/var/lib/docker}/swarm"
}

# swarm_id_of SUBJECT: the organization in it.
swarm_id_of() {
  sed -nE 's/^ *organizationName *= *//p' <<<"$1"
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

# recovery_manager: where the recovery host's Swarm manager listens, ADDRESS:2377.
recovery_manager() {
  local address="${RECOVERY_ENDPOINT#*://}"
  printf '%s:2377\n' "${address%:*}"
}

# answer FILTER [JQ_OPTION...]: applies a jq filter to the last answer. The script stops if that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" "${scratch}/answer"
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

# swarm_is_known_other ROLE WORD: in another Swarm, by its id. The token is the decision to leave
# it.
swarm_is_known_other() {
  if [[ -z "${option["--swarm-token-file"]:-}" ]]; then
    stop "${MISMATCH}" "this machine and ${RECOVERY_HOST} are in different Swarms" \
      "a $1 of the Swarm of ${RECOVERY_HOST}" "another one, by its id (its state is $2)" \
      "if that Swarm is no longer used, run this script with --swarm-token-file -; it leaves \
that Swarm (its tasks on this machine end, instances/ stays) and joins. For the token, run \
docker swarm join-token -q $1 on ${RECOVERY_HOST}"
  fi
  swarm_way='leave'
  take_token "$1"
  passed "this machine is in another Swarm, by its id, and leaves it for that of ${RECOVERY_HOST}"
}

# swarm_is_known_stop WORD HOME SECONDS: each state has its own advice.
swarm_is_known_stop() {
  local advice complaint node
  advice=$(swarm_advice "$1")
  complaint=$(docker_complaint)
  case "$1" in
    down)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${complaint}" "${advice}"
      ;;
    locked)
      stop "${MISMATCH}" "Swarm is locked on ${HOST}" 'an unlocked Swarm' "$1" "${advice}"
      ;;
    worker)
      node=$(own_node)
      stop "${MISMATCH}" "${HOST} is a worker of the Swarm of ${RECOVERY_HOST}" 'a manager' \
        "a worker for $3 s" \
        "run docker node promote ${node} on ${RECOVERY_HOST}, then run this script again"
      ;;
    manager)
      stop "${BUSY}" "cannot tell whether ${HOST} and ${RECOVERY_HOST} are in one Swarm" \
        "the ids of both, or ${RECOVERY_HOST} among the managers" "unknown for $3 s" \
        "check that port 2377 of ${RECOVERY_HOST} can be reached, then run this script again"
      ;;
    *)
      case "$2" in
        right) complaint='it is the same Swarm, by its id, so do not leave it' ;;
        *) complaint='which Swarm it is in is unknown, so do not leave it' ;;
      esac
      stop "${BUSY}" "Swarm does not work on ${HOST}" 'a manager or worker' \
        "$1 for $3 s; ${complaint}" \
        "check that ports 2377 and 7946 of ${RECOVERY_HOST} can be reached; ${advice}"
      ;;
  esac
}

# swarm_advice WORD: what to do about any word except manager and leaderless.
swarm_advice() {
  case "$1" in
    down) printf 'start Docker (systemctl start docker), then run this script again\n' ;;
    locked) printf 'run docker swarm unlock (it asks for the key), then run this script again\n' ;;
    error)
      printf 'check docker info and journalctl -u docker; if the error stays, run systemctl '
      printf 'restart docker (containers of this host restart), then run this script again\n'
      ;;
    inactive)
      printf 'if this is a new machine, declare it replaced in the inventory and compile again\n'
      ;;
    worker) printf \
      'run docker node promote on a manager of its Swarm, then run this script again\n' ;;
    *) printf 'check docker info, wait a minute, then run this script again\n' ;;
  esac
}

# own_node: this machine's Swarm node id.
own_node() {
  "${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}'
}

# swarm_is_known_service: the service has its name in this Swarm, and this node takes tasks.
swarm_is_known_service() {
  local node scale
  node=$(own_node)
  node_takes_tasks "${node}" "${HOST}"
  scale=$(own_scale)
  say "Service ${SERVICE} is in this Swarm, at ${scale}"
}

# node_takes_tasks NODE NAME: the script stops if Swarm does not start tasks on that node.
node_takes_tasks() {
  local word complaint
  word=$(availability_of "$1")
  complaint=$(docker_complaint)
  case "${word}" in
    active) ;;
    unknown)
      stop "${BUSY}" "Docker does not report the availability of node $1" 'active' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "the node of $2 does not take tasks" 'availability active' "${word}" \
        "run docker node update --availability active $1 on ${RECOVERY_HOST}, then run this again"
      ;;
  esac
}

# availability_of NODE: active | pause | drain | unknown.
availability_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker node inspect --format '{{.Spec.Availability}}' -- "$1" \
    2>"${scratch}/docker.err") || text='unknown'
  printf '%s\n' "${text}"
}

# own_scale: the replicas of this host's service. The script stops if no service has that name: the
# real one may have another name and start with old data.
own_scale() {
  local scale complaint
  scale=$(service_scale "${SERVICE}")
  complaint=$(docker_complaint)
  case "${scale}" in
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${SERVICE}" 'a number' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    absent)
      stop "${MISMATCH}" "there is no service ${SERVICE} in this Swarm" 'a service of that name' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again, or \
deploy the stack'
      ;;
    *) printf '%s\n' "${scale}" ;;
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

# Guide 6.1a, an addition: after the revival a returning manager comes back as a worker with its old
# node id, and Swarm makes it a manager again within about a minute. A host of a Swarm that no
# longer exists (the recovery host is a new machine) must leave it and join, with a token.
return_to_swarm() {
  local remote
  remote=$(recovery_manager)
  enter_as manager "${remote}"
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

# docker_patiently ARGUMENT...: docker with retries until the Swarm deadline. For a minute after a
# Swarm has lost managers, its commands sometimes fail with DeadlineExceeded.
docker_patiently() {
  local start now
  start=$(uptime_seconds)
  until "${AT_MOST[@]}" 60 docker "$@" >"${scratch}/docker.out" 2>"${scratch}/docker.err"; do
    now=$(uptime_seconds)
    if ((now - start >= DEADLINE_SWARM)); then
      if grep -q -e 'does not have a leader' -- "${scratch}/docker.err"; then
        stop "${BUSY}" 'Docker Swarm has lost most of its managers again' 'a leader' \
          "$(<"${scratch}/docker.err")" \
          "run ${FIRST_SCRIPT} on ${RECOVERY_HOST} again to revive it, then run this again"
      fi
      stop "${BUSY}" "docker $1 $2 failed for ${DEADLINE_SWARM} s" '' \
        "$(<"${scratch}/docker.err")" 'check docker node ls, then run this script again'
    fi
    say "Docker is busy, retrying: $(<"${scratch}/docker.err")"
    sleep 2
  done
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

# engine METHOD PATH BODY_FILE SECONDS: one request to this machine's Docker engine, if the command
# line would show a secret. Sets http_status and scratch/answer as api does; errors of curl are in
# scratch/complaint.
engine() {
  local status=0
  : >"${scratch}/answer"
  : >"${scratch}/complaint"
  http_status=$(curl -q --silent --show-error --noproxy '*' --unix-socket "${DOCKER_SOCKET}" \
    --max-time "$4" \
    --output "${scratch}/answer" --write-out '%{http_code}' --request "$1" \
    --header 'Content-Type: application/json' --data-binary "@$3" \
    -- "http://localhost$2" 2>"${scratch}/curl.err") || status=$?
  case "${status}" in
    0) ;;
    28) http_status='timeout' ;;
    *) http_status='failed' ;;
  esac
  if ((status != 0)); then
    head -c 300 "${scratch}/curl.err" >"${scratch}/complaint"
  fi
}

# answer_text: the last answer as text: its message if it has one, otherwise its first line.
answer_text() {
  local text=''
  text=$(jq -r '.message // .error // empty' "${scratch}/answer" 2>/dev/null) || true
  if [[ -z "${text}" ]]; then
    text=$(head -c 300 -- "${scratch}/answer" | tr '\n' ' ')
  fi
  printf '%s\n' "${text:-no text}"
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

# Guide 1.3, 6.1a and 7.1a, for a new machine: the placement of the service names the node id of the
# machine that is gone, so the service would never start.
# place_service SERVICE [ADDRESS...]: on this machine, or on the node with one of the addresses.
place_service() {
  local service="$1" node text line scale complaint
  local -a changes=()
  shift
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  # A machine that is not in the Swarm yet has no node id there.
  if ((work > 0)) && [[ -n "${swarm_after}" || $# == 0 ]]; then
    cannot_know "on which node id to place ${service}"
    return
  fi
  scale=$(service_scale "${service}")
  complaint=$(docker_complaint)
  case "${scale}" in
    absent)
      stop "${MISMATCH}" "there is no service ${service} in this Swarm" 'a service of that name' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again'
      ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${service}" 'a number' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *) ;;
  esac
  node=$(place_service_node "$@")
  [[ -n "${node}" ]] || stop "${BUSY}" "no ready node of this Swarm is the machine of ${service}" \
    "a node with the address $*" 'none' 'join the machine to the Swarm, then run this script again'
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "${service}")
  while IFS= read -r line; do
    if [[ "${line}" =~ ^node\.id\ *==\ *(.*)$ && "${BASH_REMATCH[1]}" != "${node}" ]]; then
      changes+=(--constraint-rm "${line}")
    fi
  done <<<"${text}"
  if ! grep -qxE "node\.id *== *${node}" <<<"${text}"; then
    changes+=(--constraint-add "node.id==${node}")
  fi
  if ((${#changes[@]} == 0)); then
    already "${service} belongs to node ${node}"
    return
  fi
  # In the same update: it must not start there with its old data.
  [[ "${scale}" == 0 ]] || changes+=(--replicas 0)
  mutate docker_patiently service update --detach "${changes[@]}" "${service}"
  prove "${node}" "${service} belongs to node ${node}" 'check docker service inspect' \
    node_of "${service}"
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

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
}

# place_service_node [ADDRESS...]: this machine's node id, or that of the ready node at an address.
place_service_node() {
  local ids id text address
  if (($# == 0)); then
    own_node
    return
  fi
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet)
  while IFS= read -r id; do
    text=$("${AT_MOST[@]}" 20 docker node inspect --format '{{.Status.State}} {{.Status.Addr}}' \
      -- "${id}")
    for address in "$@"; do
      if [[ "${text}" == "ready ${address}" ]]; then
        printf '%s\n' "${id}"
        return
      fi
    done
  done <<<"${ids}"
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

# node_of SERVICE: the Swarm node id in its placement constraint, or nothing.
node_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# Guide 6.1a, an addition: a server host that still has its record, certificates and password keeps
# them and its databases, and only its membership is renewed. Everything that this needs is checked
# here, before anything is stopped.
check_reattachable() {
  local removal="$1" join="$2" entry record age complaint advice
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  entry=$(entry_word "${DATA_DIR}")
  entry=$(let_finish "${entry}")
  record=$(record_word "${HOST}")
  if [[ "${entry}" == 'voter' && "${record}" == 'present' ]]; then
    [[ -d "${ETCD_DIR}/member/wal" ]] \
      || stop "${MISMATCH}" "${HOST} is a voter of the cluster, but its data are missing here" \
        "${ETCD_DIR}/member/wal" 'nothing' "run ${removal} on ${RECOVERY_HOST}, then ${join} here"
    way='done'
    already "${HOST} is a started voter of the recovered cluster"
    return
  fi
  age=$(generation)
  [[ "${age}" == '0.7' ]] || check_reattachable_refuse 'Control Plane 0.7 or newer' '0.6'
  if [[ "${record}" != 'present' ]]; then
    stop "${MISMATCH}" "${HOST} cannot be reattached, because its record has been removed" \
      "${HOST} in the host list of ${RECOVERY_HOST}" 'absent' "run ${join} instead"
  fi
  check_reattachable_identity
  case "${entry}" in
    voter | learner | unstarted | absent) say 'The cluster accepts the credentials of this host' ;;
    unreachable)
      complaint=$(kept_complaint)
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'a reply' "${complaint}" \
        'repair the network between them, then run this script again'
      ;;
    certificate)
      complaint=$(kept_complaint)
      advice=$(certificate_advice "${DATA_DIR}")
      stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
        'a valid certificate from the same CA' "${complaint}" "${advice}"
      ;;
    *)
      check_reattachable_refuse "credentials that ${RECOVERY_ENDPOINT} accepts" "${entry}"
      ;;
  esac
  check_images
  check_place
  say "${HOST} can be reattached. Its record, credentials and release are as required"
}

# api_must WANT METHOD URL [BODY_FILE [SECONDS]]: as api; the script stops on any other status.
api_must() {
  local want="$1" text
  shift
  api "$@"
  if [[ "${http_status}" != "${want}" ]]; then
    text=$(answer_text)
    stop "${FAILED}" "$1 $2 did not answer ${want}" "${want}" "${http_status}: ${text}" \
      'check the Control Plane log of that host, then run this script again'
  fi
}

# entry_word DIR: voter | learner | unstarted | absent, or the result of credentials_word: this
# host's entry in the recovered cluster. Unlike member_word it also works while the leader changes.
entry_word() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" == 'accepted' ]]; then
    word=$(member_lines <"${scratch}/etcd.out" | pick_member "${HOST}" "${PEER_URL}" \
      | member_state)
  fi
  printf '%s\n' "${word}"
}

# credentials_word DIR: accepted | rejected | certificate | unreachable | missing: whether the
# recovery host's etcd accepts the credentials in DIR. rejected: wrong user or password;
# certificate: a TLS error. If accepted, the member list is in scratch/etcd.out.
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
  else
    kept_refusal
  fi
}

# member_lines: reads `member list -w simple`, prints one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
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

# let_finish ENTRY: if an earlier attempt of this host is still running (ENTRY learner or
# unstarted), waits for it: usually it becomes a voter without help. Prints the entry as it is then.
let_finish() {
  local word="$1" running='gone' start now
  if [[ "${word}" =~ ^(learner|unstarted)$ && -d "${ETCD_DIR}/member/wal" ]]; then
    running=$(container_word "${SERVICE}")
  fi
  if [[ "${mode}" == 'apply' && "${running}" == 'running' ]]; then
    say "An earlier attempt is still running. Waiting up to ${DEADLINE_FRESH} s until it ends"
    start=$(uptime_seconds)
    now="${start}"
    while [[ "${word}" =~ ^(learner|unstarted|unreachable)$ ]] \
      && ((now - start < DEADLINE_FRESH)); do
      sleep 1
      now=$(uptime_seconds)
      word=$(entry_word "${DATA_DIR}")
    done
    say "Its entry in the member list is now ${word}"
  fi
  printf '%s\n' "${word}"
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

# record_word HOST: present | absent, from the recovery host's list. /v1/hosts/ID is not used: it
# answers 500 for an unknown id.
record_word() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
}

# generation: 0.6 | 0.7, by the fields of the recovery host's host list; 0.7 means 0.7 or newer.
generation() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; has("peer_addresses") or has("etcd_mode")) then "0.7" else "0.6" end'
}

# Uses the script names in its caller.
check_reattachable_refuse() {
  stop "${MISMATCH}" "${HOST} cannot be reattached" "$1" "$2" \
    "run ${removal} on ${RECOVERY_HOST} (it reports what is lost), then ${join} on ${HOST}"
}

# The disk has this host's configuration and certificates.
check_reattachable_identity() {
  local files user
  files=$(certificates_word "${DATA_DIR}")
  [[ "${files}" == 'complete' ]] \
    || check_reattachable_refuse "certificates in ${CERTIFICATES}" "${files}"
  user=$(jq -r '.etcd_username // empty' "${CONFIG}" 2>/dev/null) || user=''
  [[ "${user}" == "host-${HOST}" ]] \
    || check_reattachable_refuse "user host-${HOST} in ${CONFIG}" "${user:-no user}"
}

# check_images: 0.6 and 0.7 or newer use different join protocols; both hosts must use the same one.
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
        "${own} (${HOST})" "run docker service update --detach --image IMAGE ${SERVICE}"
      ;;
    *) say "The images differ and may be compatible: ${own} here, ${other} on ${RECOVERY_HOST}" ;;
  esac
}

# image_of SERVICE: the image of its next container, without the digest.
image_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect \
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

# check_place: called before data are moved: the service is placed on this machine's node, and the
# node takes tasks.
check_place() {
  local node place
  if ((work > 0)); then
    cannot_know "whether ${SERVICE} can run on this machine"
    return
  fi
  node=$(own_node)
  place=$(node_of "${SERVICE}")
  [[ -z "${place}" || "${place}" == "${node}" ]] \
    || stop "${MISMATCH}" "${SERVICE} cannot run on this machine" "a constraint for node ${node}" \
      "node ${place}" "check docker service inspect ${SERVICE} and docker node ls"
  node_takes_tasks "${node}" "${HOST}"
  say "${SERVICE} can run on this machine: node ${node}"
}

# Guide 1.3, 5.2, 6.1a: waits until no reachable machine runs a task of them. Docker reports
# "converged" 8 to 13 s before containers end, and a data directory moved under them is destroyed.
# The container of this host is the next step's.
stop_services() {
  local service scale line
  local -a present=() changes=() absent=()
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ "${step}" == 2.* && -d "${STATE}/before" ]]; then
    stop_services_undo
  fi
  if [[ "${swarm_after}" == 'made' ]]; then
    say 'The services are deployed at 0'
    return
  fi
  for service in "$@"; do
    # A Swarm that is not revived yet reports nothing: assume that they are up.
    if [[ -n "${swarm_after}" ]] && ((work > 0)); then
      scale=1
    else
      scale=$(stop_services_scale "${service}")
    fi
    case "${scale}" in
      absent) absent+=("${service}") ;;
      0) present+=("${service}") ;;
      *)
        present+=("${service}")
        changes+=("${service}=0")
        ;;
    esac
  done
  if ((${#absent[@]} > 0)); then
    stop "${MISMATCH}" "services of this plan are not in this Swarm (${absent[*]})" \
      "each of $*" 'they may run under other names, and would start with old data' \
      'check docker service ls; correct swarm.stack or service in the inventory and compile again'
  fi
  if ((${#changes[@]} == 0)); then
    already "these services are at 0: ${present[*]}"
  else
    mutate docker_patiently service scale --detach "${changes[@]}"
  fi
  : >"${scratch}/unreachable"
  local check="docker service ps ${present[*]}"
  wait_until "${DEADLINE_STOP}" 'stopped' 'no other reachable machine runs them' \
    "${check}" stop_services_word "${present[@]}"
  while IFS= read -r line; do
    say "Swarm cannot reach ${line}"
  done <"${scratch}/unreachable"
}

# stop_services_undo: undo is no longer possible after other hosts have joined this one.
stop_services_undo() {
  local word list
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  if [[ "${word}" != 'intact' ]]; then
    return
  fi
  list=$(members "${CLIENT_URL}")
  list=$(awk -F '|' '{ printf "%s ", $3 }' <<<"${list}")
  [[ "${list}" == "${HOST} " ]] || stop "${MISMATCH}" \
    'other hosts have joined the recovered cluster, and an undo here would strand them' \
    "one member, ${HOST}" "${list% }" 'continue with the plan instead'
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

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment,
# never in an argument list. Only this one command gets them.
as_host() (
  take_login "${CONFIG}"
  exec "$@"
)

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

# stop_services_scale SERVICE: its replicas, or absent. The script stops if Docker does not report
# it.
stop_services_scale() {
  local scale complaint
  scale=$(service_scale "$1")
  complaint=$(docker_complaint)
  [[ "${scale}" != 'unknown' ]] || stop "${BUSY}" "Docker does not report the scale of $1" \
    'a number' "${complaint}" 'check docker node ls, then run this script again'
  printf '%s\n' "${scale}"
}

# stop_services_word SERVICE...: stopped | running | unknown, on machines other than this one.
stop_services_word() {
  local tasks nodes own status=0
  local -a ids=()
  tasks=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  own=$(own_node)
  nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}} {{.Hostname}}' \
    2>/dev/null) || status=$?
  if ((status == 0)) && [[ -n "${tasks}" ]]; then
    mapfile -t ids <<<"${tasks}"
    tasks=$("${AT_MOST[@]}" 20 docker inspect --type task --format '{{.NodeID}} {{.Status.State}}' \
      -- "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)) || [[ -z "${own}" ]]; then
    printf 'unknown\n'
    return
  fi
  awk -v own="${own}" -v away="${scratch}/unreachable" '
    NR == FNR { ready[$1] = $2; name[$1] = $3; next }
    $2 !~ /^(running|starting|preparing|ready|accepted|assigned)$/ || $1 == own { next }
    ready[$1] == "Ready" { word = "running"; next }
    { print name[$1] " (node " $1 " is " (ready[$1] == "" ? "unknown" : ready[$1]) ")" >away }
    END { print (word == "" ? "stopped" : word) }' <(printf '%s\n' "${nodes}") - <<<"${tasks}"
}

# Guide 1.3, 6.1a, 7.1b: without quorum the process does not end on TERM, and Swarm kills it after
# its grace period. So with the service at 0 the container is killed at once. etcd is crash-safe:
# nothing that it has acknowledged is lost.
stop_container() {
  local service="$1" word scale complaint ids id
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(container_word "${service}")
  complaint=$(docker_complaint)
  [[ "${word}" != 'unknown' ]] || stop "${BUSY}" 'Docker does not report which containers run' \
    'a reply from docker ps' "${complaint}" 'check docker ps, then run this script again'
  if [[ "${word}" == 'gone' ]] && ((work == 0)); then
    already "no container of ${service} runs here"
    return
  fi
  if ((work == 0)); then
    scale=$(service_scale "${service}")
    complaint=$(docker_complaint)
    stop_container_may "${service}" "${scale}" "${complaint}"
  fi
  ids=$(containers "${service}")
  while IFS= read -r id; do
    [[ -z "${id}" ]] || mutate docker_kill "${id}"
  done <<<"${ids}"
  local check="docker ps --filter label=com.docker.swarm.service.name=${service}"
  wait_until "${DEADLINE_STOP}" 'gone' "the container of ${service} is gone" \
    "${check}" stop_container_word "${service}"
}

# stop_container_may SERVICE SCALE COMPLAINT: if a service is not at 0, Swarm would start its
# container again. A worker cannot read the scale; there the container must stay away.
stop_container_may() {
  local word
  case "$2" in
    0) ;;
    absent)
      stop "${MISMATCH}" "a container of $1 runs, but this Swarm has no such service" '0' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again'
      ;;
    unknown)
      word=$(swarm_word)
      [[ "${word}" == 'worker' || "${word}" == 'inactive' ]] \
        || stop "${BUSY}" "Docker does not report the scale of $1" '0' "$3" \
          'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "$1 is not at 0, so Swarm would start the container again" '0' "$2" \
        "run docker service scale --detach $1=0, then run this script again"
      ;;
  esac
}

# containers SERVICE: ids of this machine's running containers of a service, one per line.
containers() {
  "${AT_MOST[@]}" 20 docker ps --quiet --filter "label=com.docker.swarm.service.name=$1"
}

# docker_kill CONTAINER: no failure if the container is already gone.
docker_kill() {
  "${AT_MOST[@]}" 20 docker kill -- "$1" >/dev/null 2>"${scratch}/docker.err" \
    || say "docker: $(<"${scratch}/docker.err")"
}

# stop_container_word SERVICE: as container_word. If the scale is unknown, gone means gone for
# longer than Swarm waits before it starts a container again.
stop_container_word() {
  local word scale
  word=$(container_word "$1")
  if [[ "${word}" == 'gone' ]]; then
    scale=$(service_scale "$1")
    if [[ "${scale}" == 'unknown' ]]; then
      sleep 7
      word=$(container_word "$1")
    fi
  fi
  printf '%s\n' "${word}"
}

# Guide 6.1b: to be reattached, a host keeps its certificates and configuration; only etcd/ is set
# aside. The configuration gets mode client and the recovery host as its endpoint: started as a
# server, it then joins with its own credentials.
clear_for_reattach() {
  local mode_bits was text
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter, so nothing is cleared"
    return
  fi
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  prove_stopped
  clear_away etcd
  keep_copy generated.config.json
  remember_cleared 'etcd'
  text=$(jq -c --arg endpoint "${RECOVERY_ENDPOINT}" \
    '.etcd_mode = "client" | .etcd_client = (.etcd_client // {}) + {endpoints: [$endpoint]}' \
    -- "${CONFIG}")
  was=$(jq -c . -- "${CONFIG}")
  if [[ "${was}" == "${text}" ]]; then
    already "${CONFIG} names the recovery host"
  else
    mode_bits=$(stat -c %a -- "${CONFIG}")
    mutate write_file "${CONFIG}" "0${mode_bits}" "${text}"
  fi
  clear_for_reattach_rights
}

# spare_voter: called before anything is cleared. This host may have become a voter since the check;
# clearing it would then destroy a quorum of two. If a voter was stopped, the cluster does not
# answer.
spare_voter() {
  local word scale
  if ((work > 0)) || [[ ! -d "${ETCD_DIR}/member/wal" ]]; then
    return
  fi
  word=$(entry_word "${DATA_DIR}")
  if [[ "${word}" == 'certificate' ]]; then
    # It cannot log in; but if the API answers, the cluster has a quorum without this stopped host.
    word=$(api_word "${RECOVERY_API}/v1/hosts")
    word="${word/#200/absent}"
  fi
  case "${word}" in
    learner | unstarted | absent | rejected | missing) ;;
    voter)
      way='done'
      already "${HOST} became a voter in the meantime, so nothing is cleared"
      ;;
    *)
      scale=$(service_scale "${SERVICE}")
      # Only data from this recovery may start again, never the old data.
      if [[ -e "${STATE}/cleared" && "${scale}" == 0 ]]; then
        mutate docker_patiently service scale --detach "${SERVICE}=1"
      fi
      stop "${BUSY}" "the cluster does not answer; ${HOST} may just have become one of two voters" \
        'learner, unstarted, absent or voter' "${word}" \
        'nothing was cleared, and the service is started again; run this script again in a minute'
      ;;
  esac
}

# prove_stopped: called right before data are moved: the service is at 0 and its container is gone.
# A worker cannot ask for the scale; there stop_container has watched the container instead.
prove_stopped() {
  local word scale complaint
  if ((work > 0)); then
    cannot_know "whether ${SERVICE} is stopped"
    return
  fi
  word=$(container_word "${SERVICE}")
  complaint=$(docker_complaint)
  case "${word}" in
    gone) ;;
    unknown)
      stop "${BUSY}" 'Docker does not report which containers run' 'none of this host' \
        "${complaint}" 'check docker ps, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "a container of ${SERVICE} runs" 'none' "${word}" \
        "run docker service scale --detach ${SERVICE}=0 on ${RECOVERY_HOST}, then run this again"
      ;;
  esac
  word=$(swarm_word)
  if [[ "${word}" == 'inactive' ||
    ("${word}" == 'worker' && " ${SERVERS[*]} " != *" ${HOST} "*) ]]; then
    say "no container of ${SERVICE} runs"
    return
  fi
  scale=$(own_scale)
  [[ "${scale}" == 0 ]] \
    || stop "${MISMATCH}" "${SERVICE} is not stopped" '0 replicas' "${scale}" \
      "run docker service scale --detach ${SERVICE}=0, then run this script again"
  say "${SERVICE} is at 0, and no container of it runs"
}

# clear_away NAME: moves DATA_DIR/NAME away: data from before the recovery go to STATE/before, once;
# data of a failed attempt since then go to STATE/half-done-K.
clear_away() {
  local from="${DATA_DIR}/$1" now kept cleared='' k=1
  now=$(file_word "${from}")
  kept=$(file_word "${STATE}/before/$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${now}" == 'absent' ]]; then
    already "${from} does not exist"
    return
  fi
  if [[ "${kept}" == 'absent' && " ${cleared} " != *" $1 "* ]]; then
    set_aside "$1"
    return
  fi
  [[ "${now}" == 'directory' || "${now}" == 'file' ]] \
    || stop "${MISMATCH}" "cannot move ${from} away" 'a plain directory or file' "${now}" \
      "check ls -ld '${from}', then run this script again"
  while [[ -e "${STATE}/half-done-${k}/$1" ]]; do
    k=$((k + 1))
  done
  say "${from} is left over from a failed attempt"
  mutate install -d -m 0700 -- "${STATE}/half-done-${k}"
  mutate mv -T -- "${from}" "${STATE}/half-done-${k}/$1"
}

# set_aside NAME: moves DATA_DIR/NAME to STATE/before/NAME with one rename, never over an earlier
# backup, never a link or a mount point. Its size is recorded first.
set_aside() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" from_word to_word size
  from_word=$(file_word "${from}")
  to_word=$(file_word "${to}")
  case "${from_word}:${to_word}" in
    directory:absent | file:absent)
      size=$(size_of "${from}")
      mutate write_file "${STATE}/aside.$1" 0600 "${size}"
      mutate install -d -m 0700 -- "${STATE}/before"
      mutate rename_only "${from}" "${to}"
      ;;
    absent:*) already "${from} does not exist" ;;
    *)
      stop "${MISMATCH}" "cannot set ${from} aside" \
        'a plain directory or file, and nothing at the destination' \
        "${from} is ${from_word}; ${to} is ${to_word}" \
        'compare both; move the one you do not need to another place, then run this script again'
      ;;
  esac
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

# rename_only FROM TO: one rename, or nothing. Across file systems mv would copy and delete; the
# file size limit of 0 ends it before it writes any data. For mutate.
rename_only() {
  local status=0 text made
  text=$(
    ulimit -f 0
    exec mv -T -- "$1" "$2" 2>&1
  ) || status=$?
  if ((status == 0)) && [[ ! -e "$1" && ! -L "$1" && -e "$2" ]]; then
    return
  fi
  if [[ -e "$1" && -d "$2" ]]; then
    made=$(find "$2" -type f -size +0 -print -quit)
    [[ -n "${made}" ]] || rm -rf -- "${2:?}"
  elif [[ -e "$1" && -f "$2" && ! -s "$2" ]]; then
    rm -f -- "$2"
  fi
  stop "${MISMATCH}" "cannot rename $1; its data are still in place" \
    "one rename to $2, on one file system" "status ${status}: ${text:-mv began to copy}" \
    'check mount and df of both; put them on one file system that can rename, then run this again'
}

# keep_copy NAME: copies DATA_DIR/NAME to STATE/before, once.
keep_copy() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" word
  word=$(file_word "${to}")
  case "${word}" in
    absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      # Left by an interrupted copy of ours, and incomplete.
      [[ ! -e "${to}.partial" ]] || mutate rm -rf -- "${to:?}.partial"
      mutate cp -a -- "${from}" "${to}.partial"
      mutate rename_only "${to}.partial" "${to}"
      ;;
    file | directory) already "${to} is kept" ;;
    *)
      stop "${MISMATCH}" "cannot keep a copy of ${from}" 'nothing, or an earlier copy of ours' \
        "${to} is ${word}" "move ${to} to another place, then run this script again"
      ;;
  esac
}

# remember_cleared NAMES: from here on, files with these names are made by this recovery.
remember_cleared() {
  local cleared_names="$1" seen=''
  if [[ -e "${STATE}/cleared" ]]; then
    seen=$(<"${STATE}/cleared")
  fi
  if [[ "${seen}" != "$1" ]]; then
    mutate write_file "${STATE}/cleared" 0600 "${cleared_names}"
  fi
}

# The step is done only if owner and mode are as before.
clear_for_reattach_rights() {
  local kept="${STATE}/before/generated.config.json" was now
  if ((work > 0)) || [[ ! -e "${kept}" ]]; then
    return
  fi
  was=$(stat -c '%u:%g' -- "${kept}")
  now=$(stat -c '%u:%g' -- "${CONFIG}")
  [[ "${was}" == "${now}" ]] || mutate chown -- "${was}" "${CONFIG}"
  was=$(stat -c '%a' -- "${kept}")
  now=$(stat -c '%a' -- "${CONFIG}")
  [[ "${was}" == "${now}" ]] || mutate chmod -- "0${was}" "${CONFIG}"
}

# Guide 6.1c, an addition: an unstarted or learner entry of this host, left by a failed attempt,
# makes every further one fail ("Peer URLs already exists"). So does a learner of another host,
# because etcd allows one. Voters are never removed here.
drop_stale_member() {
  local place lines
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter and has no stale entry"
    return
  fi
  place=$(drop_stale_member_place own)
  if [[ -n "${place}" ]]; then
    drop_stale_member_entries "${place}"
    return
  fi
  # After the removal of its record this host has no user, but the certificate is enough to read.
  place=$(drop_stale_member_place nobody)
  if [[ -z "${place}" ]]; then
    say 'This machine has no certificate of the cluster. The join will show stale entries'
    return
  fi
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  [[ -z "${lines}" ]] \
    || stop "${MISMATCH}" "a stale entry of ${HOST} is in the member list" 'none' "${lines}" \
      "run etcdctl member remove ID on ${RECOVERY_HOST}, with ETCDCTL_USER and ETCDCTL_PASSWORD \
from its generated.config.json in the environment; then run this script again"
  already "the member list has no entry of ${HOST}"
}

# The first folder with credentials (own) or a certificate (nobody) that the recovery host's etcd
# accepts; nothing if there is none. The members are in scratch/members.
drop_stale_member_place() {
  local user="$1" places place word files
  places=$(kept_places)
  while IFS= read -r place; do
    word='missing'
    if [[ "${user}" == 'own' ]]; then
      word=$(credentials_word "${place}")
    else
      files=$(certificates_word "${place}")
      if [[ "${files}" == 'complete' ]]; then
        word=$(kept_try "${place}" nobody)
      fi
    fi
    if [[ "${word}" == 'accepted' || "${word}" == 0 ]]; then
      member_lines <"${scratch}/etcd.out" >"${scratch}/members"
      printf '%s\n' "${place}"
      return
    fi
  done <<<"${places}"
}

# Removes stale entries of this host, then waits for other hosts that are joining.
drop_stale_member_entries() {
  local place="$1" lines id status name learner count=0
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  while IFS='|' read -r id status name _ learner; do
    if [[ -n "${id}" ]]; then
      if [[ "${status}" == 'started' && "${learner}" == 'false' ]]; then
        stop "${MISMATCH}" "${name} is a voter with the name or peer URL of ${HOST}" \
          'an unstarted or learner entry, or none' "${id} ${name}" \
          'check etcdctl member list; a voter is removed only with its record (phase 5)'
      fi
      count=$((count + 1))
      mutate as_kept "${place}" etcdctl --endpoints "${RECOVERY_ENDPOINT}" member remove "${id}"
    fi
  done <<<"${lines}"
  if ((count == 0)); then
    already "the member list has no entry of ${HOST}"
  fi
  wait_until "${DEADLINE_JOIN}" none 'no host is joining' \
    'docker ps' drop_stale_member_learner "${place}"
}

# as_kept DIR COMMAND...: as as_host, with the certificates and the password in DIR: the data
# directory, or where they were set aside. etcdctl reads all of them from its environment.
as_kept() (
  take_login "$1/generated.config.json"
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  exec "${@:2}"
)

# none, or the learner that blocks this host: etcd allows one at a time.
drop_stale_member_learner() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" != 'accepted' ]]; then
    printf '%s\n' "${word}"
    return
  fi
  member_lines <"${scratch}/etcd.out" | awk -F '|' '$2 != "started" || $5 == "true" {
      name = ($3 == "") ? $4 : $3 }
    END { print (name == "" ? "none" : name) }'
}

# Guide 6.1c: started as a server, the Control Plane logs in with its own password and joins etcd as
# a learner. If the join fails, it has already recorded "server", and its next start is
# uninitialised (409): stop, clear, drop the entry, start; at most twice.
start_reattached() {
  local scale attempts=0
  local check="docker service ps --no-trunc ${SERVICE}; docker service logs ${SERVICE}"
  if [[ "${way}" == 'done' ]]; then
    scale=$(own_scale)
    if [[ "${scale}" == 0 ]]; then
      mutate docker_patiently service scale --detach "${SERVICE}=1"
    else
      already "service ${SERVICE} is at ${scale}"
    fi
    wait_until "${DEADLINE_API}" 200 "${API} serves the cluster" \
      "${check}" api_word "${API}/v1/hosts"
    return
  fi
  start_reattached_update
  while true; do
    wait_until "${DEADLINE_API}" settled "${API} reports the result" \
      "${check}" start_reattached_word
    if ((work > 0)); then
      return
    fi
    api GET "${API}/v1/hosts"
    if [[ "${http_status}" == 200 ]]; then
      say "${HOST} serves the cluster again"
      return
    fi
    attempts=$((attempts + 1))
    ((attempts <= 2)) \
      || stop "${FAILED}" "${HOST} did not join etcd in ${attempts} attempts" 200 \
        "${http_status}, an incomplete join" "check ${check}, then run this script again"
    say "The join is incomplete. ${HOST} has mode server, but is no member. Repair ${attempts} of 2"
    stop_own
    clear_for_reattach
    drop_stale_member
    start_reattached_update
  done
}

# The label shows phase 8 that this recovery added the variable.
start_reattached_update() {
  local mode_word
  mode_word=$(start_reattached_mode)
  case "${mode_word}" in
    none | unknown)
      mutate docker_patiently service update --detach --env-add PGEDGE_ETCD_MODE=server \
        --label-add plan.recovery.env=1 --replicas 1 "${SERVICE}"
      ;;
    server) mutate docker_patiently service update --detach --replicas 1 "${SERVICE}" ;;
    *)
      stop "${MISMATCH}" "${SERVICE} sets PGEDGE_ETCD_MODE=${mode_word}" \
        'server or not set, as it is a server host in the inventory' "${mode_word}" \
        'correct the inventory or the service'
      ;;
  esac
}

# The value of PGEDGE_ETCD_MODE in the service: none | server | another | unknown.
start_reattached_mode() {
  local text status=0
  text=$("${AT_MOST[@]}" 20 docker service inspect \
    --format '{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}' \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    ((work > 0)) || stop "${BUSY}" "Docker does not report the settings of ${SERVICE}" 'a reply' \
      "$(<"${scratch}/docker.err")" 'check docker node ls, then run this script again'
    printf 'unknown\n'
    return
  fi
  text=$(sed -n 's/^PGEDGE_ETCD_MODE=//p' <<<"${text}")
  printf '%s\n' "${text:-none}"
}

# settled (200 or 409), or the present answer of the API.
start_reattached_word() {
  api GET "${API}/v1/hosts"
  case "${http_status}" in
    200 | 409) printf 'settled\n' ;;
    *) printf '%s\n' "${http_status}" ;;
  esac
}

# stop_own: stops this host's Control Plane: its service is at 0 and its container is gone.
stop_own() {
  local scale
  scale=$(own_scale)
  if [[ "${scale}" == 0 ]]; then
    already "service ${SERVICE} is at 0"
  else
    mutate docker_patiently service scale --detach "${SERVICE}=0"
  fi
  wait_until "${DEADLINE_STOP}" gone "the container of ${SERVICE} is gone" \
    'docker ps' container_word "${SERVICE}"
}

# Guide 6.1f: counts started members that are not learners, because endpoint status of one endpoint
# always has one row. The threshold is the target for redundancy.
# prove_voter TARGET HOST...: the other server hosts that this plan brings back.
prove_voter() {
  local threshold="$1" count names left='' host total="${#SERVERS[@]}"
  local check="docker service logs ${SERVICE}; on ${RECOVERY_HOST}: etcdctl member list"
  wait_until "${DEADLINE_JOIN}" voter "${HOST} is a started voting member" \
    "${check}" entry_word "${DATA_DIR}"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} is healthy and has a fresh status" \
    "${check}" host_word "${HOST}"
  if ((work > 0)); then
    cannot_know 'the number of voters'
    return
  fi
  entry_word "${DATA_DIR}" >"${scratch}/word"
  names=$(member_lines <"${scratch}/etcd.out" \
    | awk -F '|' '$2 == "started" && $5 == "false" { print $3 }')
  count=$(grep -c . <<<"${names}" || true)
  for host in "${@:2}"; do
    if [[ $'\n'"${names}"$'\n' != *$'\n'"${host}"$'\n'* ]]; then
      left="${left}${left:+, }${host}"
    fi
  done
  if ((count >= threshold)); then
    say "${count} of ${total} server hosts vote; the target of ${threshold} is reached"
  elif [[ -n "${left}" ]]; then
    say "${count} of ${total} server hosts vote; the target is ${threshold}. Bring back the next"
  else
    say "${count} of ${total} server hosts vote; the target of ${threshold} is not reached, and"
    say 'this plan brings back no other server host'
  fi
  if ((count == 2)); then
    say 'TWO VOTERS: the loss of either stops both. Do not stop, restart or rescale either of them'
    if [[ -n "${left}" ]]; then
      say "until a third votes. Continue with the next host now (${left})"
    else
      say 'until a third votes. They tolerate no loss, and this plan has no other server host.'
      say 'To add one, start a Control Plane on a new machine, GET /v1/cluster/join-token here, and'
      say 'POST it to /v1/cluster/join there'
    fi
  fi
  prove_voter_note
  prove_voter_tidy "${names}"
}

# host_word HOST [SINCE]: fresh | stale | STATE | absent. Fresh means healthy, with a status written
# at SINCE (epoch seconds) or later; without SINCE, in the last 30 s.
host_word() {
  local since="${2:-}" now
  printf -v now '%(%s)T' -1
  since="${since:-$((now - 30))}"
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  answer "${EPOCH_JQ}"' [.hosts[] | select(.id == $id) | .status]
    | if length == 0 then "absent"
      elif .[0].state != "healthy" then (.[0].state // "unknown")
      elif (.[0].updated_at | epoch) < $since then "stale"
      else "fresh" end' --arg id "$1" --argjson since "${since}"
}

# For undo: from here on this host takes part, and its old data are no longer a way back.
prove_voter_note() {
  local note="${HOST} is a voter of the cluster that was restored in incident ${incident}"
  if [[ -e "${STATE}/cleared" && ! -e "${STATE}/returned" ]]; then
    mutate write_file "${STATE}/returned" 0600 "${note}"
  fi
}

# prove_voter_tidy VOTER_NAMES: removes the variable of the reattachment if phase 8 has already
# closed the recovery (no node of the Swarm is marked), but never by restarting one of two voters.
prove_voter_tidy() {
  local mine marks before since word
  local -a voters=()
  mapfile -t voters <<<"$1"
  mine=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{index .Spec.Labels "plan.recovery.env"}}' -- "${SERVICE}" 2>"${scratch}/docker.err") \
    || mine=''
  if [[ "${mine}" != 1 ]]; then
    return
  fi
  marks=$(prove_voter_marks)
  if [[ "${marks}" != 'none' ]]; then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE} until phase 8 has run"
    return
  elif ((${#voters[@]} < 3)); then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE}. Removing it would restart one of two voters."
    say 'When three vote, run this script again'
    return
  fi
  word=$(hosts_word '' "${voters[@]}")
  if [[ "${word}" != 'fresh' ]]; then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE}. Removing it would restart a voter while"
    say "another is not healthy (${word}). When all are healthy, run this script again"
    return
  fi
  say 'This recovery is closed, so this script removes PGEDGE_ETCD_MODE'
  before=$(replaced_task "${SERVICE}")
  mutate docker_patiently service update --force --detach --env-rm PGEDGE_ETCD_MODE \
    --label-rm plan.recovery.env "${SERVICE}"
  wait_until "${DEADLINE_API}" running "a new task of ${SERVICE} runs" \
    'docker ps' task_word "${SERVICE}" '' "${before}"
  since=$(running_since "${SERVICE}")
  wait_until "${DEADLINE_API}" 200 "${API} serves the cluster" \
    'docker ps' api_word "${API}/v1/hosts"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} has a status from after its restart" \
    'docker ps' host_word "${HOST}" "${since}"
}

# voters ENDPOINT: the number of started voting members.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
}

# prove_voter_marks: marked | none | unknown: whether a node of the Swarm has the mark of this
# recovery, which phase 1 sets and phase 8 removes.
prove_voter_marks() {
  local marks mark ids
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet 2>"${scratch}/docker.err") || ids=''
  if [[ -z "${ids}" ]]; then
    printf 'unknown\n'
    return
  fi
  marks=$(recovery_marks)
  while read -r _ _ mark; do
    if [[ "${mark}" == "${CLUSTER_TOKEN}-${incident}" ]]; then
      printf 'marked\n'
      return
    fi
  done <<<"${marks}"
  printf 'none\n'
}

# hosts_word SINCE HOST...: fresh, or the hosts that are not: `host-2 stale, host-3 absent`. SINCE
# may be empty; one request for all hosts, otherwise as host_word.
hosts_word() {
  local since="$1" now
  shift
  now=$(date +%s)
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  jq -r --argjson since "${since:-$((now - 30))}" --args "${EPOCH_JQ}"'
    (.hosts | map({key: .id, value: .status}) | from_entries) as $seen
    | [$ARGS.positional[] | . as $id | $seen[$id]
      | (if . == null then "absent" elif .state != "healthy" then .state // "unknown"
         elif (.updated_at | epoch) < $since then "stale"
         else "fresh" end) | select(. != "fresh") | "\($id) \(.)"]
    | if . == [] then "fresh" else join(", ") end' -- "$@" <"${scratch}/answer"
}

# replaced_task SERVICE: the id of its newest task, which a restart replaces; - if it has none.
# Without an answer the old task would be taken for the new one, so the script stops.
replaced_task() {
  local text state id complaint
  text=$(newest_task "$1")
  complaint=$(docker_complaint)
  read -r state _ _ id _ <<<"${text}"
  [[ "${state}" != 'unknown' ]] || stop "${BUSY}" "Docker does not report the task of $1" \
    'a reply' \
    "${complaint}" 'check docker node ls, then run this script again'
  printf '%s\n' "${id}"
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

# task_word SERVICE NODE [BEFORE]: running | elsewhere | before | the state of the newest task.
# NODE may be empty for any node. BEFORE is the id of the task that a restart replaces.
task_word() {
  local text state node id
  text=$(newest_task "$1")
  read -r state node _ id _ <<<"${text}"
  if [[ "${id}" != '-' && "${id}" == "${3:-}" ]]; then
    printf 'before\n'
  elif [[ "${state}" == 'running' && -n "$2" && "${node}" != "$2" ]]; then
    printf 'elsewhere\n'
  else
    printf '%s\n' "${state}"
  fi
}

# running_since SERVICE: when its newest task entered its state, in epoch seconds; the present time
# if Docker does not report it.
running_since() {
  local text since
  text=$(newest_task "$1")
  read -r _ _ _ _ since <<<"${text}"
  if ((since == 0)); then
    printf -v since '%(%s)T' -1
  fi
  printf '%s\n' "${since}"
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
