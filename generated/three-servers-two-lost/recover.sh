#!/usr/bin/env bash
# recover.sh: says how far the recovery is, and runs the next script of this host
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Run it as root, on
# any host of the plan. It has no step of its own: it runs the scripts next to it, which can also be
# run one by one. How far the recovery is, it learns from these scripts, which look at this host,
# and from the API of host-1. If it is interrupted, run it again.
#
#   bash recover.sh            look with the next script, show what it would change, ask, apply;
#                              then go on with the next one, until the work moves to another host
#   bash recover.sh --yes      apply without asking (for rehearsals)
#   bash recover.sh --status   only say how far the recovery is and what comes next
#   bash recover.sh --json     the same as JSON, on standard output
#   bash recover.sh --host H   needed only if several hosts of the plan run on this machine
#
# Options of the scripts are passed to those that have them; --help of a script explains them:
#   --fenced HOST,...  --also HOST,...  --swarm-token-file FILE  --incident N
#
# EXIT STATUS
#   0 nothing is left to do on this host      3 looked only, and there is work to do
#   64 usage      otherwise that of the script that stopped

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own
# shellcheck disable=SC2034  # settings come in blocks, as the scripts have them

main() {
  local script where shown_by
  prepare "$@"
  while read -r script where shown_by; do
    if [[ "${where}" == "${HOST}" ]]; then
      run_here "${script}"
    else
      look_there "${script}" "${where}" "${shown_by}"
    fi
  done < <(printf '%s\n' "${ORDER[@]}")
  report 'finished' '' "${HOST}" 'The recovery is finished: every script has done its work.'
}

# run_here SCRIPT: looks with it; if there is work to do, asks, and applies it.
run_here() {
  local status=0 reply='yes' again="$1 stopped. Do what it says, then run recover.sh again."
  local -a options=()
  take_options "$1"
  say "Looking with $1"
  bash "${folder}/$1" "${options[@]}" >"${scratch}/look" 2>&1 </dev/null || status=$?
  case "${status}" in
    0)
      finished+=("$1")
      say "Nothing to do: $1"
      return
      ;;
    3) ;;
    *)
      cat -- "${scratch}/look" >&2
      report 'stopped' "$1" "${HOST}" "${again}"
      exit "${status}"
      ;;
  esac
  report 'here' "$1" "${HOST}" "Next: $1, here on ${HOST}"
  [[ "${action}" == 'run' ]] || exit 3
  cat -- "${scratch}/look" >&2
  [[ "${agreed}" == 'yes' ]] || reply=$(ask "Apply $1 on ${HOST} now?")
  if [[ "${reply}" != 'yes' ]]; then
    say "$1 was not applied. To continue, run recover.sh again."
    exit 3
  fi
  status=0
  bash "${folder}/$1" --apply "${options[@]}" || status=$?
  if ((status != 0)); then
    report 'stopped' "$1" "${HOST}" "${again}"
    exit "${status}"
  fi
  finished+=("$1")
}

# take_options SCRIPT: adds those of the given options that it has to options.
take_options() {
  local each
  for each in "${!given[@]}"; do
    if [[ "${each}" == '--incident' || " ${OPTIONS["$1"]:-} " == *" ${each} "* ]]; then
      options+=("${each}" "${given["${each}"]}")
    fi
  done
}

# ask QUESTION: prints what the person types.
ask() {
  local reply=''
  [[ -t 0 ]] || stop "${USAGE}" "cannot ask: $1" 'a terminal' '' \
    'run recover.sh in a terminal, or with --yes'
  printf '%s Type yes: ' "$1" >&2
  IFS= read -r reply || true
  printf '%s\n' "${reply}"
}

# look_there SCRIPT WHERE SHOWN_BY: passes if the API of the recovery host shows that the script of
# another host has no work to do:
#   answers -      the API answers
#   back HOST      HOST is healthy; or it was removed and has no record
#   joined HOST    HOST is healthy
#   removed HOST   HOST has no record; or it is healthy again
#   asked HOST     HOST is healthy; otherwise only the host itself knows, and the person is asked
#   nothing -      only the host itself knows
look_there() {
  local fact host word='unknown'
  read -r fact host <<<"$3"
  case "${fact}" in
    nothing) ;;
    answers) word=$(api_word "${RECOVERY_API}/v1/hosts") ;;
    *) word=$(host_word "${host}") ;;
  esac
  case "${fact} ${word}" in
    'answers 200' | *' fresh' | 'back absent' | 'removed absent')
      finished+=("$1")
      say "Nothing to do: $1 on $2 (in the API, ${host/#-/it} is ${word})"
      return
      ;;
    asked*)
      word="${agreed}"
      if [[ "${action}:${agreed}" == 'run:no' ]]; then
        word=$(ask "Has $1 done its work on $2?")
      fi
      [[ "${word}" != 'yes' ]] || return 0
      ;;
    *) ;;
  esac
  report 'elsewhere' "$1" "$2" "Next: $1. Log in to $2 (${ADDRESSES["$2"]%% *}) and run: \
bash recover.sh"
  if [[ -n "${REMOVAL["${host}"]:-}" ]]; then
    say "If ${host} never returns: run ${REMOVAL["${host}"]} on ${RECOVERY_HOST}"
  fi
  [[ "${action}" == 'run' ]] || exit 3
  exit 0
}

