#!/usr/bin/env bash
# 8-phase-7-clients/04-eu-worker-2.sh: start client host eu-worker-2 if need be, and prove it is back
#
# Plan prod-eu-eu-1 of cluster prod-eu, recovery from total quorum loss. Without options it looks
# and changes nothing; --apply acts. Generated: change the inventory or the templates and compile
# again.
#
#   where     eu-1 (2001:db8:104::1, 192.168.104.11), as root
#   why       If eu-worker-2 is there with its credentials, a start is all it needs.
#   guide     7.1c 7.1e
#   after     4-phase-4-start/eu-1.sh, 5-phase-6-reattach/02-eu-3.sh
#   changes   7.1c Start client host eu-worker-2 and see that it connects
#   inputs    sha256:fb4faa6d2eb7933e5a51c4bbf0fbf4be15bc04d628486862ae26b574c95cd3e8

# shellcheck enable=add-default-case
# shellcheck enable=avoid-nullary-conditions
# shellcheck enable=check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed
# shellcheck enable=check-unassigned-uppercase
# shellcheck enable=deprecate-which
# shellcheck enable=quote-safe-variables
# shellcheck enable=require-double-brackets
# shellcheck enable=require-variable-braces
# shellcheck disable=SC2034,SC2329  # the library is whole in every script; none uses all of it
# shellcheck disable=SC2016  # filters of jq and awk have names of their own
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s\n' "bash 4.4 or newer is needed, this is ${BASH_VERSION}" >&2
  exit 69
fi
set -Eeuo pipefail
shopt -s inherit_errexit

# --- values: what differs between scripts of the same kind
readonly PLAN='prod-eu-eu-1'
readonly SCRIPT='8-phase-7-clients/04-eu-worker-2.sh'
readonly HOST='eu-1'
readonly -a HOST_ADDRESSES=('2001:db8:104::1' '192.168.104.11')
readonly MACHINE_ID='6b1f0c52a9d84c0e9d3f27b41a5e8c01'
readonly DATA_DIR='/srv/pgedge data/control-plane'
readonly SERVICE='pgedge_eu-1'
readonly RECOVERY_HOST='eu-1'
readonly RECOVERY_API='https://[2001:db8:104::1]:3100'
readonly RECOVERY_SERVICE='pgedge_eu-1'
readonly -a SERVERS=('eu-1' 'eu-2' 'eu-3' 'eu-4' 'eu-5')
readonly QUORUM_TARGET='3'
readonly -a API_TLS=(
  '--cacert'
  '/etc/pgedge/api/ca.crt'
  '--cert'
  '/etc/pgedge/api/client.crt'
  '--key'
  '/etc/pgedge/api/client.key'
)
readonly TOOLS_DIR='/opt/etcd-3.6/bin'
readonly -a TOOLS=(
  'awk'
  'curl'
  'docker'
  'flock'
  'getent'
  'grep'
  'hostname'
  'jq'
  'sed'
  'setpriv'
  'stat'
  'timeout'
)
readonly -a OPTIONS=()
readonly DEADLINE_SWARM='120'
readonly DEADLINE_FRESH='90'
readonly DEADLINE_TASK='600'

main() {
  start "$@"
  need 'api-answers' '' '4-phase-4-start/eu-1.sh'
  need 'quorum-reached' '' '5-phase-6-reattach/02-eu-3.sh'

  # With credentials the cluster still accepts nothing else is needed.
  begin '7.1c' 'Start client host eu-worker-2 and see that it connects'
  start_client 'eu-worker-2' 'pgedge_spare-worker' 'https://192.168.104.22:3100'

  # Healthy, by a status written now and not before the disaster.
  begin '7.1e' 'Prove that client host eu-worker-2 is back'
  prove_client 'eu-worker-2'

  finish \
    'Next: 9-phase-8-verify/eu-1.sh here on eu-1'
}

# --- steps: one function for each kind of step above, and what several of them call

# Guide 7.1: the guide removes, clears and joins every client host anew. One whose credentials are
# valid needs a start and nothing else; one that runs and is healthy is left alone.
start_client() {
  local target="$1" service="$2" url="$3" scale word since limit="${DEADLINE_FRESH}"
  local again="its removal (phase 5), ...-${target}-clear.sh on ${target}, ...-${target}-join.sh"
  word=$(record_word "${target}")
  [[ "${word}" == 'present' ]] || stop "${MISMATCH}" \
    "there is no record of ${target}: a start alone does not bring it back" 'present' "${word}" \
    "...-${target}-clear.sh on ${target}, then ...-${target}-join.sh, both of phase 7"
  scale=$(service_scale "${service}")
  case "${scale}" in
    1) ;;
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    unknown)
      stop "${BUSY}" "Docker does not tell the scale of ${service}" '' '' \
        'see: docker node ls; run the script again'
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'see: docker service ls; deploy the stack, or mend the name in the inventory'
      ;;
  esac
  since=$(recovered_at)
  if [[ "${scale}" == 0 ]]; then
    # What it wrote before this start proves nothing.
    since=$(date +%s)
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${scale}" == 1 && "${word}" == 200 ]]; then
    # It runs, and a status is written every 15 s.
    limit=20
  fi
  wait_softly "${limit}" 'fresh|uninitialised' "${target} is healthy" \
    start_client_word "${target}" "${url}" "${since}"
  if [[ "${scale}" == 1 && "${settled}" == 'fresh' ]]; then
    already "${target} is healthy: left alone"
  fi
  if ((work > 0)) || [[ "${settled}" == 'fresh' ]]; then
    return
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${word}" == 200 && "${settled}" != 'uninitialised' ]]; then
    # It runs, has logged in before the loss, and does not get through: once more, by name.
    say "${target} answers and is ${settled}: restarted once"
    mutate docker_patiently service update --force --detach "${service}"
    wait_softly "${DEADLINE_FRESH}" 'fresh|uninitialised' "${target} is healthy" \
      start_client_word "${target}" "${url}" "${since}"
  fi
  if ((work > 0)) || [[ "${settled}" == 'fresh' ]]; then
    return
  fi
  word=$(machine_word "${service}")
  if [[ "${word}" == 'up' ]]; then
    word=$(task_word "${service}" '')
  fi
  case "${settled}:${word}" in
    uninitialised:*)
      stop "${MISMATCH}" "${target} has no credentials: its data directory is empty" 'healthy' \
        "${settled}" "${again}"
      ;;
    *:down | *:pending | *:assigned | *:none | *:unknown)
      stop "${BUSY}" "Swarm has not started ${service}" 'running' "${word}" \
        "see: docker node ls; bring the machine of ${target} back, then run this script again"
      ;;
    *)
      say 'Its log says why; "authentication failed": its credentials are not in this snapshot.'
      stop "${MISMATCH}" "${target} does not come back by a start" 'healthy with a fresh status' \
        "${settled}; its task: ${word}" "with rejected credentials: ${again}"
      ;;
  esac
}

