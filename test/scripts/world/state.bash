# shellcheck shell=bash
# The world's memory and laws: hosts, services, members, records, and what happens when a Control
# Plane starts or stops. Everything is small files below WORLD/state, so a checksum is a verdict.
STATE_DIR="${WORLD}/state"
HOSTS=("${STATE_DIR}"/host/*)
HOSTS=("${HOSTS[@]##*/}")

# take VARIABLE FILE [DEFAULT]: the first line of a file of the state.
take() {
  local -n taken="$1"
  taken="${3:-}"
  if [[ -e "${STATE_DIR}/$2" ]]; then
    IFS= read -r taken <"${STATE_DIR}/$2" || true
  fi
}

# put FILE TEXT
put() {
  printf '%s\n' "$2" >"${STATE_DIR}/$1"
}

# broken TEXT: the world does not know such a call. Loud: the test fails on it.
broken() {
  printf '%s: %s\n' "${name:-world}" "$1" >>"${WORLD}/broken"
  printf 'the world does not know: %s %s\n' "${name:-world}" "$1" >&2
  exit 97
}

# violation TEXT: something a recovery must never do.
violation() {
  printf '%s\n' "$1" >>"${WORLD}/violations"
}

# ---- the journal, faults, death

# call ARGUMENT...: one call of a faked command, from the journal to its last word.
call() {
  local mark='-' number=0 pattern action rest times fault='' file
  if is_mutation "$@"; then
    mark='M'
    IFS= read -r number <"${WORLD}/count" || true
    number=$((number + 1))
    printf '%s\n' "${number}" >"${WORLD}/count"
  fi
  printf '%s\0' "${mark}" "${WORLD_HOST}" "${name}" "$@" $'\x1e' >>"${WORLD}/journal"
  if [[ "${mark}" == 'M' && -e "${WORLD}/die" ]]; then
    IFS= read -r pattern <"${WORLD}/die"
    # shellcheck disable=SC2053 # a pattern on purpose
    if [[ "${pattern}" == "before ${number}" || "at ${name} $*" == ${pattern} ]]; then die; fi
  fi
  for file in "${WORLD}"/faults/*; do
    { IFS= read -r pattern && IFS= read -r action && IFS= read -r rest && IFS= read -r times; } \
      <"${file}"
    # shellcheck disable=SC2053 # a pattern on purpose
    if [[ "${name} $*" == ${pattern} ]]; then
      fault="${action}"
      if ((times == 1)); then
        rm -f -- "${file}"
      elif ((times > 1)); then
        printf '%s\n%s\n%s\n%s\n' "${pattern}" "${action}" "${rest}" "$((times - 1))" >"${file}"
      fi
      break
    fi
  done
  FAULT_TEXT="${rest:-}"
  case "${fault}" in
    '') act "$@" ;;
    hang) hang ;;
    fail)
      printf '%s\n' "${FAULT_TEXT#* }" >&2
      finish_call "${FAULT_TEXT%% *}" "${mark}" "${number}"
      ;;
    answer) answer_with "${FAULT_TEXT%% *}" "${FAULT_TEXT#* }" "$@" ;;
    late)
      act "$@" >/dev/null
      hang
      ;;
    *) broken "fault ${fault}" ;;
  esac
  finish_call "$?" "${mark}" "${number}"
}

# finish_call STATUS MARK NUMBER: WORLD/die says `before K`, `after K` or `at PATTERN`.
finish_call() {
  local when
  if [[ "$2" == 'M' && -e "${WORLD}/die" ]]; then
    IFS= read -r when <"${WORLD}/die"
    if [[ "${when}" == "after $3" ]]; then die; fi
  fi
  exit "$1"
}

# die: what a power cut does to the script under test: its complete process group at once.
die() {
  local stat
  read -r stat <"/proc/$$/stat"
  stat="${stat##*) }"
  read -r _ _ stat _ <<<"${stat}"
  kill -KILL -- "-${stat}"
  exit 137
}

# hang: as seen by a caller that waits with a limit.
hang() {
  if [[ "${name}" == 'curl' ]]; then exit 28; fi
  exit 124
}

# ---- time

# event TICKS NAME [ARGUMENT]: happens after so many seconds slept.
event() {
  printf '%s\n' "$1" >"${WORLD}/pending/$2@${3:-}"
}

# tick: one second passes.
tick() {
  local file left
  for file in "${WORLD}"/pending/*; do
    IFS= read -r left <"${file}"
    left=$((left - 1))
    if ((left > 0)); then
      printf '%s\n' "${left}" >"${file}"
    else
      rm -f -- "${file}"
      file="${file##*/}"
      happen "${file%%@*}" "${file#*@}"
    fi
  done
}

