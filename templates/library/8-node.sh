# This machine as a node of a Swarm.

# swarm_folder: the folder of this machine's Docker for Swarm.
swarm_folder() {
  local root
  root=$("${AT_MOST[@]}" 30 docker info --format '{{.DockerRootDir}}' 2>/dev/null) || root=''
  printf '%s\n' "${root:-/var/lib/docker}/swarm"
}

# availability_of NODE: active | pause | drain | unknown.
availability_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker node inspect --format '{{.Spec.Availability}}' -- "$1" \
    2>"${scratch}/docker.err") || text='unknown'
  printf '%s\n' "${text}"
}

# node_takes_tasks NODE NAME: the script stops if Swarm does not start tasks on that node.
node_takes_tasks() {
  local word complaint
  word=$(availability_of "$1")
  complaint=$(docker_complaint)
  case "${word}" in
    active) ;;
    unknown)
      stop "${BUSY}" "Docker does not report the availability of node $1" 'active' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "the node of $2 does not take tasks" 'availability active' "${word}" \
        "run docker node update --availability active $1 on ${RECOVERY_HOST}, then run this again"
      ;;
  esac
}
