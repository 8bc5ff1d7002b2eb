#!/usr/bin/env bash
# if-needed/01-remove-host-2-on-host-1.sh: remove the record of host-2
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       Only if its own script says that it cannot be reattached, or it never returns.
#   when      only if a script or the runbook says so; after 06-reattach-on-host-3.sh, before
#             07-verify-on-host-1.sh
#   guide     phase 5, Remove records of lost hosts: 5.1 5.2
#   after     04-start-on-host-1.sh
#   changes   5.2 Save the specification of every database; 5.2 Take host-2 out of its databases;
#             5.2 Remove the record of host-2
#   page      sha256:8ff8117d5eb1c4bd15c6b39496cfb25eafaacc582978abe8d5c1b91a8e085fd2
#   functions sha256:bcb80fd853963c5e888eabb1ad1e5d609479c448bc4c0f7d375e4c5c500dc23f
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
  recovery_has_started
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # The quorum of the cluster as it was, and how many voters this plan can reach: the target for
  # redundancy, not a condition for writing.
  begin '5.1' 'State the quorum (2) and the target (2 voters)'
  state_threshold '3' '2' '2'

  # A host is not removed while it answers, nor while another host of its databases is down.
  begin '5.2' 'Check that host-2 can be removed'
  check_removable 'host-2' '192.168.104.2' '3000' '2379' '2380'

  # Removal changes them. Phase 8 compares them with what was saved.
  begin '5.2' 'Save the specification of every database'
  save_specs 'host-2'
  # for each database:
  # ? install -d -m 0700 -- "${STATE}/specs"
  # ? install -m 0600 /dev/stdin "${STATE}/specs/${database}.json"

  # In one update for all hosts to be removed: removed one at a time, they deadlock.
  begin '5.2' 'Take host-2 out of its databases'
  update_databases 'host-2'
  # for each database with an instance on a host that is removed:
  # ? curl --request POST 'http://192.168.104.1:3000/v1/databases/'"${database}?${query}" \
  #     --data-binary "@${body}"

  # A host whose record still exists cannot join again.
  begin '5.2' 'Remove the record of host-2'
  remove_record 'host-2'
  # ? curl --request DELETE 'http://192.168.104.1:3000/v1/hosts/host-2'
  # if a half-done join left a member without a name:
  # ? etcdctl --endpoints 'https://192.168.104.1:2379' \
  #     --cacert '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --cert '/data/pgedge/control-plane/certificates/etcd-user.crt' \
  #     --key '/data/pgedge/control-plane/certificates/etcd-user.key' member remove "${member}"
  # ? install -d -m 0700 -- "${STATE}/removed"
  # ? install -m 0600 /dev/stdin "${STATE}/removed/"'host-2'

  finish \
    'Next: if-needed/03-join-on-host-2.sh on host-2 (192.168.104.2)'
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
readonly SCRIPT='if-needed/01-remove-host-2-on-host-1.sh'
readonly HOST='host-1'
readonly -a HOST_ADDRESSES=('192.168.104.1')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly -a HOSTS=()
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly -a CHAIN=(
  '01-prepare-on-host-1.sh'
  '02-restore-on-host-1.sh'
  '03-rewrite-on-host-1.sh'
  '04-start-on-host-1.sh'
)
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly -a API_TLS=()
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'base64' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'curl' 'cut' 'date' 'docker' 'etcdctl' 'find'
  'flock' 'getent' 'grep' 'gzip' 'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'od' 'rm' 'sed'
  'sha256sum' 'sleep' 'sort' 'stat' 'sync' 'timeout' 'touch' 'tr' 'uname'
)
readonly -a OPTIONS=('--also')
readonly DEADLINE_FRESH='90'
readonly DEADLINE_TASK='600'

# --- functions: what the page calls

removal_needed='yes' # no: the record is already gone, so the next steps have little to do

removal_peer_url='' # identifies an unstarted member of the host, which has no name yet

http_status='' # result of the last request: three digits, or refused | timeout | failed

# A probe prints one of these words if it got no other answer.
readonly NO_ANSWER='^([1-5][0-9][0-9]|refused|timeout|failed)$'

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

