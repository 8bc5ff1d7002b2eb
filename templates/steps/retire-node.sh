# Guide 6.1a, an addition: the node of the replaced machine stays in the Swarm as Down; if it is a
# manager, it counts against the Swarm's quorum. It has the same host name or address as the node
# where the service is placed now.
retire_node() {
  local new old count role holder
  if ((work > 0)); then
    cannot_know 'which node belongs to the old machine'
    return
  fi
  new=$(node_of "$1")
  [[ -n "${new}" ]] \
    || stop "${MISMATCH}" "$1 has no placement on a node" 'a constraint node.id == ...' 'none' \
      'check docker service inspect; the step before this one places it'
  retire_node_twins "${new}" >"${scratch}/twins"
  count=$(wc -l <"${scratch}/twins")
  old=$(<"${scratch}/twins")
  case "${count}" in
    0) already 'the old machine has no node' ;;
    1)
      # After a revival the old node may have the role of a manager without being one: demoting it
      # then always fails, removing it works (measured).
      role=$("${AT_MOST[@]}" 20 docker node inspect \
        --format '{{if .ManagerStatus}}manager{{else}}worker{{end}}' -- "${old}")
      holder=$(retire_node_holder "${old}")
      if [[ -n "${holder}" ]]; then
        say "Node ${old} is Down, but stays because ${holder} is placed on it"
        return
      fi
      if [[ "${role}" == 'manager' ]]; then
        mutate docker_patiently node demote "${old}"
      fi
      mutate docker_patiently node rm --force "${old}"
      ;;
    *)
      stop "${MISMATCH}" 'more than one node could be the old machine' 'one at most' \
        "${old//$'\n'/ }" 'check docker node ls, run docker node rm --force ID, then run this again'
      ;;
  esac
}

# Nodes that are Down and have the host name or address of the given one, one id per line.
retire_node_twins() {
  local ids id own text
  own=$(retire_node_facts "$1")
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet)
  while IFS= read -r id; do
    if [[ "${id}" != "$1" ]]; then
      text=$(retire_node_facts "${id}")
      awk -F '|' -v own="${own}" -v id="${id}" 'BEGIN { split(own, mine, "|") }
        $1 == "down" && ($2 == mine[2] || $3 == mine[3]) { print id }' <<<"${text}"
    fi
  done <<<"${ids}"
}

# state|host name|address of a node.
retire_node_facts() {
  "${AT_MOST[@]}" 20 docker node inspect \
    --format '{{.Status.State}}|{{.Description.Hostname}}|{{.Status.Addr}}' -- "$1"
}

# The first service whose constraint names the node, or nothing. Machines may have the same host
# name, and the node of a lost host that has not come back yet must stay.
retire_node_holder() {
  local names name node
  names=$("${AT_MOST[@]}" 20 docker service ls --format '{{.Name}}')
  while IFS= read -r name; do
    if [[ -n "${name}" ]]; then
      node=$(node_of "${name}")
      if [[ "${node}" == "$1" ]]; then
        printf '%s\n' "${name}"
        return
      fi
    fi
  done <<<"${names}"
}
