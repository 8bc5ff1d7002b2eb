# Guide 6.1a (7.1a for a client host), an addition: a replaced machine is not in the Swarm yet. It
# joins through the engine's API, which takes the token from a file.
enter_swarm() {
  local role="$1" remote="$2"
  enter_as "${role}" "${remote}"
}
