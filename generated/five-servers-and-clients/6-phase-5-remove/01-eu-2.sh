#!/usr/bin/env bash
# 6-phase-5-remove/01-eu-2.sh: remove the record of eu-2
#
# Plan prod-eu-eu-1 of cluster prod-eu, recovery from total quorum loss. Without options it looks
# and changes nothing; --apply acts. Generated: change the inventory or the templates and compile
# again.
#
#   where     eu-1 (2001:db8:104::1, 192.168.104.11), as root
#   why       Only if its own script says that it cannot be reattached, or it never returns.
#   guide     5.1 5.2
#   after     4-phase-4-start/eu-1.sh
#   changes   5.2 Save the specification of every database
#   destroys  5.2 Take eu-2 out of its databases; 5.2 Remove the record of eu-2
#   inputs    sha256:95d8c38fe570481513fea30e81474935eae422a492f09d48c2e5a5129a7776bd

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
readonly SCRIPT='6-phase-5-remove/01-eu-2.sh'
readonly HOST='eu-1'
readonly -a HOST_ADDRESSES=('2001:db8:104::1' '192.168.104.11')
readonly MACHINE_ID='6b1f0c52a9d84c0e9d3f27b41a5e8c01'
readonly DATA_DIR='/srv/pgedge data/control-plane'
readonly SERVICE='pgedge_eu-1'
readonly RECOVERY_HOST='eu-1'
readonly RECOVERY_API='https://[2001:db8:104::1]:3100'
readonly RECOVERY_ENDPOINT='https://[2001:db8:104::1]:12379'
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
  'etcdctl'
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
readonly -a OPTIONS=('--also')
readonly DEADLINE_SWARM='120'
readonly DEADLINE_FRESH='90'
readonly DEADLINE_TASK='600'

main() {
  start "$@"
  need 'api-answers' '' '4-phase-4-start/eu-1.sh'

  # N=5, quorum 3; lost 3, alive 2 < 3: lost
  begin '5.1' 'State the target: 3 voters'
  state_threshold '5' '3'

  # Never a host that answers, and never while another host of its databases is down.
  begin '5.2' 'Check that eu-2 can be removed'
  check_removable 'eu-2' '2001:db8:104::2' '3100' '12379' '12380'

  # Removal changes them; what was saved is compared in phase 8.
  begin '5.2' 'Save the specification of every database'
  save_specs 'eu-2'

  # With all hosts to be removed in one update: one by one they deadlock for ever.
  begin '5.2' 'Take eu-2 out of its databases'
  update_databases 'eu-2' 'eu-4' 'eu-5'

  # A host whose record is still there cannot join again.
  begin '5.2' 'Remove the record of eu-2'
  remove_record 'eu-2'

  finish \
    'Next: 7-phase-6-join/01-eu-2.sh on eu-2 (2001:db8:104::2)'
}

# --- steps: one function for each kind of step above, and what several of them call

# Guide 5.1: the quorum threshold. The guide takes it for a condition of writing; it is the target
# of redundancy: the restored cluster has one voter and with it quorum, and phase 5 itself writes.
state_threshold() {
  local servers="$1" threshold="$2" names count
  names=$(voter_names "${RECOVERY_ENDPOINT}")
  count=$(grep -c . <<<"${names}" || true)
  say "N=${servers} server hosts, quorum floor(${servers}/2)+1 = ${threshold}"
  if [[ "${names}" == 'unanswered' ]]; then
    say "started voters now: ${RECOVERY_ENDPOINT} does not tell"
  else
    say "started voters now: ${count} (${names//$'\n'/, })"
  fi
}

removal_needed='yes' # no: the record is gone already, which leaves little to the steps after this
removal_peer_url=''  # by which an unstarted member of the host is known: it has no name yet

