# Guide 8.1 for client hosts. They are not members, so they restart in batches: one at a time, a
# large cluster would take hours. Clients that are not back, or were started after the last change
# of the membership, are not restarted. restart_clients [HOST SERVICE]...
restart_clients() {
  local list last text line host word size=20
  local -a hosts=() lines=() due=()
  local -A services=() away=()
  local check='docker service ls'
  if [[ -f "${STATE}/closed" ]]; then
    already 'this recovery is closed'
    return
  fi
  while (($# > 0)); do
    hosts+=("$1")
    services["$1"]="$2"
    shift 2
  done
  list=$(membership "${RECOVERY_ENDPOINT}")
  [[ "${list}" != 'unanswered' ]] || stop "${BUSY}" "etcd at ${RECOVERY_ENDPOINT} does not answer" \
    '' '' 'wait a minute, then run this script again'
  text=$(hosts_word '' "${hosts[@]}")
  mapfile -t lines <<<"${text//, /$'\n'}"
  for line in "${lines[@]}"; do
    read -r host word <<<"${line}"
    if [[ -n "${word}" ]]; then
      away["${host}"]="${word}"
    elif [[ "${line}" != 'fresh' ]]; then
      stop "${BUSY}" "the API of ${RECOVERY_HOST} does not answer" 200 "${line}" \
        'wait a minute, then run this script again'
    fi
  done
  last=$(last_start)
  text=$(docker_complaint)
  [[ "${last}" != 'unknown' ]] || stop "${BUSY}" \
    'Docker does not report when server hosts were started' 'a reply' "${text}" \
    'check docker node ls, then run this script again'
  for host in "${hosts[@]}"; do
    if [[ -n "${away["${host}"]:-}" ]]; then
      word="it is not back (${away["${host}"]}); run phase 7 first"
    else
      word=$(restart_clients_word "${host}" "${services["${host}"]}" "${list}" "${last}")
    fi
    case "${word}" in
      restart) due+=("${host}" "${services["${host}"]}") ;;
      unanswered)
        stop "${BUSY}" "Docker does not report the scale of ${services["${host}"]}" '' '' \
          'check docker node ls, then run this script again'
        ;;
      *) say "${host} is not restarted, because ${word}" ;;
    esac
  done
  if ((${#due[@]} == 0)); then
    already 'no client to restart'
    return
  fi
  mutate install -d -m 0700 -- "${STATE}/restarted"
  while ((${#due[@]} > 0)); do
    restart_clients_batch "${list}" "${due[@]:0:2*size}"
    due=("${due[@]:2*size}")
  done
}

# restart_clients_word HOST SERVICE MEMBERS LAST: restart | unanswered | why it is not restarted.
# LAST is the last start of a server host, which is later than any change of the membership.
restart_clients_word() {
  local scale created seen='' record="${STATE}/restarted/$1"
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  scale=$(service_scale "$2")
  created=$(started_at "$2")
  if [[ "${scale}" == 'unknown' ]]; then
    printf 'unanswered\n'
  elif [[ "${scale}" != 1 ]]; then
    printf '%s has no replica (%s)\n' "$2" "${scale}"
  elif [[ "${seen}" == "$3" ]]; then
    printf 'it was restarted with the present members\n'
  elif ((created > $4)); then
    printf 'it was started after every server host\n'
  else
    printf 'restart\n'
  fi
}

# restart_clients_batch MEMBERS [HOST SERVICE]...: restarts them, waits for all of them, and records
# the members with which each was started.
restart_clients_batch() {
  local list="$1" host before since
  local -a hosts=() tasks=() starts=()
  shift
  while (($# > 0)); do
    hosts+=("$1")
    before=$(replaced_task "$2")
    tasks+=("$2" "${before}")
    mutate docker_patiently service update --force --detach "$2"
    shift 2
  done
  wait_until "${DEADLINE_API}" running "a new task runs on each of ${hosts[*]}" \
    'docker ps' restart_clients_tasks_word "${tasks[@]}"
  if ((work > 0)); then
    return
  fi
  for host in "${!hosts[@]}"; do
    since=$(running_since "${tasks[2 * host]}")
    starts+=("${hosts[host]}" "${since}")
  done
  wait_until "${DEADLINE_FRESH}" fresh 'each has a status from after its restart' \
    'docker ps' restart_clients_fresh_word "${starts[@]}"
  for host in "${hosts[@]}"; do
    mutate write_file "${STATE}/restarted/${host}" 0600 "${list}"
  done
}

# restart_clients_tasks_word [SERVICE BEFORE]...: running, or the first service whose newest task is
# BEFORE or does not run, and its state.
restart_clients_tasks_word() {
  local word
  while (($# > 0)); do
    word=$(task_word "$1" '' "$2")
    if [[ "${word}" != 'running' ]]; then
      printf '%s %s\n' "$1" "${word}"
      return
    fi
    shift 2
  done
  printf 'running\n'
}

# restart_clients_fresh_word [HOST SINCE]...: fresh, or the first host that is not, and its state.
# Each has its own SINCE, because its old process wrote until then.
restart_clients_fresh_word() {
  local word
  while (($# > 0)); do
    word=$(host_word "$1" "$2")
    if [[ "${word}" != 'fresh' ]]; then
      printf '%s %s\n' "$1" "${word}"
      return
    fi
    shift 2
  done
  printf 'fresh\n'
}