# report STATE SCRIPT HOST TEXT: says the text; with --json also prints the state as an object.
report() {
  say "$4"
  if [[ "${action}" == 'json' ]]; then
    jq -n '{format: "recover/1", plan: $plan, host: $host, state: $state, text: $text, next: (
      if $script == "" then null else {script: $script, host: $where, address: $address} end),
      done: $ARGS.positional}' --arg plan "${PLAN}" --arg host "${HOST}" --arg state "$1" \
      --arg script "$2" --arg where "$3" --arg address "${ADDRESSES["$3"]%% *}" --arg text "$4" \
      --args -- "${finished[@]}"
  fi
}

# prepare ARGUMENT...: reads the options, and finds out which host this machine is.
prepare() {
  local token=''
  umask 077
  step='recover'
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  while (($# > 0)); do
    case "$1" in
      --yes) agreed='yes' ;;
      --status) action='status' ;;
      --json) action='json' ;;
      --host)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' 'see recover.sh --help'
        HOST="$2"
        shift
        ;;
      --fenced | --also | --swarm-token-file | --incident)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' 'see recover.sh --help'
        given["$1"]="${given["$1"]:+${given["$1"]},}$2"
        shift
        ;;
      --help)
        sed -n '2,/^$/s/^#\( \{0,1\}\)//p' "$0"
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument $1" '' '' 'see recover.sh --help' ;;
    esac
    shift
  done
  [[ "$0" != */* ]] || folder="${0%/*}"
  refuse_xtrace
  require_root
  check_sums
  find_host 15
  check_complete
  take_scratch
  trap 'rm -rf -- "${scratch:?}"' EXIT
  # Each script is run twice, and standard input can be read once.
  if [[ "${given["--swarm-token-file"]:-}" == '-' ]]; then
    IFS= read -r token || true
    printf '%s\n' "${token}" >"${scratch}/token-given"
    given["--swarm-token-file"]="${scratch}/token-given"
  fi
}

# check_sums: the files here are those that were compiled and reviewed.
check_sums() {
  local text status=0
  if [[ ! -f "${folder}/SHA256SUMS" ]]; then
    say 'WARNING: SHA256SUMS is not here, so the scripts are not compared with it'
    return
  fi
  text=$(cd -- "${folder}" && sha256sum --quiet --strict --ignore-missing -c SHA256SUMS 2>&1) \
    || status=$?
  ((status == 0)) || stop "${MISMATCH}" 'files of this bundle were changed or are incomplete' \
    'the digests in SHA256SUMS' "${text//$'\n'/; }" 'copy the reviewed bundle again'
}

# check_complete: every file is here. Scripts of other machines need not be: plan pack leaves them
# out. plan.json says which they are.
check_complete() {
  local sum path line script='' left=' '
  local -a missing=()
  [[ -f "${folder}/SHA256SUMS" ]] || return 0
  while read -r sum path; do
    [[ -z "${sum}" || -f "${folder}/${path}" ]] || missing+=("${path}")
  done <"${folder}/SHA256SUMS"
  ((${#missing[@]} > 0)) || return 0
  if [[ -f "${folder}/plan.json" ]]; then
    while IFS= read -r line; do
      if [[ "${line}" =~ ^\ +\"path\":\ \"(.+\.sh)\",$ ]]; then
        script="${BASH_REMATCH[1]}"
      elif [[ -n "${script}" && "${line}" =~ ^\ +\"host\":\ \"(.+)\",$ ]]; then
        [[ "${BASH_REMATCH[1]}" == "${HOST}" ]] || left+="${script} "
        script=''
      fi
    done <"${folder}/plan.json"
  fi
  for path in "${missing[@]}"; do
    [[ "${left}" == *" ${path} "* ]] || stop "${MISMATCH}" 'files of this bundle are missing' \
      "every file in SHA256SUMS, except scripts of hosts other than ${HOST}" \
      "no ${path}" 'copy the reviewed bundle again'
  done
}

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

folder='.'          # where the scripts are
HOST=''             # the host of the plan that this machine is
action='run'        # run | status | json
agreed='no'         # yes: apply without asking
declare -A given=() # options for the scripts, by name
finished=()         # scripts that have no work to do

readonly PLAN='acme-host-1'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly -a API_TLS=()
readonly TOOLS_DIR=''
# The expected scripts in their order: SCRIPT, the host it runs on, and what shows elsewhere that it
# has no work to do (see look_there).
readonly -a ORDER=(
  '01-prepare-on-host-1.sh host-1 answers -'
  '02-restore-on-host-1.sh host-1 answers -'
  '03-rewrite-on-host-1.sh host-1 answers -'
  '04-start-on-host-1.sh host-1 answers -'
  '05-reattach-on-host-2.sh host-2 back host-2'
  '06-reattach-on-host-3.sh host-3 back host-3'
  '07-verify-on-host-1.sh host-1 nothing -'
)
# Options of the scripts.
declare -rA OPTIONS=(
  ['01-prepare-on-host-1.sh']='--fenced'
  ['05-reattach-on-host-2.sh']='--swarm-token-file'
  ['06-reattach-on-host-3.sh']='--swarm-token-file'
)
# For each host its addresses, its machine id if the inventory has it, and the script that removes
# it.
declare -rA ADDRESSES=(
  ['host-1']='192.168.104.1'
  ['host-2']='192.168.104.2'
  ['host-3']='192.168.104.3'
)
declare -rA MACHINE_IDS=()
declare -rA REMOVAL=(
  ['host-2']='if-needed/01-remove-host-2-on-host-1.sh'
  ['host-3']='if-needed/02-remove-host-3-on-host-1.sh'
)

# --- from the library of the scripts

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

http_status='' # result of the last request: three digits, or refused | timeout | failed

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

# say TEXT: prints a line on standard error and, with --apply, writes it to the log. If the disk is
# full, the line is still printed.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" 2>/dev/null >>"${log}" || true
  fi
}

# stop STATUS WHAT EXPECTED FOUND REMEDY: ends the script; an empty EXPECTED or FOUND is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  found:    $4"
  say "  do:       $5"
  exit "$1"
}

# api_word URL: the status of a GET, as a word for wait_until and prove.
api_word() {
  api GET "$1"
  printf '%s\n' "${http_status}"
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

# find_host SECONDS: sets HOST by the machine id or by an address of this machine. Names in the plan
# are resolved at once, each within the limit. If several hosts of the plan run on this machine,
# HOST must already be one of them (--host).
find_host() {
  local own machine='' host address found='' resolved asked="${HOST}"
  local -a names=() addresses=()
  own=$(own_addresses)
  machine=$(cat /etc/machine-id 2>/dev/null) || true
  for host in "${!ADDRESSES[@]}"; do
    if [[ -n "${MACHINE_IDS["${host}"]:-}" ]]; then
      [[ "${machine}" != "${MACHINE_IDS["${host}"]}" ]] || found="${found} ${host}"
      continue
    fi
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    for address in "${addresses[@]}"; do
      if [[ ! "${address}" =~ ^[0-9.]+$|: ]]; then
        names+=("${host}" "${address}")
      elif [[ " ${own} " == *" ${address} "* ]]; then
        found="${found} ${host}"
      fi
    done
  done
  if [[ -z "${found}" && ${#names[@]} -gt 0 ]]; then
    resolved=$(find_host_resolve "$1" "${names[@]}")
    while read -r host address; do
      [[ " ${own} " != *" ${address:-none} "* ]] || found="${found} ${host}"
    done <<<"${resolved}"
  fi
  found=$(tr ' ' '\n' <<<"${found}" | sort -u | tr '\n' ' ')
  found="${found# }"
  found="${found% }"
  [[ -n "${found}" ]] || stop "${MISMATCH}" 'this machine is no host of this plan' \
    "one of ${!ADDRESSES[*]}" "addresses ${own}" "run ${0##*/} on a host of the plan"
  HOST="${asked:-${found}}"
  [[ " ${found} " == *" ${HOST} "* ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
    "${HOST}" "${found}" "run ${0##*/} on ${HOST}"
  [[ "${HOST}" != *' '* ]] || stop "${USAGE}" 'several hosts of this plan run on this machine' \
    'one of them, given with --host' "${found}" "run ${0##*/} --host HOST for each of them"
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

# find_host_resolve SECONDS HOST NAME [HOST NAME]...: `HOST ADDRESS` for each address of each name.
find_host_resolve() {
  local limit="$1"
  shift
  while (($# > 0)); do
    {
      "${AT_MOST[@]}" "${limit}" getent ahosts "$2" | awk -v host="$1" \
        '!seen[$1]++ { print host, $1 }' || true
    } &
    shift 2
  done
  wait
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

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  main "$@"
fi
