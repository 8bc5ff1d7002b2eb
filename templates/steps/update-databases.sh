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
