#!/usr/bin/env bash
# 07-verify-on-host-1.sh: restart what has to be, verify every host, and close the recovery
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       Nothing counts as recovered that was not seen from every side.
#   guide     phase 8, Verify: 8.1 8.2 8.3 8.4
#   after     04-start-on-host-1.sh, 05-reattach-on-host-2.sh, 06-reattach-on-host-3.sh
#   changes   8.1 Restart host-2, unless that is already done; 8.1 Restart host-3, unless that is
#             already done; 8.1 Restart host-1, unless that is already done; 8.4 Close the recovery
#   page      sha256:f21cabe3a43750dadb23eb9c4c47cc4a9916c253787339f2aee41451836c0158
#   functions sha256:3bdfa1456cc12debf260b629152be15da9b54e3d9c87a1e4305388d4d891e961
#   engine    sha256:15842eeec98fbe5bbeb46273161a013b8086dad916a9737394da3c9ceb2225ea

# --- page

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own

# Each guard passes, or stops the script and says what was expected, what was found and what to do.
# Nothing is changed before all of them have passed.
guards() {
  need '05-reattach-on-host-2.sh' quorum_reached
  need '04-start-on-host-1.sh' api_answers
  need_back 'host-2'
  need_back 'host-3'
  docker_is_local
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # One at a time, waiting for each, and never one of only two voters.
  begin '8.1' 'Restart host-2, unless that is already done'
  restart_host 'host-2' 'control-plane_host-2'
  # if it was reattached, else without the last two options:
  # ? docker service update --force --detach --env-rm PGEDGE_ETCD_MODE \
  #     --label-rm plan.recovery.env 'control-plane_host-2'
  # ? docker service update --force --detach 'control-plane_host-2'
  # ? install -d -m 0700 -- "${STATE}/restarted"
  # ? install -m 0600 /dev/stdin "${STATE}/restarted/"'host-2'

  # One at a time, waiting for each, and never one of only two voters.
  begin '8.1' 'Restart host-3, unless that is already done'
  restart_host 'host-3' 'control-plane_host-3'
  # if it was reattached, else without the last two options:
  # ? docker service update --force --detach --env-rm PGEDGE_ETCD_MODE \
  #     --label-rm plan.recovery.env 'control-plane_host-3'
  # ? docker service update --force --detach 'control-plane_host-3'
  # ? install -d -m 0700 -- "${STATE}/restarted"
  # ? install -m 0600 /dev/stdin "${STATE}/restarted/"'host-3'

  # One at a time, waiting for each, and never one of only two voters.
  begin '8.1' 'Restart host-1, unless that is already done'
  restart_host 'host-1' 'control-plane_host-1'
  # if it was reattached, else without the last two options:
  # ? docker service update --force --detach --env-rm PGEDGE_ETCD_MODE \
  #     --label-rm plan.recovery.env 'control-plane_host-1'
  # ? docker service update --force --detach 'control-plane_host-1'
  # ? install -d -m 0700 -- "${STATE}/restarted"
  # ? install -m 0600 /dev/stdin "${STATE}/restarted/"'host-1'

  # By a fresh status: a stored one may be older than the disaster.
  begin '8.2' 'Verify that all hosts are healthy'
  verify_hosts '3' 'host-1' 'host-2' 'host-3'

  # The state of a database is only stored; that of its instances is measured.
  begin '8.3' 'Verify databases and their instances'
  verify_databases

  # One cluster id, every server host a started voter, no learner.
  begin '8.4' 'Verify the etcd cluster from every endpoint'
  verify_members \
    '3' \
    'https://192.168.104.1:2379' \
    'https://192.168.104.2:2379' \
    'https://192.168.104.3:2379' \
    'host-1' \
    'host-2' \
    'host-3'

  # It removes what the recovery has left in Docker. It reports what is not well, what the cluster
  # tolerates now, and which machines must stay off.
  begin '8.4' 'Close the recovery'
  close_recovery
  # ? install -m 0600 /dev/stdin "${STATE}/closed"
  # ? docker node update --label-rm plan.recovery "${node}"

  finish \
    'This was the last script. Save a snapshot now (before/); keep what was set aside until you are sure.'
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
readonly SCRIPT='07-verify-on-host-1.sh'
readonly HOST='host-1'
readonly -a HOST_ADDRESSES=('192.168.104.1')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
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
readonly -a WAYS=(
  'host-2 05-reattach-on-host-2.sh if-needed/01-remove-host-2-on-host-1.sh if-needed/03-join-on-host-2.sh'
  'host-3 06-reattach-on-host-3.sh if-needed/02-remove-host-3-on-host-1.sh if-needed/04-join-on-host-3.sh'
)
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly -a API_TLS=()
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'curl' 'date' 'docker' 'du' 'etcdctl' 'find' 'flock'
  'getent' 'grep' 'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'rm' 'sed' 'sha256sum' 'sleep'
  'sort' 'stat' 'sync' 'tail' 'timeout' 'touch' 'tr' 'uname' 'wc'
)
readonly -a OPTIONS=()
readonly DEADLINE_SWARM='120'
readonly DEADLINE_API='180'
readonly DEADLINE_FRESH='90'

