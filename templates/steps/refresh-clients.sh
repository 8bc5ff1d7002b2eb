# Guide 4.4, an addition: phase 5 needs the clients that kept running, so each must write a status
# after the recovery. Those that do not are restarted once, in parallel; a client is no member.
# Never a failure: phase 7 checks every client again. refresh_clients [HOST SERVICE ADDRESS PORT]...
refresh_clients() {
  local since text line host word restarted
  local -a here=() lines=() stale=()
  local -A service_of=()
  if ((work > 0)); then
    cannot_know 'which clients have come back automatically'
    return
  fi
  text=$(refresh_clients_here "$@")
  text=$(sed -n 's/ open$//p' <<<"${text}")
  [[ -z "${text}" ]] || mapfile -t here <<<"${text}"
  while (($# > 0)); do
    service_of["$1"]="$2"
    [[ " ${here[*]} " == *" $1 "* ]] || say "$1 does not answer and is left for phase 7"
    shift 4
  done
  if ((${#here[@]} == 0)); then
    already 'no client to wait for'
    return
  fi
  since=$(recovered_at)
  # A status is written every 15 s.
  wait_softly 20 fresh 'each client has a fresh status' \
    refresh_clients_word "${since}" "${here[@]}"
  if ((work > 0)); then
    return
  fi
  text=$(hosts_word "${since}" "${here[@]}")
  mapfile -t lines <<<"${text//, /$'\n'}"
  for line in "${lines[@]}"; do
    read -r host word <<<"${line}"
    if [[ "${line}" == 'fresh' ]]; then
      continue
    elif [[ -z "${word}" ]]; then
      say "The API of ${RECOVERY_HOST} answers ${line}, so the clients are left for phase 7"
      continue
    elif [[ "${word}" == 'absent' ]]; then
      say "${host} has no record in this snapshot and is left for phase 7"
      continue
    fi
    restarted=$(started_at "${service_of["${host}"]}")
    if ((restarted > ${since:-0})); then
      say "${host} is ${word}, was restarted since the recovery, and is left for phase 7"
    else
      stale+=("${host}")
    fi
  done
  if ((${#stale[@]} == 0)); then
    return
  fi
  for host in "${stale[@]}"; do
    mutate docker_patiently service update --force --detach "${service_of["${host}"]}"
  done
  wait_softly "${DEADLINE_FRESH}" fresh 'each restarted client has a fresh status' \
    hosts_word "${since}" "${stale[@]}"
  if ((work == 0)) && [[ "${last_seen}" != 'fresh' ]]; then
    say "Still ${last_seen}, and left for phase 7"
  fi
}

# refresh_clients_word SINCE HOST...: as hosts_word, for the hosts that have a record.
refresh_clients_word() {
  local text
  text=$(hosts_word "$@")
  text=$(sed -E 's/(^|, )[^ ,]+ absent//g; s/^, //' <<<"${text}")
  printf '%s\n' "${text:-fresh}"
}

# refresh_clients_here [HOST SERVICE ADDRESS PORT]...: `HOST open|closed|unreachable`: its API port.
refresh_clients_here() {
  local text at start now answers
  local -a hosts=() ports=() words=()
  while (($# > 0)); do
    hosts+=("$1")
    ports+=("$3" "$4")
    shift 4
  done
  start=$(uptime_seconds)
  while true; do
    text=$(port_words "${ports[@]}")
    mapfile -t words <<<"${text}"
    answers=''
    for at in "${!hosts[@]}"; do
      answers="${answers}${hosts[at]} ${words[at]}"$'\n'
    done
    now=$(uptime_seconds)
    if [[ "${answers}" != *' closed'$'\n'* ]] || ((now - start >= 20)); then
      break
    fi
    # A machine that refuses is up; its Control Plane may be restarting.
    sleep 2
  done
  printf '%s' "${answers}"
}
