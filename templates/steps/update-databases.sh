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