happen() {
  local word rest
  case "$1" in
    task-running) task_runs "$2" ;;
    container-gone) container_goes "$2" ;;
    api-up) put "host/$2/api" up ;;
    stale) put "host/$2/seen" "$((EPOCHSECONDS - 90))" ;;
    etcd-ready) if [[ -e "${WORLD}/processes/$2" ]]; then printf 'ready=yes\n' >>"${WORLD}/processes/$2"; fi ;;
    task-step) job_step "$2" ;;
    record-gone) record_goes "$2" ;;
    swarm)
      take rest "host/$2/swarm-next"
      word="${rest%% *}"
      rest="${rest#"${word}"}"
      rest="${rest# }"
      put "host/$2/swarm" "${word}"
      put "host/$2/swarm-next" "${rest}"
      node_follows "$2" "${word}"
      if [[ -n "${rest}" ]]; then event 1 swarm "$2"; fi
      ;;
    *) broken "event $1" ;;
  esac
}

# ---- hosts

hosts() {
  local -a names=("${STATE_DIR}"/host/*)
  printf '%s\n' "${names[@]##*/}"
}

# data_of HOST: its data directory on this machine, into DATA.
data_of() {
  take DATA "host/$1/data"
  DATA="${WORLD}/disk/$1${DATA}"
}

# host_at ADDRESS PORT: sets AT and KIND (api, client, peer), or AT is empty.
host_at() {
  local host address port kind
  AT='' KIND=''
  for host in "${HOSTS[@]}"; do
    while IFS= read -r address; do
      if [[ "${address}" == "$1" ]]; then AT="${host}"; fi
    done <"${STATE_DIR}/host/${host}/addresses"
    if [[ "${AT}" != "${host}" ]]; then continue; fi
    for kind in api client peer; do
      take port "host/${host}/${kind}-port"
      if [[ "${port}" == "$2" ]]; then
        KIND="${kind}"
        return
      fi
    done
  done
}

# port_state ADDRESS PORT: open | closed | unreachable
port_state() {
  local power cp mode up
  host_at "$1" "$2"
  if [[ "$1" == 127.* || "$1" == '::1' ]]; then
    AT="${WORLD_HOST}"
  fi
  if [[ "$2" == 2377 ]]; then
    local word
    take word "host/${AT}/swarm"
    take power "host/${AT}/power" off
    take up "host/${AT}/swarm-port" open
    if [[ "${power}" != on ]]; then
      printf 'unreachable\n'
    elif [[ ("${word}" == manager || "${word}" == leaderless) && "${up}" == open ]]; then
      printf 'open\n'
    else
      printf 'closed\n'
    fi
    return
  fi
  take power "host/${AT}/power" off
  take cp "host/${AT}/cp" off
  take mode "host/${AT}/mode"
  take up "host/${AT}/api" down
  if [[ -z "${AT}" || "${power}" != on ]]; then
    printf 'unreachable\n'
  elif process_on "https://$(bracketed "$1"):$2"; then
    printf 'open\n'
  else
    case "${KIND}:${cp}:${mode}" in
      api:serving:* | api:uninitialised:*)
        if [[ "${up}" == up ]]; then printf 'open\n'; else printf 'closed\n'; fi
        ;;
      api:noquorum:* | api:intact:*) printf 'open\n' ;;
      client:serving:server | peer:serving:server | *:noquorum:server | *:intact:server | \
        *:stuck:server)
        if [[ "${KIND}" == api ]]; then printf 'closed\n'; else printf 'open\n'; fi
        ;;
      *) printf 'closed\n' ;;
    esac
  fi
}

