#!/usr/bin/env bash
# 04-start-on-host-1.sh: start host-1 and prove it serves the cluster alone
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       From here on the API answers; with one voter the cluster tolerates no loss yet.
#   guide     phase 4, Start the recovery host: 4.1 4.2 4.3 4.4
#   after     02-restore-on-host-1.sh, 03-rewrite-on-host-1.sh
#   changes   4.1 Start the service of host-1; 4.2 Wait until the API serves the cluster
#   page      sha256:79b6e761a943c65aecb31564853e08993b78bb558b18425fccec1fa46c8dd50d
#   functions sha256:918b087cb1c05d6a57c8576ecba7d58ec83dff3eb54114ebf4542923f6b87362
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
  need '03-rewrite-on-host-1.sh' membership_rewritten
  docker_is_local
  service_uses_data
  records_agree
  recovery_is_current
  others_are_quiet
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # At 1 replica, with a running task on the right node.
  begin '4.1' 'Start the service of host-1'
  start_service 'control-plane_host-1' 'host-1'
  # $ install -m 0600 /dev/stdin "${STATE}/starting"
  # $ docker service scale --detach 'control-plane_host-1=1'

  # An answer from /v1/version proves nothing; one from /v1/hosts does. The time of it is recorded:
  # from then on an undo would drop writes.
  begin '4.2' 'Wait until the API serves the cluster'
  wait_api
  # $ install -m 0600 /dev/stdin "${STATE}/started"

  # With the credentials of the host itself, which proves that they were restored.
  begin '4.3' 'Check the health of etcd'
  check_endpoint

  # Counted in the member list: the status of one endpoint is one row, however many members there
  # are.
  begin '4.4' 'Prove that this host is the only member'
  prove_alone

  # These tasks were running when the snapshot was taken, and nothing finishes them now.
  begin '4.4' 'Show alarms, and tasks that came back with the snapshot'
  show_leftovers

  finish \
    'Next: 05-reattach-on-host-2.sh on host-2 (192.168.104.2)'
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
readonly SCRIPT='04-start-on-host-1.sh'
readonly HOST='host-1'
readonly -a HOST_ADDRESSES=('192.168.104.1')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-1'
readonly API_PORT='3000'
readonly CLIENT_PORT='2379'
readonly PEER_PORT='2380'
readonly PEER_URL='https://192.168.104.1:2380'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly RECOVERY_SERVICE='control-plane_host-1'
readonly -a SERVERS=('host-1' 'host-2' 'host-3')
readonly -a HOSTS=()
readonly -a OTHERS=('host-2 192.168.104.2 3000 2379 2380' 'host-3 192.168.104.3 3000 2379 2380')
readonly -a SERVICES=(
  'host-1 control-plane_host-1'
  'host-2 control-plane_host-2'
  'host-3 control-plane_host-3'
)
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly QUORUM_TARGET='2'
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
  'awk' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'curl' 'date' 'docker' 'etcdctl' 'find' 'flock'
  'getent' 'grep' 'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'rm' 'sed' 'sha256sum' 'sleep'
  'stat' 'sync' 'tail' 'timeout' 'touch' 'tr' 'uname' 'wc'
)
readonly -a OPTIONS=()
readonly DEADLINE_SWARM='120'
readonly DEADLINE_ETCD='60'
readonly DEADLINE_API='180'

# --- functions: what the page calls

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

# Guide 4.1, 6.1c, 7.1c: one service to one replica, and its task runs on the right machine. `docker
# service scale` without --detach hangs on a task that restarts in a loop, and `service ps` also
# lists old tasks, so the newest wanted task is read, with a limit.
start_service() {
  local service="$1" target="$2" scale node own
  local check="docker service ps --no-trunc '${service}'"
  scale=$(service_scale "${service}")
  # An earlier step of this script stops or places it, which leaves it at 0.
  if ((work > 0)); then
    scale=0
  fi
  node=''
  if ((work == 0)) && [[ "${scale}" =~ ^[0-9]+$ ]]; then
    node=$(node_of "${service}")
    own=$(own_node)
    if [[ "${target}" == "${HOST}" && -n "${node}" && "${node}" != "${own}" ]]; then
      stop "${MISMATCH}" "${service} is placed on another machine" "node ${own}" "node ${node}" \
        'check docker node ls; for a replaced machine, run its join script'
    fi
  fi
  if [[ "${target}" == "${RECOVERY_HOST}" && "${scale}" =~ ^[01]$ ]] \
    && [[ ! -e "${STATE}/starting" ]]; then
    # For undo: from this start on the restored cluster can accept writes.
    mutate write_file "${STATE}/starting" 0600 "${SCRIPT}"
  fi
  case "${scale}" in
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    1) already "${service} is at 1" ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${service}" '' '' \
        "check docker node ls; if there is no leader, run ${FIRST_SCRIPT}, then run this again"
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'check docker service ls; deploy the stack, or correct the name in the inventory'
      ;;
  esac
  wait_until "${DEADLINE_API}" running "a task of ${service} runs on ${target}" \
    "${check}" task_word "${service}" "${node}"
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