# On the recovery host: the files on this disk show that this plan's recovery has been started here.
recovery_has_started() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'new' && -e "${STATE}/snapshot.db" ]]; then
    word='under way'
  fi
  [[ "${word}" != 'new' ]] \
    || stop "${MISMATCH}" 'no recovery with this plan is under way' \
      "a recovery that was started on ${HOST}" "nothing of incident ${incident} in ${STATE%/*}" \
      "if the quorum is lost, start with ${FIRST_SCRIPT}; otherwise remove and join single hosts \
with the Control Plane API"
  passed "the recovery of incident ${incident} is ${word}"
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

# Guide 5.1: the quorum threshold. A write needs the quorum of the present members, and the restored
# cluster has one. The quorum of all server hosts is the goal, and the target of this plan is how
# much of it the plan can reach.
state_threshold() {
  local total="$1" quorum="$2" target="$3" names count
  names=$(voter_names "${RECOVERY_ENDPOINT}")
  say "Quorum of ${total} server hosts: floor(${total}/2)+1 = ${quorum}"
  if ((target < quorum)); then
    say "Target of this plan: ${target}, because no more server hosts are expected back"
  else
    say "Target of this plan: ${target} voters"
  fi
  if [[ "${names}" == 'unanswered' ]]; then
    say "Voters now: ${RECOVERY_ENDPOINT} does not report them"
  else
    count=$(grep -c . <<<"${names}")
    say "Voters now: ${names//$'\n'/, }"
    names=$(arithmetic "${count}" "${total}")
    say "${names}"
  fi
}

# voter_names ENDPOINT: names of the started voters, one per line, or unanswered.
voter_names() {
  local list
  list=$(membership "$1")
  awk -F '|' '$1 == "unanswered" { print } $2 == "started" && $5 == "false" { print $3 }' \
    <<<"${list}"
}

# membership ENDPOINT: the lines of members, sorted by name, or the one line: unanswered.
membership() {
  local word
  word=$(etcdctl_word "$1" member list -w simple)
  if [[ "${word}" != 'ok' ]]; then
    printf 'unanswered\n'
    return
  fi
  member_lines <"${scratch}/etcdctl.out" | sort -t '|' -k 3,3 -k 1,1
}