bracketed() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# listening_ports: what this machine listens on, one port a line.
listening_ports() {
  local cp mode up port file line power
  take cp "host/${WORLD_HOST}/cp" off
  take mode "host/${WORLD_HOST}/mode"
  take up "host/${WORLD_HOST}/api" down
  case "${cp}:${up}" in
    noquorum:* | intact:* | serving:up | uninitialised:up)
      take port "host/${WORLD_HOST}/api-port"
      printf '%s\n' "${port}"
      ;;
    *) ;;
  esac
  if [[ "${mode}" == server && "${cp}" =~ ^(noquorum|intact|serving|stuck)$ ]]; then
    take port "host/${WORLD_HOST}/client-port"
    printf '%s\n' "${port}"
    take port "host/${WORLD_HOST}/peer-port"
    printf '%s\n' "${port}"
  fi
  for file in "${WORLD}"/processes/*; do
    if lives "${file##*/}"; then
      while IFS= read -r line; do
        if [[ "${line}" == listen=* ]]; then printf '%s\n' "${line##*:}"; fi
      done <"${file}"
    fi
  done
  for file in "${WORLD}"/listeners/*; do
    printf '%s\n' "${file##*/}"
  done
}

# lives PID: whether this process of the world runs. A world that was copied names processes of the
# other one, and any process may have such a number by now.
lives() {
  [[ "/proc/$1/exe" -ef "${WORLD_SUITE}/holders/etcd" ]] \
    && grep -qzxF -- "WORLD=${WORLD}" "/proc/$1/environ" 2>/dev/null
}

# process_on URL: whether an etcd that a script has started listens there; sets PROCESS.
process_on() {
  local file
  for file in "${WORLD}"/processes/*; do
    if lives "${file##*/}" && grep -qxF -- "listen=$1" "${file}"; then
      PROCESS="${file}"
      return 0
    fi
  done
  return 1
}

# ---- the Control Plane of a host

# config_field HOST FIELD: of generated.config.json, into FIELD_TEXT.
config_field() {
  data_of "$1"
  FIELD_TEXT=''
  if [[ -e "${DATA}/generated.config.json" ]]; then
    FIELD_TEXT=$(sed -nE "s/.*\"$2\": *(\"([^\"]*)\"|\{[^}]*\"endpoints\"(.*)).*/\2\3/p" \
      "${DATA}/generated.config.json")
  fi
}

# db_field FILE FIELD: of a fake database, into FIELD_TEXT.
db_field() {
  FIELD_TEXT=''
  if [[ -e "$1" ]]; then
    FIELD_TEXT=$(sed -n "s/^$2=//p;/^end\$/q" "$1" 2>/dev/null)
  fi
}

# make_db FILE CLUSTER REVISION: a database of 2048 bytes that names what it is.
make_db() {
  local token
  take token token
  mkdir -p "${1%/*}"
  {
    printf 'fake etcd database\ncluster=%s\nrevision=%s\nkeys=57\nversion=3.6.0\n' "$2" "$3"
    printf '{"join_token":"%s"}\nend\n' "${token}"
  } >"$1"
  truncate -s 2048 "$1"
}

# give_etcd HOST CLUSTER REVISION: an etcd directory as a running member has it.
give_etcd() {
  data_of "$1"
  make_db "${DATA}/etcd/member/snap/db" "$2" "$3"
  mkdir -p "${DATA}/etcd/member/wal"
  printf 'log of cluster %s\n' "$2" \
    >"${DATA}/etcd/member/wal/0000000000000000-0000000000000000.wal"
}

