# guide 6.1a: the guide takes the Swarm for granted. Server hosts are its managers, so it was lost
# with etcd. After the revival on the recovery host a returning manager comes back as a worker under
# its old node id, and Swarm makes it a manager again within about a minute. A host of a Swarm that
# no longer exists (the recovery host is a new machine) has to leave it and join, with a token.
return_to_swarm() {
  local word home='unknown' remote
  word=$(swarm_word)
  remote=$(recovery_manager)
  if [[ "${word}" != 'down' && "${word}" != 'inactive' ]]; then
    home=$(swarm_home '')
  fi
  case "${word}:${home}" in
    down:*)
      stop "${UNAVAILABLE}" 'Docker does not answer' '' '' 'systemctl start docker; run it again'
      ;;
    manager:right | manager:unknown) already "a manager of the Swarm of ${RECOVERY_HOST}" ;;
    inactive:*) return_to_swarm_join "${remote}" ;;
    *:other)
      if [[ -z "${swarm_token_file}" ]]; then
        stop "${MISMATCH}" "this machine is in another Swarm than ${RECOVERY_HOST}" \
          "a manager of ${RECOVERY_HOST}'s Swarm" "${word} of another one" \
          "if that Swarm is dead for good: run this script with --swarm-token-file F; it leaves \
the old Swarm (its tasks on this machine end, instances/ stays). Token: on ${RECOVERY_HOST}, \
docker swarm join-token -q manager"
      fi
      say "leaving the old Swarm: its tasks on this machine end, instances/ stays"
      mutate docker_patiently swarm leave --force
      return_to_swarm_join "${remote}"
      ;;
    *)
      # shellcheck disable=SC2034  # wait_until prints it
      local diagnose="docker node ls (on ${RECOVERY_HOST}); docker node promote NODE"
      wait_until "${DEADLINE_SWARM}" manager 'Swarm makes this machine a manager again' swarm_word
      ;;
  esac
}

return_to_swarm_join() {
  check_token_file manager
  mutate join_swarm "$1"
  wait_until "${DEADLINE_SWARM}" manager 'this machine is a manager' swarm_word
}