# --- functions: what the page calls

# For the filters below. An instance is fine if its status is new (written every 5 s; its updated_at
# is not) and has no error. What failed before this recovery may still fail after it.
readonly VERIFY_DATABASES_JQ='
  def fine: .state == "available" and (has("host_id") | not)
    or .state == "available" and .error == null
      and ((.status_updated_at // "1970-01-01T00:00:00Z") | epoch) >= now - 30;
  def old: (.state | IN("failed", "degraded", "stopped")) and (.updated_at | epoch) < $since;
  def bad: (fine or old) | not;'

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

last_seen='' # the last word of wait_softly; empty if it has not probed yet

unwell='' # databases and instances that are not available, one per line, as last verified

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

# A healthy and fresh server host has joined the recovered etcd: otherwise it could not log in. The
# target is never more than the number of server hosts that have a record.
quorum_reached() {
  local counts count left target="${QUORUM_TARGET}"
  if [[ "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    printf 'later\n'
    return
  fi
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    need_unanswered "${RECOVERY_API}/v1/hosts"
    return
  fi
  counts=$(jq -r --args "${EPOCH_JQ}"'[.hosts[] | select(.id | IN($ARGS.positional[]))] as $left
    | [$left[] | select(.status.state == "healthy" and (.status.updated_at | epoch) >= now - 30)]
    | "\(length) \($left | length)"' -- "${SERVERS[@]}" <"${scratch}/answer")
  read -r count left <<<"${counts}"
  if ((left < target)); then
    target="${left}"
  fi
  if ((count >= target)); then
    printf 'yes\n'
  else
    printf '%s server hosts are back, the target is %s\n' "${count}" "${target}"
  fi
}

# need_back HOST: it is back, or was removed. Otherwise the script stops and names the
# scripts that can be run now.
need_back() {
  local host="$1" seen advice
  if [[ "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    say "Checked later, by the step that relies on it: ${host} is back"
    return
  fi
  seen=$(back_word "${host}")
  case "${seen}" in
    yes) say "Already done: ${host} is back" ;;
    removed) say "${host} was removed and has not joined again: it is not checked" ;;
    unknown\ *)
      stop "${BUSY}" "cannot tell whether ${host} is back or removed" 'a reply' \
        "${seen#unknown }" \
        'fix the problem shown above, or wait a minute, then run this script again'
      ;;
    *)
      advice=$(back_advice "${host}" "${seen}")
      stop "${MISMATCH}" "${host} is neither back nor removed" \
        'a healthy host with a fresh status, or no record of it' "${seen}" "${advice}"
      ;;
  esac
}

# back_word HOST: yes | removed | unknown WHY | what is seen instead. A host that restarts is not
# lost, so a stale status is read again for 30 s.
back_word() {
  local word start now
  start=$(uptime_seconds)
  while true; do
    word=$(host_word "$1")
    case "${word}" in
      fresh)
        printf 'yes\n'
        return
        ;;
      absent)
        back_absent_word "$1"
        return
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= 30)); then
      break
    fi
    say "Waiting until $1 is back ($((now - start)) s of 30 s): currently ${word}"
    sleep 5
  done
  if [[ "${word}" =~ ${NO_ANSWER} ]]; then
    printf 'unknown %s/v1/hosts answers %s\n' "${RECOVERY_API}" "${word}"
  else
    printf '%s is %s in the host list of %s\n' "$1" "${word}" "${RECOVERY_HOST}"
  fi
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

# answer FILTER [JQ_OPTION...]: applies a jq filter to the last answer. The script stops if that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" "${scratch}/answer"
}