# start_client_word HOST URL SINCE: fresh | uninitialised | what its record shows.
start_client_word() {
  local word
  word=$(host_word "$1" "$3")
  if [[ "${word}" == 'fresh' ]]; then
    printf 'fresh\n'
    return
  fi
  api GET "$2/v1/hosts" '' 5
  if [[ "${http_status}" == 409 ]]; then
    printf 'uninitialised\n'
  else
    printf '%s\n' "${word}"
  fi
}

# Guide 7.1e: a client host is back when its status is healthy and fresh. The guide has no proof.
prove_client() {
  local target="$1"
  local diagnose="curl '${RECOVERY_API}/v1/hosts'"
  wait_until "${DEADLINE_FRESH}" fresh "${target} is healthy" host_word "${target}"
}

# What phases 4 to 8 ask of etcd, Swarm, tasks and databases while any of them may be restarting:
# these probes answer with a word where the plain ones would end the script.

settled='' # what wait_softly last saw; empty where nothing could be seen yet

# wait_softly SECONDS WANT WHAT PROBE...: as wait_until, but at the limit it goes on, and the caller
# decides by what was settled. WANT may be several words: fresh|absent.
wait_softly() {
  local limit="$1" want="$2" what="$3" began="${SECONDS}" told=0 spent=0
  shift 3
  settled=''
  if ((work > 0)); then
    say "would wait up to ${limit} s until ${what}"
    return
  fi
  settled=$("$@")
  if [[ "${mode}" == 'look' && "|${want}|" != *"|${settled}|"* ]]; then
    work_began="${step_number}"
    work=1
    say "would wait up to ${limit} s until ${what}; now: ${settled}"
    cannot_know 'what is to be done if that does not help'
    return
  fi
  while [[ "|${want}|" != *"|${settled}|"* ]] && ((spent < limit)); do
    if ((spent >= told)); then
      say "waiting until ${what}: ${settled} (${spent} s, $((limit - spent)) s left)"
      told=$((spent + 5))
    fi
    sleep 1
    settled=$("$@")
    spent=$((SECONDS - began))
  done
  say "${what}: ${settled}"
}

# etcdctl_word ENDPOINT ARGUMENT...: ok | failed, for a read; its text is in scratch/etcdctl.out,
# its complaints in scratch/etcdctl.err.
etcdctl_word() {
  as_host bash -c 'if timeout 15 "${@:2}" >"$1.out" 2>"$1.err"; then printf "ok\n"
    else printf "failed\n"; fi' _ "${scratch}/etcdctl" etcdctl --endpoints "$1" \
    "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s "${@:2}"
}

# membership ENDPOINT: the lines of members, in order of name, or the one line: unanswered.
membership() {
  local word
  word=$(etcdctl_word "$1" member list -w simple)
  if [[ "${word}" != 'ok' ]]; then
    printf 'unanswered\n'
    return
  fi
  member_lines <"${scratch}/etcdctl.out" | sort -t '|' -k 3,3 -k 1,1
}

# voter_names ENDPOINT: names of the started voters, one a line, or unanswered.
voter_names() {
  local list
  list=$(membership "$1")
  awk -F '|' '$1 == "unanswered" { print } $2 == "started" && $5 == "false" { print $3 }' \
    <<<"${list}"
}

