# shellcheck shell=bash
# docker, as far as scripts use it: one Swarm, seen from each machine. Formats are matched word for
# word, so a script that asks in a new way fails loudly here.

is_mutation() {
  case "$1 ${2:-}" in
    'node update') [[ " $* " != *' --availability active '* ]] ;; # what it is already
    'service scale' | 'service update' | 'swarm init' | 'swarm leave' | 'node demote' | \
      'node rm' | 'node promote' | 'stack deploy' | 'kill '*) return 0 ;;
    *) return 1 ;;
  esac
}

act() {
  local word
  take SWARM "host/${WORLD_HOST}/swarm" inactive
  take SWARM_ID "host/${WORLD_HOST}/swarm-id"
  take CURRENT_SWARM swarm-id
  if [[ "${SWARM}" == down || "${SWARM}" == mute ]]; then
    printf 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n' >&2
    return 1
  fi
  case "$1 ${2:-}" in
    'info --format') docker_info "$3" ;;
    'ps --quiet') docker_ps "$@" ;;
    'ps --all') docker_ps_all "$@" ;;
    'kill '*) docker_kill "$@" ;;
    'swarm init') docker_swarm_init "$@" ;;
    'swarm leave')
      put "host/${WORLD_HOST}/swarm" inactive
      put "host/${WORLD_HOST}/swarm-id" ''
      put "host/${WORLD_HOST}/node" ''
      swarm_certificate "${WORLD_HOST}"
      ;;
    'inspect --type')
      if [[ "$3" == 'container' ]]; then docker_inspect_container "$@"; else docker_inspect_task "${@:4}"; fi
      ;;
    'node '* | 'service '* | 'stack '*)
      docker_needs_manager || return 1
      case "$1 $2" in
        'node ls') docker_node_ls "$@" ;;
        'node inspect') docker_node_inspect "$@" ;;
        'node update') docker_node_update "${@:3}" ;;
        'node demote')
          put "node/$3/role" worker
          ;;
        'node rm')
          [[ "$3" == '--force' ]] || broken "$*"
          take word "node/$4/role"
          if [[ "${word}" == manager ]]; then
            printf 'Error response from daemon: node is a manager and cannot be removed\n' >&2
            return 1
          fi
          rm -rf -- "${STATE_DIR}/node/${4:?}"
          ;;
        'service scale') docker_scale "${@:3}" ;;
        'service update') docker_update "${@:3}" ;;
        'service inspect') docker_service_inspect "${@:3}" ;;
        'service ps') docker_service_ps "${@:3}" ;;
        'service ls') docker_service_ls "${@:3}" ;;
        'stack deploy') docker_stack_deploy "${@:3}" ;;
        *) broken "$*" ;;
      esac
      ;;
    *) broken "$*" ;;
  esac
}

docker_needs_manager() {
  case "${SWARM}" in
    manager) return 0 ;;
    leaderless)
      printf 'Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader.\n' >&2
      ;;
    *)
      printf 'Error response from daemon: This node is not a swarm manager.\n' >&2
      ;;
  esac
  return 1
}

docker_info() {
  local node host address other role
  take node "host/${WORLD_HOST}/node"
  case "$1" in
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}')
      case "${SWARM}" in
        manager | leaderless) printf 'active true\n' ;;
        worker) printf 'active false\n' ;;
        inactive) printf 'inactive false\n' ;;
        recovering) printf 'pending true\n' ;;
        *) printf '%s false\n' "${SWARM}" ;;
      esac
      ;;
    '{{.Swarm.NodeID}}') printf '%s\n' "${node}" ;;
    '{{.Name}}|{{.Swarm.NodeAddr}}')
      take host docker-name "${WORLD_HOST}"
      take address docker-address 192.0.2.1
      printf '%s|%s\n' "${host}" "${address}"
      ;;
    '{{.DockerRootDir}}') printf '%s\n' "${WORLD}/disk/${WORLD_HOST}/var/lib/docker" ;;
    '{{range .Swarm.RemoteManagers}}{{println .Addr}}{{end}}' | \
      '{{range .Swarm.RemoteManagers}}{{.NodeID}} {{.Addr}} {{end}}')
      for host in "${HOSTS[@]}"; do
        take other "host/${host}/swarm-id"
        take node "host/${host}/node"
        # What a machine knows of managers of the Swarm it is in; of one that has a new leader, those
        # that it has made managers again.
        role=manager
        if [[ "${SWARM_ID}" == "${CURRENT_SWARM}" ]]; then take role "node/${node:-none}/role"; fi
        take address "host/${host}/mode"
        if [[ "${other}" != "${SWARM_ID}" || -z "${SWARM_ID}" || "${address}" != server ||
          "${role}" != manager ]]; then
          continue
        fi
        take other "host/${host}/swarm"
        if [[ "${other}" != manager && "${other}" != leaderless ]]; then
          continue # measured: after a revival only the revived one is left
        fi
        take address "host/${host}/addresses"
        if [[ "$1" == *NodeID* ]]; then
          printf '%s %s:2377 ' "${node}" "$(bracketed "${address}")"
        else
          printf '%s:2377\n' "$(bracketed "${address}")"
        fi
      done
      printf '\n'
      ;;
    *) broken "info $1" ;;
  esac
}