# give_config HOST ROLE PASSWORD: generated.config.json as the generation writes it.
give_config() {
  local generation endpoint address port
  data_of "$1"
  take generation generation
  take address "host/${RECOVERY}/addresses"
  take port "host/${RECOVERY}/client-port"
  endpoint="https://$(bracketed "${address}"):${port}"
  mkdir -p "${DATA}"
  jq -cn --arg user "host-$1" --arg password "$3" --arg mode "$2" --arg old "${generation}" \
    --arg endpoint "${endpoint}" '{etcd_username: $user, etcd_password: $password}
      + (if $old == "0.6" then {} else {etcd_mode: $mode, etcd_server: {log_level: "fatal"}} end)
      + (if $mode == "client" then {etcd_client: {endpoints: [$endpoint]}} else {} end)' \
    >"${DATA}/generated.config.json"
}

# give_certificates HOST: from the suite's CA.
give_certificates() {
  local mode
  data_of "$1"
  take mode "host/$1/mode"
  mkdir -p "${DATA}/certificates"
  cp -- "${WORLD_SUITE}/ca/ca.crt" "${DATA}/certificates/ca.crt"
  cp -- "${WORLD_SUITE}/ca/$1/etcd-user."{crt,key} "${DATA}/certificates/"
  if [[ "${mode}" == server ]]; then
    cp -- "${WORLD_SUITE}/ca/$1/etcd-server."{crt,key} "${DATA}/certificates/"
  fi
}

take RECOVERY recovery

peer_url() {
  local address port
  take address "host/$1/addresses"
  take port "host/$1/peer-port"
  printf 'https://%s:%s\n' "$(bracketed "${address}")" "${port}"
}

client_url() {
  local address port
  take address "host/$1/addresses"
  take port "host/$1/client-port"
  printf 'https://%s:%s\n' "$(bracketed "${address}")" "${port}"
}

# add_member CLUSTER HOST: as a started voter. Ids have 15 or 16 digits, as real ones.
add_member() {
  local sum
  sum=$(printf '%s' "$1-$2-${RANDOM}" | sha256sum)
  printf '%s|started|%s|%s|%s|false\n' "${sum:0:15}" "$2" "$(peer_url "$2")" "$(client_url "$2")" \
    >>"${STATE_DIR}/members/$1"
}

# cluster_made_of PEER_URL_AND_TOKEN: the id that etcd gives a cluster of one member, in decimal.
cluster_made_of() {
  local sum k text=''
  sum=$(printf '%s' "$1" | sha1sum)
  for ((k = 0; k < 16; k += 2)); do
    text="${text}\\x${sum:k:2}"
  done
  # shellcheck disable=SC2059 # an escape on purpose
  sum=$(printf "${text}" | sha1sum)
  printf '%u\n' "$((16#${sum:0:16}))"
}

# swarm_certificate HOST: of its node in its Swarm, as Docker keeps it; none in no Swarm.
swarm_certificate() {
  local id node folder="${WORLD}/disk/$1/var/lib/docker/swarm/certificates"
  take id "host/$1/swarm-id"
  take node "host/$1/node"
  rm -f -- "${folder}/swarm-node.crt"
  if [[ -n "${id}" && -n "${node}" ]]; then
    mkdir -p "${folder}"
    printf 'certificate of node %s in Swarm %s\n' "${node}" "${id}" >"${folder}/swarm-node.crt"
  fi
}

drop_member() {
  local file="${STATE_DIR}/members/$1"
  if [[ -e "${file}" ]]; then
    awk -F '|' -v host="$2" -v peer="$(peer_url "$2")" '$3 != host && $4 != peer' "${file}" \
      >"${file}.new"
    mv -- "${file}.new" "${file}"
  fi
}

# entries CLUSTER HOST: lines of the member list that are this host's.
entries() {
  awk -F '|' -v host="$2" -v peer="$(peer_url "$2")" '$3 == host || $4 == peer' \
    "${STATE_DIR}/members/$1" 2>/dev/null
}

voters_of() {
  awk -F '|' '$2 == "started" && $6 == "false"' "${STATE_DIR}/members/$1" 2>/dev/null | wc -l
}