# newest_task SERVICE: `STATE NODE CREATED ID SINCE` of the newest task Swarm wants to run; CREATED
# and SINCE, when it came into that state, in epoch seconds. Without one: `none - 0 - 0`; where
# Docker does not answer: `unknown - 0 - 0`.
newest_task() {
  local text status=0
  local -a ids=()
  text=$(timeout 20 docker service ps --quiet --no-trunc --filter desired-state=running -- "$1" \
    2>/dev/null) || status=$?
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'none - 0 - 0\n'
    return
  fi
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$(timeout 20 docker inspect --type task "${ids[@]}" 2>/dev/null) || status=$?
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
# NODE may be empty: any. A task whose id is BEFORE is the one that a restart replaces.
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

# machine_word SERVICE: down, where the node of its newest task is (Swarm calls such a task running
# for ever), else up.
machine_word() {
  local text node status=0
  text=$(newest_task "$1")
  read -r _ node _ <<<"${text}"
  text=$(timeout 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || status=$?
  if ((status == 0)) && [[ $'\n'"${text}"$'\n' == *$'\n'"${node} Down"$'\n'* ]]; then
    printf 'down\n'
  else
    printf 'up\n'
  fi
}

# started_at SERVICE: when its newest task was made, in epoch seconds; 0 if there is none.
started_at() {
  local text created
  text=$(newest_task "$1")
  read -r _ _ created _ <<<"${text}"
  printf '%s\n' "${created}"
}

# replaced_task SERVICE: the id of its newest task, which a restart replaces; - where it has none.
# Without an answer nothing may be restarted: the old task would be taken for the new one.
replaced_task() {
  local text state id
  text=$(newest_task "$1")
  read -r state _ _ id _ <<<"${text}"
  [[ "${state}" != 'unknown' ]] || stop "${BUSY}" "Docker does not tell which task of $1 runs" '' \
    '' 'see: docker node ls; run the script again'
  printf '%s\n' "${id}"
}

# running_since SERVICE: when its newest task came into its state, in epoch seconds; now, where
# Docker does not tell.
running_since() {
  local text since
  text=$(newest_task "$1")
  read -r _ _ _ _ since <<<"${text}"
  if ((since == 0)); then
    printf -v since '%(%s)T' -1
  fi
  printf '%s\n' "${since}"
}

# last_start [EXCEPT]: when the last of the server hosts, EXCEPT left out, was started, in epoch
# seconds: only phase 6 changes members, and it begins with a start. Later than any, where Docker
# does not tell, or tells of no service with a host's id in its environment.
last_start() {
  local except="${1:-}" server service text created last=0 never=$((1 << 62)) status=0
  local -a ids=()
  text=$(timeout 20 docker service ls --quiet 2>/dev/null) || status=$?
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$(timeout 20 docker service inspect "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
    printf '%s\n' "${never}"
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

# recovered_at: since when the recovery host's Control Plane has run; where Docker does not tell,
# nothing, which host_word takes for 30 s ago.
recovered_at() {
  local created
  created=$(started_at "${RECOVERY_SERVICE}")
  if ((created > 0)); then
    printf '%s\n' "${created}"
  fi
}

# hosts_word SINCE HOST...: fresh, or what is not: `host-2 stale, host-3 absent`. SINCE, which may
# be empty, and the words are those of host_word; one request for all hosts.
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

# with_record HOST...: those of the hosts that the cluster has a record of, one a line; the others
# are named.
with_record() {
  local text
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  text=$(jq -r --args '$ARGS.positional - [.hosts[].id] | join(", ")' -- "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say "removed, and not joined again: ${text}; nothing is expected of them"
  jq -r --args '[.hosts[].id] as $known | $ARGS.positional[] | select(IN($known[]))' -- "$@" \
    <"${scratch}/answer"
}

# away_word HOST: away | back | the failed request. Away is a host whose last status is old: a dead
# one shows its last words for up to 30 s.
away_word() {
  local word
  word=$(host_word "$1")
  case "${word}" in
    stale | unreachable | unknown | absent) printf 'away\n' ;;
    fresh | healthy | degraded) printf 'back\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
}

# task_end_word URL: ended | its present status | the failed request. Poll a task only where it
# lives, under its host or database: /v1/tasks/ID does not exist in any release.
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

# await_task URL WHAT: waits for a task's end; the script stops unless it is completed.
await_task() {
  local status error
  local diagnose="curl '$1'"
  wait_until "${DEADLINE_TASK}" ended "$2 has ended" task_end_word "$1"
  api_must 200 GET "$1"
  status=$(answer '.status')
  error=$(answer '.error // "no error text"')
  [[ "${status}" == 'completed' ]] || stop "${FAILED}" "$2 has not worked" 'completed' \
    "${status}: ${error}" 'mend what the error names, then run this script again: it repeats it'
  say "$2 is completed"
}

# databases_word: read, and every database in full is a JSON array in scratch/databases.json; or the
# failed request. The list alone has no specs, on 0.6 no instances either, and none at all is {}.
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
    jq -s '.' -- "${scratch}/databases" >"${scratch}/databases.json"
    printf 'read\n'
  else
    printf '%s\n' "${http_status}"
  fi
}

# read_databases: as databases_word, and the script stops where they cannot be read.
read_databases() {
  local word
  word=$(databases_word)
  [[ "${word}" == 'read' ]] || stop "${BUSY}" 'the databases cannot be read' '200' "${word}" \
    "see: ${RECOVERY_API}/v1/databases; run the script again"
}

# databases_on HOST...: ids of the databases read last that have anything on one of these hosts, in
# their spec or in their records: after a failed update the records alone still say so.
databases_on() {
  jq -r --args '$ARGS.positional as $hosts | .[] | select([(.spec.nodes, .spec.services | .[]?
      | .host_ids[]?), (.instances, .service_instances | .[]? | .host_id)]
    | any(. as $one | $hosts | index($one))) | .id' -- "$@" <"${scratch}/databases.json"
}

# --- library: the same in every script of every bundle

# Exit statuses, told in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply. Only mutate and the waits read it.
incident=1    # --incident: which disaster this plan is used for
step='start'  # the guide step under way, first word of every line
step_number=0 # counts begin
work=0        # mutations shown and not run; always 0 when acting
work_began=0  # the step that showed the first of them
log=''        # this run's log, once there is one
scratch=''    # a private temporary directory, gone at exit
way=''        # done: a step has seen that this host is back already, and nothing may stop it

# say TEXT: a line for people on standard error, and for the log when acting.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" >>"${log}"
  fi
}

# stop STATUS WHAT EXPECTED SEEN REMEDY: ends the script; an empty EXPECTED or SEEN is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  seen:     $4"
  say "  do:       $5"
  exit "$1"
}

# begin GUIDE TITLE: the next step. GUIDE is the guide's own number.
begin() {
  step_number=$((step_number + 1))
  step="$1"
  say "== ${step_number}. $2"
}

# already TEXT: the step finds its work done.
already() {
  say "done already: $1"
}

