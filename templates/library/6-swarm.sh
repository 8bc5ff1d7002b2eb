# swarm_word: down | inactive | pending | worker | leaderless | manager, of this machine's Docker.
# A manager that has not yet noticed the loss of its quorum (10 to 40 s after it) answers docker
# info after exactly 20 s, measured: a limit must lie beyond that.
swarm_word() {
  local text status=0
  text=$(timeout 30 docker info --format \
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
      if grep -q 'does not have a leader' -- "${scratch}/docker.err"; then
        stop "${BUSY}" 'Docker Swarm has lost most of its managers again' 'a leader' \
          "$(<"${scratch}/docker.err")" \
          "run the script of phase 1 on ${RECOVERY_HOST} again, which revives it, then this one"
      fi
      stop "${BUSY}" "docker $1 $2 failed for ${DEADLINE_SWARM} s" '' \
        "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
    fi
    say "docker is busy, once more: $(<"${scratch}/docker.err")"
    sleep 2
  done
}

# docker_kill CONTAINER: one that is gone in the meantime is no failure.
docker_kill() {
  docker kill -- "$1" >/dev/null 2>"${scratch}/docker.err" \
    || say "docker: $(<"${scratch}/docker.err")"
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

# engine METHOD PATH BODY_FILE SECONDS: one request to this machine's Docker engine, for the calls
# whose command line would carry a secret. Sets http_status and scratch/answer as api does.
engine() {
  local socket='/var/run/docker.sock' status=0
  if [[ "${DOCKER_HOST:-}" == unix://* ]]; then
    socket="${DOCKER_HOST#unix://}"
  fi
  : >"${scratch}/answer"
  http_status=$(curl --silent --show-error --unix-socket "${socket}" --max-time "$4" \
    --output "${scratch}/answer" --write-out '%{http_code}' --request "$1" \
    --header 'Content-Type: application/json' --data-binary "@$3" \
    -- "http://localhost$2" 2>"${scratch}/curl.err") || status=$?
  case "${status}" in
    0) ;;
    28) http_status='timeout' ;;
    *) http_status='failed' ;;
  esac
}
