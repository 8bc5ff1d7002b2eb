# shellcheck shell=bash
# A world for one test: builds it from a plan, carries scripts to its machines and runs them there,
# and says what must be so afterwards.
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

export WORLD_HOME="${BATS_TEST_DIRNAME}/world"
export WORLD_SUITE="${BATS_SUITE_TMPDIR:-/nowhere}/world-suite"
GENERATED="${GENERATED:-${BATS_TEST_DIRNAME}/../../.cache/bundles}"
if [[ ! -d "${GENERATED}" ]]; then
  echo 'no bundles: run the tests with test/scripts/run.sh, which compiles them' >&2
  exit 1
fi
GENERATED=$(cd "${GENERATED}" && pwd)
WORLD="${BATS_TEST_TMPDIR:-/nowhere}/world"
export WORLD
# Memory for the scripts' secrets: a tmpfs, as on a real machine.
WORLD_MEMORY="/dev/shm/plan-world/${BATS_SUITE_TEST_NUMBER:-0}-$$"

# ---- building

# build_world BUNDLE: the incident of the bundle's plan: what survived runs without quorum, what is
# lost is off. BUNDLE is a directory below generated/.
build_world() {
  bundle="$1"
  plan="${GENERATED}/${bundle}/plan.json"
  kept raise_world
}

# untraced: bats follows each command of a test, to say where it failed. In a subshell that builds the
# world this costs as much as the work.
untraced() {
  trap - DEBUG
  set +T
}

raise_world() {
  mkdir -p "${WORLD}"/{disk,pending,faults,processes,listeners,tmp,copies} \
    "${WORLD}"/state/{host,service,node,record,members,users/old,database,spec,job,names,job-end}
  : >"${WORLD}/journal"
  printf '0\n' >"${WORLD}/count"
  printf '1000.00 500.00\n' >"${WORLD}/uptime"
  (
    untraced
    name='world'
    # shellcheck source=test/scripts/world/state.bash
    source "${WORLD_HOME}/state.bash"
    # shellcheck source=test/scripts/world/docker.bash
    source "${WORLD_HOME}/docker.bash"
    found_world
  )
}

# kept COMMAND...: runs it once for all tests of this run; the others get a copy of the world it has
# made.
kept() {
  local key lock place
  key=$(printf '%s\n' "${bundle}" "${WORLD_GENERATION:-}" "${WORLD_VARIANT:-}" "${WORLD_INTACT:-}" "$@" \
    | cksum)
  place="${WORLD_SUITE}/played/${key// /-}"
  exec {lock}>"${place}.lock"
  flock "${lock}"
  if [[ -d "${place}" ]]; then
    rm -rf -- "${WORLD:?}"
    cp -a -- "${place}" "${WORLD}"
  else
    "$@"
    rm -rf -- "${place}.new"
    cp -a -- "${WORLD}" "${place}.new"
    mv -- "${place}.new" "${place}"
  fi
  exec {lock}>&-
}

found_world() {
  umask 077
  local id mode api client peer data service state machine sum total generation
  IFS= read -r sum <"${WORLD_SUITE}/ca/sum"
  generation="${WORLD_GENERATION:-0.7}"
  put generation "${generation}"
  put token "PGEDGE-${sum}-43fd95d275b5d48a4414c0df0b6b8b87"
  put swarm-id swarm-1
  put image "ghcr.io/pgedge/control-plane:v0.9.0"
  if [[ "${generation}" == 0.6 ]]; then put image "ghcr.io/pgedge/control-plane:v0.6.2"; fi
  RECOVERY=$(jq -r .recovery.host "${plan}")
  put recovery "${RECOVERY}"
  put scheme "$(jq -r .cluster.api.scheme "${plan}")"
  jq -r '.cluster.hosts[] | [.id, .mode, (.ports | .api, .etcdClient, .etcdPeer | tostring),
    .service, .state // "null", .machineId // "none"] | join(" ")' "${plan}" >"${WORLD}/tmp/hosts"
  total=no
  if [[ -n "${WORLD_INTACT:-}" ]]; then
    sed -i -E 's/ (alive|returning|replaced|gone|lost|null) ([^ ]*)$/ alive \2/' "${WORLD}/tmp/hosts"
  fi
  if [[ "$(jq -r '.cluster.hosts[] | select(.id == "'"${RECOVERY}"'") | .state' "${plan}")" == replaced &&
  -z "${WORLD_INTACT:-}" ]]; then
    total=yes
  fi
  while read -r id mode api client peer service state machine; do
    mkdir -p "${STATE_DIR}/host/${id}"
    jq -r --arg id "${id}" '.cluster.hosts[] | select(.id == $id) | .addresses[]' "${plan}" \
      >"${STATE_DIR}/host/${id}/addresses"
    data=$(jq -r --arg id "${id}" '.cluster.hosts[] | select(.id == $id) | .dataDirectory' "${plan}")
    put "host/${id}/mode" "${mode}"
    put "host/${id}/api-port" "${api}"
    put "host/${id}/client-port" "${client}"
    put "host/${id}/peer-port" "${peer}"
    put "host/${id}/data" "${data}"
    put "host/${id}/service" "${service}"
    put "host/${id}/machine-id" "${machine}"
    put "host/${id}/state" "${state}"
    put "record/${id}" "${mode}"
    put "users/old/host-${id}" "first-secret-of-${id}"
    found_host "${id}" "${mode}" "${state}" "${total}"
  done <"${WORLD}/tmp/hosts"
  mapfile -t HOSTS < <(hosts)
  while read -r id mode _; do
    if [[ "${mode}" == server ]]; then add_member old "${id}"; fi
    make_service "${id}" 1
    printf 'node.id==nd1x%s\n' "${id//-/}" >"${STATE_DIR}/service/$(service_of "${id}")/constraint"
    found_task "${id}"
  done <"${WORLD}/tmp/hosts"
  if [[ "${total}" == yes ]]; then
    rm -rf -- "${STATE_DIR}/service" "${STATE_DIR}/node"
    mkdir -p "${STATE_DIR}/service" "${STATE_DIR}/node"
  fi
  found_files
  if [[ "${WORLD_VARIANT:-}" != 'no database' ]]; then found_database; fi
}