# finish NEXT...: the last lines say what comes next and where.
finish() {
  local line
  step='end'
  if ((work > 0)); then
    say "looked only: ${work} change(s) to make. Run again with --apply."
    exit "${LOOKED}"
  fi
  if [[ "${mode}" == 'look' ]]; then
    say 'looked only: nothing to do.'
  else
    say "done in ${SECONDS} s. Log: ${log}"
  fi
  for line in "$@"; do
    say "${line}"
  done
}

apply='no'
swarm_token_file=''
declare -A fenced=() # --fenced HOST: the operator vouches that HOST cannot come back by itself
declare -A also=()   # --also HOST: to be removed in the same recovery

# start ARGUMENT...: options, then every guard that needs no plan step. Returns only where the
# script may go on: right machine, root, alone, tools at hand.
start() {
  export LC_ALL=C
  unset CDPATH
  umask 077
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  PATH="${PATH}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  clear_environment
  read_options "$@"
  refuse_xtrace
  require_root
  require_tools
  require_machine
  take_lock
  STATE="${DATA_DIR}/plan-recovery/${PLAN}-${incident}"
  readonly STATE
  scratch=$(mktemp -d)
  trap 'on_error "$?" "${LINENO}" "${BASH_COMMAND}"' ERR
  trap 'on_exit "$?"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ "${apply}" == 'yes' ]]; then
    mode='apply'
    # install would change the mode of a data directory that is there.
    [[ -d "${DATA_DIR}" ]] || install -d -m 0700 -- "${DATA_DIR}"
    install -d -m 0700 -- "${DATA_DIR}/plan-recovery" "${STATE}" "${STATE}/log"
    log="${STATE}/log/${SCRIPT//\//.}.log"
    touch -- "${log}"
  fi
  say "${SCRIPT} on ${HOST}, plan ${PLAN}, incident ${incident}: ${mode}"
}

# etcd and its tools read flags from the environment too, and refuse to hear a thing twice.
clear_environment() {
  local name
  for name in "${!ETCD_@}" "${!ETCDCTL_@}" "${!ETCDUTL_@}"; do
    case "${name}" in
      ETCD_DIR | ETCD_LIMITS | ETCD_SERVER_TLS | ETCDCTL_TLS) ;;
      *) unset -v "${name}" ;;
    esac
  done
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
      --help)
        show_help
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument: $1" '' '' "see ${0##*/} --help" ;;
    esac
    shift
  done
}

take_option() {
  if [[ "$1" != '--incident' && " ${OPTIONS[*]} " != *" $1 "* ]]; then
    stop "${USAGE}" "this script has no option $1" '' '' "see ${0##*/} --help"
  fi
  case "$1" in
    --incident)
      [[ "$2" =~ ^[1-9][0-9]{0,3}$ ]] \
        || stop "${USAGE}" 'the incident is not a number' '1 to 9999' "$2" 'give a number'
      incident="$2"
      ;;
    --fenced) fenced["$2"]='yes' ;;
    --also) also["$2"]='yes' ;;
    --swarm-token-file) swarm_token_file="$2" ;;
    *) stop "${USAGE}" "unknown option: $1" '' '' "see ${0##*/} --help" ;;
  esac
}

# The header of this file is its manual page's first half.
show_help() {
  sed -n '2,/^$/s/^#\( \{0,1\}\)//p' -- "$0"
  cat <<'HELP'

OPTIONS
  --apply               act; without it the script looks, prints every change it would make,
                        argument for argument, and changes nothing
  --incident N          the how-manieth disaster this plan is used for (default 1); give the same
                        number to every script. Names of logs and set-aside data carry it
  --fenced HOST         you vouch that HOST is off, or cut off, and stays so (phase 1)
  --also HOST           HOST is to be removed in the same recovery (phase 5)
  --swarm-token-file F  a file holding the Swarm join token, mode 0600, or - for standard input
  --help                this page

EXIT STATUS
  0 done, or nothing to do      1 a step failed               3 looked: there is work to do
  64 usage                      69 a tool or service lacks    75 busy or timed out: run again
  77 not root                   78 wrong machine, or the world does not match the plan
  129, 130, 143 signals

A script killed anywhere is run again: it looks what is there and goes on. Nothing is deleted; what
is set aside lies in plan-recovery/ in the data directory.
HELP
}

