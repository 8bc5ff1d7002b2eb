# Guide 4.1, 6.1c, 7.1c: one service to one replica, and its task runs on the right machine. `docker
# service scale` without --detach hangs on a task that restarts in a loop, and `service ps` also
# lists old tasks, so the newest wanted task is read, with a limit.
start_service() {
  local service="$1" target="$2" scale node own
  local check="docker service ps --no-trunc '${service}'"
  scale=$(service_scale "${service}")
  # An earlier step of this script stops or places it, which leaves it at 0.
  if ((work > 0)); then
    scale=0
  fi
  node=''
  if ((work == 0)) && [[ "${scale}" =~ ^[0-9]+$ ]]; then
    node=$(node_of "${service}")
    own=$(own_node)
    if [[ "${target}" == "${HOST}" && -n "${node}" && "${node}" != "${own}" ]]; then
      stop "${MISMATCH}" "${service} is placed on another machine" "node ${own}" "node ${node}" \
        'check docker node ls; for a replaced machine, run its join script'
    fi
  fi
  if [[ "${target}" == "${RECOVERY_HOST}" && "${scale}" =~ ^[01]$ ]] \
    && [[ ! -e "${STATE}/starting" ]]; then
    # For undo: from this start on the restored cluster can accept writes.
    mutate write_file "${STATE}/starting" 0600 "${SCRIPT}"
  fi
  case "${scale}" in
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    1) already "${service} is at 1" ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${service}" '' '' \
        "check docker node ls; if there is no leader, run ${FIRST_SCRIPT}, then run this again"
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'check docker service ls; deploy the stack, or correct the name in the inventory'
      ;;
  esac
  wait_until "${DEADLINE_API}" running "a task of ${service} runs on ${target}" \
    "${check}" task_word "${service}" "${node}"
}
