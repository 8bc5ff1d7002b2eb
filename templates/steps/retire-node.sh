# guide 6.1a: not in the guide. The node of the machine that was replaced stays in the Swarm, Down
# for ever; a manager among them counts against the Swarm's quorum. It is known by the host name or
# the address it shares with the node the service is placed on now.
retire_node() {
  local new old count role holder
  if ((work > 0)); then
    cannot_know 'which node the old machine has left behind'
    return
  fi
  new=$(node_of "$1")
  [[ -n "${new}" ]] \
    || stop "${MISMATCH}" "$1 is placed on no node" 'a constraint node.id == ...' 'none' \
      'see: docker service inspect; the step before this one places it'
  retire_node_twins "${new}" >"${scratch}/twins"
  count=$(wc -l <"${scratch}/twins")
  old=$(<"${scratch}/twins")
  case "${count}" in
    0) already 'no node of the old machine is left' ;;
    1)
      # After the Swarm was made anew the old node still has the role of a manager, but is none of
      # its members: demoting it then fails for ever, removing it works (measured).
      role=$(timeout 20 docker node inspect \
        --format '{{if .ManagerStatus}}manager{{else}}worker{{end}}' -- "${old}")
      holder=$(retire_node_holder "${old}")
      if [[ -n "${holder}" ]]; then
        say "left alone: node ${old} is Down, but ${holder} is placed on it"
        return
      fi
      if [[ "${role}" == 'manager' ]]; then
        mutate docker_patiently node demote "${old}"
      fi
      mutate docker_patiently node rm --force "${old}"
      ;;
    *)
      stop "${MISMATCH}" 'more than one node could be the old machine' 'one at most' \
        "${old//$'\n'/ }" "docker node ls; docker node rm --force the right ones; run it again"
      ;;
  esac
}

# Nodes that are Down and share host name or address with the given one, one id a line.
retire_node_twins() {
  local ids id own text
  own=$(retire_node_facts "$1")
  ids=$(timeout 20 docker node ls --quiet)
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
  timeout 20 docker node inspect \
    --format '{{.Status.State}}|{{.Description.Hostname}}|{{.Status.Addr}}' -- "$1"
}

# The first service whose constraint names the node, or nothing. Machines may share a host name: the
# node of a lost host that has yet to come back must stay.
retire_node_holder() {
  local names name node
  names=$(timeout 20 docker service ls --format '{{.Name}}')
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
