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
