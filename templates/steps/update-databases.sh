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
  for host in "$@" "${!also[@]}"; do
    update_databases_check_host "${host}"
    if [[ " ${gone[*]} " != *" ${host} "* ]]; then
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
# now without these hosts. Nodes and services without a host go, and what refers to them.
update_databases_body() {
  local id="$1" nodes services
  shift
  jq --arg id "${id}" --args '$ARGS.positional as $gone | .[] | select(.id == $id)
    | (.tenant_id | if . then {tenant_id: .} else {} end) + {spec: (.spec
      | .nodes |= [.[]? | .host_ids -= $gone | select(.host_ids != [])]
      | [.nodes[].name] as $left
      | .nodes |= map(if .source_node == null or (.source_node | IN($left[])) then .
          else del(.source_node) end)
      | if .services then .services |= [.[] | .host_ids -= $gone | select(.host_ids != [])]
          else . end)}' \
    -- "$@" <"${scratch}/databases.json" >"${scratch}/${id}.body"
  nodes=$(jq '.spec.nodes | length' -- "${scratch}/${id}.body")
  services=$(jq -r '[.spec.services[]?.service_id] | join(" ")' -- "${scratch}/${id}.body")
  ((nodes > 0)) || stop "${MISMATCH}" "database ${id} lives only on hosts to be removed: $*" \
    'a node on another host' 'none' \
    'bring one of them back; or restore it elsewhere from its backup, or delete it: yours to decide'
  # The API tells settings of services without their secrets and does not fill them in again.
  [[ -z "${services}" ]] || stop "${MISMATCH}" \
    "database ${id} has services whose secrets an update would lose" 'no services' "${services}" \
    "POST its full spec without $* yourself, with ?remove_host= for each; then run this again"
}

# update_databases_one DATABASE GONE...: a database may still be modifying: an update of ours that a
# killed script has left, or a task that came back with the snapshot.
update_databases_one() {
  local id="$1" url="${RECOVERY_API}/v1/databases/$1" query='' host text task body ids
  shift
  local diagnose="curl '${url}/tasks'; hosts removed one by one leave a task that never ends"
  wait_until "${DEADLINE_TASK}" modifiable "database ${id} can be changed" \
    update_databases_state_word "${id}"
  if ((work == 0)); then
    read_databases
    ids=$(databases_on "$@")
    if [[ $'\n'"${ids}"$'\n' != *$'\n'"${id}"$'\n'* ]]; then
      already "database ${id} has nothing on: $*"
      return
    fi
    update_databases_body "${id}" "$@"
  fi
  for host in "$@"; do
    query="${query}${query:+&}remove_host=${host}"
  done
  body=$(<"${scratch}/${id}.body")
  mutate install -d -m 0700 -- "${STATE}/updates"
  mutate put_file "${STATE}/updates/${id}.json" 0600 body
  # The Control Plane checks the spec on every host that stays before it answers: up to 5 min.
  mutate api POST "${url}?${query}" "${STATE}/updates/${id}.json" 330
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
  read_databases
  ids=$(databases_on "$@")
  [[ $'\n'"${ids}"$'\n' != *$'\n'"${id}"$'\n'* ]] || stop "${FAILED}" \
    "database ${id} still has something on: $*" 'nothing' 'an instance or a node' \
    'run this script again: it repeats the update'
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
