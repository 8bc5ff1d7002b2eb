# Guide 4.4, beyond its text: phase 5 needs the workers of the client hosts that kept running, so
# each must show a status written after the recovery host came back. Those that answer and do not
# (they may hold a connection to a host that is gone) are restarted once, all at once: a client is
# no member. Never a failure: phase 7 looks at every client again.
# refresh_clients [HOST SERVICE ADDRESS PORT]...
refresh_clients() {
  local since text line host word restarted
  local -a here=() seen=() stale=()
  local -A service=()
  if ((work > 0)); then
    cannot_know 'which clients are back by themselves'
    return
  fi
  text=$(refresh_clients_here "$@")
  [[ -z "${text}" ]] || mapfile -t here <<<"${text}"
  while (($# > 0)); do
    service["$1"]="$2"
    [[ " ${here[*]} " == *" $1 "* ]] || say "$1 does not answer: left for phase 7"
    shift 4
  done
  if ((${#here[@]} == 0)); then
    already 'there is no client to wait for'
    return
  fi
  since=$(recovered_at)
  # A status is written every 15 s.
  wait_softly 20 fresh 'each client shows a status of its own' \
    refresh_clients_word "${since}" "${here[@]}"
  if ((work > 0)); then
    return
  fi
  text=$(hosts_word "${since}" "${here[@]}")
  mapfile -t seen <<<"${text//, /$'\n'}"
  for line in "${seen[@]}"; do
    read -r host word <<<"${line}"
    if [[ "${line}" == 'fresh' ]]; then
      continue
    elif [[ -z "${word}" ]]; then
      say "the API of ${RECOVERY_HOST} says ${line}: the clients are left for phase 7"
      continue
    elif [[ "${word}" == 'absent' ]]; then
      say "${host} has no record in this snapshot: left for phase 7"
      continue
    fi
    restarted=$(started_at "${service["${host}"]}")
    if ((restarted > ${since:-0})); then
      say "${host} is ${word} and was restarted since the recovery: left for phase 7"
    else
      stale+=("${host}")
    fi
  done
  if ((${#stale[@]} == 0)); then
    return
  fi
  for host in "${stale[@]}"; do
    mutate docker_patiently service update --force --detach "${service["${host}"]}"
  done
  wait_softly "${DEADLINE_FRESH}" fresh 'each restarted client shows a status of its own' \
    hosts_word "${since}" "${stale[@]}"
  if ((work == 0)) && [[ "${settled}" != 'fresh' ]]; then
    say "still ${settled}: left for phase 7"
  fi
}

# refresh_clients_word SINCE HOST...: as hosts_word, of the hosts that have a record.
refresh_clients_word() {
  local text
  text=$(hosts_word "$@")
  text=$(sed -E 's/(^|, )[^ ,]+ absent//g; s/^, //' <<<"${text}")
  printf '%s\n' "${text:-fresh}"
}

# refresh_clients_here [HOST SERVICE ADDRESS PORT]...: those whose API port is open, one a line.
refresh_clients_here() {
  local text at
  local -a hosts=() ports=() words=()
  while (($# > 0)); do
    hosts+=("$1")
    ports+=("$3" "$4")
    shift 4
  done
  text=$(port_words "${ports[@]}")
  mapfile -t words <<<"${text}"
  for at in "${!hosts[@]}"; do
    if [[ "${words[at]}" == 'open' ]]; then printf '%s\n' "${hosts[at]}"; fi
  done
}