# back_absent_word HOST: removed, unless etcd still has a member for this host without a record.
back_absent_word() {
  local list
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == 'unanswered' ]]; then
    list=$(tail -n 1 -- "${scratch}/etcdctl.err")
    printf 'unknown etcd at %s: %s\n' "${RECOVERY_ENDPOINT}" "${list}"
  elif [[ "|${list//$'\n'/|}|" == *"|$1|"* ]]; then
    printf '%s has no record and is a member of etcd\n' "$1"
  else
    printf 'removed\n'
  fi
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

# back_advice HOST SEEN: which scripts to run for a host that is neither back nor removed. Before
# 0.7 no server host comes back with its data.
back_advice() {
  local ways back removal join where="$1" release
  ways=$(ways_of "$1")
  read -r back removal join <<<"${ways}"
  if [[ " ${SERVERS[*]} " != *" $1 "* ]]; then
    where="${RECOVERY_HOST}"
  elif [[ "${back}" != '-' ]]; then
    release=$(generation)
    [[ "${release}" != '0.6' ]] || back='-'
  fi
  if [[ "$2" == *'is a member of etcd' && "${join}" != '-' ]]; then
    printf 'its join did not finish; run %s on %s, then run this script again\n' "${join}" "$1"
  elif [[ "${back}" != '-' ]]; then
    printf 'if %s is up, run %s on %s; if it never returns, run %s on %s; then run this again\n' \
      "$1" "${back}" "${where}" "${removal}" "${RECOVERY_HOST}"
  elif [[ "${join}" != '-' ]]; then
    printf 'run %s on %s; if a machine replaces it, run %s there; then run this script again\n' \
      "${removal}" "${RECOVERY_HOST}" "${join}"
  else
    printf 'run %s on %s, then run this script again\n' "${removal}" "${RECOVERY_HOST}"
  fi
}

# ways_of HOST: `BACK REMOVAL JOIN`.
ways_of() {
  local line
  for line in "${WAYS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
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

# Guide 8.1, one server host at a time, because all at once would be a second total outage. Never
# one of two voters: stopping it stops the other. A host that was started after the last change of
# the membership is not restarted.
restart_host() {
  local target="$1" service="$2" list labelled before since word
  local record="${STATE}/restarted/$1" check="docker service ps --no-trunc '$2'"
  local -a others=()
  list=$(membership "${RECOVERY_ENDPOINT}")
  labelled=$(env_label "${service}")
  word=$(restart_host_word "${target}" "${service}" "${list}" "${labelled}")
  case "${word}" in
    restart) ;;
    unanswered\ *)
      stop "${BUSY}" "cannot tell whether ${target} needs a restart" 'a reply' \
        "${word#unanswered }" 'wait a minute, then run this script again'
      ;;
    *)
      already "${target} is not restarted, because ${word}"
      return
      ;;
  esac
  word=$(awk -F '|' '$2 == "started" && $5 == "false" { print $3 }' <<<"${list}")
  mapfile -t others <<<"${word}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy before the next restart' \
    "${check}" hosts_word '' "${others[@]}"
  before=$(replaced_task "${service}")
  if [[ "${labelled}" == 'ours' ]]; then
    # Phase 6 added the variable for one start; the service ends without it.
    mutate docker_patiently service update --force --detach --env-rm PGEDGE_ETCD_MODE \
      --label-rm plan.recovery.env "${service}"
  else
    mutate docker_patiently service update --force --detach "${service}"
  fi
  wait_until "${DEADLINE_API}" running "a new task of ${service} runs" \
    "${check}" task_word "${service}" '' "${before}"
  # A Control Plane writes its status as it starts, and then every 15 s.
  since=$(running_since "${service}")
  wait_until "${DEADLINE_FRESH}" fresh "${target} has a status from after its restart" \
    "${check}" hosts_word "${since}" "${target}"
  # The leader's restart can end another host's process; Swarm starts it again within 10 s.
  wait_until "${DEADLINE_FRESH}" complete 'the member list is as before' \
    "${check}" restart_host_members_word "${list}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy' \
    "${check}" hosts_word '' "${others[@]}"
  mutate install -d -m 0700 -- "${STATE}/restarted"
  mutate write_file "${record}" 0600 "${list}"
}

# env_label SERVICE: ours if phase 6 gave the service PGEDGE_ETCD_MODE; none; or unknown.
env_label() {
  local text status=0
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{index .Spec.Labels "plan.recovery.env"}}' -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    if [[ "${text}" == 1 ]]; then printf 'ours\n'; else printf 'none\n'; fi
  elif grep -qi -e 'no such service' -- "${scratch}/docker.err"; then
    printf 'none\n'
  else
    printf 'unknown\n'
  fi
}