# own_node: this machine's Swarm node id.
own_node() {
  "${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}'
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

# Guide 4.2: /v1/version answers 200 even without data and quorum, so /v1/hosts and /v1/cluster are
# read. 409 means that the Control Plane has not loaded the restored data: a hard stop, and
# /v1/cluster/init must never be called.
wait_api() {
  local check="docker service logs --tail 50 '${RECOVERY_SERVICE}'"
  local started
  wait_until "${DEADLINE_API}" answers "the API of ${RECOVERY_HOST} answers" \
    "${check}" wait_api_word
  printf -v started 'since %(%FT%T%z)T' -1
  if ((work > 0)); then
    [[ -e "${STATE}/started" ]] || mutate write_file "${STATE}/started" 0600 "${started}"
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    stop "${FAILED}" "the Control Plane of ${RECOVERY_HOST} started without the restored data" \
      '200' '409 cluster_not_initialized' \
      "run ${UNDO_SCRIPT} --apply, then start over with ${FIRST_SCRIPT}; never call \
/v1/cluster/init"
  fi
  prove 200 '/v1/cluster answers 200' 'check the Control Plane log, then run this script again' \
    api_word "${RECOVERY_API}/v1/cluster"
  # For undo: from here on the cluster accepts writes.
  [[ -e "${STATE}/started" ]] || mutate write_file "${STATE}/started" 0600 "${started}"
}

# wait_api_word: answers | the failed request. A 409 is an answer and ends the wait.
wait_api_word() {
  local word
  word=$(api_word "${RECOVERY_API}/v1/hosts")
  case "${word}" in
    200 | 409) printf 'answers\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
}

# api_word URL: the status of a GET, as a word for wait_until and prove.
api_word() {
  api GET "$1"
  printf '%s\n' "${http_status}"
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

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
}

# Guide 4.3: etcd commits a proposal at its real address with the host's own user. The password is
# in the environment of this one command, because every user of the machine can read argument lists.
check_endpoint() {
  local check="ss -ltnp 'sport = :${CLIENT_PORT}'"
  wait_until "${DEADLINE_ETCD}" ok "etcd at ${RECOVERY_ENDPOINT} commits a proposal" \
    "${check}" etcdctl_word "${RECOVERY_ENDPOINT}" endpoint health
}

# etcdctl_word ENDPOINT ARGUMENT...: ok | failed, for a read. The output is in scratch/etcdctl.out,
# the errors in scratch/etcdctl.err.
etcdctl_word() {
  as_host bash -c 'if timeout --foreground 15 "${@:2}" >"$1.out" 2>"$1.err"; then printf "ok\n"
    else printf "failed\n"; fi' _ "${scratch}/etcdctl" etcdctl --endpoints "$1" \
    "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s "${@:2}"
}