# service_env SERVICE NAME: into ENV_TEXT.
service_env() {
  local line
  ENV_TEXT=''
  if [[ -e "${STATE_DIR}/service/$1/env" ]]; then
    while IFS= read -r line; do
      if [[ "${line}" == "$2="* ]]; then ENV_TEXT="${line#*=}"; fi
    done <"${STATE_DIR}/service/$1/env"
  fi
}

# cp_starts HOST: the process begins, and what it makes of the disk it finds.
cp_starts() {
  local host="$1" mode service generation current kept password wal record saved other cp lines number
  take mode "host/${host}/mode"
  take service "host/${host}/service"
  take generation generation
  take current current
  take record "record/${host}"
  data_of "${host}"
  config_field "${host}" etcd_mode
  saved="${FIELD_TEXT}"
  service_env "${service}" PGEDGE_ETCD_MODE
  wal='no'
  if [[ -d "${DATA}/etcd/member/wal" ]]; then wal='yes'; fi
  put "host/${host}/api" down
  event 1 api-up "${host}"
  rm -f -- "${WORLD}/pending/stale@${host}"
  # A client that hangs on a connection to a dead host is cured by a start, or never.
  take lines "host/${host}/deaf" no
  if [[ "${lines}" == yes ]]; then put "host/${host}/deaf" no; fi
  if [[ "${mode}" == client ]]; then
    config_field "${host}" etcd_client
    if [[ -z "${FIELD_TEXT}" ]]; then
      cp='uninitialised'
    else
      config_field "${host}" etcd_password
      take password "users/${current}/host-${host}" none
      cp='stuck'
      if [[ "${FIELD_TEXT}" == "${password}" && -n "${record}" ]]; then cp='serving'; fi
    fi
  elif [[ "${wal}" == yes ]]; then
    db_field "${DATA}/etcd/member/snap/db" cluster
    kept="${FIELD_TEXT}"
    if [[ "${kept}" == old ]]; then
      cp='stuck'
      for other in "${HOSTS[@]}"; do
        take lines "host/${other}/old-runs" no
        if [[ "${other}" != "${host}" && "${lines}" == yes && -n "${current}" ]]; then
          violation "split brain: ${host} and ${other} both run with their old data"
        fi
      done
      put "host/${host}/old-runs" yes
    else
      cp='serving'
      if [[ -z "${current}" ]]; then put current "${kept}"; fi
      if [[ -n "${current}" && "${current}" != "${kept}" ]]; then
        if [[ "${host}" == "${RECOVERY}" ]]; then put current "${kept}"; else cp='stuck'; fi
      fi
    fi
  elif [[ "${generation}" != '0.6' && "${saved}" == client && "${ENV_TEXT}" == server ]]; then
    config_field "${host}" etcd_password
    take password "users/${current}/host-${host}" none
    lines=$(entries "${current}" "${host}")
    other=$(awk -F '|' '$6 == "true"' "${STATE_DIR}/members/${current}" 2>/dev/null)
    if [[ "${FIELD_TEXT}" != "${password}" || -z "${record}" ]]; then
      cp='stuck' # authentication failed, restart loop, nothing changed
    elif [[ -e "${STATE_DIR}/host/${host}/join-fails" ]]; then
      take number "host/${host}/join-fails"
      if ((number > 1)); then put "host/${host}/join-fails" "$((number - 1))"; fi
      ((number > 1)) || rm -f -- "${STATE_DIR}/host/${host}/join-fails"
      give_config "${host}" server "${password}"
      cp='uninitialised'
    else
      give_config "${host}" server "${password}"
      if [[ -n "${lines}" || -n "${other}" ]]; then
        cp='uninitialised' # noted server before the join, which failed
      else
        add_member "${current}" "${host}"
        give_etcd "${host}" "${current}" "$(revision_of "${current}")"
        cp='serving'
      fi
    fi
  else
    cp='uninitialised'
  fi
  put "host/${host}/cp" "${cp}"
}