docker_ps() {
  local container
  [[ "$3" == '--filter' && "$4" == label=com.docker.swarm.service.name=* ]] || broken "$*"
  service_of_host "${WORLD_HOST}"
  take container "host/${WORLD_HOST}/container"
  if [[ "${SERVICE_NAME}" == "${4##*=}" && -n "${container}" ]]; then printf '%s\n' "${container}"; fi
}

# docker_ps_all: containers of a service on this machine, also those that have ended.
docker_ps_all() {
  local container
  [[ "$3" == '--quiet' && "$4" == '--no-trunc' && "$5" == '--filter' &&
    "$6" == label=com.docker.swarm.service.name=* ]] || broken "$*"
  service_of_host "${WORLD_HOST}"
  take container "host/${WORLD_HOST}/container"
  take container "host/${WORLD_HOST}/ended-container" "${container}"
  if [[ "${SERVICE_NAME}" == "${6##*=}" && -n "${container}" ]]; then printf '%s\n' "${container}"; fi
}

docker_inspect_container() {
  [[ "$*" == 'inspect --type container --format {{range .Mounts}}{{.Type}}|{{.Source}}|{{.Destination}}{{"\n"}}{{end}}{{range .Config.Env}}env|{{.}}{{"\n"}}{{end}} -- '* ]] \
    || broken "$*"
  docker_mounts "${WORLD_HOST}"
}

# docker_mounts HOST: what its service mounts, and its environment.
docker_mounts() {
  local place inside
  take inside "host/$1/data"
  take place "host/$1/mounted" "${WORLD}/disk/$1${inside}"
  printf 'bind|/var/run/docker.sock|/var/run/docker.sock\nbind|%s|%s\n' "${place}" "${inside}"
  printf 'env|PGEDGE_HOST_ID=%s\nenv|PGEDGE_DATA_DIR=%s\n\n' "$1" "${inside}"
}

docker_kill() {
  local container
  [[ "$2" == '--' ]] || broken "$*"
  take container "host/${WORLD_HOST}/container"
  if [[ "${container}" != "$3" || -z "${container}" ]]; then
    printf 'Error response from daemon: Cannot kill container: %s: No such container: %s\n' "$3" "$3" >&2
    return 1
  fi
  container_goes "${WORLD_HOST}"
  printf '%s\n' "$3"
}