refuse_xtrace() {
  if [[ "$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'the shell traces (set -x): passwords would be printed' '' '' 'run without -x'
  fi
}

require_root() {
  local id
  id=$(id -u)
  [[ "${id}" == 0 ]] \
    || stop "${NOT_ROOT}" 'not root' 'user id 0' "user id ${id}" "run it as root: sudo bash $0"
}

require_tools() {
  local tool lacking=''
  for tool in "${TOOLS[@]}"; do
    if ! command -v -- "${tool}" >/dev/null; then
      lacking="${lacking} ${tool}"
    fi
  done
  [[ -z "${lacking}" ]] || stop "${UNAVAILABLE}" "tools are missing:${lacking}" '' '' \
    'install them (etcd, etcdctl, etcdutl: release 3.6), then run again'
}

# The machine is known by its machine id where the inventory has one, else by one of its addresses.
require_machine() {
  local seen address
  if [[ -n "${MACHINE_ID}" ]]; then
    seen=$(cat -- /etc/machine-id)
    [[ "${seen}" == "${MACHINE_ID}" ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
      "machine id ${MACHINE_ID}" "machine id ${seen}" "carry this script to ${HOST}"
    return
  fi
  seen=$(hostname -I)
  for address in "${HOST_ADDRESSES[@]}"; do
    if [[ " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  # An inventory that gives names only: let the resolver say which address a name means.
  for address in "${HOST_ADDRESSES[@]}"; do
    address=$(getent ahosts "${address}" | awk '{ print $1; exit }' || true)
    if [[ -n "${address}" && " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  stop "${MISMATCH}" "this machine is not ${HOST}" "an address of ${HOST}: ${HOST_ADDRESSES[*]}" \
    "addresses ${seen}" "carry this script to ${HOST} (${HOST_ADDRESSES[0]})"
}

# The lock is held on a directory, so that looking creates nothing; it ends with the process.
take_lock() {
  local place="${DATA_DIR}" lock
  while [[ ! -d "${place}" ]]; do
    place="${place%/*}"
    place="${place:-/}"
  done
  exec {lock}<"${place}"
  readonly LOCK="${lock}"
  flock --nonblock "${LOCK}" || stop "${BUSY}" 'another script of a plan is running here' '' \
    "the lock on ${place} is held" "wait for it to end, or see: fuser -v '${place}'"
}

on_error() {
  trap - ERR
  # In a subshell the command itself has spoken, and the parent tells where.
  if ((BASH_SUBSHELL == 0)); then
    case "$1" in
      "${UNAVAILABLE}" | "${BUSY}" | "${MISMATCH}") ;;
      *)
        say "FAILED in step ${step_number} (line $2, status $1): ${3%%$'\n'*}"
        say '  do:       read the lines above, mend the cause, run the script again'
        exit "${FAILED}"
        ;;
    esac
  fi
  exit "$1"
}

on_exit() {
  trap - ERR EXIT
  end_etcd
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}

# mutate COMMAND...: the one gate every change goes through. Looking prints what acting runs.
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
  "$@"
}

# The command as a person would type it: docker_patiently is docker, repeated while Swarm is busy;
# as_host and as_kept are etcdctl with this host's own credentials in its environment; noted keeps
# the command's words.
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
    *) ;;
  esac
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }"
}

# noted NAME COMMAND...: runs COMMAND; what it says goes to log/NAME.log. For mutate.
noted() {
  say "its words: ${STATE}/log/$1.log"
  "${@:2}" >>"${STATE}/log/$1.log" 2>&1
}

# cannot_know WHAT: a probe that has no meaning before an earlier change has been made.
cannot_know() {
  say "cannot know before step ${work_began} has run: $1"
}

# wait_until SECONDS WANT WHAT PROBE...: repeats PROBE, which answers in a word, until it is WANT.
# The word dead ends the wait at once.
wait_until() {
  local limit="$1" want="$2" what="$3" seen='' began="${SECONDS}" told=0 spent=0
  shift 3
  if ((work > 0)); then
    say "would wait up to ${limit} s until ${what}"
    return
  fi
  seen=$("$@")
  if [[ "${mode}" == 'look' && "${seen}" != "${want}" ]]; then
    work_began="${step_number}"
    work=1
    say "would wait up to ${limit} s until ${what}; now: ${seen}"
    return
  fi
  until [[ "${seen}" == "${want}" ]]; do
    [[ "${seen}" != 'dead' ]] || stop "${FAILED}" "it has ended before ${what}" "${want}" 'dead' \
      "see why: ${diagnose:-docker ps}"
    spent=$((SECONDS - began))
    if ((spent >= limit)); then
      stop "${BUSY}" "waited ${spent} s in vain until ${what}" "${want}" "${seen}" \
        "run the script again to go on waiting; ask: ${diagnose:-docker ps}"
    fi
    if ((spent >= told)); then
      say "waiting until ${what}: ${seen} (${spent} s, $((limit - spent)) s left)"
      told=$((spent + 5))
    fi
    if ((spent < 3)); then sleep 0.2; else sleep 1; fi
    seen=$("$@")
  done
  say "${what}: ${seen}"
}

# prove WANT WHAT REMEDY PROBE...: the world must be as wanted now, else the step has failed.
prove() {
  local want="$1" what="$2" remedy="$3" seen
  shift 3
  if ((work > 0)); then
    cannot_know "${what}"
    return
  fi
  seen=$("$@")
  [[ "${seen}" == "${want}" ]] || stop "${FAILED}" "not so: ${what}" "${want}" "${seen}" "${remedy}"
  say "proved: ${what}"
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

# set_aside NAME: moves DATA_DIR/NAME to STATE/before/NAME: one rename on one file system, never
# over an earlier one, never a link or a mount point.
set_aside() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" from_word to_word
  from_word=$(file_word "${from}")
  to_word=$(file_word "${to}")
  case "${from_word}:${to_word}" in
    directory:absent | file:absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      mutate mv -T -- "${from}" "${to}"
      ;;
    absent:*) already "${from} is not there" ;;
    *)
      stop "${MISMATCH}" "cannot set ${from} aside" \
        'a plain directory or file, and its place free' \
        "${from} is: ${from_word}; ${to} is: ${to_word}" \
        'look at both; a second disaster needs --incident 2 on every script'
      ;;
  esac
}

# keep_copy NAME: a copy of DATA_DIR/NAME in STATE/before, made once.
keep_copy() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" word
  word=$(file_word "${to}")
  case "${word}" in
    absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      # What an interrupted copy has left is ours, and half done.
      [[ ! -e "${to}.partial" ]] || mutate rm -rf -- "${to:?}.partial"
      mutate cp -a -- "${from}" "${to}.partial"
      mutate mv -T -- "${to}.partial" "${to}"
      ;;
    file | directory) already "${to} is kept" ;;
    *)
      stop "${MISMATCH}" "cannot keep a copy of ${from}" 'nothing, or our own copy' \
        "${to} is: ${word}" 'look at it'
      ;;
  esac
}

# put_file PATH MODE VARIABLE: writes the variable's text to PATH: temporary file, sync, rename.
# Through mutate only, which shows the variable's name and never its text.
put_file() {
  local -n put_text="$3"
  printf '%s\n' "${put_text}" >"$1.partial"
  chmod -- "$2" "$1.partial"
  sync -- "$1.partial"
  mv -T -- "$1.partial" "$1"
}

