# Guide 4.1, 6.1c, 7.1c: one service to one replica, and a task that really runs on the right
# machine. `docker service scale` without --detach hangs on a task that restarts in a loop, and
# `service ps` also lists tasks of the past, so the newest wanted task itself is asked, bounded.
start_service() {
  local service="$1" target="$2" scale node own
  local diagnose="docker service ps --no-trunc '${service}'"
  scale=$(service_scale "${service}")
  # What an earlier step of this script would have stopped or placed is at 0 by then.
  if ((work > 0)); then
    scale=0
  fi
  node=''
  if ((work == 0)) && [[ "${scale}" =~ ^[0-9]+$ ]]; then
    node=$(node_of "${service}")
    own=$(own_node)
    if [[ "${target}" == "${HOST}" && -n "${node}" && "${node}" != "${own}" ]]; then
      stop "${MISMATCH}" "${service} is placed on another machine" "node ${own}" "node ${node}" \
        "see: docker node ls; a replaced machine is placed by the script that lets it join"
    fi
  fi
  case "${scale}" in
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    1) already "${service} is at 1" ;;
    unknown)
      stop "${BUSY}" "Docker does not tell the scale of ${service}" '' '' \
        'see: docker node ls; without a leader run the script of phase 1 again, then this one'
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'see: docker service ls; deploy the stack, or mend the name in the inventory'
      ;;
  esac
  wait_until "${DEADLINE_API}" running "a task of ${service} runs on ${target}" \
    task_word "${service}" "${node}"
}