docker_swarm_init() {
  local node number host scale
  if [[ "$3" == '--force-new-cluster' ]]; then
    [[ "$4" == '--advertise-addr' ]] || broken "$*"
    if [[ "${SWARM}" != leaderless && "${SWARM}" != recovering ]]; then
      printf 'Error response from daemon: this node is no manager without a leader\n' >&2
      return 1
    fi
    put "host/${WORLD_HOST}/swarm" manager
    for host in "${HOSTS[@]}"; do
      take node "host/${host}/node"
      if [[ "${host}" != "${WORLD_HOST}" && -d "${STATE_DIR}/node/${node:-none}" ]]; then
        take scale "host/${host}/swarm"
        if [[ "${scale}" == worker ]]; then continue; fi # finds its new manager automatically
        put "node/${node}/status" down
        put "node/${node}/role" worker
        if [[ "${scale}" == leaderless ]]; then # a survivor: a worker, and a manager again
          put "host/${host}/swarm" pending
          take scale "host/${host}/power" off
          if [[ "${scale}" == on ]]; then
            put "host/${host}/swarm-next" 'worker manager'
            event 2 swarm "${host}"
          fi
        fi
      fi
    done
    # The containers of this machine restart.
    service_of_host "${WORLD_HOST}"
    take scale "service/${SERVICE_NAME}/scale" 0
    if [[ "${scale}" == 1 ]]; then
      service_restarts "${SERVICE_NAME}"
      rm -f -- "${WORLD}/pending/task-running@${SERVICE_NAME}"
      task_runs "${SERVICE_NAME}"
    fi
    return
  fi
  [[ "$3" == '--advertise-addr' ]] || broken "$*"
  if [[ "${SWARM}" != inactive ]]; then
    printf 'Error response from daemon: This node is already part of a swarm.\n' >&2
    return 1
  fi
  take number swarm-number 1
  number=$((number + 1))
  put swarm-number "${number}"
  put swarm-id "swarm-${number}"
  rm -rf -- "${STATE_DIR}/service" "${STATE_DIR}/node"
  mkdir -p "${STATE_DIR}/service"
  machine_enters "${WORLD_HOST}" manager
}

# machine_enters HOST ROLE: gets a node id of the Swarm of today.
machine_enters() {
  local number node address id
  take number node-number 100
  number=$((number + 1))
  put node-number "${number}"
  node="nd${number}x${1//-/}"
  mkdir -p "${STATE_DIR}/node/${node}"
  take address "host/$1/addresses"
  take id swarm-id
  put "node/${node}/status" ready
  put "node/${node}/role" "$2"
  put "node/${node}/hostname" "$1"
  put "node/${node}/address" "${address}"
  put "host/$1/node" "${node}"
  put "host/$1/swarm-id" "${id}"
  put "host/$1/swarm" "$2"
  swarm_certificate "$1"
}

docker_node_ls() {
  local dir node status hostname
  case "${*:3}" in
    '' | '--quiet' | '--format {{.ID}} {{.Status}} {{.Hostname}}' | '--format {{.ID}} {{.Status}}') ;;
    *) broken "$*" ;;
  esac
  for dir in "${STATE_DIR}"/node/*/; do
    node="${dir%/}"
    node="${node##*/}"
    take status "node/${node}/status"
    take hostname "node/${node}/hostname"
    case "${*:3}" in
      *Hostname*) printf '%s %s %s\n' "${node}" "${status^}" "${hostname}" ;;
      *Status*) printf '%s %s\n' "${node}" "${status^}" ;;
      *) printf '%s\n' "${node}" ;;
    esac
  done
}

docker_node_inspect() {
  local node status hostname address role availability mark
  [[ "$3" == '--format' && "$5" == '--' ]] || broken "$*"
  for node in "${@:6}"; do
    [[ -d "${STATE_DIR}/node/${node}" ]] || broken "$*"
    take status "node/${node}/status"
    take hostname "node/${node}/hostname"
    take address "node/${node}/address"
    take role "node/${node}/role"
    take availability "node/${node}/availability" active
    take mark "node/${node}/mark" '<no value>'
    case "$4" in
      '{{if .ManagerStatus}}manager{{else}}worker{{end}}') printf '%s\n' "${role}" ;;
      '{{.Status.State}} {{.Status.Addr}}') printf '%s %s\n' "${status}" "${address}" ;;
      '{{.Status.State}}|{{.Description.Hostname}}|{{.Status.Addr}}')
        printf '%s|%s|%s\n' "${status}" "${hostname}" "${address}"
        ;;
      '{{.Spec.Availability}}') printf '%s\n' "${availability}" ;;
      '{{index .Spec.Labels "plan.recovery"}}') printf '%s\n' "${mark}" ;;
      '{{.ID}} {{.Description.Hostname}} {{index .Spec.Labels "plan.recovery"}}')
        printf '%s %s %s\n' "${node}" "${hostname}" "${mark}"
        ;;
      *) broken "$*" ;;
    esac
  done
}

docker_node_update() {
  case "$1" in
    --label-add) put "node/$3/mark" "${2#plan.recovery=}" ;;
    --label-rm) rm -f -- "${STATE_DIR}/node/$3/mark" ;;
    --availability) put "node/$3/availability" "$2" ;;
    *) broken "node update $*" ;;
  esac
}