http_status='' # what api last got: three digits, or refused | timeout | failed

# api METHOD URL [BODY_FILE [SECONDS]]: one request. The answer's body is in scratch/answer, its
# headers in scratch/headers.
# Reads may be repeated by their callers; POST and DELETE are looked after by a probe instead.
api() {
  local method="$1" url="$2" body="${3:-}" limit="${4:-10}" status=0
  local -a call=(curl --silent --show-error --globoff --noproxy '*' --connect-timeout 5
    --max-time "${limit}" --output "${scratch}/answer" --dump-header "${scratch}/headers"
    --write-out '%{http_code}' --request "${method}" "${API_TLS[@]}")
  if [[ -n "${body}" ]]; then
    call+=(--header 'Content-Type: application/json' --data-binary "@${body}")
  fi
  : >"${scratch}/answer"
  : >"${scratch}/headers"
  http_status=$("${call[@]}" -- "${url}" 2>"${scratch}/curl.err") || status=$?
  case "${status}" in
    0) ;;
    7) http_status='refused' ;;
    28) http_status='timeout' ;;
    *) http_status='failed' ;;
  esac
}

# api_word URL: the status a GET of URL gets, as a word for wait_until and prove.
api_word() {
  api GET "$1"
  printf '%s\n' "${http_status}"
}

# answer FILTER [JQ_OPTION...]: what jq reads in the last answer; the script stops where that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" -- "${scratch}/answer"
}

# answer_text: the last answer for a person: its message if it has one, else its first line.
answer_text() {
  local text=''
  text=$(jq -r '.message // .error // empty' -- "${scratch}/answer" 2>/dev/null) || true
  if [[ -z "${text}" ]]; then
    text=$(head -c 300 -- "${scratch}/answer" | tr '\n' ' ')
  fi
  printf '%s\n' "${text:-no text}"
}

# api_must WANT METHOD URL [BODY_FILE [SECONDS]]: as api, and any other status stops the script.
api_must() {
  local want="$1" text
  shift
  api "$@"
  if [[ "${http_status}" != "${want}" ]]; then
    text=$(answer_text)
    stop "${FAILED}" "$1 $2 did not answer ${want}" "${want}" "${http_status}: ${text}" \
      'see the Control Plane log of the host that was asked, then run the script again'
  fi
}

# generation: 0.6 | 0.7, by the shape of the recovery host's host list; 0.7 means 0.7 or newer.
generation() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; has("peer_addresses") or has("etcd_mode")) then "0.7" else "0.6" end'
}

# record_word HOST: present | absent, from the recovery host's list. Never asked by /v1/hosts/ID,
# which answers 500 for an unknown id.
record_word() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
}

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

# host_word HOST [SINCE]: fresh | stale | STATE | absent. Fresh is healthy with a status written at
# SINCE (epoch seconds) or later; without SINCE, in the last 30 s.
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

# port_word ADDRESS PORT [SECONDS]: open | closed | unreachable. Closed is a refusal by a machine
# that is up.
port_word() {
  local status=0 text
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  text=$(timeout "${3:-3}" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>&1) || status=$?
  if ((status == 0)); then
    printf 'open\n'
  elif [[ "${text}" == *'Connection refused'* ]]; then
    printf 'closed\n'
  else
    printf 'unreachable\n'
  fi
}

# port_words [ADDRESS PORT]...: the word of each, one a line, all asked at once (100 at a time).
port_words() {
  local number=0 count="$(($# / 2))"
  local -a pids=()
  while (($# > 0)); do
    port_word "$1" "$2" 2 >"${scratch}/port.${number}" &
    pids+=("$!")
    number=$((number + 1))
    if ((number % 100 == 0)); then
      wait "${pids[@]}"
      pids=()
    fi
    shift 2
  done
  if ((${#pids[@]} > 0)); then
    wait "${pids[@]}"
  fi
  for ((number = 0; number < count; number++)); do
    cat -- "${scratch}/port.${number}"
  done
}

readonly ETCD_DIR="${DATA_DIR}/etcd"
readonly CONFIG="${DATA_DIR}/generated.config.json"
readonly CERTIFICATES="${DATA_DIR}/certificates"
readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")
# As the Control Plane has it: the trusted CA alone makes a client certificate necessary; with
# --client-cert-auth its name would count as a login.
readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
  --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
  --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
  --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
  --peer-key-file "${CERTIFICATES}/etcd-server.key")
etcd_pid='' # the etcd this script has started, if any

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment;
# they are in no argument list, and only this one command sees them.
as_host() (
  ETCDCTL_USER=$(jq -er '.etcd_username' -- "${CONFIG}")
  ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "${CONFIG}")
  export ETCDCTL_USER ETCDCTL_PASSWORD
  exec "$@"
)

# etcdctl_at ENDPOINT ARGUMENT...: a read. Changes are spelled out behind mutate as_host etcdctl.
etcdctl_at() {
  as_host etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s \
    "${@:2}"
}

# members ENDPOINT: the member list as member_lines gives it.
members() {
  local text
  text=$(etcdctl_at "$1" member list -w simple)
  member_lines <<<"${text}"
}

# member_lines: `member list -w simple` on standard input, one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# pick_member HOST PEER_URL: of such lines, those of that host.
pick_member() {
  awk -F '|' -v host="$1" -v peer="$2" \
    '$3 == host || index("," $4 ",", "," peer ",") > 0'
}

# member_state: of a host's lines, voter | learner | unstarted | absent.
member_state() {
  awk -F '|' '{ word = ($2 != "started") ? "unstarted" : ($5 == "true") ? "learner" : "voter" }
    END { print (word == "" ? "absent" : word) }'
}

# voters ENDPOINT: how many started voting members the member list has.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
}

# member_word ENDPOINT HOST PEER_URL: voter | learner | unstarted | absent.
member_word() {
  local list
  list=$(members "$1")
  pick_member "$2" "$3" <<<"${list}" | member_state
}

# tool_minor TOOL: the release's first two numbers, as 3.6. etcd and etcdutl of 3.7 or newer make
# data unreadable for the Control Plane's own etcd.
tool_minor() {
  local text
  case "$1" in
    etcd) text=$(etcd --version) ;;
    *) text=$("$1" version) ;;
  esac
  sed -nE '1s/^[^0-9]*([0-9]+\.[0-9]+).*/\1/p' <<<"${text}"
}

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, by mutate; its pid is kept, the
# lock is not handed down, and it ends with this script, also where that is killed.
launch_etcd() {
  setpriv --pdeathsig KILL etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
}