# cp_stops HOST
cp_stops() {
  local cp current
  take cp "host/$1/cp" off
  take current current
  if [[ "${cp}" == serving && -n "${current}" ]] \
    && [[ -n "$(entries "${current}" "$1")" && "$(voters_of "${current}")" == 2 ]]; then
    violation "one of two voters was stopped: $1"
  fi
  put "host/$1/cp" off
  put "host/$1/api" down
  put "host/$1/old-runs" no
  if [[ "${cp}" == serving ]]; then
    put "host/$1/seen" "${EPOCHSECONDS}"
    event 2 stale "$1"
  fi
}

revision_of() {
  data_of "${RECOVERY}"
  db_field "${DATA}/etcd/member/snap/db" revision
  printf '%s\n' "${FIELD_TEXT:-1}"
}

# quorate: whether the recovered cluster answers: its recovery host runs on restored data.
quorate() {
  local cp
  take cp "host/${RECOVERY}/cp" off
  [[ "${cp}" == serving ]]
}

# ---- services, tasks, containers

service_of_host() {
  take SERVICE_NAME "host/$1/service"
}

# host_of_node NODE: the machine behind a Swarm node id, into NODE_HOST.
host_of_node() {
  local host node
  NODE_HOST=''
  for host in "${HOSTS[@]}"; do
    take node "host/${host}/node"
    if [[ -n "$1" && "${node}" == "$1" ]]; then NODE_HOST="${host}"; fi
  done
}

service_node() {
  SERVICE_NODE=''
  if [[ -e "${STATE_DIR}/service/$1/constraint" ]]; then
    SERVICE_NODE=$(sed -nE 's/^node\.id *== *//p' "${STATE_DIR}/service/$1/constraint")
  fi
}

# task_made SERVICE: Swarm wants it to run, on the node of its constraint.
task_made() {
  local number power status
  service_node "$1"
  take number task-number 0
  number=$((number + 1))
  put task-number "${number}"
  printf 'task%s %s %s\n' "${number}" "${SERVICE_NODE}" "${EPOCHSECONDS}" >"${STATE_DIR}/service/$1/task"
  put "service/$1/task-state" pending
  take status "node/${SERVICE_NODE}/status" down
  host_of_node "${SERVICE_NODE}"
  take power "host/${NODE_HOST:-none}/power" off
  if [[ "${status}" == ready && "${power}" == on ]]; then
    put "service/$1/task-state" preparing
    event 1 task-running "$1"
  fi
}

task_runs() {
  local power number
  service_node "$1"
  host_of_node "${SERVICE_NODE}"
  take power "host/${NODE_HOST:-none}/power" off
  if [[ "${power}" != on ]]; then return; fi
  put "service/$1/task-state" running
  take number task-number 0
  put "host/${NODE_HOST}/container" "c0ffee${number}"
  cp_starts "${NODE_HOST}"
}

# task_ends SERVICE: the wanted number is 0; the container runs on for a while, unless its node is
# down, where Swarm says without end that it runs.
task_ends() {
  local status container
  service_node "$1"
  rm -f -- "${WORLD}/pending/task-running@$1"
  take status "node/${SERVICE_NODE}/status" down
  if [[ "${status}" != ready ]]; then return; fi
  host_of_node "${SERVICE_NODE}"
  take container "host/${NODE_HOST:-none}/container"
  if [[ -n "${NODE_HOST}" && -n "${container}" ]]; then
    event 2 container-gone "${NODE_HOST}"
  else
    put "service/$1/task-state" shutdown
  fi
}

container_goes() {
  local scale
  if [[ -e "${STATE_DIR}/host/$1/clings" ]]; then return; fi
  service_of_host "$1"
  rm -f -- "${WORLD}/pending/container-gone@$1"
  put "host/$1/container" ''
  cp_stops "$1"
  put "service/${SERVICE_NAME}/task-state" shutdown
  take scale "service/${SERVICE_NAME}/scale" 0
  if [[ "${scale}" == 1 ]]; then task_made "${SERVICE_NAME}"; fi
}

# service_restarts SERVICE: a new task at once, the old container gone.
service_restarts() {
  service_node "$1"
  host_of_node "${SERVICE_NODE}"
  if [[ -n "${NODE_HOST}" ]]; then
    put "host/${NODE_HOST}/container" ''
    cp_stops "${NODE_HOST}"
  fi
  task_made "$1"
}

