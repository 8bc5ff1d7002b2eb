# Guide 1.3: the loss of the server hosts usually ends Swarm's quorum too. This makes the recovery
# host a Swarm of one manager. Services and node ids stay; only containers of this host restart.
# revive_swarm ADDRESS: where other managers reach this one, if Docker has not recorded it.
revive_swarm() {
  local node mark word
  local -a options=()
  # Managers may be lost again, so the check stops only after the recovery is closed.
  if [[ -f "${STATE}/closed" ]]; then
    already 'this recovery is closed'
    return
  fi
  case "${swarm_seen%% *}" in
    manager) already 'the Swarm has a leader' ;;
    *)
      say "The quorum of the Swarm is lost (${swarm_seen#* })"
      say 'Other managers will join this Swarm again as workers. Never do this on a second host.'
      word=$(revive_swarm_options "$1")
      mapfile -t options <<<"${word}"
      swarm_after='revived'
      mutate docker_patiently swarm init --force-new-cluster "${options[@]}"
      local check='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' \
        "${check}" swarm_word
      ;;
  esac
  # Other hosts of this Swarm can see which host has started a recovery.
  mark="${CLUSTER_TOKEN}-${incident}"
  node=$(own_node)
  if ((work > 0)); then
    mutate docker_patiently node update --label-add "plan.recovery=${mark}" "${node}"
    return
  fi
  node_takes_tasks "${node}" "${HOST}"
  word=$("${AT_MOST[@]}" 20 docker node inspect \
    --format '{{index .Spec.Labels "plan.recovery"}}' -- "${node}")
  if [[ "${word}" == "${mark}" ]]; then
    already "this node is marked: plan.recovery=${mark}"
  else
    mutate docker_patiently node update --label-add "plan.recovery=${mark}" "${node}"
  fi
}

# revive_swarm_options ADDRESS: the options with which the Swarm was created, one per line, from
# Docker's records. Without them the revived Swarm would use the defaults.
revive_swarm_options() {
  local folder file address=''
  folder=$(swarm_folder)
  file="${folder}/docker-state.json"
  if [[ -r "${file}" ]]; then
    address=$(jq -r '.AdvertiseAddr // .LocalAddr // empty' "${file}")
  fi
  printf '%s\n' --advertise-addr "${address:-$1}"
  if [[ -r "${file}" ]]; then
    jq -r '
      (select((.ListenAddr // "") | . != "" and . != "0.0.0.0:2377")
        | "--listen-addr", .ListenAddr),
      (select((.DataPathAddr // "") != "") | "--data-path-addr", .DataPathAddr),
      (select((.DataPathPort // 0) | . != 0 and . != 4789)
        | "--data-path-port", (.DataPathPort | tostring))' "${file}"
  fi
}
