# Probes of etcd, Swarm, tasks and databases for phases 4 to 8, while any of them may restart: they
# print a word if a plain probe would end the script.

last_seen='' # the last word of wait_softly; empty if it has not probed yet

unwell='' # databases and instances that are not available, one per line, as last verified

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

# etcdctl_word ENDPOINT ARGUMENT...: ok | failed, for a read. The output is in scratch/etcdctl.out,
# the errors in scratch/etcdctl.err.
etcdctl_word() {
  as_host bash -c 'if timeout --foreground 15 "${@:2}" >"$1.out" 2>"$1.err"; then printf "ok\n"
    else printf "failed\n"; fi' _ "${scratch}/etcdctl" etcdctl --endpoints "$1" \
    "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s "${@:2}"
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

# voter_names ENDPOINT: names of the started voters, one per line, or unanswered.
voter_names() {
  local list
  list=$(membership "$1")
  awk -F '|' '$1 == "unanswered" { print } $2 == "started" && $5 == "false" { print $3 }' \
    <<<"${list}"
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

# machine_word SERVICE: down | up | unknown: the node of its newest task. Swarm reports tasks of a
# node that is down as running without end.
machine_word() {
  local text node status=0
  text=$(newest_task "$1")
  read -r _ node _ <<<"${text}"
  text=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' \
    2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    printf 'unknown\n'
  elif [[ $'\n'"${text}"$'\n' == *$'\n'"${node} Down"$'\n'* ]]; then
    printf 'down\n'
  else
    printf 'up\n'
  fi
}

# started_at SERVICE: when its newest task was created, in epoch seconds; 0 if there is none.
started_at() {
  local text created
  text=$(newest_task "$1")
  read -r _ _ created _ <<<"${text}"
  printf '%s\n' "${created}"
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

# recovered_at: when the recovery host's Control Plane started; nothing if Docker does not report
# it, which host_word takes for 30 s ago.
recovered_at() {
  local created
  created=$(started_at "${RECOVERY_SERVICE}")
  if ((created > 0)); then
    printf '%s\n' "${created}"
  fi
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

# away_must HOST: away | back; the script stops if the API does not report it.
away_must() {
  local word
  word=$(away_word "$1")
  [[ "${word}" == 'away' || "${word}" == 'back' ]] || stop "${BUSY}" \
    "cannot tell whether $1 is down" 'its status in the host list' "${word}" \
    "check ${RECOVERY_API}/v1/hosts, then run this script again"
  printf '%s\n' "${word}"
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

# read_databases: as databases_word; the script stops if they cannot be read.
read_databases() {
  local word
  word=$(databases_word)
  [[ "${word}" == 'read' ]] || stop "${BUSY}" 'the databases cannot be read' '200' "${word}" \
    "check ${RECOVERY_API}/v1/databases, then run this script again"
}

# databases_on HOST...: ids of the databases that have anything on one of these hosts, in their spec
# or in their records: after a failed update only the records still have it.
databases_on() {
  jq -r --args '$ARGS.positional as $hosts | .[] | select([(.spec.nodes, .spec.services | .[]?
      | .host_ids[]?), (.instances, .service_instances | .[]? | .host_id)]
    | any(. as $one | $hosts | index($one))) | .id' -- "$@" <"${scratch}/databases.json"
}