# end_etcd: ends the etcd this script has started, by its own pid. etcd is crash-safe; with
# watchers connected a polite end takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  if [[ -z "${etcd_pid}" ]]; then
    return
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  etcd_pid=''
}

# endpoint_word ENDPOINT: healthy | dead | waiting, for the etcd this script has started.
endpoint_word() {
  if [[ ! -d "/proc/${etcd_pid}" ]]; then
    printf 'dead\n'
    return
  fi
  as_host bash -c 'if "$@" >/dev/null 2>&1; then echo healthy; else echo waiting; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 3s \
    endpoint health
}

# progress: how far the recovery host's own directory has come. fresh: untouched; aside: its etcd
# is set aside and nothing restored; restored: the restored etcd is in its place.
progress() {
  local wal
  wal=$(file_word "${ETCD_DIR}/member/wal")
  if [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
  elif [[ "${wal}" == 'directory' ]]; then
    printf 'restored\n'
  else
    printf 'aside\n'
  fi
}

# swarm_word: down | inactive | pending | worker | leaderless | manager, of this machine's Docker.
# A manager that has not yet noticed the loss of its quorum (10 to 40 s after it) answers docker
# info after exactly 20 s, measured: a limit must lie beyond that.
swarm_word() {
  local text status=0
  text=$(timeout 30 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>/dev/null) || status=$?
  if ((status != 0)); then
    printf 'down\n'
    return
  fi
  case "${text}" in
    'active true')
      timeout 20 docker node ls >/dev/null 2>&1 || status=$?
      if ((status == 0)); then printf 'manager\n'; else printf 'leaderless\n'; fi
      ;;
    'active false') printf 'worker\n' ;;
    'inactive '*) printf 'inactive\n' ;;
    *) printf 'pending\n' ;;
  esac
}

# docker_patiently ARGUMENT...: docker, repeated within the Swarm deadline: for a minute after a
# Swarm has lost managers its commands fail now and then ("DeadlineExceeded").
docker_patiently() {
  local began="${SECONDS}"
  until timeout 60 docker "$@" >"${scratch}/docker.out" 2>"${scratch}/docker.err"; do
    if ((SECONDS - began >= DEADLINE_SWARM)); then
      if grep -q 'does not have a leader' -- "${scratch}/docker.err"; then
        stop "${BUSY}" 'Docker Swarm has lost most of its managers again' 'a leader' \
          "$(<"${scratch}/docker.err")" \
          "run the script of phase 1 on ${RECOVERY_HOST} again, which revives it, then this one"
      fi
      stop "${BUSY}" "docker $1 $2 failed for ${DEADLINE_SWARM} s" '' \
        "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
    fi
    say "docker is busy, once more: $(<"${scratch}/docker.err")"
    sleep 2
  done
}

# docker_kill CONTAINER: one that is gone in the meantime is no failure.
docker_kill() {
  docker kill -- "$1" >/dev/null 2>"${scratch}/docker.err" \
    || say "docker: $(<"${scratch}/docker.err")"
}

# service_scale SERVICE: the number of replicas wanted, or absent.
service_scale() {
  local text status=0
  text=$(timeout 20 docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' \
    -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    printf '%s\n' "${text}"
  elif grep -qi 'no such service' -- "${scratch}/docker.err"; then
    printf 'absent\n'
  else
    printf 'unknown\n'
  fi
}

# containers SERVICE: ids of this machine's running containers of a service, one a line.
containers() {
  timeout 20 docker ps --quiet --filter "label=com.docker.swarm.service.name=$1"
}

# container_word SERVICE: running | gone, on this machine.
container_word() {
  local ids
  ids=$(containers "$1")
  if [[ -n "${ids}" ]]; then printf 'running\n'; else printf 'gone\n'; fi
}

# node_of SERVICE: the Swarm node id its placement constraint names, or none.
node_of() {
  local text
  text=$(timeout 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# own_node: this machine's Swarm node id.
own_node() {
  docker info --format '{{.Swarm.NodeID}}'
}

# engine METHOD PATH BODY_FILE SECONDS: one request to this machine's Docker engine, for the calls
# whose command line would carry a secret. Sets http_status and scratch/answer as api does.
engine() {
  local socket='/var/run/docker.sock' status=0
  if [[ "${DOCKER_HOST:-}" == unix://* ]]; then
    socket="${DOCKER_HOST#unix://}"
  fi
  : >"${scratch}/answer"
  http_status=$(curl --silent --show-error --unix-socket "${socket}" --max-time "$4" \
    --output "${scratch}/answer" --write-out '%{http_code}' --request "$1" \
    --header 'Content-Type: application/json' --data-binary "@$3" \
    -- "http://localhost$2" 2>"${scratch}/curl.err") || status=$?
  case "${status}" in
    0) ;;
    28) http_status='timeout' ;;
    *) http_status='failed' ;;
  esac
}

# need FACT HOST SCRIPT: what an earlier script has brought about must show in the world; HOST is
# empty for a fact about the cluster. Otherwise the script stops and names the one to run first.
need() {
  local fact="$1" host="$2" script="$3" seen
  seen=$(need_word "${fact}" "${host}")
  case "${seen}" in
    yes) say "found: ${fact}${host:+ of ${host}}" ;;
    back)
      way='done'
      say "${host} was cleared and has joined since: its record is there again"
      ;;
    later) say "${fact}${host:+ of ${host}}: proved by the step that relies on it" ;;
    *)
      stop "${MISMATCH}" "not there: ${fact}${host:+ of ${host}}" 'an earlier script has done it' \
        "${seen}" "run ${script} first (incident ${incident}), then this one again"
      ;;
  esac
}

