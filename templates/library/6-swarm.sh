# swarm_word: down | inactive | pending | worker | leaderless | manager, of this machine's Docker.
swarm_word() {
  local text status=0
  text=$(timeout 20 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>/dev/null) || status=$?
  if ((status != 0)); then
    printf 'down\n'
    return
  fi
  case "${text}" in
    'active true')
      timeout 20 docker node ls >/dev/null 2>&1 || status=$?
      if ((status == 0)); then printf 'manager\n'; else printf 'leaderless\n'; fi
      ;;
    'active false') printf 'worker\n' ;;
    'inactive '*) printf 'inactive\n' ;;
    *) printf 'pending\n' ;;
  esac
}

# docker_patiently ARGUMENT...: docker, repeated within the Swarm deadline: for a minute after a
# Swarm has lost managers its commands fail now and then ("DeadlineExceeded").
docker_patiently() {
  local began="${SECONDS}"
  until timeout 60 docker "$@" >"${scratch}/docker.out" 2>"${scratch}/docker.err"; do
    if ((SECONDS - began >= DEADLINE_SWARM)); then
      stop "${BUSY}" "docker $1 $2 failed for ${DEADLINE_SWARM} s" '' \
        "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
    fi
    say "docker is busy, once more: $(<"${scratch}/docker.err")"
    sleep 2
  done
}

# service_scale SERVICE: the number of replicas wanted, or absent.
service_scale() {
  local text status=0
  text=$(timeout 20 docker service inspect --format '{{.Spec.Mode.Replicated.Replicas}}' \
    -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    printf '%s\n' "${text}"
  elif grep -qi 'no such service' -- "${scratch}/docker.err"; then
    printf 'absent\n'
  else
    printf 'unknown\n'
  fi
}

# containers SERVICE: ids of this machine's running containers of a service, one a line.
containers() {
  timeout 20 docker ps --quiet --filter "label=com.docker.swarm.service.name=$1"
}

# container_word SERVICE: running | gone, on this machine.
container_word() {
  local ids
  ids=$(containers "$1")
  if [[ -n "${ids}" ]]; then printf 'running\n'; else printf 'gone\n'; fi
}

# node_of SERVICE: the Swarm node id its placement constraint names, or none.
node_of() {
  local text
  text=$(timeout 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# own_node: this machine's Swarm node id.
own_node() {
  docker info --format '{{.Swarm.NodeID}}'
}
