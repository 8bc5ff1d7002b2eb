# guide 1.3, 6.1a and 7.1a, for a new machine. The guide starts the service again; but its placement
# names the node id of the machine that is gone, so it would wait for ever.
# place_service SERVICE [ADDRESS...]: without addresses on this machine, else on the node that has
# one of them.
place_service() {
  local service="$1" node text line
  local -a changes=()
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  # A machine that has yet to enter the Swarm has no node id there.
  if ((work > 0)) && [[ -n "${swarm_after}" || $# == 0 ]]; then
    cannot_know "which node id ${service} has to be placed on"
    return
  fi
  node=$(place_service_node "$@")
  [[ -n "${node}" ]] || stop "${BUSY}" "no ready node of this Swarm is the machine of ${service}" \
    "a node with the address $*" 'none' 'let the machine enter the Swarm, then run the script again'
  text=$(timeout 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "${service}")
  while IFS= read -r line; do
    if [[ "${line}" =~ ^node\.id\ *==\ *(.*)$ && "${BASH_REMATCH[1]}" != "${node}" ]]; then
      changes+=(--constraint-rm "${line}")
    fi
  done <<<"${text}"
  if ! grep -qxE "node\.id *== *${node}" <<<"${text}"; then
    changes+=(--constraint-add "node.id==${node}")
  fi
  if ((${#changes[@]} == 0)); then
    already "${service} belongs to node ${node}"
    return
  fi
  mutate docker_patiently service update --detach "${changes[@]}" "${service}"
  prove "${node}" "${service} belongs to node ${node}" 'see: docker service inspect' \
    node_of "${service}"
}

# place_service_node [ADDRESS...]: the id of this machine's node, or of the ready one at an address.
place_service_node() {
  local ids id text address
  if (($# == 0)); then
    own_node
    return
  fi
  ids=$(timeout 20 docker node ls --quiet)
  while IFS= read -r id; do
    text=$(timeout 20 docker node inspect --format '{{.Status.State}} {{.Status.Addr}}' -- "${id}")
    for address in "$@"; do
      if [[ "${text}" == "ready ${address}" ]]; then
        printf '%s\n' "${id}"
        return
      fi
    done
  done <<<"${ids}"
}