# Guide 4.4: exactly one member, started, voting, with the recovery host's name. The member list is
# read, because endpoint status of one endpoint always has one row.
prove_alone() {
  local list count strangers word
  if ((work > 0)); then
    cannot_know "whether ${RECOVERY_HOST} is the only member"
    return
  fi
  list=$(members "${RECOVERY_ENDPOINT}")
  count=$(wc -l <<<"${list}")
  word=$(pick_member "${RECOVERY_HOST}" "${PEER_URL}" <<<"${list}" | member_state)
  strangers=$(prove_alone_strangers "${list}")
  say "Members: ${list//$'\n'/; }"
  if [[ "${word}" != 'voter' || -n "${strangers}" ]]; then
    stop "${FAILED}" "the member list is not that of a restored ${RECOVERY_HOST}" \
      "${RECOVERY_HOST} as a started voter, and no member of another cluster" \
      "${RECOVERY_HOST} is ${word}; other members are ${strangers:-none}" \
      "stop every other server host's service, run ${UNDO_SCRIPT}, then start over with \
${FIRST_SCRIPT}"
  fi
  if ((count > 1)); then
    # A restored directory starts with one member; more members have joined in phase 6.
    word=$(progress)
    [[ "${word}" == 'restored' ]] || stop "${FAILED}" 'more than one member, but no restored etcd' \
      "an etcd restored by this plan on ${RECOVERY_HOST}" "${word}; ${count} members" \
      "run ${FIRST_SCRIPT} first, then the scripts after it"
    already "${count} members, so a later step of this recovery has run"
    return
  fi
  say "Check passed: ${RECOVERY_HOST} is the only member, started and voting"
  say 'This one voter is a quorum. It accepts writes and tolerates no loss.'
  if ((QUORUM_TARGET == 1)); then
    say 'No other server host is expected back. The next loss is total, so add server hosts.'
  else
    say "The target of this plan is ${QUORUM_TARGET} voters of ${#SERVERS[@]} server hosts."
  fi
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

# prove_alone_strangers LIST: member names that are not server hosts of the plan. An entry without a
# name is a member that is joining.
prove_alone_strangers() {
  local name text=''
  while IFS='|' read -r _ _ name _; do
    if [[ -n "${name}" && " ${SERVERS[*]} " != *" ${name} "* ]]; then
      text="${text} ${name}"
    fi
  done <<<"$1"
  printf '%s\n' "${text# }"
}

# Guide 4.4, an addition: a snapshot brings back alarms, and tasks that were pending or running when
# it was taken; the Control Plane resumes those. They are only reported.
show_leftovers() {
  local text word release ids id line
  if ((work > 0)); then
    cannot_know 'which alarms and tasks came back with the snapshot'
    return
  fi
  word=$(etcdctl_word "${RECOVERY_ENDPOINT}" alarm list)
  text=$(tr '\n' ' ' <"${scratch}/etcdctl.out")
  if [[ "${word}" != 'ok' ]]; then
    text=$(tail -n 1 -- "${scratch}/etcdctl.err")
    say "etcd does not report its alarms (${text})"
  elif [[ -n "${text}" ]]; then
    say "ALARM: ${text}(with NOSPACE etcd refuses writes; compact, defragment and disarm it)"
  else
    say 'No alarms'
  fi
  release=$(generation)
  : >"${scratch}/tasks"
  if [[ "${release}" == '0.6' ]]; then
    # 0.6 has no list of all tasks.
    api_must 200 GET "${RECOVERY_API}/v1/databases"
    ids=$(answer '.databases // [] | .[].id')
    for id in ${ids}; do
      api_must 200 GET "${RECOVERY_API}/v1/databases/${id}/tasks"
      cat -- "${scratch}/answer" >>"${scratch}/tasks"
    done
  else
    api_must 200 GET "${RECOVERY_API}/v1/tasks"
    cat -- "${scratch}/answer" >>"${scratch}/tasks"
  fi
  text=$(jq -r '.tasks // [] | .[]
    | select(.status | IN("completed", "failed", "canceled") | not)
    | "\(.type) of \(.scope // "database") \(.entity_id // .database_id): \(.status)"' \
    -- "${scratch}/tasks")
  if [[ -z "${text}" ]]; then
    say 'No tasks came back with the snapshot'
    return
  fi
  while IFS= read -r line; do
    say "Task resumed with the snapshot: ${line}"
  done <<<"${text}"
}

# generation: 0.6 | 0.7, by the fields of the recovery host's host list; 0.7 means 0.7 or newer.
generation() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; has("peer_addresses") or has("etcd_mode")) then "0.7" else "0.6" end'
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

# answer_text: the last answer as text: its message if it has one, otherwise its first line.
answer_text() {
  local text=''
  text=$(jq -r '.message // .error // empty' "${scratch}/answer" 2>/dev/null) || true
  if [[ -z "${text}" ]]; then
    text=$(head -c 300 -- "${scratch}/answer" | tr '\n' ' ')
  fi
  printf '%s\n' "${text:-no text}"
}

# answer FILTER [JQ_OPTION...]: applies a jq filter to the last answer. The script stops if that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" "${scratch}/answer"
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