service_of() {
  take SERVICE_NAME "host/$1/service"
  printf '%s\n' "${SERVICE_NAME}"
}

# found_host ID MODE STATE TOTAL
found_host() {
  local id="$1" mode="$2" state="$3" node="nd1x${1//-/}" address role=worker
  if [[ "${state}" == null ]]; then
    if [[ "${id}" == "${RECOVERY}" ]]; then state=alive; else state=returning; fi
    if [[ -n "${WORLD_INTACT:-}" ]]; then state=alive; fi
  fi
  put "host/${id}/state" "${state}"
  take address "host/${id}/addresses"
  if [[ "${mode}" == server ]]; then role=manager; fi
  mkdir -p "${STATE_DIR}/node/${node}"
  put "node/${node}/hostname" "${id}"
  put "node/${node}/address" "${address}"
  put "node/${node}/role" "${role}"
  put "node/${node}/status" ready
  put "host/${id}/node" "${node}"
  put "host/${id}/swarm-id" swarm-1
  swarm_certificate "${id}"
  put "host/${id}/cp" off
  put "host/${id}/power" off
  put "host/${id}/seen" "$((EPOCHSECONDS - 3600))"
  # A replaced recovery host has its certificates and configuration back from a backup.
  give_certificates "${id}"
  give_config "${id}" "${mode}" "first-secret-of-${id}"
  data_of "${id}"
  mkdir -p "${DATA}/instances/db-1"
  printf 'the data of Postgres\n' >"${DATA}/instances/db-1/base"
  if [[ "${mode}" == server ]]; then give_etcd "${id}" old 4321; fi
  chmod 0755 "${DATA}"
  if [[ "${state}" != alive ]]; then put "node/${node}/status" down; fi
  case "${state}:${mode}" in
    alive:server)
      put "host/${id}/power" on
      put "host/${id}/cp" noquorum
      put "host/${id}/old-runs" yes
      put "host/${id}/swarm" leaderless
      put "host/${id}/container" "c0ffee-${id}"
      put "host/${id}/api" up
      if [[ -n "${WORLD_INTACT:-}" ]]; then
        put "host/${id}/cp" intact
        put "host/${id}/swarm" manager
      fi
      ;;
    alive:client)
      put "host/${id}/power" on
      put "host/${id}/cp" serving
      put "host/${id}/swarm" worker
      put "host/${id}/container" "c0ffee-${id}"
      put "host/${id}/api" up
      ;;
    replaced:*)
      put "host/${id}/swarm" inactive
      if [[ "${id}" == "${RECOVERY}" ]]; then
        rm -rf -- "${DATA}/etcd"
        put "host/${id}/power" on
        put "host/${id}/swarm-id" ''
        put "host/${id}/node" ''
      fi
      swarm_certificate "${id}"
      ;;
    *) put "host/${id}/swarm" leaderless ;;
  esac
}

# The task that ran when it happened: on a machine that is off, Swarm says without end that it runs.
found_task() {
  local number service
  service=$(service_of "$1")
  take number task-number 0
  number=$((number + 1))
  put task-number "${number}"
  printf 'task%s nd1x%s %s\n' "${number}" "${1//-/}" "$((EPOCHSECONDS - 7200))" \
    >"${STATE_DIR}/service/${service}/task"
  put "service/${service}/task-state" running
}

