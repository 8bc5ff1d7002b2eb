# The Swarm of this machine has a leader, or its quorum is proved lost, and phase 1 may revive it.
# Everything else stops the script, with advice for that state.
swarm_can_be_used() {
  local word advice complaint
  # Usually watched together with etcd; if a recovery is under way, it is watched here.
  if [[ -z "${swarm_seen}" ]]; then
    swarm_seen=$(watch_swarm)
  fi
  case "${swarm_seen%% *}" in
    manager) passed 'this machine is a manager, and the Swarm has a leader' ;;
    revive) passed "the quorum of the Swarm is lost (${swarm_seen#* })" ;;
    leaderless)
      stop "${BUSY}" 'the Swarm has no leader, but most of its managers can be reached' \
        'a leader, or managers that cannot be reached' "${swarm_seen}" \
        'check docker node ls on each of them, then run this script again'
      ;;
    *)
      word="${swarm_seen%% *}"
      advice=$(swarm_advice "${word}")
      complaint=$(docker_complaint)
      case "${word}" in
        down)
          stop "${UNAVAILABLE}" 'Docker does not answer' 'a reply' "${complaint}" "${advice}"
          ;;
        pending | recovering)
          stop "${BUSY}" "Swarm is still starting on ${HOST}" 'a manager' "${swarm_seen}" \
            "${advice}"
          ;;
        inactive) stop "${MISMATCH}" "${HOST} is not in a Swarm" 'a manager' "${word}" \
          "${advice}" ;;
        worker)
          stop "${MISMATCH}" "${HOST} is a worker of a Swarm" 'a manager' "${word}" "${advice}"
          ;;
        *) stop "${MISMATCH}" "Swarm is ${word} on ${HOST}" 'a manager' "${word}" "${advice}" ;;
      esac
      ;;
  esac
}
