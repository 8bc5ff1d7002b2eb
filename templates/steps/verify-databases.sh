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

# For the filters below. An instance is fine if its status is new (written every 5 s; its updated_at
# is not) and has no error. What failed before this recovery may still fail after it.
readonly VERIFY_DATABASES_JQ='
  def fine: .state == "available" and (has("host_id") | not)
    or .state == "available" and .error == null
      and ((.status_updated_at // "1970-01-01T00:00:00Z") | epoch) >= now - 30;
  def old: (.state | IN("failed", "degraded", "stopped")) and (.updated_at | epoch) < $since;
  def bad: (fine or old) | not;'

# verify_databases_ask SINCE FILTER: the result of the filter for the databases read last.
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

# verify_databases_old SINCE: what had already failed before this recovery, one per line.
verify_databases_old() {
  verify_databases_ask "$1" '.[] | ., .instances[]? | select(old)
    | "\(.id) is \(.state) since \(.updated_at), before this recovery"'
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