# Guide 5.2, before anything is changed: only a host that is really away is removed, never the
# recovery host. DELETE removes a living host just as readily, and stops its Postgres.
check_removable() {
  local target="$1" address="$2" name port word release ids
  local -a ports=(API "$3" 'etcd client' "$4" 'etcd peer' "$5")
  if [[ "${address}" == *:* ]]; then
    removal_peer_url="https://[${address}]:$5"
  else
    removal_peer_url="https://${address}:$5"
  fi
  [[ "${target}" != "${RECOVERY_HOST}" ]] || stop "${MISMATCH}" \
    "${target} is the recovery host" 'another host' "${target}" 'it is never removed'
  word=$(record_word "${target}")
  if [[ "${word}" == 'absent' ]]; then
    removal_needed='no'
    already "there is no record of ${target}"
    return
  fi
  if [[ -f "${STATE}/removed/${target}" ]]; then
    removal_needed='no'
    already "${target} was removed; its record is the one of its new join"
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
        'a host that runs is reattached (phase 6) or left alone; else stop its service first'
    else
      say "${target} ${address}:${port} (${name}): ${word}"
    fi
  done
  local diagnose="curl '${RECOVERY_API}/v1/hosts'"
  wait_until $((DEADLINE_FRESH + 45)) away "the last status of ${target} is old" \
    away_word "${target}"
  release=$(generation)
  read_databases
  ids=$(databases_on "${target}")
  ids="${ids:-none}"
  say "databases on ${target}: ${ids//$'\n'/ }"
  if [[ "${release}" == '0.6' && "${ids}" != 'none' ]]; then
    say 'Before 0.7 there is no remove_host: an update waits for every host of the database, and a'
    say 'forced removal for all of them but the removed one: for ever where another one is down.'
    stop "${MISMATCH}" "Control Plane 0.6 does not let go of ${target} safely" \
      'no database on it' "${ids//$'\n'/ }" \
      "when all other hosts of them are back: DELETE /v1/hosts/${target}?force=true, by hand"
  fi
}

# Guide 5.2, beyond its text: the spec of every database as it is before the first removal, to add
# hosts again afterwards and to compare with in phase 8. The first save is never overwritten. The
# API leaves passwords and keys out of what it tells.
save_specs() {
  local target="$1" id ids file word text made='no'
  if [[ "${removal_needed}" == 'no' ]]; then
    already "${target} is removed; nothing is saved after the fact"
    return
  fi
  read_databases
  ids=$(jq -r '.[].id' -- "${scratch}/databases.json")
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
    text=$(jq -S --arg id "${id}" '.[] | select(.id == $id)' -- "${scratch}/databases.json")
    if [[ "${made}" == 'no' && ! -d "${STATE}/specs" ]]; then
      mutate install -d -m 0700 -- "${STATE}/specs"
      made='yes'
    fi
    mutate put_file "${file}" 0600 text
  done
}

# Guide 5.2, before any DELETE: each database that has anything on a host to be removed is updated
# with all these hosts at once. Removed one by one, as the guide has it, two lost hosts of one
# database wait for each other for ever, and no call gets out of it (measured).
update_databases() {
  local target="$1" host word ids id release
  local -a gone=()
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
  for host in "${target}" "${!also[@]}"; do
    update_databases_check_host "${host}"
    if [[ " ${gone[*]} " != *" ${host} "* ]]; then
      gone+=("${host}")
    fi
  done
  for host in "${@:2}"; do
    word=$(away_word "${host}")
    if [[ "${word}" != 'away' ]]; then
      say "${host} is not away (${word}): it stays in its databases"
    elif [[ " ${gone[*]} " != *" ${host} "* ]]; then
      gone+=("${host}")
    fi
  done
  ids=$(databases_on "${gone[@]}")
  if [[ -z "${ids}" ]]; then
    already "no database has anything on: ${gone[*]}"
    return
  fi
  # Everything is looked at before the first change.
  for id in ${ids}; do
    update_databases_check_partners "${id}" "${gone[@]}"
    update_databases_body "${id}" "${gone[@]}"
  done
  for id in ${ids}; do
    update_databases_one "${id}" "${gone[@]}"
  done
}

# update_databases_check_host HOST: it is away, and not the recovery host. The names of --also come
# from people.
update_databases_check_host() {
  local word
  [[ "$1" =~ ^[a-z0-9][a-z0-9-]*$ && "$1" != "${RECOVERY_HOST}" ]] || stop "${USAGE}" \
    "not a host that can be removed: $1" "a host id other than ${RECOVERY_HOST}" "$1" 'see --help'
  word=$(away_word "$1")
  if [[ "${word}" == 'back' ]] && ((work > 0)); then
    cannot_know "whether $1 is away"
  elif [[ "${word}" != 'away' ]]; then
    stop "${MISMATCH}" "$1 is to be removed and is not away" 'an old status' "${word}" \
      'a host that is back is not removed: leave it out, or stop it and wait 30 s'
  fi
}

