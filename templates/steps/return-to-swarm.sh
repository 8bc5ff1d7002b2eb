# Guide 6.1a, an addition: after the revival a returning manager comes back as a worker with its old
# node id, and Swarm makes it a manager again within about a minute. A host of a Swarm that no
# longer exists (the recovery host is a new machine) must leave it and join, with a token.
return_to_swarm() {
  local remote
  remote=$(recovery_manager)
  enter_as manager "${remote}"
}
