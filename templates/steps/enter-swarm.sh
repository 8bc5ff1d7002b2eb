# guide 6.1a (7.1a for a client host): the guide does not say that a replaced machine is unknown to
# the Swarm. It joins through the engine's API, which takes the token from a file.
enter_swarm() {
  local role="$1" remote="$2" word node home='unknown'
  word=$(swarm_word)
  if [[ "${word}" != 'down' && "${word}" != 'inactive' ]]; then
    home=$(swarm_home "${remote}")
  fi
  case "${word}:${home}" in
    down:*)
      stop "${UNAVAILABLE}" 'Docker does not answer' '' '' 'systemctl start docker; run it again'
      ;;
    inactive:*) enter_swarm_join "${role}" "${remote}" ;;
    *:other | *:unknown)
      if [[ -z "${swarm_token_file}" ]]; then
        stop "${MISMATCH}" "this machine is in another Swarm than ${RECOVERY_HOST}" \
          "no Swarm, or the one of ${remote}" "${word} of another one" \
          "if it may leave it: run this script with --swarm-token-file F (its tasks here end)"
      fi
      say 'leaving the other Swarm: its tasks on this machine end'
      mutate docker_patiently swarm leave --force
      enter_swarm_join "${role}" "${remote}"
      ;;
    "${role}":right) already "this machine is a ${role} of the Swarm" ;;
    manager:right) already 'this machine is a manager of the Swarm, which serves as well' ;;
    worker:right)
      node=$(own_node)
      stop "${MISMATCH}" 'this machine has joined as a worker' 'a manager' 'a worker' \
        "on ${RECOVERY_HOST}: docker node promote ${node}"
      ;;
    *)
      wait_until "${DEADLINE_SWARM}" "${role}" "this machine is a ${role} of the Swarm" swarm_word
      ;;
  esac
}

enter_swarm_join() {
  check_token_file "$1"
  mutate join_swarm "$2"
  wait_until "${DEADLINE_SWARM}" "$1" "this machine is a $1 of the Swarm" swarm_word
}