# update_databases_check_partners DATABASE GONE...: an update waits for every host it touches that
# is not in remove_host; with one of them down it would hang.
update_databases_check_partners() {
  local id="$1" hosts host word
  shift
  hosts=$(jq -r --arg id "${id}" --args '.[] | select(.id == $id)
    | [(.spec.nodes, .spec.services | .[]? | .host_ids[]?),
       (.instances, .service_instances | .[]? | .host_id)] | unique - $ARGS.positional | .[]' \
    -- "$@" <"${scratch}/databases.json")
  for host in ${hosts}; do
    word=$(host_word "${host}")
    [[ "${word}" == 'fresh' ]] || stop "${MISMATCH}" \
      "database ${id} is also on ${host}, which is not healthy: its update would hang" \
      'healthy with a fresh status' "${word}" \
      "bring ${host} back first (its script of phase 6 or 7), or, if it is lost too: --also ${host}"
  done
}

# update_databases_body DATABASE GONE...: the request into scratch/DATABASE.body: the spec as it is
# now without these hosts. Nodes and services left without a host go, and what names such a node.
# The API rounds sizes of memory and leaves secrets of services out, and takes neither from what it
# has: both come from the spec in etcd. Passwords of users it keeps by itself.
update_databases_body() {
  local id="$1" needs text
  shift
  update_databases_stored "${id}"
  needs=$(jq -r --arg id "${id}" '.[] | select(.id == $id) | .spec
    | if any(., .nodes[]?; has("memory")) or (.services // []) != [] then "yes" else "no" end' \
    -- "${scratch}/databases.json")
  if [[ "${needs}" == 'yes' && ! -s "${scratch}/stored" ]]; then
    stop "${MISMATCH}" "the exact spec of ${id} is not in etcd where it should be" \
      "the key /database_specs/${id}" 'none' \
      "POST its full spec without $* yourself, with ?remove_host= for each; then run this again"
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
  [[ -n "${text}" ]] || stop "${MISMATCH}" "database ${id} lives only on hosts to be removed: $*" \
    'a node on another host' 'none' \
    'bring one of them back; or restore it elsewhere from its backup, or delete it: yours to decide'
  say "database ${id} keeps: ${text}"
}

# update_databases_stored DATABASE: its spec in etcd, with passwords, into scratch/stored; empty if
# the key is not there. Values are JSON, plain or zipped.
update_databases_stored() {
  local word
  word=$(etcdctl_word "${RECOVERY_ENDPOINT}" get "/database_specs/$1" -w json)
  [[ "${word}" == 'ok' ]] || stop "${BUSY}" "etcd does not tell the spec of $1" '' \
    "$(<"${scratch}/etcdctl.err")" 'run the script again'
  jq -r '.kvs[0].value // empty' -- "${scratch}/etcdctl.out" | base64 -d >"${scratch}/stored"
  word=$(head -c 2 -- "${scratch}/stored" | od -An -tx1)
  if [[ "${word}" == ' 1f 8b' ]]; then
    mv -- "${scratch}/stored" "${scratch}/stored.gz"
    gzip -dc <"${scratch}/stored.gz" >"${scratch}/stored"
  fi
}

# update_databases_one DATABASE GONE...: a database may still be modifying: an update of ours that a
# killed script has left, or a task that came back with the snapshot.
update_databases_one() {
  local id="$1" url="${RECOVERY_API}/v1/databases/$1" query='' host text task word
  local diagnose="curl '${url}/tasks'; hosts removed one by one leave a task that never ends"
  shift
  wait_until "${DEADLINE_TASK}" modifiable "database ${id} can be changed" \
    update_databases_state_word "${id}"
  if ((work == 0)); then
    word=$(update_databases_left_word "${id}" "$@")
    if [[ "${word}" == 'nothing' ]]; then
      already "database ${id} has nothing on: $*"
      return
    fi
    update_databases_body "${id}" "$@"
  fi
  for host in "$@"; do
    query="${query}${query:+&}remove_host=${host}"
  done
  # The Control Plane checks the spec on every host that stays before it answers: up to 5 min.
  mutate update_databases_post "${url}?${query}" "${id}.body"
  if ((work > 0)); then
    return
  fi
  if [[ "${http_status}" != 200 ]]; then
    text=$(answer_text)
    stop "${FAILED}" "the update of database ${id} was not accepted" '200' \
      "${http_status}: ${text}" \
      'mend what it names, then run this script again: it looks how far the update has come'
  fi
  task=$(answer '.task.task_id')
  await_task "${url}/tasks/${task}" "the update of database ${id}"
  prove nothing "database ${id} has nothing left on: $*" \
    'run this script again: it repeats the update' update_databases_left_word "${id}" "$@"
}

# update_databases_post URL NAME: the request prepared in scratch. Through mutate only.
update_databases_post() {
  api POST "$1" "${scratch}/$2" 330
}

# update_databases_left_word DATABASE GONE...: nothing | something, on these hosts as of now.
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

# Guide 5.2: the host's record, with its etcd user. Without `force`, which only skips the check that
# no instance is left: by now there is none. The guide polls /v1/tasks/ID, which no release has, and
# takes `failed` for done. 0.7 and newer have a task of the host; on 0.6 its id leaves the list.
remove_record() {
  local target="$1" url="${RECOVERY_API}/v1/hosts/$1" release task='' text proof
  proof="${STATE}/removed/${target}"
  text=$(record_word "${target}")
  if [[ "${text}" == 'present' && -f "${proof}" ]]; then
    already "${target} was removed, and has joined anew"
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
      mutate api DELETE "${url}" '' 60
      if ((work == 0)); then
        remove_record_judge "${target}" "${release}"
        task=$(answer '.task.task_id // empty')
      fi
    fi
    if [[ -n "${task}" ]]; then
      await_task "${url}/tasks/${task}" "the removal of ${target}"
    fi
    local diagnose="curl '${RECOVERY_API}/v1/hosts'"
    wait_until "${DEADLINE_TASK}" absent "${target} has left the list of hosts" \
      remove_record_word "${target}"
  fi
  remove_record_members "${target}"
  # The host joins anew under the same id: only this tells a later run that it is not the old one.
  if [[ ! -f "${proof}" ]]; then
    text="${target} was removed"
    mutate install -d -m 0700 -- "${STATE}/removed"
    mutate put_file "${proof}" 0600 text
  fi
}

# remove_record_task HOST: the id of a removal that still runs, or nothing: a second DELETE while
# one runs would be answered with an error that says nothing.
remove_record_task() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts/$1/tasks"
  answer '[.tasks[]? | select(.type == "remove_host" and
    (.status | IN("completed", "failed", "canceled") | not))] | max_by(.created_at)
    | .task_id // empty'
}

