# Guide 7.1: a client host with valid credentials needs only a start, so it keeps its data. One that
# runs and is healthy is not restarted.
start_client() {
  local target="$1" service="$2" url="$3" removal="$4" clear="$5" join="$6"
  local scale complaint word since limit="${DEADLINE_FRESH}" again
  again="${clear} on ${target}, then ${join} here"
  word=$(record_word "${target}")
  [[ "${word}" == 'present' ]] || stop "${MISMATCH}" \
    "${target} has no record, so a start does not bring it back" 'present' "${word}" \
    "run ${again}"
  scale=$(service_scale "${service}")
  complaint=$(docker_complaint)
  case "${scale}" in
    1) ;;
    0)
      start_client_place "${target}" "${service}"
      mutate docker_patiently service scale --detach "${service}=1"
      ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${service}" '0 or 1' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'check docker service ls; deploy the stack, or correct the name in the inventory'
      ;;
  esac
  since=$(recovered_at)
  if [[ "${scale}" == 0 ]]; then
    # A status from before this start proves nothing.
    since=$(date +%s)
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${scale}" == 1 && "${word}" == 200 ]]; then
    # It runs, and writes a status every 15 s.
    limit=20
  fi
  wait_softly "${limit}" 'fresh|uninitialised' "${target} is healthy" \
    start_client_word "${target}" "${url}" "${since}"
  if [[ "${scale}" == 1 && "${last_seen}" == 'fresh' ]]; then
    already "${target} is healthy and is not restarted"
  fi
  if ((work > 0)) || [[ "${last_seen}" == 'fresh' ]]; then
    return
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${word}" == 200 && "${last_seen}" != 'uninitialised' ]]; then
    # It runs, but with a login from before the loss: restart it once.
    say "${target} answers and is ${last_seen}, so it is restarted once"
    mutate docker_patiently service update --force --detach "${service}"
    wait_softly "${DEADLINE_FRESH}" 'fresh|uninitialised' "${target} is healthy" \
      start_client_word "${target}" "${url}" "${since}"
  fi
  if ((work > 0)) || [[ "${last_seen}" == 'fresh' ]]; then
    return
  fi
  word=$(machine_word "${service}")
  if [[ "${word}" == 'up' ]]; then
    word=$(task_word "${service}" '')
  fi
  case "${last_seen}:${word}" in
    uninitialised:*)
      stop "${MISMATCH}" "${target} has no credentials, because its data directory is empty" \
        'healthy' "${last_seen}" "run ${removal} here, then ${again}"
      ;;
    *:down | *:pending | *:assigned | *:none | *:unknown)
      stop "${BUSY}" "Swarm has not started ${service}" 'running' "${word}" \
        "check docker node ls, bring the machine of ${target} back, then run this script again"
      ;;
    *)
      say 'If its log has "authentication failed", its credentials are not in the snapshot.'
      stop "${MISMATCH}" "a start does not bring ${target} back" 'healthy with a fresh status' \
        "${last_seen}; its task is ${word}" \
        "if its credentials are rejected, run ${removal} here, then ${again}"
      ;;
  esac
}

# start_client_place HOST SERVICE: the node where it is placed takes tasks.
start_client_place() {
  local node
  if ((work == 0)); then
    node=$(node_of "$2")
    [[ -z "${node}" ]] || node_takes_tasks "${node}" "$1"
  fi
}

# start_client_word HOST URL SINCE: fresh | uninitialised | the state in its record.
start_client_word() {
  local word
  word=$(host_word "$1" "$3")
  if [[ "${word}" == 'fresh' ]]; then
    printf 'fresh\n'
    return
  fi
  api GET "$2/v1/hosts" '' 5
  if [[ "${http_status}" == 409 ]]; then
    printf 'uninitialised\n'
  else
    printf '%s\n' "${word}"
  fi
}