# etcdctl_word ENDPOINT ARGUMENT...: ok | failed, for a read. The output is in scratch/etcdctl.out,
# the errors in scratch/etcdctl.err.
etcdctl_word() {
  as_host bash -c 'if timeout --foreground 15 "${@:2}" >"$1.out" 2>"$1.err"; then printf "ok\n"
    else printf "failed\n"; fi' _ "${scratch}/etcdctl" etcdctl --endpoints "$1" \
    "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s "${@:2}"
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

# arithmetic VOTERS HOSTS: what that number of voters means, with that many server hosts in the
# plan.
arithmetic() {
  local quorum=$(($1 / 2 + 1)) spare votes='vote' members='members' loss='no loss'
  spare=$(($1 - quorum))
  if (($1 == 1)); then
    votes='votes'
    members='member'
  elif ((spare > 0)); then
    loss="the loss of ${spare}"
  fi
  printf '%s of %s server hosts %s; quorum of %s %s is %s; it tolerates %s\n' \
    "$1" "$2" "${votes}" "$1" "${members}" "${quorum}" "${loss}"
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

# Guide 5.2: only a host that is really down is removed, and never the recovery host. DELETE also
# removes a host that runs, and stops its Postgres.
check_removable() {
  local target="$1" address="$2" name port word release ids
  local -a also=() ports=(API "$3" 'etcd client' "$4" 'etcd peer' "$5")
  name=$(hosts_named --also)
  [[ -z "${name}" ]] || mapfile -t also <<<"${name}"
  if [[ "${address}" == *:* ]]; then
    removal_peer_url="https://[${address}]:$5"
  else
    removal_peer_url="https://${address}:$5"
  fi
  [[ "${target}" != "${RECOVERY_HOST}" ]] || stop "${MISMATCH}" \
    "${target} is the recovery host" 'another host' "${target}" 'do not remove it'
  word=$(record_word "${target}")
  if [[ "${word}" == 'absent' ]]; then
    removal_needed='no'
    already "${target} has no record"
    return
  fi
  if [[ -f "${STATE}/removed/${target}" ]]; then
    removal_needed='no'
    already "${target} was removed, and its record is from its new join"
    return
  fi
  while ((${#ports[@]} > 0)); do
    name="${ports[0]}" port="${ports[1]}"
    ports=("${ports[@]:2}")
    word=$(port_word "${address}" "${port}")
    if [[ "${word}" == 'open' ]] && ((work > 0)); then
      cannot_know "whether ${target} still answers on its ${name} port ${port}"
    elif [[ "${word}" == 'open' ]]; then
      stop "${MISMATCH}" "${target} answers on its ${name} port" 'closed or unreachable' \
        "${address}:${port} is open" \
        'do not remove a running host; reattach it (phase 6), or stop its service first'
    else
      say "${target} ${name} port ${port} at ${address} is ${word}"
    fi
  done
  local check="curl '${RECOVERY_API}/v1/hosts'"
  wait_until "$((DEADLINE_FRESH + 45))" away "the last status of ${target} is old" \
    "${check}" away_word "${target}"
  for name in "${also[@]}"; do
    removable_must "${name}"
  done
  release=$(generation)
  read_databases
  ids=$(databases_on "${target}")
  ids="${ids:-none}"
  say "Databases on ${target}: ${ids//$'\n'/ }"
  if [[ "${release}" == '0.6' && "${ids}" != 'none' ]]; then
    say 'Before 0.7 there is no remove_host. An update waits for every host of the database. A'
    say 'forced removal waits for all of them except the removed one, without end if one is down.'
    stop "${MISMATCH}" "Control Plane 0.6 cannot remove ${target} safely" \
      'no database on it' "${ids//$'\n'/ }" \
      "bring back all other hosts of them, then send DELETE /v1/hosts/${target}?force=true yourself"
  fi
}

# hosts_named OPTION: the hosts it was given for, one a line.
hosts_named() {
  local name
  for name in "${!option[@]}"; do
    if [[ "${name}" == "$1 "* ]]; then
      printf '%s\n' "${name#* }"
    fi
  done
}

# record_word HOST: present | absent, from the recovery host's list. /v1/hosts/ID is not used: it
# answers 500 for an unknown id.
record_word() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
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

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
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

# away_word HOST: away | back | the failed request. Away means that its last status is old: a dead
# host keeps its last status for up to 30 s.
away_word() {
  local word
  word=$(host_word "$1")
  case "${word}" in
    stale | unreachable | unknown | absent) printf 'away\n' ;;
    fresh | healthy | degraded) printf 'back\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
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

# removable_must HOST: it is down, not the recovery host, and has a record or had one.
removable_must() {
  local word
  [[ "$1" != "${RECOVERY_HOST}" ]] || stop "${USAGE}" 'the recovery host cannot be removed' \
    "a host other than ${RECOVERY_HOST}" "$1" 'correct the id in --also'
  word=$(record_word "$1")
  [[ "${word}" == 'present' || -f "${STATE}/removed/$1" ]] || stop "${USAGE}" \
    "there is no host $1 in this cluster" 'a host with a record' "no record of $1" \
    "correct the id in --also; curl '${RECOVERY_API}/v1/hosts' lists the hosts"
  word=$(away_must "$1")
  if [[ "${word}" == 'back' ]] && ((work > 0)); then
    cannot_know "whether $1 is down"
  elif [[ "${word}" != 'away' ]]; then
    stop "${MISMATCH}" "$1 is to be removed, but is not down" 'an old status' "${word}" \
      'do not remove a host that is back; leave it out, or stop it and wait 30 s'
  fi
}

# away_must HOST: away | back; the script stops if the API does not report it.
away_must() {
  local word
  word=$(away_word "$1")
  [[ "${word}" == 'away' || "${word}" == 'back' ]] || stop "${BUSY}" \
    "cannot tell whether $1 is down" 'its status in the host list' "${word}" \
    "check ${RECOVERY_API}/v1/hosts, then run this script again"
  printf '%s\n' "${word}"
}

# generation: 0.6 | 0.7, by the fields of the recovery host's host list; 0.7 means 0.7 or newer.
generation() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; has("peer_addresses") or has("etcd_mode")) then "0.7" else "0.6" end'
}

# read_databases: as databases_word; the script stops if they cannot be read.
read_databases() {
  local word
  word=$(databases_word)
  [[ "${word}" == 'read' ]] || stop "${BUSY}" 'the databases cannot be read' '200' "${word}" \
    "check ${RECOVERY_API}/v1/databases, then run this script again"
}

# databases_word: read, with every complete database as a JSON array in scratch/databases.json; or
# the failed request. The list has no specs, on 0.6 no instances either, and is {} if there are
# none.
databases_word() {
  local ids id
  : >"${scratch}/databases"
  api GET "${RECOVERY_API}/v1/databases"
  if [[ "${http_status}" == 200 ]]; then
    ids=$(answer '.databases // [] | .[].id')
    for id in ${ids}; do
      api GET "${RECOVERY_API}/v1/databases/${id}"
      [[ "${http_status}" == 200 ]] || break
      cat -- "${scratch}/answer" >>"${scratch}/databases"
    done
  fi
  if [[ "${http_status}" == 200 ]]; then
    jq -s '.' "${scratch}/databases" >"${scratch}/databases.json"
    printf 'read\n'
  else
    printf '%s\n' "${http_status}"
  fi
}

# databases_on HOST...: ids of the databases that have anything on one of these hosts, in their spec
# or in their records: after a failed update only the records still have it.
databases_on() {
  jq -r --args '$ARGS.positional as $hosts | .[] | select([(.spec.nodes, .spec.services | .[]?
      | .host_ids[]?), (.instances, .service_instances | .[]? | .host_id)]
    | any(. as $one | $hosts | index($one))) | .id' -- "$@" <"${scratch}/databases.json"
}

