# guide 1.3. The guide assumes that docker service commands work. The server hosts are the Swarm's
# managers, so losing them has usually lost Swarm's own quorum too, and no service can be told to
# stop. This makes the recovery host a Swarm of one manager: services and node ids are kept, the
# containers of this host restart, those of other hosts go on.
revive_swarm() {
  local word asked='unknown'
  # Managers may be lost a second time, so only a recovery that is closed ends this question.
  settle
  if [[ -f "${STATE}/closed" ]]; then
    return
  fi
  if [[ "${settled}" == 'no' ]]; then
    refuse_quorum
  fi
  word=$(swarm_word)
  if [[ "${word}" == 'leaderless' || "${word}" == 'manager' ]]; then
    asked=$(revive_swarm_majority)
  fi
  case "${word}:${asked}" in
    leaderless:reachable)
      say 'the majority of the managers can be reached, so they can still elect a leader'
      diagnose='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'the managers elect a leader' swarm_word
      ;;
    manager:reachable | manager:unknown) already 'Swarm has a leader' ;;
    leaderless:* | manager:lost)
      # For some ten seconds after the loss a manager still answers reads; changes then hang.
      [[ "${word}" == 'leaderless' ]] \
        || say 'Swarm still answers, but most of its managers cannot be reached: it has lost them'
      say 'WARNING: other managers re-join this Swarm as workers; never do this on a second host'
      swarm_after='revived'
      mutate docker_patiently swarm init --force-new-cluster --advertise-addr "$1"
      diagnose='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' swarm_word
      ;;
    down:*)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${word}" \
        'start it (systemctl start docker), then run the script again'
      ;;
    worker:*)
      stop "${MISMATCH}" "${HOST} is a worker of a Swarm" 'a manager' "${word}" \
        'on a manager of that Swarm: docker node promote this node; then run the script again'
      ;;
    inactive:*)
      stop "${MISMATCH}" "${HOST} is in no Swarm" 'a manager without a leader' "${word}" \
        'is this a new machine? then declare it replaced in the inventory and compile again'
      ;;
    *)
      stop "${BUSY}" "this machine's Swarm is in no known state" 'a manager' "${word}" \
        'see: docker info; then run the script again'
      ;;
  esac
}

# revive_swarm_majority: reachable | lost | unknown, by the managers this machine knows, itself
# included.
revive_swarm_majority() {
  local text manager host word known=0 up=0
  local -a ports=()
  text=$(timeout 30 docker info --format '{{range .Swarm.RemoteManagers}}{{println .Addr}}{{end}}')
  while IFS= read -r manager; do
    if [[ -z "${manager}" ]]; then
      continue
    fi
    known=$((known + 1))
    host="${manager%:*}"
    host="${host#\[}"
    host="${host%\]}"
    if [[ " ${HOST_ADDRESSES[*]} " == *" ${host} "* ]]; then
      up=$((up + 1))
    else
      ports+=("${host}" "${manager##*:}")
    fi
  done <<<"${text}"
  text=$(port_words "${ports[@]}")
  while IFS= read -r word; do
    if [[ "${word}" == 'open' ]]; then
      up=$((up + 1))
    fi
  done <<<"${text}"
  if ((known == 0)); then
    printf 'unknown\n'
  elif ((up > known / 2)); then
    printf 'reachable\n'
  else
    printf 'lost\n'
  fi
}
