# Guide 1.3, 6.1a and 7.1a, for a new machine: the placement of the service names the node id of the
# machine that is gone, so the service would never start.
# place_service SERVICE [ADDRESS...]: on this machine, or on the node with one of the addresses.
place_service() {
  local service="$1" node text line scale complaint
  local -a changes=()
  shift
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  # A machine that is not in the Swarm yet has no node id there.
  if ((work > 0)) && [[ -n "${swarm_after}" || $# == 0 ]]; then
    cannot_know "on which node id to place ${service}"
    return
  fi
  scale=$(service_scale "${service}")
  complaint=$(docker_complaint)
  case "${scale}" in
    absent)
      stop "${MISMATCH}" "there is no service ${service} in this Swarm" 'a service of that name' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again'
      ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${service}" 'a number' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *) ;;
  esac
  node=$(place_service_node "$@")
  [[ -n "${node}" ]] || stop "${BUSY}" "no ready node of this Swarm is the machine of ${service}" \
    "a node with the address $*" 'none' 'join the machine to the Swarm, then run this script again'
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
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
  # In the same update: it must not start there with its old data.
  [[ "${scale}" == 0 ]] || changes+=(--replicas 0)
  mutate docker_patiently service update --detach "${changes[@]}" "${service}"
  prove "${node}" "${service} belongs to node ${node}" 'check docker service inspect' \
    node_of "${service}"
}

# place_service_node [ADDRESS...]: this machine's node id, or that of the ready node at an address.
place_service_node() {
  local ids id text address
  if (($# == 0)); then
    own_node
    return
  fi
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet)
  while IFS= read -r id; do
    text=$("${AT_MOST[@]}" 20 docker node inspect --format '{{.Status.State}} {{.Status.Addr}}' \
      -- "${id}")
    for address in "$@"; do
      if [[ "${text}" == "ready ${address}" ]]; then
        printf '%s\n' "${id}"
        return
      fi
    done
  done <<<"${ids}"
}
