# Guide 1.3, 6.1a, 7.1b: without quorum the process does not end on TERM, and Swarm kills it after
# its grace period. So with the service at 0 the container is killed at once. etcd is crash-safe:
# nothing that it has acknowledged is lost.
stop_container() {
  local service="$1" word scale complaint ids id
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(container_word "${service}")
  complaint=$(docker_complaint)
  [[ "${word}" != 'unknown' ]] || stop "${BUSY}" 'Docker does not report which containers run' \
    'a reply from docker ps' "${complaint}" 'check docker ps, then run this script again'
  if [[ "${word}" == 'gone' ]] && ((work == 0)); then
    already "no container of ${service} runs here"
    return
  fi
  if ((work == 0)); then
    scale=$(service_scale "${service}")
    complaint=$(docker_complaint)
    stop_container_may "${service}" "${scale}" "${complaint}"
  fi
  ids=$(containers "${service}")
  while IFS= read -r id; do
    [[ -z "${id}" ]] || mutate docker_kill "${id}"
  done <<<"${ids}"
  local check="docker ps --filter label=com.docker.swarm.service.name=${service}"
  wait_until "${DEADLINE_STOP}" 'gone' "the container of ${service} is gone" \
    "${check}" stop_container_word "${service}"
}

# stop_container_may SERVICE SCALE COMPLAINT: if a service is not at 0, Swarm would start its
# container again. A worker cannot read the scale; there the container must stay away.
stop_container_may() {
  local word
  case "$2" in
    0) ;;
    absent)
      stop "${MISMATCH}" "a container of $1 runs, but this Swarm has no such service" '0' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again'
      ;;
    unknown)
      word=$(swarm_word)
      [[ "${word}" == 'worker' || "${word}" == 'inactive' ]] \
        || stop "${BUSY}" "Docker does not report the scale of $1" '0' "$3" \
          'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "$1 is not at 0, so Swarm would start the container again" '0' "$2" \
        "run docker service scale --detach $1=0, then run this script again"
      ;;
  esac
}

# stop_container_word SERVICE: as container_word. If the scale is unknown, gone means gone for
# longer than Swarm waits before it starts a container again.
stop_container_word() {
  local word scale
  word=$(container_word "$1")
  if [[ "${word}" == 'gone' ]]; then
    scale=$(service_scale "$1")
    if [[ "${scale}" == 'unknown' ]]; then
      sleep 7
      word=$(container_word "$1")
    fi
  fi
  printf '%s\n' "${word}"
}