docker_has_service() {
  if [[ -z "$1" || ! -d "${STATE_DIR}/service/$1" ]]; then
    printf 'Error: No such service: %s\n' "$1" >&2
    return 1
  fi
}

docker_scale() {
  local pair
  [[ "$1" == '--detach' ]] || broken "scale without --detach hangs: $*"
  shift
  for pair in "$@"; do
    docker_has_service "${pair%=*}" || return 1
  done
  for pair in "$@"; do
    scale_service "${pair%=*}" "${pair#*=}"
  done
}

docker_update() {
  local service="${!#}" force=no replicas='' before
  [[ "$1" == '--detach' || "$*" == *'--detach '* ]] || broken "update without --detach: $*"
  docker_has_service "${service}" || return 1
  local dir="${STATE_DIR}/service/${service}"
  while (($# > 1)); do
    case "$1" in
      --detach) ;;
      --force) force=yes ;;
      --replicas) replicas="$2" && shift ;;
      --env-add)
        sed -i "/^${2%%=*}=/d" "${dir}/env"
        printf '%s\n' "$2" >>"${dir}/env"
        force=yes
        shift
        ;;
      --env-rm)
        sed -i "/^$2=/d" "${dir}/env"
        force=yes
        shift
        ;;
      --label-add)
        printf '%s\n' "$2" >>"${dir}/labels"
        shift
        ;;
      --label-rm)
        sed -i "/^$2=/d" "${dir}/labels"
        shift
        ;;
      --constraint-rm)
        grep -vxF -- "$2" "${dir}/constraint" >"${dir}/constraint.new"
        mv -- "${dir}/constraint.new" "${dir}/constraint"
        shift
        ;;
      --constraint-add)
        printf '%s\n' "$2" >>"${dir}/constraint"
        shift
        ;;
      *) broken "service update $1" ;;
    esac
    shift
  done
  take before "service/${service}/scale"
  if [[ -n "${replicas}" && "${before}" != "${replicas}" ]]; then
    scale_service "${service}" "${replicas}"
  elif [[ "${before}" == 1 && "${force}" == yes ]]; then
    service_restarts "${service}"
  fi
}

docker_service_inspect() {
  local scale image dir name host
  if [[ "$1" != '--format' ]]; then
    for name in "$@"; do
      docker_has_service "${name}" || return 1
      jq -n --arg name "${name}" --rawfile env "${STATE_DIR}/service/${name}/env" \
        '{ID: $name, Spec: {Name: $name,
          TaskTemplate: {ContainerSpec: {Env: ($env | split("\n") | map(select(. != "")))}}}}'
    done | jq -s .
    return
  fi
  name="$4"
  [[ "$3" == '--' ]] || broken "service inspect $*"
  docker_has_service "${name}" || return 1
  dir="${STATE_DIR}/service/${name}"
  case "$2" in
    '{{.Spec.Mode.Replicated.Replicas}}')
      take scale "service/${name}/scale"
      printf '%s\n' "${scale}"
      ;;
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}')
      cat -- "${dir}/constraint"
      printf '\n'
      ;;
    '{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}')
      cat -- "${dir}/env"
      printf '\n'
      ;;
    '{{.Spec.TaskTemplate.ContainerSpec.Image}}')
      take image "service/${name}/image"
      printf '%s@sha256:0123\n' "${image}"
      ;;
    '{{range .Spec.TaskTemplate.ContainerSpec.Mounts}}{{.Type}}|{{.Source}}|{{.Target}}{{"\n"}}{{end}}{{range .Spec.TaskTemplate.ContainerSpec.Env}}env|{{.}}{{"\n"}}{{end}}')
      for host in "${HOSTS[@]}"; do
        service_of_host "${host}"
        if [[ "${SERVICE_NAME}" == "${name}" ]]; then docker_mounts "${host}"; fi
      done
      ;;
    '{{index .Spec.Labels "plan.recovery.env"}}')
      sed -n 's/^plan.recovery.env=//p' "${dir}/labels"
      printf '\n'
      ;;
    *) broken "service inspect $2" ;;
  esac
}