# need_word FACT HOST: yes | later | back, or what is seen instead. Facts a later step overtakes
# stay satisfied, so that a script may be run a second time.
need_word() {
  local word
  # Killed while it restarted all hosts at once, a script finds nobody to ask: it starts them first.
  if [[ "$1" =~ ^(api-answers|quorum-reached|member-back|client-back)$ &&
    "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    printf 'later\n'
    return
  fi
  case "$1" in
    swarm-leader) word=$(need_swarm manager) ;;
    in-swarm) word=$(need_own "$2" need_swarm any) ;;
    services-stopped | snapshot-chosen | snapshot-verified | recovery-host-checked | fenced)
      word=$(need_prepared)
      ;;
    service-stopped) word=$(need_own "$2" need_stopped) ;;
    state-set-aside) word=$(need_own "$2" need_file "${STATE}/cleared") ;;
    etcd-set-aside) word=$(need_progress 'aside restored') ;;
    etcd-restored) word=$(need_progress 'restored') ;;
    membership-rewritten) word=$(need_file "${STATE}/rewritten") ;;
    recovery-host-started | api-answers) word=$(need_status "${RECOVERY_API}/v1/hosts") ;;
    record-removed) word=$(need_removed "$2") ;;
    uninitialised) word='later' ;;
    member-back | client-back) word=$(need_fresh "$2") ;;
    quorum-reached) word=$(need_quorum) ;;
    hosts-verified) word=$(need_all_fresh) ;;
    closed) word=$(need_file "${STATE}/closed") ;;
    *) stop "${FAILED}" "this plan needs an unknown fact: $1" '' '' 'compile the bundle again' ;;
  esac
  printf '%s\n' "${word}"
}

# need_own HOST PROBE...: what only HOST itself can show.
need_own() {
  if [[ "$1" == "${HOST}" ]]; then "${@:2}"; else printf 'later\n'; fi
}

need_swarm() {
  local word
  word=$(swarm_word)
  case "$1:${word}" in
    manager:manager | any:manager | any:worker) printf 'yes\n' ;;
    *) printf 'docker says: %s\n' "${word}" ;;
  esac
}

# Phase 1 ends with the chosen snapshot in its place, after every stop and every fence.
need_prepared() {
  local reached
  reached=$(progress)
  if [[ -f "${STATE}/snapshot.db" || "${reached}" != 'fresh' ]]; then
    printf 'yes\n'
  else
    printf 'no %s\n' "${STATE}/snapshot.db"
  fi
}

need_stopped() {
  local word
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'gone' ]]; then
    printf 'yes\n'
  else
    printf 'the container of %s is %s\n' "${SERVICE}" "${word}"
  fi
}

need_file() {
  if [[ -f "$1" ]]; then printf 'yes\n'; else printf 'no %s\n' "$1"; fi
}

need_progress() {
  local reached
  reached=$(progress)
  if [[ " $1 " == *" ${reached} "* ]]; then
    printf 'yes\n'
  else
    printf '%s is %s\n' "${ETCD_DIR}" "${reached}"
  fi
}

need_status() {
  api GET "$1"
  if [[ "${http_status}" == 200 ]]; then
    printf 'yes\n'
  else
    printf '%s answers %s\n' "$1" "${http_status}"
  fi
}

# Of this host itself its own steps decide, with better advice, unless it was cleared for a join and
# has joined since. Another host whose record is there again, and fresh, has come back since.
need_removed() {
  local record cleared=''
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s/v1/hosts answers %s\n' "${RECOVERY_API}" "${http_status}"
    return
  fi
  record=$(record_word "$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${record}" == 'absent' ]]; then
    printf 'yes\n'
  elif [[ "$1" == "${HOST}" ]]; then
    if [[ " ${cleared} " == *' certificates '* ]]; then printf 'back\n'; else printf 'later\n'; fi
  else
    record=$(need_fresh "$1")
    if [[ "${record}" == 'yes' ]]; then
      printf 'yes\n'
    else
      printf 'the record of %s is still there\n' "$1"
    fi
  fi
}

need_fresh() {
  local word
  word=$(host_word "$1")
  if [[ "${word}" == 'fresh' ]]; then
    printf 'yes\n'
  else
    printf '%s is %s in the host list of %s\n' "$1" "${word}" "${RECOVERY_HOST}"
  fi
}

# Every server host that is healthy and fresh has joined the recovered etcd: it could not log in
# otherwise.
need_quorum() {
  local host word count=0
  for host in "${SERVERS[@]}"; do
    word=$(host_word "${host}")
    if [[ "${word}" == 'fresh' ]]; then
      count=$((count + 1))
    fi
  done
  if ((count >= QUORUM_TARGET)); then
    printf 'yes\n'
  else
    printf '%s server hosts are back, %s are needed\n' "${count}" "${QUORUM_TARGET}"
  fi
}

need_all_fresh() {
  local host word
  for host in "${SERVERS[@]}"; do
    word=$(need_fresh "${host}")
    if [[ "${word}" != 'yes' ]]; then
      printf '%s\n' "${word}"
      return
    fi
  done
  printf 'yes\n'
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  main "$@"
fi
