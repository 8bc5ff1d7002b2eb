# Guide 7.1: the guide removes, clears and joins every client host anew. One whose credentials are
# valid needs a start and nothing else; one that runs and is healthy is left alone.
start_client() {
  local target="$1" service="$2" url="$3" scale word since limit="${DEADLINE_FRESH}"
  local again="its removal (phase 5), ...-${target}-clear.sh on ${target}, ...-${target}-join.sh"
  word=$(record_word "${target}")
  [[ "${word}" == 'present' ]] || stop "${MISMATCH}" \
    "there is no record of ${target}: a start alone does not bring it back" 'present' "${word}" \
    "...-${target}-clear.sh on ${target}, then ...-${target}-join.sh, both of phase 7"
  scale=$(service_scale "${service}")
  case "${scale}" in
    1) ;;
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    unknown)
      stop "${BUSY}" "Docker does not tell the scale of ${service}" '' '' \
        'see: docker node ls; run the script again'
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'see: docker service ls; deploy the stack, or mend the name in the inventory'
      ;;
  esac
  since=$(recovered_at)
  if [[ "${scale}" == 0 ]]; then
    # What it wrote before this start proves nothing.
    since=$(date +%s)
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${scale}" == 1 && "${word}" == 200 ]]; then
    # It runs, and a status is written every 15 s.
    limit=20
  fi
  wait_softly "${limit}" 'fresh|uninitialised' "${target} is healthy" \
    start_client_word "${target}" "${url}" "${since}"
  if [[ "${scale}" == 1 && "${settled}" == 'fresh' ]]; then
    already "${target} is healthy: left alone"
  fi
  if ((work > 0)) || [[ "${settled}" == 'fresh' ]]; then
    return
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${word}" == 200 && "${settled}" != 'uninitialised' ]]; then
    # It runs, has logged in before the loss, and does not get through: once more, by name.
    say "${target} answers and is ${settled}: restarted once"
    mutate docker_patiently service update --force --detach "${service}"
    wait_softly "${DEADLINE_FRESH}" 'fresh|uninitialised' "${target} is healthy" \
      start_client_word "${target}" "${url}" "${since}"
  fi
  if ((work > 0)) || [[ "${settled}" == 'fresh' ]]; then
    return
  fi
  word=$(machine_word "${service}")
  if [[ "${word}" == 'up' ]]; then
    word=$(task_word "${service}" '')
  fi
  case "${settled}:${word}" in
    uninitialised:*)
      stop "${MISMATCH}" "${target} has no credentials: its data directory is empty" 'healthy' \
        "${settled}" "${again}"
      ;;
    *:down | *:pending | *:assigned | *:none | *:unknown)
      stop "${BUSY}" "Swarm has not started ${service}" 'running' "${word}" \
        "see: docker node ls; bring the machine of ${target} back, then run this script again"
      ;;
    *)
      say 'Its log says why; "authentication failed": its credentials are not in this snapshot.'
      stop "${MISMATCH}" "${target} does not come back by a start" 'healthy with a fresh status' \
        "${settled}; its task: ${word}" "with rejected credentials: ${again}"
      ;;
  esac
}

# start_client_word HOST URL SINCE: fresh | uninitialised | what its record shows.
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