# Files outside the data directories: a saved snapshot, the stack file, the API's certificates.
found_files() {
  local path host
  host="${RECOVERY}"
  path=$(jq -r '.recovery.snapshot.path // empty' "${plan}")
  if [[ -n "${path}" ]]; then
    mkdir -p "${WORLD}/disk/${host}${path%/*}"
    saved_snapshot "${WORLD}/disk/${host}${path}" 4000
  fi
  path=$(jq -r '.cluster.stackFile // empty' "${plan}")
  if [[ -n "${path}" ]]; then
    mkdir -p "${WORLD}/disk/${host}${path%/*}"
    printf 'services: {}\n' >"${WORLD}/disk/${host}${path}"
  fi
  jq -r '.cluster.api | select(.scheme == "https") | .caCert, .clientCert, .clientKey' "${plan}" >"${WORLD}/tmp/tls"
  while IFS= read -r path; do
    for host in $(hosts); do
      mkdir -p "${WORLD}/disk/${host}${path%/*}"
      printf 'certificate\n' >"${WORLD}/disk/${host}${path}"
    done
  done <"${WORLD}/tmp/tls"
  mkdir -p "${WORLD}/root"
  printf 'SWMTKN-1-worldmanager-0s3cr3t\n' >"${WORLD}/root/manager-token"
  printf 'SWMTKN-1-worldworker-0s3cr3t\n' >"${WORLD}/root/worker-token"
  chmod 600 "${WORLD}"/root/*-token
}

# hex_bytes: a sum in hex on standard input, as bytes.
hex_bytes() (
  # shellcheck source=test/scripts/world/etcdctl.bash
  source "${WORLD_HOME}/etcdctl.bash"
  xxd_bytes
)

# saved_snapshot FILE REVISION: as etcdctl saves it, with its sum.
saved_snapshot() {
  make_db "$1" old "$2"
  sha256sum <"$1" | hex_bytes >"$1.sum"
  cat -- "$1.sum" >>"$1"
  rm -- "$1.sum"
}

# One database: a node on the recovery host, one on each other server host, one on a client host that
# is alive. Its full spec, with secrets, is in etcd only.
found_database() {
  local -a places=()
  local id mode state
  for id in $(hosts); do
    take mode "host/${id}/mode"
    take state "host/${id}/state"
    if [[ "${mode}" == server || "${state}" == alive ]]; then places+=("${id}"); fi
  done
  jq -n --args '[$ARGS.positional | to_entries[] | {name: "n\(.key + 1)", host_ids: [.value]}]' \
    "${places[@]}" >"${WORLD}/tmp/nodes"
  jq -cn --slurpfile nodes "${WORLD}/tmp/nodes" '{id: "app", created_at: "2026-11-01T08:00:00Z",
    updated_at: "2026-11-02T08:00:00Z", state: "available",
    instances: [$nodes[0][] | {id: "app-\(.name)-689qacsi", host_id: .host_ids[0],
      node_name: .name, created_at: "2026-11-01T08:00:10Z", updated_at: "2026-11-01T08:00:19Z",
      state: "available"}],
    spec: {database_name: "app", postgres_version: "18.4", spock_version: "5", port: 5432,
      memory: "8.6GB", nodes: ($nodes[0] | .[1].source_node = "n1"),
      database_users: [{username: "admin", db_owner: true}]}}' >"${STATE_DIR}/database/app.json"
  jq -cn --slurpfile nodes "${WORLD}/tmp/nodes" '{database_name: "app", memory: 8589934592,
    nodes: $nodes[0], database_users: [{username: "admin", password: "database-secret"}]}' \
    >"${STATE_DIR}/spec/app"
}

# ---- acting in it

# in_world FUNCTION ARGUMENT...: a function of state.bash, from outside.
in_world() (
  untraced
  umask 077
  name='world'
  export WORLD_HOST="${WORLD_HOST:-nobody}"
  # shellcheck source=test/scripts/world/state.bash
  source "${WORLD_HOME}/state.bash"
  # shellcheck source=test/scripts/world/docker.bash
  source "${WORLD_HOME}/docker.bash"
  "$@"
)

# settle: time passes until nothing is under way.
settle() {
  local k
  for ((k = 0; k < 40; k++)); do
    local -a left=("${WORLD}"/pending/*)
    [[ -e "${left[0]}" ]] || return 0
    in_world tick
  done
  fail "the world does not settle: ${left[*]}"
}

# switch_on HOST: power and network are back; a replaced machine is a new one.
switch_on() {
  in_world switched_on "$1"
  settle
}

switched_on() {
  local state power current own node
  take power "host/$1/power"
  take state "host/$1/state"
  if [[ "${power}" == on ]]; then return; fi
  put "host/$1/power" on
  take current swarm-id
  take own "host/$1/swarm-id"
  data_of "$1"
  case "${state}" in
    replaced)
      rm -rf -- "${DATA}"
      mkdir -p "${DATA}"
      put "host/$1/swarm" inactive
      put "host/$1/swarm-id" ''
      put "host/$1/node" ''
      swarm_certificate "$1"
      ;;
    *)
      if [[ "${own}" == "${current}" ]]; then
        take node "host/$1/mode"
        put "host/$1/swarm" pending
        if [[ "${node}" == server ]]; then
          put "host/$1/swarm-next" 'worker manager'
        else
          put "host/$1/swarm-next" worker
        fi
        event 1 swarm "$1"
      fi
      ;;
  esac
}

# copy_of BUNDLE/SCRIPT: the committed script as it is carried to its host. Only what names places
# differs: the data directory, the API's certificates, the snapshot and its sum, the tools, Docker's
# socket, the clock, memory for secrets, and what passes into the script's own environment. Checked:
# undone again it is the committed text, byte for byte. Its commands are those it says it needs.
copy_of() {
  local from="${GENERATED}/$1" to="${WORLD}/copies/${1//\//.}" root pinned='' sum='' snapshot
  HOST=$(sed -n "s/^readonly HOST='\(.*\)'\$/\1/p;/^main()/q" "${from}")
  root="${WORLD}/disk/${HOST}"
  pinned=$(sed -nE "s/^readonly SNAPSHOT_SUM='([0-9a-f]{64})'\$/\1/p;/^main\(/q" "${from}")
  if [[ -n "${pinned}" ]]; then
    snapshot=$(bundle_of "$1")
    snapshot=$(jq -r '.recovery.snapshot.path' "${GENERATED}/${snapshot}/plan.json")
    sum=$(sha256sum <"${root}${snapshot}")
    sum="${sum%% *}"
  fi
  mkdir -p "${WORLD_MEMORY}"
  awk -v root="${root}" -v pinned="${pinned}" -v sum="${sum}" -v world="${WORLD}" \
    -v memory="${WORLD_MEMORY}" -v passes="${WORLD_PASSES}" -v socket="${WORLD_SUITE}/docker.sock" '
    /^# --- functions/ { steps = 1 }
    !steps && /^readonly (DATA_DIR|TOOLS_DIR|HOST_TOOLS_DIR|SNAPSHOT_FILE)=.\// { sub("=.", "&" root) }
    !steps && pinned != "" && /^readonly SNAPSHOT_SUM=/ { gsub(pinned, sum) }
    !steps && /^readonly DOCKER_SOCKET=/ { sub("=.*", "=\047" socket "\047") }
    !steps && /^  exec \/usr\/bin\/env -i / { sub(" -i ", " -i " passes " ") }
    !steps && /^    .PATH=\/usr/ { sub(".PATH=.* \\\\$", "\"PATH=${WORLD_BIN}\" \\") }
    !steps && /^    "..BASH." -p / { sub(" -p ", " ") }
    !steps && /^readonly -a API_TLS=/ { inside = 1 }
    inside && /^ +.\// { sub("\047/", "\047" root "/") }
    /^\)/ { inside = 0 }
    !steps && /^  #/ { gsub("\047/", "\047" root "/") }
    !steps && /^  (choose_snapshot|deploy_stack) / { call = 1 }
    call { gsub("\047/", "\047" root "/"); if (pinned != "") gsub(pinned, sum) }
    call && !/\\$/ { call = 0 }
    { sub("</proc/uptime", "<" world "/uptime"); sub("/dev/shm /run;", memory ";") }
    { print }' "${from}" >"${to}"
  sed -e "s|'${root}/|'/|g" -e "s|${sum:-no sum here}|${pinned}|g" -e "s|<${WORLD}/uptime|</proc/uptime|" \
    -e "s|in ${WORLD_MEMORY};|in /dev/shm /run;|" -e "s|'${WORLD_SUITE}/docker.sock'|'/var/run/docker.sock'|" \
    -e "s|^\(  exec /usr/bin/env -i \).*\(\"PLAN_PID\)|\1\2|" -e 's|^    "${BASH}" "$0"|    "${BASH}" -p "$0"|' \
    -e "s|\"PATH=\${WORLD_BIN}\"|'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'|" \
    "${to}" >"${to}.undone"
  cmp -- "${to}.undone" "${from}" || fail "the copy of $1 differs in more than places"
  bin_of "${to}"
  COPY="${to}"
}

# adapted_environment FILE: a script without data of its own, with only the environment, the clock and
# the memory of a test.
adapted_environment() {
  sed -e "s|^\(  exec /usr/bin/env -i \)|\1${WORLD_PASSES//&/\\&} |" \
    -e 's|^    .PATH=/usr.* \\$|    "PATH=${WORLD_BIN}" \\|' -e 's|^    "${BASH}" -p |    "${BASH}" |' \
    -e "s|in /dev/shm /run;|in ${WORLD_MEMORY};|" -e "s|</proc/uptime|<${WORLD}/uptime|" "$1"
}

# What goes on from a test into the environment that a script gives itself.
WORLD_PASSES='"BASH_ENV=${BASH_ENV}" "WORLD=${WORLD}" "WORLD_HOST=${WORLD_HOST}" "WORLD_BIN=${WORLD_BIN}" "WORLD_HOME=${WORLD_HOME}" "WORLD_SUITE=${WORLD_SUITE}" "WORLD_PACE=${WORLD_PACE}"'

# bin_of COPY: a folder of commands, WORLD_BIN: those the script says it needs, and no other.
bin_of() {
  local -a tools=()
  mapfile -t tools < <(sed -nE "/^readonly -a TOOLS=\(/,/\)\$/{s/readonly -a TOOLS=//;s/[()]//g;s/' '/\n/g;s/[ ']//g;p}" "$1" | grep .)
  WORLD_BIN="${1}.bin"
  if [[ ! -d "${WORLD_BIN}" ]]; then
    mkdir -p "${WORLD_BIN}"
    ln -s "${tools[@]/#/${WORLD_SUITE}/bin/}" "${WORLD_SUITE}"/bin/{tick,proc-net-tcp} "${WORLD_BIN}/"
  fi
  export WORLD_BIN
}

# run_script BUNDLE/SCRIPT [OPTION...]: on its host. Like run; what it says is in output.
run_script() {
  copy_of "$1"
  shift
  run run_copy "${HOST}" "${COPY}" "$@"
}

# What an operator's shell has in its environment besides, for a test to set.
WORLD_SHELL_ENV=('SHLVL=1')

# run_copy HOST COPY [OPTION...]: in a process group of its own, which a fake may kill.
run_copy() {
  local status=0
  local host="$1"
  shift
  # bash would tell of the job's end; the script itself speaks through 3.
  (
    set -m
    env -i "PATH=${WORLD_BIN}" "WORLD_BIN=${WORLD_BIN}" \
      "HOME=${WORLD}/root" "TMPDIR=${WORLD}/tmp" "WORLD=${WORLD}" "WORLD_HOST=${host}" \
      "WORLD_HOME=${WORLD_HOME}" "WORLD_SUITE=${WORLD_SUITE}" "WORLD_PACE=${WORLD_PACE:-10}" \
      "BASH_ENV=${WORLD_HOME}/bash-env.bash" "${WORLD_SHELL_ENV[@]}" "${BASH}" "$@" </dev/null 2>&3 3>&- &
    wait "$!"
  ) 3>&2 2>/dev/null || status=$?
  if [[ -e "${WORLD}/broken" ]]; then
    printf 'WORLD: %s\n' "$(<"${WORLD}/broken")"
    return 97
  fi
  return "${status}"
}

# options_for BUNDLE/SCRIPT: what an operator adds: who stays off, and the Swarm's token.
options_for() {
  local script="${GENERATED}/$1" host
  OPTIONS_FOR=()
  if grep -q "^readonly -a OPTIONS=.*'--fenced'" "${script}"; then
    for host in $(in_world hosts); do
      [[ "$(in_world power_of "${host}")" == on || "$(<"${WORLD}/state/host/${host}/mode")" == client ]] \
        || OPTIONS_FOR+=(--fenced "${host}")
    done
  fi
  if grep -q "^readonly -a OPTIONS=.*'--drop-writes-since-restore'" "${script}"; then
    OPTIONS_FOR+=(--drop-writes-since-restore)
  fi
  if grep -q "^readonly -a OPTIONS=.*'--swarm-token-file'" "${script}"; then
    if grep -qE "^  enter_swarm 'worker'" "${script}"; then
      OPTIONS_FOR+=(--swarm-token-file "${WORLD}/root/worker-token")
    else
      OPTIONS_FOR+=(--swarm-token-file "${WORLD}/root/manager-token")
    fi
  fi
}

scale_of() {
  local scale
  take SERVICE_NAME "host/$1/service"
  take scale "service/${SERVICE_NAME}/scale"
  printf '%s\n' "${scale}"
}

power_of() {
  local power
  take power "host/$1/power" off
  printf '%s\n' "${power}"
}

# ---- playing a plan up to a turn

# bundle_of PATH: the bundle of a script, both below generated/.
bundle_of() {
  local folder="${1%/*}"
  while [[ ! -e "${GENERATED}/${folder}/plan.json" ]]; do
    folder="${folder%/*}"
  done
  printf '%s\n' "${folder}"
}

# script_of ROLE [SUBJECT]: the path of that script in the bundle.
script_of() {
  jq -r --arg role "$1" --arg subject "${2:-}" '[.phases[].turns[], .asides[]]
    | map(select(.role == $role and ($subject == "" or .subject == $subject)))[0].path' "${plan}"
}

# way_to BUNDLE/SCRIPT: the scripts that come before it, one a line. Of an if-needed turn, the
# other ways of its host are left out.
way_to() {
  jq -r --arg path "${1#"${bundle}/"}" '
    [.phases[].turns[]] | sort_by(.order) as $turns
    | ($turns[] | select(.path == $path)) as $turn
    | $turns[] | select(.order < $turn.order)
    | select(.when == "always" or (.subject == $turn.subject and $turn.when == "if-needed"))
    | select($turn.when == "always" or .subject != $turn.subject
        or (.role | IN("reattach", "client") | not))
    | .path' "${plan}"
}

# play SCRIPT...: the world of the bundle after these scripts, each run with --apply on its machine,
# one after the other.
play() {
  if (($# == 0)); then
    build_world "${bundle}"
  else
    kept play_last "$@"
  fi
}

play_last() {
  local -a scripts=("$@")
  play "${scripts[@]:0:$#-1}"
  act_on "${scripts[-1]}"
}

# act_on SCRIPT: the operator goes to the machine and runs it.
act_on() {
  prepare_machine "$1"
  run_script "${bundle}/$1" --apply "${OPTIONS_FOR[@]}"
  [[ "${status}" == 0 ]] || fail "on the way: $1 ended with ${status}
${output}"
  settle
}

# prepare_machine SCRIPT: its machine is on (of a client host brought back from the recovery host,
# that one too), and the options are at hand.
prepare_machine() {
  local host
  host=$(sed -n "s/^readonly HOST='\(.*\)'\$/\1/p" "${GENERATED}/${bundle}/$1")
  switch_on "${host}"
  host=$(jq -r --arg path "$1" '.phases[6].turns[] | select(.path == $path) | .subject' "${plan}")
  if [[ -n "${host}" ]]; then
    switch_on "${host}"
  fi
  options_for "${bundle}/$1"
}

# world_for BUNDLE SCRIPT: a world in which the script is the next one.
world_for() {
  local -a way=()
  bundle="$1"
  plan="${GENERATED}/${bundle}/plan.json"
  mapfile -t way < <(way_to "$1/$2")
  play "${way[@]}"
  prepare_machine "$2"
}

# killed_at WHEN BUNDLE/SCRIPT [OPTION...]: run with --apply and killed there, as by a power cut.
killed_at() {
  printf '%s\n' "$1" >"${WORLD}/die"
  run_script "$2" --apply "${@:3}"
  rm -f -- "${WORLD}/die"
  assert_ended 137
  end_world
  settle
}

# look_act_again BUNDLE/SCRIPT: a look changes nothing and prints what acting will run, unless a step
# says that it cannot know; acting does what it says; a second run has nothing to do.
look_act_again() {
  local told look
  fingerprint >"${WORLD}/tmp/before"
  : >"${WORLD}/journal"
  run_script "$1" "${OPTIONS_FOR[@]}"
  [[ "${status}" == 0 ]] || assert_ended 3
  assert_equal "$(changes)" ''
  assert_unchanged "${WORLD}/tmp/before"
  assert_sound
  look="${output}"
  told=$(said_to_run <<<"${output}")
  if [[ "${status}" == 0 ]]; then assert_equal "${told}" ''; fi

  run_script "$1" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_as_said
  assert_page all
  assert_sound
  if [[ "${look}" != *'Skipped until step'* ]]; then
    assert_equal "${told}" "$(said_to_run <<<"${output}")"
  fi
  settle

  : >"${WORLD}/journal"
  run_script "$1" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_equal "$(said_to_run <<<"${output}")" ''
  assert_sound
}

# ---- what was done

# journal [PATTERN]: calls, one a line: HOST: NAME ARGUMENT...; M marks what changed the world.
journal() {
  local field line=''
  while IFS= read -r -d '' field; do
    if [[ "${field}" == $'\x1e' ]]; then
      printf '%s\n' "${line# }"
      line=''
    else
      printf -v line '%s %q' "${line}" "${field}"
    fi
  done <"${WORLD}/journal"
}

# changes: what changed the world, in order, as a person would type it.
changes() {
  journal | sed -n 's/^M [^ ]* //p'
}

# said_to_run: the commands a script says it runs, or would run.
said_to_run() {
  sed -nE 's/^.*  (would run|run): //p'
}

# fingerprint [tree]: the world as a list of files with their sums. Left out: what is bound to the
# moment (logs, clocks, names of containers), and leftovers a killed attempt may leave behind.
fingerprint() {
  (
    cd "${WORLD}" || exit 1
    find disk -mindepth 1 -printf '%p|%y|%m|%u|%g|%l\n' | sort
    find disk -type f -print0 | sort -z | xargs -0 sha256sum
    find state -type f -print0 | sort -z | xargs -0 sha256sum
  )
}

# data_tree HOST: what a host's data directory holds, without the plan's own folder.
data_tree() {
  (
    cd "${WORLD}/disk/$1" || exit 1
    find . \( -path '*/plan-recovery' -o -path ./var/lib/docker \) -prune -o -mindepth 1 \
      -printf '%p|%y|%m|%u|%g\n' | sort
    find . \( -path '*/plan-recovery' -o -path ./var/lib/docker \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
  )
}

