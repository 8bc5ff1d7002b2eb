# Guide 8.3: the state of a database is merely stored and reads `available` even with all instances
# dead, so each instance is asked too; its state is `unknown` while its status is old. Then what is
# no longer where it was: the specs saved in phase 5 against those of now.
verify_databases() {
  local since=0 diagnose="curl '${RECOVERY_API}/v1/databases'"
  if [[ -d "${STATE}/before" ]]; then
    since=$(stat -c %Y -- "${STATE}/before")
  fi
  wait_softly 60 well 'every database and instance is back' verify_databases_word "${since}"
  if ((work > 0)); then
    return
  fi
  read_databases
  verify_databases_old "${since}"
  verify_databases_moved
  if [[ "${settled}" != 'well' ]]; then
    verify_databases_advice "${since}"
    wait_until 1 well 'every database and instance is back' verify_databases_word "${since}"
    return
  fi
  say 'proved: every database and instance is back'
}

# For the filters below. An instance is fine if its status is written anew (every 5 s; its
# updated_at is not) and tells no error. What failed before this recovery may be so after it.
readonly VERIFY_DATABASES_JQ='
  def fine: .state == "available" and (has("host_id") | not)
    or .state == "available" and .error == null
      and ((.status_updated_at // "1970-01-01T00:00:00Z") | epoch) >= now - 30;
  def old: (.state | IN("failed", "degraded", "stopped")) and (.updated_at | epoch) < $since;
  def bad: (fine or old) | not;'

# verify_databases_ask SINCE FILTER: what the filter finds in the databases read last.
verify_databases_ask() {
  jq -r --argjson since "$1" "${EPOCH_JQ}${VERIFY_DATABASES_JQ} $2" -- "${scratch}/databases.json"
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

# verify_databases_old SINCE: names what was not well before this recovery either.
verify_databases_old() {
  local text line
  text=$(verify_databases_ask "$1" '.[] | ., .instances[]? | select(old)
    | "\(.id) is \(.state) since \(.updated_at), before this recovery: left as it is"')
  if [[ -n "${text}" ]]; then
    while IFS= read -r line; do
      say "${line}"
    done <<<"${text}"
  fi
}

# verify_databases_advice SINCE: an instance that does not come back although its container runs may
# hold a login token of before the loss, and then waits for ever: its service is named.
verify_databases_advice() {
  local text id host state service
  text=$(verify_databases_ask "$1" '.[] | .instances[]? | select(bad)
    | "\(.id)|\(.host_id)|\(.state)"')
  while IFS='|' read -r id host state; do
    if [[ -z "${id}" ]]; then
      continue
    fi
    service=$(timeout 20 docker service ls --filter "label=pgedge.instance.id=${id}" \
      --format '{{.Name}}' 2>/dev/null || true)
    say "${id} on ${host} is ${state}. If its container runs it may hold an old login token:"
    say "  docker service update --force --detach ${service:-its service}"
  done <<<"${text}"
}

# verify_databases_moved: hosts that a saved spec has and the spec of now has not.
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
      | if $now == [] then "it is no longer there"
        else ($saved[0] | places) - ($now[0] | places) | .[] end' -- "${scratch}/databases.json")
    if [[ -z "${text}" ]]; then
      say "database ${id} is where it was"
      continue
    fi
    while IFS= read -r line; do
      say "database ${id} had before: ${line}"
    done <<<"${text}"
    say "  to add it again, update its spec through the API; the old one: ${file}"
  done
}
