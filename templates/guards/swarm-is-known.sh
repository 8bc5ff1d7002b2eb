# This machine is in the Swarm of the recovery host, in the role that its service needs; or it is in
# no Swarm, or by the ids in another one, and a join token is given. The state of Swarm alone proves
# neither.
swarm_is_known() {
  local role='worker' word home='unknown' start now reported=0
  if [[ " ${SERVERS[*]} " == *" ${HOST} "* ]]; then
    role='manager'
  fi
  start=$(uptime_seconds)
  while true; do
    word=$(swarm_word)
    if [[ "${word}" == 'inactive' ]]; then
      swarm_way='join'
      take_token "${role}"
      passed "this machine is in no Swarm and joins the one of ${RECOVERY_HOST} as a ${role}"
      return
    fi
    if [[ "${word}" != 'down' ]]; then
      home=$(swarm_home)
    fi
    case "${word}:${home}" in
      *:other)
        swarm_is_known_other "${role}" "${word}"
        return
        ;;
      locked:*) swarm_is_known_stop "${word}" "${home}" 0 ;;
      manager:right)
        swarm_way='stay'
        swarm_is_known_service
        passed "this machine is a manager of the Swarm of ${RECOVERY_HOST}"
        return
        ;;
      worker:right)
        if [[ "${role}" == 'worker' ]]; then
          swarm_way='stay'
          passed "this machine is a worker of the Swarm of ${RECOVERY_HOST}"
          return
        fi
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= DEADLINE_SWARM)); then
      swarm_is_known_stop "${word}" "${home}" "$((now - start))"
    elif ((now - start >= reported)); then
      say "Waiting until Swarm works here ($((now - start)) s of ${DEADLINE_SWARM} s): \
currently ${word}"
      reported=$((now - start + 10))
    fi
    sleep 2
  done
}

# swarm_is_known_other ROLE WORD: in another Swarm, by its id. The token is the decision to leave
# it.
swarm_is_known_other() {
  if [[ -z "${option["--swarm-token-file"]:-}" ]]; then
    stop "${MISMATCH}" "this machine and ${RECOVERY_HOST} are in different Swarms" \
      "a $1 of the Swarm of ${RECOVERY_HOST}" "another one, by its id (its state is $2)" \
      "if that Swarm is no longer used, run this script with --swarm-token-file -; it leaves \
that Swarm (its tasks on this machine end, instances/ stays) and joins. For the token, run \
docker swarm join-token -q $1 on ${RECOVERY_HOST}"
  fi
  swarm_way='leave'
  take_token "$1"
  passed "this machine is in another Swarm, by its id, and leaves it for that of ${RECOVERY_HOST}"
}

# swarm_is_known_stop WORD HOME SECONDS: each state has its own advice.
swarm_is_known_stop() {
  local advice complaint node
  advice=$(swarm_advice "$1")
  complaint=$(docker_complaint)
  case "$1" in
    down)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${complaint}" "${advice}"
      ;;
    locked)
      stop "${MISMATCH}" "Swarm is locked on ${HOST}" 'an unlocked Swarm' "$1" "${advice}"
      ;;
    worker)
      node=$(own_node)
      stop "${MISMATCH}" "${HOST} is a worker of the Swarm of ${RECOVERY_HOST}" 'a manager' \
        "a worker for $3 s" \
        "run docker node promote ${node} on ${RECOVERY_HOST}, then run this script again"
      ;;
    manager)
      stop "${BUSY}" "cannot tell whether ${HOST} and ${RECOVERY_HOST} are in one Swarm" \
        "the ids of both, or ${RECOVERY_HOST} among the managers" "unknown for $3 s" \
        "check that port 2377 of ${RECOVERY_HOST} can be reached, then run this script again"
      ;;
    *)
      case "$2" in
        right) complaint='it is the same Swarm, by its id, so do not leave it' ;;
        *) complaint='which Swarm it is in is unknown, so do not leave it' ;;
      esac
      stop "${BUSY}" "Swarm does not work on ${HOST}" 'a manager or worker' \
        "$1 for $3 s; ${complaint}" \
        "check that ports 2377 and 7946 of ${RECOVERY_HOST} can be reached; ${advice}"
      ;;
  esac
}

# swarm_is_known_service: the service has its name in this Swarm, and this node takes tasks.
swarm_is_known_service() {
  local node scale
  node=$(own_node)
  node_takes_tasks "${node}" "${HOST}"
  scale=$(own_scale)
  say "Service ${SERVICE} is in this Swarm, at ${scale}"
}
