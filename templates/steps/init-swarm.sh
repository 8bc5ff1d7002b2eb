# guide 1.3, total loss. The guide says nothing of it: where no machine is left there is no Swarm,
# and the new machine of the recovery host starts one.
init_swarm() {
  local word
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(swarm_word)
  case "${word}" in
    manager) already 'this machine manages a Swarm' ;;
    inactive)
      swarm_after='made'
      mutate docker_patiently swarm init --advertise-addr "$1"
      diagnose='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' swarm_word
      ;;
    down)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${word}" \
        'start it (systemctl start docker), then run the script again'
      ;;
    *)
      stop "${MISMATCH}" 'this machine belongs to another Swarm' 'no Swarm, or its manager' \
        "${word}" 'if this Swarm is of no use to anyone: docker swarm leave --force; run again'
      ;;
  esac
}