# lasting: of a fingerprint, what must be the same however often the script was interrupted.
lasting() {
  grep -vE 'plan-recovery/[^/|]*\|d\||/log(/|\||$)|/log/|half-done-|failed-restore-|\.earlier-|\.partial|plan-recovery/snapshots' \
    | grep -vE '  state/(host/[^/]*/(seen|container|api|old-runs)|service/[^/]*/(task|task-state)|task-number|job|logins|names)' \
    | grep -vE '^[0-9a-f]{64}  disk/.*/(specs|removed)/' \
    | grep -vE '  state/members/|  state/job-number|/record\.jsonl|/closed$|/rewritten$|/loss$|/started$|/token-window$|/restarted/'
}

# members_now: the recovered cluster, without ids that chance makes.
members_now() {
  local current
  IFS= read -r current <"${WORLD}/state/current" 2>/dev/null || return 0
  cut -d '|' -f 2- "${WORLD}/state/members/${current}"
}

assert_ran() {
  if ! journal | grep -qE -- "$1"; then
    journal | batslib_decorate "never ran: $1" | fail
  fi
}

assert_not_ran() {
  if journal | grep -qE -- "$1"; then
    journal | grep -E -- "$1" | batslib_decorate "ran: $1" | fail
  fi
}

# assert_order PATTERN...: each first occurrence after the one before it.
assert_order() {
  local pattern line last=0
  for pattern in "$@"; do
    line=$(journal | grep -nE -m 1 -- "${pattern}" | cut -d: -f1)
    if [[ -z "${line}" ]] || ((line <= last)); then
      journal | batslib_decorate "not in this order: ${pattern}" | fail
    fi
    last="${line}"
  done
}

