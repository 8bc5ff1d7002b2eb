# Guide 1.3, total loss, an addition: without any machine left there is no Swarm, so the new machine
# of the recovery host creates one.
init_swarm() {
  local word
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(swarm_word)
  case "${word}" in
    manager)
      already 'this machine is a manager of a Swarm'
      init_swarm_mark
      ;;
    inactive)
      swarm_after='made'
      mutate docker_patiently swarm init --advertise-addr "$1"
      local check='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' \
        "${check}" swarm_word
      init_swarm_mark
      ;;
    down)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${word}" \
        'start Docker (systemctl start docker), then run this script again'
      ;;
    *)
      stop "${MISMATCH}" 'this machine belongs to another Swarm' 'no Swarm, or its manager' \
        "${word}" 'if that Swarm is not used, run docker swarm leave --force, then run this again'
      ;;
  esac
}

# Other hosts of this Swarm can see which host has started a recovery, as after a revival.
init_swarm_mark() {
  local node mark="${CLUSTER_TOKEN}-${incident}" word
  if ((work > 0)); then
    say "Would mark this node: plan.recovery=${mark}"
    return
  fi
  node=$(own_node)
  word=$("${AT_MOST[@]}" 20 docker node inspect --format '{{index .Spec.Labels "plan.recovery"}}' \
    -- "${node}")
  if [[ "${word}" == "${mark}" ]]; then
    already "this node is marked: plan.recovery=${mark}"
  else
    mutate docker_patiently node update --label-add "plan.recovery=${mark}" "${node}"
  fi
}
