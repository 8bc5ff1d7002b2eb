# guide 1.3, 6.1a, 7.1b. The guide waits for the service. Without quorum the process cannot end by
# itself and Swarm kills it after its grace period; so with the service at 0 the container is killed
# at once. etcd is crash-safe: nothing it has acknowledged is lost.
stop_container() {
  local service="$1" word scale ids id
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(container_word "${service}")
  if [[ "${word}" == 'gone' ]] && ((work == 0)); then
    already "no container of ${service} runs here"
    return
  fi
  if ((work == 0)); then
    # A worker cannot ask; that its service is at 0 is seen by the container staying away.
    scale=$(service_scale "${service}")
    if [[ "${scale}" != '0' && "${scale}" != 'absent' && "${scale}" != 'unknown' ]]; then
      stop "${MISMATCH}" "${service} is not at 0: Swarm would start the container again" '0' \
        "${scale}" "scale it to 0 first: docker service scale --detach ${service}=0"
    fi
  fi
  ids=$(containers "${service}")
  while IFS= read -r id; do
    [[ -z "${id}" ]] || mutate docker_kill "${id}"
  done <<<"${ids}"
  diagnose="docker ps --filter label=com.docker.swarm.service.name=${service}"
  wait_until "${DEADLINE_STOP}" 'gone' "the container of ${service} is gone" \
    stop_container_word "${service}"
}

# stop_container_word SERVICE: as container_word; where the service cannot be asked for, gone means
# gone for longer than Swarm waits before it starts a container again.
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