# assert_unchanged FINGERPRINT_FILE
assert_unchanged() {
  if ! diff <(fingerprint) "$1" >"${WORLD}/tmp/diff"; then
    batslib_decorate 'the world has changed' <"${WORLD}/tmp/diff" | fail
  fi
}

# assert_ended STATUS: the script just run; if not, all it said.
assert_ended() {
  if [[ "${status}" != "$1" ]]; then
    batslib_decorate "ended with ${status}, not $1" <<<"${output}" | fail
  fi
}

# assert_refuses STATUS SENTENCE: what was just run.
assert_refuses() {
  assert_ended "$1"
  assert_output --partial "$2"
}

# assert_as_said: what a run of --apply has changed is what it said it runs, in that order, but for
# what the library does on its own: its folders and log, and the files it writes through `write_file`.
assert_as_said() {
  local line said
  local -a told=() external=()
  mapfile -t told < <(said_to_run <<<"${output}")
  for line in "${told[@]}"; do
    case "${line}" in
      install\ -m\ *\ /dev/stdin\ * | curl\ * | docker\ swarm\ join\ * | sync\ * | kill\ * | sleep\ * | etcd\ *) ;;
      *) external+=("${line}") ;;
    esac
  done
  changes | grep -vE '^(curl|etcd) ' \
    | grep -vE "^install -d -m 0700 -- .*/log'?\$|^touch -- .*\.log'?\$" >"${WORLD}/tmp/changes" || true
  said=$(printf '%s\n' "${told[@]}" | sed -n 's|^install -m .* /dev/stdin ||p')
  while IFS= read -r line; do
    if [[ "${line}" == "${external[0]:-}" ]]; then
      external=("${external[@]:1}")
    elif [[ "${line}" =~ ^(chmod|chown|mv)\ .*\.partial && -n "${said}" ]]; then
      :
    else
      printf 'done:      %s\nsaid next: %s\n' "${line}" "${external[0]:-nothing}" \
        | batslib_decorate 'not what was said' | fail
    fi
  done <"${WORLD}/tmp/changes"
  if ((${#external[@]} > 0)); then
    printf '%s\n' "${external[@]}" | batslib_decorate 'said and not done' | fail
  fi
}

# page_of COPY: the commands on its page, one a line: STEP, the mark ($ runs on the expected way, ? only
# if needed), and a glob of the command as it is printed; what is known at run time only is *.
page_of() {
  local step=0 line='' command='' mark name STATE incident data token
  local first='^  # ([$?]) (.*)$'
  local -a words=()
  data=$(sed -n "s/^readonly DATA_DIR='\(.*\)'\$/\1/p" "$1")
  token=$(sed -n "s/^readonly CLUSTER_TOKEN='\(.*\)'\$/\1/p" "$1")
  incident=$(sed -n 's/^.*, incident \([0-9]*\): apply$/\1/p' <<<"${output}" | tail -n 1)
  STATE="${data}/plan-recovery/${token}-${incident:-1}"
  while IFS= read -r line; do
    if [[ "${line}" =~ ^\ \ begin\  ]]; then step=$((step + 1)); fi
    if [[ "${line}" =~ ${first} ]]; then
      mark="${BASH_REMATCH[1]}"
      command="${BASH_REMATCH[2]}"
    elif [[ -n "${command}" && "${line}" =~ ^\ \ #\ \ \ \ \ (.*)$ ]]; then
      command="${command}${BASH_REMATCH[1]}"
    else
      continue
    fi
    if [[ "${command}" == *\\ ]]; then
      command="${command%\\}"
      continue
    fi
    for name in $(grep -oE '\$\{[a-z_]+' <<<"${command}" | tr -d '${'); do
      [[ "${name}" == incident ]] || local "${name}=ANYTHING"
    done
    eval "words=(${command})"
    printf -v line '%q ' "${words[@]}"
    printf '%s\t%s\t%s\n' "${step}" "${mark}" "${line% }"
    command=''
  done < <(sed -n '/^commands() {$/,/^}$/p' "$1")
}

# assert_page [all]: the page is the truth. Every command that the script has run stands on its page,
# under its step; with all, those that always run did, in the order of the page.
assert_page() {
  local step=0 line page at found
  local -a steps=() globs=() always=()
  page_of "${COPY}" >"${WORLD}/tmp/page"
  while IFS=$'\t' read -r step at page; do
    page="${page//\\/\\\\}"
    page="${page//\*/\\*}" page="${page//\?/\\?}" page="${page//\[/\\[}"
    steps+=("${step}") globs+=("${page//ANYTHING/*}")
    if [[ "${at}" == '$' ]]; then always+=("${#globs[@]}"); fi
  done <"${WORLD}/tmp/page"
  step=0
  while IFS= read -r line; do
    if [[ "${line}" =~ \ \ ==\ ([0-9]+)\.\  ]]; then step="${BASH_REMATCH[1]}"; fi
    [[ "${line}" =~ \ \ run:\ (.*)$ ]] || continue
    line="${BASH_REMATCH[1]}"
    found=''
    for at in "${!globs[@]}"; do
      # shellcheck disable=SC2053  # it is a glob
      if [[ "${steps[at]}" == "${step}" && "${line}" == ${globs[at]} ]]; then
        found="$((at + 1))"
        [[ "${found}" != "${always[0]:-}" ]] || break
      fi
    done
    [[ -n "${found}" ]] || batslib_decorate "not on the page of ${COPY##*/}, step ${step}" <<<"${line}" | fail
    if [[ "${found}" == "${always[0]:-}" ]]; then always=("${always[@]:1}"); fi
  done <<<"${output}"
  if [[ "${1:-}" == all ]] && ((${#always[@]} > 0)); then
    for at in "${always[@]}"; do printf '%s\n' "${globs[at - 1]}"; done \
      | batslib_decorate "on the page of ${COPY##*/} and not run" | fail
  fi
}

# assert_sound: laws of the world nothing may break, and no secret shown to anyone.
assert_sound() {
  if [[ -e "${WORLD}/violations" ]]; then
    batslib_decorate 'never to be done' <"${WORLD}/violations" | fail
  fi
  local secrets='secret-of-|database-secret|0s3cr3t|43fd95d275b5d48a4414c0df0b6b8b87'
  if tr '\0' ' ' <"${WORLD}/journal" | grep -qE "${secrets}"; then
    tr '\0\036' ' \n' <"${WORLD}/journal" | grep -E "${secrets}" \
      | batslib_decorate 'a secret in an argument list' | fail
  fi
  find "${WORLD}/disk" -path '*/plan-recovery/*/log/*' -type f -print0 \
    | xargs -0 -r grep -lE "${secrets}" >"${WORLD}/tmp/secrets" || true
  if [[ -s "${WORLD}/tmp/secrets" ]]; then
    batslib_decorate 'a secret in a log' <"${WORLD}/tmp/secrets" | fail
  fi
  find "${WORLD}/disk" -type f -path '*/plan-recovery/*' ! -path '*/before/*' ! -path '*/half-done*' \
    ! -path '*/undone*' ! -path '*/failed-restore-*' ! -path '*/salvage/*' ! -name '*.db' ! -name '*.db.part*' ! -name '*.wal' -print0 \
    | xargs -0 -r grep -lE "${secrets}" >"${WORLD}/tmp/secrets" || true
  if [[ -s "${WORLD}/tmp/secrets" ]]; then
    batslib_decorate 'a secret in a file of ours' <"${WORLD}/tmp/secrets" | fail
  fi
  if [[ "${output:-}" =~ ${secrets} ]]; then fail 'a secret in what the script says'; fi
  if find "${WORLD}/disk" -path '*/plan-recovery/*/log/*' ! -perm 600 | grep -q .; then
    fail 'a log others can read'
  fi
}

# end_world: what a test leaves running.
end_world() {
  local file
  rm -rf -- "${WORLD_MEMORY:?}"
  for file in "${WORLD}"/processes/*; do
    # Never by its number alone: in a copied world another process may have it by now.
    if in_world lives "${file##*/}"; then kill -KILL "${file##*/}" 2>/dev/null || true; fi
  done
}

# fault PATTERN ACTION TEXT [TIMES]: calls that match NAME ARGUMENT... fail, hang, answer or are late.
fault() {
  local -a there=("${WORLD}"/faults/*)
  printf '%s\n%s\n%s\n%s\n' "$1" "$2" "${3:-}" "${4:-0}" >"${WORLD}/faults/${#there[@]}-${RANDOM}"
}

# set_state FILE TEXT
set_state() {
  if [[ "$1" == */* ]]; then mkdir -p "${WORLD}/state/${1%/*}"; fi
  printf '%s\n' "$2" >"${WORLD}/state/$1"
}