scale_service() {
  local before
  take before "service/$1/scale"
  put "service/$1/scale" "$2"
  if [[ "${before}" == "$2" ]]; then return; fi
  if [[ "$2" == 0 ]]; then task_ends "$1"; else task_made "$1"; fi
}

# node_follows HOST WORD: what the managers see of a machine whose Swarm state has changed.
node_follows() {
  local node service scale state
  take node "host/$1/node"
  if [[ -z "${node}" || ! -d "${STATE_DIR}/node/${node}" ]]; then return; fi
  case "$2" in
    manager | worker)
      put "node/${node}/status" ready
      put "node/${node}/role" "$2"
      service_of_host "$1"
      take scale "service/${SERVICE_NAME}/scale" 0
      take state "host/$1/container"
      if [[ "${scale}" == 1 && -z "${state}" && ! -e "${WORLD}/pending/task-running@${SERVICE_NAME}" ]]; then
        task_made "${SERVICE_NAME}"
      fi
      if [[ "${scale}" == 0 ]]; then
        put "service/${SERVICE_NAME}/task-state" shutdown
        take state "host/$1/container"
        # A survivor hears only now that its service is to stop.
        if [[ -n "${state}" ]]; then event 2 container-gone "$1"; fi
      fi
      ;;
    *) ;;
  esac
}

# ---- the jobs of the API ("tasks" there, too)

# job TYPE SCOPE ENTITY [DATA]: makes one, sets JOB.
job() {
  local number
  take number job-number 0
  number=$((number + 1))
  put job-number "${number}"
  printf -v JOB '01a20bd6-1ae1-7e51-87b9-%012d' "${number}"
  mkdir -p "${STATE_DIR}/job/${JOB}"
  put "job/${JOB}/type" "$1"
  put "job/${JOB}/scope" "$2"
  put "job/${JOB}/entity" "$3"
  put "job/${JOB}/status" pending
  printf '%s' "${4:-}" >"${STATE_DIR}/job/${JOB}/data"
  put "job/${JOB}/created" "${EPOCHSECONDS}"
  event 1 task-step "${JOB}"
}

job_step() {
  local status type end
  take status "job/$1/status"
  take type "job/$1/type"
  case "${status}" in
    pending)
      put "job/$1/status" running
      event 1 task-step "$1"
      ;;
    running)
      take end "job-end/${type}" completed
      if [[ "${end}" == hang ]]; then return; fi
      put "job/$1/status" "${end%% *}"
      put "job/$1/error" "${end#* }"
      if [[ -e "${STATE_DIR}/job-end/${type}.once" ]]; then
        rm -f -- "${STATE_DIR}/job-end/${type}" "${STATE_DIR}/job-end/${type}.once"
      fi
      job_ends "$1" "${type}" "${end%% *}"
      ;;
    *) ;;
  esac
}

job_ends() {
  local entity gone file
  take entity "job/$1/entity"
  case "$2:$3" in
    remove_host:completed) record_goes "${entity}" ;;
    update:completed)
      file="${STATE_DIR}/database/${entity}.json"
      gone=$(<"${STATE_DIR}/job/$1/data")
      jq -c --arg gone "${gone}" '($gone | split(" ")) as $gone | .state = "available"
        | .instances |= map(select(.host_id | IN($gone[]) | not))' "${file}" >"${file}.new"
      mv -- "${file}.new" "${file}"
      ;;
    update:*)
      file="${STATE_DIR}/database/${entity}.json"
      jq -c '.state = "failed"' "${file}" >"${file}.new"
      mv -- "${file}.new" "${file}"
      ;;
    *) ;;
  esac
}

# record_goes HOST: with it its etcd user and its membership.
record_goes() {
  local current
  take current current
  rm -f -- "${STATE_DIR}/record/$1" "${STATE_DIR}/users/${current}/host-$1"
  drop_member "${current}" "$1"
}