# restart_host_word HOST SERVICE MEMBERS LABELLED: restart | unanswered WHY | why it is not
# restarted. A host that came back after the end still has the variable of phase 6.
restart_host_word() {
  local target="$1" service="$2" list="$3" labelled="$4" seen='' scale word voters created last
  local record="${STATE}/restarted/$1"
  if [[ -f "${STATE}/closed" && "${labelled}" == 'none' ]]; then
    printf 'this recovery is closed\n'
    return
  fi
  if [[ "${list}" == 'unanswered' ]]; then
    word=$(tail -n 1 -- "${scratch}/etcdctl.err")
    printf 'unanswered etcd at %s, %s\n' "${RECOVERY_ENDPOINT}" "${word}"
    return
  fi
  scale=$(service_scale "${service}")
  if [[ "${scale}" == 'unknown' || "${labelled}" == 'unknown' ]]; then
    word=$(docker_complaint)
    printf 'unanswered Docker, %s\n' "${word}"
    return
  fi
  if [[ "${scale}" != 1 ]]; then
    printf '%s has no replica (%s)\n' "${service}" "${scale}"
    return
  fi
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  if [[ "${seen}" == "${list}" && "${labelled}" != 'ours' ]]; then
    printf 'it was restarted with the present members\n'
    return
  fi
  voters=$(awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l)
  word=$(pick_member "${target}" '' <<<"${list}" | member_state)
  if [[ "${word}" != 'voter' ]]; then
    printf 'it is not a started voter (%s)\n' "${word}"
    return
  fi
  if ((voters == 2)); then
    printf 'there are only two voters, and stopping one stops the other\n'
    return
  fi
  created=$(started_at "${service}")
  last=$(last_start "${target}")
  if [[ "${last}" == 'unknown' ]]; then
    word=$(docker_complaint)
    printf 'unanswered Docker, %s\n' "${word}"
    return
  elif ((created > last)) && [[ "${labelled}" != 'ours' ]]; then
    printf 'it was started after every other server host\n'
    return
  fi
  printf 'restart\n'
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

# started_at SERVICE: when its newest task was created, in epoch seconds; 0 if there is none.
started_at() {
  local text created
  text=$(newest_task "$1")
  read -r _ _ created _ <<<"${text}"
  printf '%s\n' "${created}"
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

# last_start [EXCEPT]: when the last server host except EXCEPT was started, in epoch seconds: only
# phase 6 changes members, and it begins with a start. Later than any time if a host has no service;
# unknown if Docker does not answer.
last_start() {
  local except="${1:-}" server service text created last=0 never=$((1 << 62)) status=0
  local -a ids=()
  text=$("${AT_MOST[@]}" 20 docker service ls --quiet 2>"${scratch}/docker.err") || status=$?
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$("${AT_MOST[@]}" 20 docker service inspect "${ids[@]}" 2>"${scratch}/docker.err") \
      || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown\n'
    return
  fi
  for server in "${SERVERS[@]}"; do
    if [[ "${server}" == "${except}" ]]; then
      continue
    fi
    service=$(jq -r --arg env "PGEDGE_HOST_ID=${server}" '[.[]
      | select(.Spec.TaskTemplate.ContainerSpec.Env // [] | index($env)) | .Spec.Name]
      | .[0] // empty' <<<"${text}")
    created="${never}"
    if [[ -n "${service}" ]]; then
      created=$(started_at "${service}")
    fi
    if ((created > last)); then
      last="${created}"
    fi
  done
  printf '%s\n' "${last}"
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

# restart_host_members_word MEMBERS: complete | changed | unanswered.
restart_host_members_word() {
  local list
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == "$1" ]]; then
    printf 'complete\n'
  elif [[ "${list}" == 'unanswered' ]]; then
    printf 'unanswered\n'
  else
    printf 'changed\n'
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

# Guide 8.2: every host is healthy with a fresh status, and has the mode of the inventory.
verify_hosts() {
  local servers="$1" text
  local -a known=()
  local check="curl '${RECOVERY_API}/v1/hosts', and in the runbook its way back or its removal"
  shift
  # A host that was removed and has not joined again is not checked. A host that should come back
  # has already been checked at the start of this script.
  text=$(with_record "${@:1:servers}")
  mapfile -t known <<<"${text}"
  shift "${servers}"
  servers="${#known[@]}"
  if (($# > 0)); then
    text=$(with_record "$@")
    if [[ -n "${text}" ]]; then
      mapfile -t -O "${servers}" known <<<"${text}"
    fi
  fi
  set -- "${known[@]}"
  wait_until "${DEADLINE_FRESH}" fresh 'every host is healthy' \
    "${check}" hosts_word '' "$@"
  if ((work > 0)); then
    cannot_know 'that each host has its mode'
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  # Before 0.7 hosts do not report their mode.
  text=$(jq -r --argjson servers "${servers}" --args '$ARGS.positional as $hosts
    | [.hosts[] | . as $host | ($hosts | index($host.id)) as $at
      | select($at != null and has("etcd_mode"))
      | (if $at < $servers then "server" else "client" end) as $want
      | select(.etcd_mode != $want) | "\(.id) is \(.etcd_mode), not \($want)"] | join(", ")' \
    -- "$@" <"${scratch}/answer")
  [[ -z "${text}" ]] || stop "${FAILED}" 'a host has another mode than in the inventory' \
    'server or client as in the inventory' "${text}" \
    'if the cluster is right, correct the inventory; otherwise remove the host and join it again'
  say "Check passed: $# hosts are healthy, ${servers} of them servers"
  text=$(jq -r --args '[.hosts[].id] - $ARGS.positional | join(" ")' "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say \
    "Hosts with a record that are not in the plan: ${text}. Remove unused ones"
}

# with_record HOST...: those of the hosts that have a record in the cluster, one per line. The
# others are reported.
with_record() {
  local text
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  text=$(jq -r --args '$ARGS.positional - [.hosts[].id] | join(", ")' "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say "Removed and not joined again, so not checked: ${text}"
  jq -r --args '[.hosts[].id] as $known | $ARGS.positional[] | select(IN($known[]))' "$@" \
    <"${scratch}/answer"
}

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
}

# Guide 8.3: the state of a database is a stored value that stays `available` even with all
# instances dead, so each instance is checked too; its state is `unknown` while its status is old.
# Then the specs saved in phase 5 are compared with the present ones.
verify_databases() {
  local since=0 check="curl '${RECOVERY_API}/v1/databases'"
  if [[ -d "${STATE}/before" ]]; then
    since=$(stat -c %Y -- "${STATE}/before")
  fi
  wait_softly 60 well 'every database and instance is available' \
    verify_databases_word "${since}"
  if ((work > 0)); then
    return
  fi
  read_databases
  # shellcheck disable=SC2034  # close_recovery repeats it at the end
  unwell=$(verify_databases_old "${since}")
  verify_databases_moved
  if [[ "${last_seen}" != 'well' ]]; then
    verify_databases_advice "${since}"
    wait_until 1 well 'every database and instance is available' \
      "${check}" verify_databases_word "${since}"
  fi
  if [[ -n "${unwell}" ]]; then
    say 'Check passed: every database and instance is back, except those that had failed before'
  else
    say 'Check passed: every database and instance is back'
  fi
}

# wait_softly SECONDS WANT WHAT PROBE...: as wait_until, but the script continues at the limit, and
# the caller decides by last_seen. WANT may be several words: fresh|absent.
wait_softly() {
  local limit="$1" want="$2" what="$3" start reported=0 spent=0
  shift 3
  last_seen=''
  if ((work > 0)); then
    say "Would wait up to ${limit} s until ${what}"
    return
  fi
  start=$(uptime_seconds)
  last_seen=$("$@")
  if [[ "${mode}" == 'look' && "|${want}|" != *"|${last_seen}|"* ]]; then
    work_began="${step_number}"
    work=1
    say "Would wait up to ${limit} s until ${what}; currently ${last_seen}"
    cannot_know 'what to do if that does not help'
    return
  fi
  while [[ "|${want}|" != *"|${last_seen}|"* ]] && ((spent < limit)); do
    if ((spent >= reported)); then
      say "Waiting until ${what} (${spent} s of ${limit} s): currently ${last_seen}"
      reported=$((spent + 5))
    fi
    sleep 1
    last_seen=$("$@")
    spent=$(uptime_seconds)
    spent=$((spent - start))
  done
  if [[ "|${want}|" == *"|${last_seen}|"* ]]; then
    say "${what}: ${last_seen}"
  else
    say "Not within ${spent} s: ${what}; last seen: ${last_seen}"
  fi
}

# verify_databases_word SINCE: well, or what is not: `db1 modifying, db1-n1-x unknown`.
verify_databases_word() {
  local word
  word=$(databases_word)
  if [[ "${word}" != 'read' ]]; then
    printf '%s\n' "${word}"
    return
  fi
  verify_databases_ask "$1" '[.[] | ., .instances[]? | select(bad) | "\(.id) \(.state)"]
    | if . == [] then "well" else join(", ") end'
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

# verify_databases_ask SINCE FILTER: the result of the filter for the databases read last.
verify_databases_ask() {
  jq -r --argjson since "$1" "${EPOCH_JQ}${VERIFY_DATABASES_JQ} $2" -- "${scratch}/databases.json"
}

# read_databases: as databases_word; the script stops if they cannot be read.
read_databases() {
  local word
  word=$(databases_word)
  [[ "${word}" == 'read' ]] || stop "${BUSY}" 'the databases cannot be read' '200' "${word}" \
    "check ${RECOVERY_API}/v1/databases, then run this script again"
}

# verify_databases_old SINCE: what had already failed before this recovery, one per line.
verify_databases_old() {
  verify_databases_ask "$1" '.[] | ., .instances[]? | select(old)
    | "\(.id) is \(.state) since \(.updated_at), before this recovery"'
}

# verify_databases_moved: hosts that are in a saved spec, but not in the present one.
verify_databases_moved() {
  local file id text line
  for file in "${STATE}/specs/"*.json; do
    if [[ ! -f "${file}" ]]; then
      continue
    fi
    id="${file##*/}"
    id="${id%.json}"
    text=$(jq -r --arg id "${id}" --slurpfile saved "${file}" '
      def places: [.spec.nodes[]? | .name as $name | .host_ids[]? | "node \($name) on \(.)"]
        + [.spec.services[]? | .service_id as $name | .host_ids[]? | "service \($name) on \(.)"];
      [.[] | select(.id == $id)] as $now
      | if $now == [] then "all of it"
        else ($saved[0] | places) - ($now[0] | places) | .[] end' -- "${scratch}/databases.json")
    if [[ -z "${text}" ]]; then
      say "Database ${id} is on the same hosts as before"
      continue
    fi
    while IFS= read -r line; do
      say "Missing since phase 5 from database ${id}: ${line}"
    done <<<"${text}"
    say "  To add it again, update its spec with the API. The old spec is ${file}"
  done
}

# verify_databases_advice SINCE: an instance that does not come back although its container runs may
# have a login token from before the loss, and then waits without end. Prints its service.
verify_databases_advice() {
  local text id host state service
  text=$(verify_databases_ask "$1" '.[] | .instances[]? | select(bad)
    | "\(.id)|\(.host_id)|\(.state)"')
  while IFS='|' read -r id host state; do
    if [[ -z "${id}" ]]; then
      continue
    fi
    service=$("${AT_MOST[@]}" 20 docker service ls --filter "label=pgedge.instance.id=${id}" \
      --format '{{.Name}}' 2>/dev/null || true)
    say "${id} on ${host} is ${state}. If its container runs, it may have an old login token. Run"
    say "  docker service update --force --detach ${service:-its service}"
  done <<<"${text}"
}

# Guide 8.4: every server host is a started voter, with no learner and no other member, the same at
# every endpoint, and with one cluster id. Every endpoint is asked, because one proves nothing about
# the others.
verify_members() {
  local endpoints="$1"
  local endpoint text
  local -a asked=() known=()
  shift
  local check="etcdctl member list, at: ${*:1:endpoints}"
  # A host that was removed and has not joined again has no record and no endpoint.
  text=$(with_record "${@:endpoints+1}")
  mapfile -t known <<<"${text}"
  for ((endpoint = 1; endpoint <= endpoints; endpoint++)); do
    if [[ " ${known[*]} " == *" ${*:endpoints+endpoint:1} "* ]]; then
      asked+=("${*:endpoint:1}")
    fi
  done
  wait_until "${DEADLINE_FRESH}" complete 'every endpoint reports the same voters and cluster' \
    "${check}" verify_members_word "${#asked[@]}" "${asked[@]}" "${known[@]}"
}

# verify_members_word N ENDPOINT... SERVER...: complete, or the first difference.
verify_members_word() {
  local count="$1" endpoint list word id first_list='' first_id=''
  shift
  local -a endpoints=("${@:1:count}") servers=("${@:count+1}")
  for endpoint in "${endpoints[@]}"; do
    list=$(membership "${endpoint}")
    word=$(etcdctl_word "${endpoint}" endpoint status -w fields)
    if [[ "${list}" == 'unanswered' || "${word}" != 'ok' ]]; then
      printf '%s does not answer\n' "${endpoint}"
      return
    fi
    # As text: the id is larger than the numbers jq can hold.
    id=$(sed -n -e 's/^"ClusterID" : //p' -- "${scratch}/etcdctl.out")
    if [[ -n "${first_id}" && ("${id}" != "${first_id}" || "${list}" != "${first_list}") ]]; then
      printf '%s reports another cluster, %s\n' "${endpoint}" "${id}"
      return
    fi
    first_id="${id}"
    first_list="${list}"
  done
  awk -F '|' -v servers="${servers[*]}" '
    BEGIN { n = split(servers, want, " "); for (i = 1; i <= n; i++) known[want[i]] = 1 }
    $2 != "started" { text = text "; unstarted " $4; next }
    $5 != "false" { text = text "; learner " $3; next }
    !($3 in known) { text = text "; stranger " $3; next }
    { seen[$3] = 1 }
    END {
      for (i = 1; i <= n; i++) if (!(want[i] in seen)) text = text "; " want[i] " is no voter"
      print (text == "" ? "complete" : substr(text, 3))
    }' <<<"${first_list}"
}

# Guide 8.4, the end: removes what the recovery added to Docker and closes the recovery; if the
# quorum is lost later, that is a new incident. The last lines report problems, what the cluster
# tolerates, and which machines must stay off. A later run reports them again.
close_recovery() {
  local word text list voters
  local -a away=()
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == 'unanswered' ]]; then
    text=$(tail -n 1 -- "${scratch}/etcdctl.err")
    ((work > 0)) || stop "${BUSY}" 'etcd does not report its members' 'a member list' "${text}" \
      'wait a minute, then run this script again'
  fi
  if ((work == 0)); then
    voters=$(awk -F '|' '$2 == "started" && $5 == "false" { print $3 }' <<<"${list}")
    text=$(close_recovery_away "${voters}")
    [[ -z "${text}" ]] || mapfile -t away <<<"${text}"
    close_recovery_rivals "${away[@]}"
  fi
  word=$(file_word "${STATE}/closed")
  if [[ "${word}" == 'file' ]]; then
    already 'this recovery is closed'
  else
    printf -v text 'plan %s, incident %s, closed %(%FT%T%z)T\n%s' \
      "${PLAN}" "${incident}" -1 "${list}"
    mutate write_file "${STATE}/closed" 0600 "${text}"
  fi
  close_recovery_mark
  if [[ "${list}" == 'unanswered' ]] || ((work > 0 && ${#away[@]} == 0)); then
    cannot_know 'what is left of the recovery, and what the cluster tolerates'
    return
  fi
  close_recovery_ours
  for text in "${away[@]}"; do
    close_recovery_old "${text}"
  done
  close_recovery_sum "${voters}"
}

# close_recovery_away VOTERS: the other server hosts that are not started voters, one per line.
close_recovery_away() {
  local host
  for host in "${SERVERS[@]}"; do
    if [[ $'\n'"$1"$'\n' != *$'\n'"${host}"$'\n'* ]]; then
      printf '%s\n' "${host}"
    fi
  done
}

# close_recovery_rivals HOST...: the script stops if one of them has a leader: a second cluster.
close_recovery_rivals() {
  local host word
  for host in "$@"; do
    word=$(close_recovery_asked "${host}")
    [[ "${word}" != 'leader' ]] || stop "${MISMATCH}" \
      "${host} has a leader and does not vote here, so there are two clusters" \
      "${host} off, or a voter of this cluster" \
      'its etcd has a leader, or its API serves a cluster' \
      "stop its Control Plane or power it off now, keep its data, then run this script again"
  done
}

# close_recovery_asked HOST: the most significant answer of its addresses, as asked_word.
close_recovery_asked() {
  local line
  local -a lines=()
  for line in "${OTHERS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      lines+=("${line}")
    fi
  done
  line=$(ask_all asked_word -- "${lines[@]}")
  line="${line#* }"
  printf '%s\n' "${line:-silent}"
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

# close_recovery_mark: removes the mark with which phase 1 prevents a second recovery.
close_recovery_mark() {
  local node mark='' status=0
  node=$("${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}' 2>"${scratch}/docker.err") \
    || status=$?
  if ((status == 0)); then
    mark=$("${AT_MOST[@]}" 20 docker node inspect \
      --format '{{index .Spec.Labels "plan.recovery"}}' -- "${node}" 2>"${scratch}/docker.err") \
      || status=$?
  fi
  if ((status != 0)); then
    mark=$(docker_complaint)
    stop "${BUSY}" 'Docker does not report the labels of this node' 'a reply' "${mark}" \
      'check docker node ls, then run this script again'
  fi
  case "${mark}" in
    "${CLUSTER_TOKEN}-"*) mutate docker_patiently node update --label-rm plan.recovery "${node}" ;;
    '' | '<no value>') already 'this node has no mark of a recovery' ;;
    *) say "This node keeps the mark of another plan, plan.recovery=${mark}" ;;
  esac
}

# close_recovery_ours: what is left of this recovery.
close_recovery_ours() {
  local folder size line word
  for folder in "${DATA_DIR}"/plan-recovery/*; do
    if [[ -e "${folder}" ]]; then
      size=$("${AT_MOST[@]}" 30 du -sh -- "${folder}") || size='?'
      say "Left on this host: ${folder} (${size%%[[:space:]]*})"
    fi
  done
  say 'Every host that was cleared has the same folder. Remove them when you are sure.'
  for line in "${SERVICES[@]}"; do
    if [[ " ${SERVERS[*]} " != *" ${line%% *} "* ]]; then
      continue
    fi
    word=$(env_label "${line#* }")
    case "${word}" in
      none) ;;
      ours)
        say "Left on ${line#* }: PGEDGE_ETCD_MODE and the label plan.recovery.env"
        say '  This script removes them when more than two vote. To do it now, which restarts it:'
        word="${line#* }"
        line='docker service update --detach --env-rm PGEDGE_ETCD_MODE'
        say "  ${line} --label-rm plan.recovery.env ${word}"
        ;;
      *) say "Docker does not report the labels of ${line#* }" ;;
    esac
  done
}

# close_recovery_old HOST: reports a machine that may still have its old data, and its present
# state.
close_recovery_old() {
  local host="$1" ways join word seen='' service node scale nodes status=0
  ways=$(ways_of "${host}")
  read -r _ _ join <<<"${ways}"
  say "${host} does not vote. Its old data must never start next to this cluster. Leave it off,"
  if [[ "${join}" != '-' ]]; then
    say "  or join it with ${join} on ${host}, then run this script again"
  else
    say "  and erase its data directory before it is used for anything else"
  fi
  word=$(close_recovery_asked "${host}")
  case "${word%% *}" in
    silent | closed) ;;
    *) seen="; it answers on its ports (${word})" ;;
  esac
  service=$(service_of_host "${host}")
  scale=$(service_scale "${service}")
  if [[ "${scale}" =~ ^[1-9]|^unknown$ ]]; then
    seen="${seen}; its service ${service} is at ${scale}"
  fi
  if [[ "${scale}" != 'absent' && "${scale}" != 'unknown' ]]; then
    node=$(node_of "${service}")
    nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' \
      2>"${scratch}/docker.err") || status=$?
    if ((status != 0)); then
      seen="${seen}; Docker does not report whether its node is ready"
    elif [[ -n "${node}" && $'\n'"${nodes}"$'\n' == *$'\n'"${node} Ready"$'\n'* ]]; then
      word=$("${AT_MOST[@]}" 20 docker node inspect \
        --format '{{if .ManagerStatus}}manager{{else}}worker{{end}}' -- "${node}") || word='unknown'
      seen="${seen}; its Swarm node is ready (${word})"
    fi
  fi
  if [[ -n "${seen}" ]]; then
    say "  WARNING: ${host} is on (${seen#; })"
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

# node_of SERVICE: the Swarm node id in its placement constraint, or nothing.
node_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# close_recovery_sum VOTERS: the last lines.
close_recovery_sum() {
  local count line
  if [[ -n "${unwell}" ]]; then
    while IFS= read -r line; do
      say "NOT AVAILABLE: ${line}"
    done <<<"${unwell}"
  else
    say 'Every database and instance is available.'
  fi
  count=$(grep -c . <<<"$1")
  line=$(arithmetic "${count}" "${#SERVERS[@]}")
  say "${line}"
  case "${count}" in
    1) say 'ONE VOTER: the next loss is total. Add server hosts.' ;;
    2) say 'TWO VOTERS: the loss of either stops both. Bring back or add a server host.' ;;
    *) ;;
  esac
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