# remove_record_judge HOST RELEASE: what the API said to DELETE.
remove_record_judge() {
  local text
  text=$(answer_text)
  case "${http_status}" in
    200) ;;
    404) already "there is no record of $1" ;;
    400)
      stop "${FAILED}" "the removal of $1 was refused" '200' "400: ${text}" \
        '"running instances": run this script again, it updates their databases first'
      ;;
    409)
      stop "${BUSY}" "the removal of $1 was refused" '200' "409: ${text}" \
        'another change is under way; see /v1/tasks, wait for its end, run this script again'
      ;;
    500)
      stop "${FAILED}" "the removal of $1 was refused" '200' "500: ${text}" \
        'see /v1/databases (one that is being changed?) and its log; run this script again'
      ;;
    timeout | failed | refused)
      stop "${BUSY}" "no answer to the removal of $1" '200' "${http_status}" \
        'run this script again: it looks whether the removal has begun'
      ;;
    *)
      stop "${FAILED}" "the removal of $1 was refused" '200' "${http_status}: ${text}" \
        'see the Control Plane log'
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

# remove_record_members HOST: an entry that a half-done join has left in the member list would make
# the next join fail ("Peer URLs already exists"). A started voter is never taken out here.
remove_record_members() {
  local target="$1" word list id
  word=$(member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}")
  case "${word}" in
    absent) say "proved: etcd has no member of ${target}" ;;
    unstarted | learner)
      list=$(members "${RECOVERY_ENDPOINT}")
      id=$(pick_member "${target}" "${removal_peer_url}" <<<"${list}" | cut -d '|' -f 1)
      mutate as_host etcdctl --endpoints "${RECOVERY_ENDPOINT}" "${ETCDCTL_TLS[@]}" \
        member remove "${id}"
      prove absent "etcd has no member of ${target}" 'see: etcdctl member list' \
        member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}"
      ;;
    *)
      if ((work > 0)); then
        cannot_know "whether etcd has a member of ${target} afterwards"
      else
        stop "${FAILED}" "${target} is a voter without a record" 'no member of that name' \
          "${word}" 'its join was not finished: start its service, and run its join script again'
      fi
      ;;
  esac
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