# Guide 5.2, an addition: saves the spec of every database before the first removal, to add hosts
# again later and for the comparison in phase 8. The first save is never overwritten. The API leaves
# out passwords and keys.
save_specs() {
  local target="$1" id ids file word text made='no'
  if [[ "${removal_needed}" == 'no' ]]; then
    already "${target} is removed, so there is nothing to save"
    return
  fi
  read_databases
  ids=$(jq -r '.[].id' "${scratch}/databases.json")
  if [[ -z "${ids}" ]]; then
    already 'there are no databases'
    return
  fi
  for id in ${ids}; do
    file="${STATE}/specs/${id}.json"
    word=$(file_word "${file}")
    if [[ "${word}" == 'file' ]]; then
      already "the spec of ${id} is in ${file}"
      continue
    fi
    text=$(jq -S --arg id "${id}" '.[] | select(.id == $id)' "${scratch}/databases.json")
    if [[ "${made}" == 'no' && ! -d "${STATE}/specs" ]]; then
      mutate install -d -m 0700 -- "${STATE}/specs"
      made='yes'
    fi
    mutate write_file "${file}" 0600 "${text}"
  done
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

# Guide 5.2, before any DELETE: each database with anything on a host to be removed is updated, with
# all these hosts at once. If they are removed one at a time, two lost hosts of one database wait
# for each other, and no call ends that (measured).
update_databases() {
  local target="$1" host word ids id release named
  local -a gone=() asked=()
  if [[ "${removal_needed}" == 'no' ]]; then
    already "${target} is removed"
    return
  fi
  release=$(generation)
  read_databases
  if [[ "${release}" == '0.6' ]]; then
    already "no database is on ${target}"
    return
  fi
  named=$(hosts_named --also)
  [[ -z "${named}" ]] || mapfile -t asked <<<"${named}"
  for host in "${target}" "${asked[@]}"; do
    removable_must "${host}"
    if [[ " ${gone[*]} " != *" ${host} "* ]]; then
      gone+=("${host}")
    fi
  done
  for host in "${@:2}"; do
    word=$(away_must "${host}")
    if [[ "${word}" != 'away' ]]; then
      say "${host} is not down (${word}) and stays in its databases"
    elif [[ " ${gone[*]} " != *" ${host} "* ]]; then
      gone+=("${host}")
    fi
  done
  ids=$(databases_on "${gone[@]}")
  if [[ -z "${ids}" ]]; then
    already "no database has anything on ${gone[*]}"
    return
  fi
  # Everything is checked before the first change.
  for id in ${ids}; do
    update_databases_check_partners "${id}" "${gone[@]}"
    update_databases_body "${id}" "${gone[@]}"
  done
  for id in ${ids}; do
    update_databases_one "${id}" "${gone[@]}"
  done
}

# update_databases_check_partners DATABASE GONE...: an update waits for every host of the database
# that is not in remove_host. If one of them is down, it would hang.
update_databases_check_partners() {
  local id="$1" hosts host word
  shift
  hosts=$(jq -r --arg id "${id}" --args '.[] | select(.id == $id)
    | [(.spec.nodes, .spec.services | .[]? | .host_ids[]?),
       (.instances, .service_instances | .[]? | .host_id)] | unique - $ARGS.positional | .[]' \
    -- "$@" <"${scratch}/databases.json")
  for host in ${hosts}; do
    word=$(host_word "${host}")
    [[ ! "${word}" =~ ${NO_ANSWER} ]] || stop "${BUSY}" \
      "cannot tell whether ${host} is healthy" 'its status in the host list' "${word}" \
      "check ${RECOVERY_API}/v1/hosts, then run this script again"
    [[ "${word}" == 'fresh' ]] || stop "${MISMATCH}" \
      "database ${id} is also on ${host}, which is not healthy, so its update would hang" \
      'healthy with a fresh status' "${word}" \
      "bring ${host} back with its own script first; if it is lost too, add --also ${host}"
  done
}

# update_databases_body DATABASE GONE...: writes the request to scratch/DATABASE.body: the present
# spec without these hosts, and without nodes and services that have no host left. The API rounds
# memory sizes and leaves out secrets of services, so both come from the spec in etcd.
update_databases_body() {
  local id="$1" needs text
  shift
  update_databases_stored "${id}"
  needs=$(jq -r --arg id "${id}" '.[] | select(.id == $id) | .spec
    | if any(., .nodes[]?; has("memory")) or (.services // []) != [] then "yes" else "no" end' \
    -- "${scratch}/databases.json")
  if [[ "${needs}" == 'yes' && ! -s "${scratch}/stored" ]]; then
    stop "${MISMATCH}" "etcd does not have the exact spec of ${id} at its usual key" \
      "the key /database_specs/${id}" 'none' \
      "POST its full spec without $* yourself, with ?remove_host= for each, then run this again"
  fi
  jq --arg id "${id}" --slurpfile stored "${scratch}/stored" --args '
    def memory($exact): if ($exact.memory // 0) > 0 then .memory = "\($exact.memory)"
      else del(.memory) end;
    $ARGS.positional as $gone | ($stored[0] // {}) as $exact | .[] | select(.id == $id)
    | (if .tenant_id then {tenant_id} else {} end) + {spec: (.spec | memory($exact)
      | .nodes |= [.[]? | .name as $name | .host_ids -= $gone | select(.host_ids != [])
          | del(.source_node) | memory(first($exact.nodes[]? | select(.name == $name)) // {})]
      | [.nodes[].name] as $left
      | if .services then .services |= [.[] | .service_id as $name | .host_ids -= $gone
          | select(.host_ids != [])
          | first($exact.services[]? | select(.service_id == $name)) as $same
          | memory($same) | .config = $same.config
          | if .database_connection.target_nodes
            then .database_connection.target_nodes |= map(select(IN($left[]))) else . end
          | if .database_connection.target_nodes == []
            then del(.database_connection.target_nodes) else . end]
        else . end)}' -- "$@" <"${scratch}/databases.json" >"${scratch}/${id}.body"
  text=$(jq -r '[.spec.nodes[] | "\(.name) on \(.host_ids | join(" and "))"] | join(", ")' \
    -- "${scratch}/${id}.body")
  [[ -n "${text}" ]] || stop "${MISMATCH}" "database ${id} is only on hosts to be removed ($*)" \
    'a node on another host' 'none' \
    'bring one of them back, restore the database elsewhere from its backup, or delete it'
  say "Database ${id} keeps ${text}"
}

# update_databases_stored DATABASE: writes its spec in etcd, with passwords, to scratch/stored;
# empty if the key does not exist. Values are JSON, plain or compressed.
update_databases_stored() {
  local word
  word=$(etcdctl_word "${RECOVERY_ENDPOINT}" get "/database_specs/$1" -w json)
  [[ "${word}" == 'ok' ]] || stop "${BUSY}" "etcd does not return the spec of $1" '' \
    "$(<"${scratch}/etcdctl.err")" 'run this script again'
  jq -r '.kvs[0].value // empty' "${scratch}/etcdctl.out" | base64 -d >"${scratch}/stored"
  word=$(head -c 2 -- "${scratch}/stored" | od -An -tx1)
  if [[ "${word}" == ' 1f 8b' ]]; then
    mv -- "${scratch}/stored" "${scratch}/stored.gz"
    gzip -dc <"${scratch}/stored.gz" >"${scratch}/stored"
  fi
}

# update_databases_one DATABASE GONE...: a database may still be modifying, because of an earlier
# update of a killed script, or a task that came back with the snapshot.
update_databases_one() {
  local id="$1" url="${RECOVERY_API}/v1/databases/$1" query='' host text task word
  local check="curl '${url}/tasks' (hosts removed one at a time leave a task that never ends)"
  shift
  wait_until "${DEADLINE_TASK}" modifiable "database ${id} can be changed" \
    "${check}" update_databases_state_word "${id}"
  if ((work == 0)); then
    word=$(update_databases_left_word "${id}" "$@")
    if [[ "${word}" == 'nothing' ]]; then
      already "database ${id} has nothing on $*"
      return
    fi
    update_databases_body "${id}" "$@"
  fi
  for host in "$@"; do
    query="${query}${query:+&}remove_host=${host}"
  done
  # Before it answers, the Control Plane checks the spec on every remaining host, for up to 5 min.
  mutate api_send POST "${url}?${query}" "${scratch}/${id}.body" 330
  if ((work > 0)); then
    return
  fi
  if [[ "${http_status}" != 200 ]]; then
    text=$(answer_text)
    update_databases_image "${id}" "${http_status}: ${text}"
    stop "${FAILED}" "the update of database ${id} was not accepted" '200' \
      "${http_status}, ${text}" \
      'fix the problem shown above, then run this script again; it checks what the update has done'
  fi
  task=$(answer '.task.task_id')
  await_task "${url}/tasks/${task}" "the update of database ${id}" update_databases_image "${id}"
  prove nothing "database ${id} has nothing left on $*" \
    'run this script again to repeat the update' update_databases_left_word "${id}" "$@"
}

# update_databases_state_word DATABASE: modifiable | its state | the failed request.
update_databases_state_word() {
  local state
  api GET "${RECOVERY_API}/v1/databases/$1"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  state=$(answer '.state')
  case "${state}" in
    available | degraded | failed) printf 'modifiable\n' ;;
    *) printf '%s\n' "${state}" ;;
  esac
}

# update_databases_left_word DATABASE GONE...: nothing | something: what it has on these hosts now.
update_databases_left_word() {
  local ids
  read_databases
  ids=$(databases_on "${@:2}")
  if [[ $'\n'"${ids}"$'\n' == *$'\n'"$1"$'\n'* ]]; then
    printf 'something\n'
  else
    printf 'nothing\n'
  fi
}

# api_send METHOD URL [BODY_FILE [SECONDS]]: an api call that changes something. For mutate.
api_send() {
  api "$@"
}

# update_databases_image DATABASE TEXT: from 0.10 on, every update looks up a pinned image in its
# registry, 30 s per instance, and a spec whose image cannot be verified is invalid. TEXT is the
# error.
update_databases_image() {
  if [[ "$2" =~ [Ii]mage.*(could\ not\ be\ verified|not\ found|inaccessible) ||
    "$2" =~ manifest\ unknown|[Rr]egistry ]]; then
    stop "${FAILED}" "the pinned image of database $1 cannot be verified in its registry" \
      'an image in a registry that every remaining host of it can reach' "$2" \
      "make the registry reachable from these hosts (docker manifest inspect IMAGE), or change or \
remove orchestrator_opts.swarm.image in the spec (POST ${RECOVERY_API}/v1/databases/$1 with \
?remove_host= for each host that is down), then run this script again"
  fi
}

# await_task URL WHAT [JUDGE...]: waits until a task ends; the script stops unless it is completed.
# JUDGE is called with the error, and may stop the script with better advice.
await_task() {
  local status error
  local check="curl '$1'"
  wait_until "${DEADLINE_TASK}" ended "$2 has ended" \
    "${check}" task_end_word "$1"
  api_must 200 GET "$1"
  status=$(answer '.status')
  error=$(answer '.error // "no error text"')
  if [[ "${status}" != 'completed' ]] && (($# > 2)); then
    "${@:3}" "${status}: ${error}"
  fi
  [[ "${status}" == 'completed' ]] || stop "${FAILED}" "$2 failed" 'completed' \
    "${status}, ${error}" 'fix the problem shown above, then run this script again to repeat it'
  say "$2 is completed"
}

# task_end_word URL: ended | its present status | the failed request. A task is read below its host
# or database, because no release has /v1/tasks/ID.
task_end_word() {
  local status
  api GET "$1"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  status=$(answer '.status // "unknown"')
  case "${status}" in
    completed | failed | canceled) printf 'ended\n' ;;
    *) printf '%s\n' "${status}" ;;
  esac
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

# Guide 5.2: removes the host's record, with its etcd user. Without `force`, which only skips the
# check for instances: there are none left. 0.7 and newer have a task of the host, which can fail;
# on 0.6 its id leaves the list.
remove_record() {
  local target="$1" url="${RECOVERY_API}/v1/hosts/$1" release task='' text proof
  proof="${STATE}/removed/${target}"
  text=$(record_word "${target}")
  if [[ "${text}" == 'present' && -f "${proof}" ]]; then
    already "${target} was removed and has joined again"
    return
  fi
  if [[ "${removal_needed}" == 'yes' ]]; then
    release=$(generation)
    if [[ "${release}" != '0.6' ]]; then
      task=$(remove_record_task "${target}")
    fi
    if [[ -n "${task}" ]]; then
      already "the removal of ${target} is under way"
    else
      mutate api_send DELETE "${url}" '' 60
      if ((work == 0)); then
        remove_record_judge "${target}" "${release}"
        task=$(answer '.task.task_id // empty')
      fi
    fi
    if [[ -n "${task}" ]]; then
      await_task "${url}/tasks/${task}" "the removal of ${target}"
    fi
    local check="curl '${RECOVERY_API}/v1/hosts'"
    wait_until "${DEADLINE_TASK}" absent "${target} has left the host list" \
      "${check}" remove_record_word "${target}"
  fi
  remove_record_members "${target}"
  # A later join has the same id; this record shows a later run that it is not the old host.
  if [[ ! -f "${proof}" ]]; then
    text="${target} was removed"
    mutate install -d -m 0700 -- "${STATE}/removed"
    mutate write_file "${proof}" 0600 "${text}"
  fi
}

# remove_record_task HOST: the id of a removal that still runs, or nothing. A second DELETE during a
# removal would return an unclear error.
remove_record_task() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts/$1/tasks"
  answer '[.tasks[]? | select(.type == "remove_host" and
    (.status | IN("completed", "failed", "canceled") | not))] | max_by(.created_at)
    | .task_id // empty'
}

# remove_record_judge HOST RELEASE: evaluates the answer to DELETE.
remove_record_judge() {
  local text
  text=$(answer_text)
  case "${http_status}" in
    200) ;;
    404) already "$1 has no record" ;;
    400)
      stop "${FAILED}" "the removal of $1 was refused" '200' "400, ${text}" \
        'if it has running instances, run this script again; it updates their databases first'
      ;;
    409)
      stop "${BUSY}" "the removal of $1 was refused" '200' "409, ${text}" \
        'wait until the other change in /v1/tasks has ended, then run this script again'
      ;;
    500)
      stop "${FAILED}" "the removal of $1 was refused" '200' "500, ${text}" \
        'check /v1/databases for one that is being changed, and its log, then run this script again'
      ;;
    timeout | failed | refused)
      stop "${BUSY}" "no answer to the removal of $1" '200' "${http_status}" \
        'run this script again; it checks whether the removal has begun'
      ;;
    *)
      stop "${FAILED}" "the removal of $1 was refused" '200' "${http_status}, ${text}" \
        'check the Control Plane log, then run this script again'
      ;;
  esac
}

# remove_record_word HOST: present | absent | the failed request.
remove_record_word() {
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
}

# remove_record_members HOST: an entry left by an incomplete join would make the next join fail
# ("Peer URLs already exists"). A started voter is never removed here.
remove_record_members() {
  local target="$1" word list id
  word=$(member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}")
  case "${word}" in
    absent) say "Check passed: etcd has no member of ${target}" ;;
    unstarted | learner)
      list=$(members "${RECOVERY_ENDPOINT}")
      id=$(pick_member "${target}" "${removal_peer_url}" <<<"${list}" | cut -d '|' -f 1)
      mutate as_host etcdctl --endpoints "${RECOVERY_ENDPOINT}" "${ETCDCTL_TLS[@]}" \
        member remove "${id}"
      prove absent "etcd has no member of ${target}" \
        'check etcdctl member list, then run this again' \
        member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}"
      ;;
    *)
      if ((work > 0)); then
        cannot_know "whether etcd has a member of ${target} afterwards"
      else
        stop "${FAILED}" "${target} is a voter without a record" 'no member of that name' \
          "${word}" 'its join did not finish; start its service, then run its join script again'
      fi
      ;;
  esac
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