docker_service_ps() {
  local name wanted=no scale id state
  while (($# > 0)); do
    case "$1" in
      --quiet | --no-trunc | --) ;;
      --filter)
        [[ "$2" == 'desired-state=running' ]] || broken "service ps $2"
        wanted=yes
        shift
        ;;
      *)
        docker_has_service "$1" || return 1
        take scale "service/$1/scale"
        take id "service/$1/task"
        take state "service/$1/task-state"
        if [[ -n "${id}" && ("${wanted}" == no || "${scale}" != 0) ]]; then
          printf '%s\n' "${id%% *}"
        fi
        ;;
    esac
    shift
  done
}

docker_inspect_task() {
  local id line node created state dir format='' words
  if [[ "${1:-}" == '--format' ]]; then
    format="$2"
    [[ "$3" == '--' && "${format}" == '{{.NodeID}} {{.Status.State}}' ]] || broken "inspect $*"
    shift 3
  fi
  words=''
  for id in "$@"; do
    for dir in "${STATE_DIR}"/service/*/; do
      IFS= read -r line 2>/dev/null <"${dir}task" || continue
      if [[ "${line%% *}" != "${id}" ]]; then continue; fi
      read -r _ node created <<<"${line}"
      IFS= read -r state <"${dir}task-state"
      if [[ -n "${format}" ]]; then
        printf '%s %s\n' "${node}" "${state}"
      else
        printf -v line '{"ID":"%s","CreatedAt":"%(%FT%T)T.123456789Z","NodeID":"%s","Status":{"State":"%s","Timestamp":"%(%FT%T)T.987654321Z"}}' \
          "${id}" "${created}" "${node}" "${state}" "${created}"
        words="${words}${words:+,}${line}"
      fi
    done
  done
  [[ -n "${format}" ]] || printf '[%s]\n' "${words}"
}

docker_service_ls() {
  local name dir filter=''
  case "$*" in
    '--quiet') ;;
    '--format {{.Name}}') ;;
    '--format {{.Name}} {{.Replicas}}') ;;
    '--filter label='*' --format {{.Name}}') filter="${2#label=}" ;;
    *) broken "service ls $*" ;;
  esac
  for dir in "${STATE_DIR}"/service/*/; do
    name="${dir%/}"
    name="${name##*/}"
    if [[ "$*" == *Replicas* ]]; then
      take filter "service/${name}/scale"
      printf '%s %s/%s\n' "${name}" "${filter}" "${filter}"
    elif [[ -z "${filter}" ]] || grep -qxF -- "${filter}" "${dir}labels"; then
      printf '%s\n' "${name}"
    fi
  done
}

# docker_stack_deploy: services of the stack file; the second file gives the replicas.
docker_stack_deploy() {
  local stack="${!#}" file="$2" second="$4" name host scale line
  [[ "$1" == '--compose-file' && "$3" == '--compose-file' ]] || broken "stack deploy $*"
  [[ -s "${file}" && -s "${second}" ]] || broken "stack deploy without its files: $*"
  while IFS= read -r line; do
    [[ "${line}" =~ ^\ \ ([a-z0-9-]+):\ \{\ deploy:\ \{\ replicas:\ ([0-9]+)\ \}\ \}$ ]] || continue
    name="${stack}_${BASH_REMATCH[1]}"
    scale="${BASH_REMATCH[2]}"
    if [[ -d "${STATE_DIR}/service/${name}" ]]; then continue; fi
    for host in "${HOSTS[@]}"; do
      take line "host/${host}/service"
      if [[ "${line}" == "${name}" ]]; then make_service "${host}" "${scale}"; fi
    done
  done <"${second}"
}

# make_service HOST SCALE: as a stack file has it, placed on the node of the day it was written.
make_service() {
  local name mode dir image
  take name "host/$1/service"
  take mode "host/$1/mode"
  take image image
  dir="${STATE_DIR}/service/${name}"
  mkdir -p "${dir}"
  printf 'PGEDGE_HOST_ID=%s\n' "$1" >"${dir}/env"
  if [[ "${mode}" == client ]]; then printf 'PGEDGE_ETCD_MODE=client\n' >>"${dir}/env"; fi
  printf 'com.docker.stack.namespace=%s\n' "${name%_*}" >"${dir}/labels"
  printf 'node.id==nd1x%s\n' "${1//-/}" >"${dir}/constraint"
  put "service/${name}/image" "${image}"
  put "service/${name}/scale" "$2"
  put "service/${name}/task-state" shutdown
}
