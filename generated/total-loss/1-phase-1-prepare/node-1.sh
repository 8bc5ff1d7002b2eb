#!/usr/bin/env bash
# 1-phase-1-prepare/node-1.sh: stop everything, fence, and get a snapshot on node-1
#
# Plan acme-node-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     node-1 (192.168.104.31), as root
#   why       node-1 is the recovery host: named in the inventory.
#   guide     1.3 1.1 1.2
#   changes   1.3 Initialise Docker Swarm anew; 1.3 Deploy the stack with every service at 0; 1.3
#             Place control-plane_node-1 on its node of this Swarm; 1.3 Scale all server services to
#             0; 1.3 End the container and prove that it is gone; 1.1 Choose the snapshot, with its
#             evidence
#   inputs    sha256:07071f6c83da366cf0681ae1510779bd6905dde729e2b5ac934a0ee916f01577

# shellcheck enable=add-default-case
# shellcheck enable=avoid-nullary-conditions
# shellcheck enable=check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed
# shellcheck enable=check-unassigned-uppercase
# shellcheck enable=deprecate-which
# shellcheck enable=quote-safe-variables
# shellcheck enable=require-double-brackets
# shellcheck enable=require-variable-braces
# shellcheck disable=SC2034,SC2329  # the library is whole in every script; none uses all of it
# shellcheck disable=SC2016  # filters of jq and awk have names of their own
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s\n' "bash 4.4 or newer is needed, this is ${BASH_VERSION}" >&2
  exit 69
fi
set -Eeuo pipefail
shopt -s inherit_errexit

# --- values: what differs between scripts of the same kind
readonly PLAN='acme-node-1'
readonly SCRIPT='1-phase-1-prepare/node-1.sh'
readonly HOST='node-1'
readonly -a HOST_ADDRESSES=('192.168.104.31')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_node-1'
readonly API_PORT='3000'
readonly CLIENT_PORT='2379'
readonly PEER_PORT='2380'
readonly CLIENT_URL='https://192.168.104.31:2379'
readonly RECOVERY_HOST='node-1'
readonly RECOVERY_API='http://192.168.104.31:3000'
readonly -a SERVERS=('node-1' 'node-2' 'node-3')
readonly QUORUM_TARGET='2'
readonly -a API_TLS=()
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk'
  'curl'
  'docker'
  'etcd'
  'etcdctl'
  'etcdutl'
  'flock'
  'getent'
  'grep'
  'hostname'
  'jq'
  'sed'
  'setpriv'
  'stat'
  'timeout'
)
readonly -a OPTIONS=('--fenced')
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'
readonly DEADLINE_ETCD='60'

main() {
  start "$@"

  # The recovery host is a new machine and nothing is left of the old Swarm.
  begin '1.3' 'Initialise Docker Swarm anew'
  init_swarm '192.168.104.31'

  # The new Swarm has no services; at 0, none of them starts with data not yet restored.
  begin '1.3' 'Deploy the stack with every service at 0'
  deploy_stack \
    '/root/control-plane.yaml' \
    'control-plane' \
    'control-plane_node-1' \
    'control-plane_node-2' \
    'control-plane_node-3'

  # A machine new to the Swarm has a new node id, and the service is tied to the old one.
  begin '1.3' 'Place control-plane_node-1 on its node of this Swarm'
  place_service 'control-plane_node-1'

  # In one call, so that no server host starts with old data while others are stopped.
  begin '1.3' 'Scale all server services to 0'
  stop_services 'control-plane_node-1' 'control-plane_node-2' 'control-plane_node-3'

  # Swarm says converged while the container still runs, and moving etcd/ then corrupts it; without
  # quorum a graceful stop cannot succeed.
  begin '1.3' 'End the container and prove that it is gone'
  stop_container 'control-plane_node-1'

  # Lost hosts that are only unreachable, or come back too early, may be the old quorum. One that
  # still runs is waited for where it could tip the balance.
  begin '1.3' 'Make sure that the 2 other server hosts stay out'
  fence_hosts \
    '2' \
    'node-2' \
    '192.168.104.32' \
    '3000' \
    '2379' \
    '2380' \
    'node-3' \
    '192.168.104.33' \
    '3000' \
    '2379' \
    '2380'

  # Never kill by name: the process that holds them is named, and the script stops.
  begin '1.3' 'Prove that nothing holds the database or the ports'
  prove_free 'restore'

  # The inventory names a saved snapshot.
  begin '1.1' 'Choose the snapshot, with its evidence'
  choose_snapshot \
    'saved' \
    '/var/backups/etcd/acme.db' \
    '3b5d5c3712955042212316173ccf37be80a1f6b2c6f5d4e3a2b1c0d9e8f70615'

  # A snapshot cut short, changed, or of another storage version must not be restored.
  begin '1.2' 'Verify the snapshot'
  verify_snapshot

  finish \
    'Next: 2-phase-2-restore/node-1.sh here on node-1'
}

# --- steps: one function for each kind of step above, and what several of them call

# guide 1.3, total loss. The guide says nothing of it: where no machine is left there is no Swarm,
# and the new machine of the recovery host starts one.
init_swarm() {
  local word
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(swarm_word)
  case "${word}" in
    manager) already 'this machine manages a Swarm' ;;
    inactive)
      swarm_after='made'
      mutate docker_patiently swarm init --advertise-addr "$1"
      diagnose='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' swarm_word
      ;;
    down)
      stop "${UNAVAILABLE}" 'Docker does not answer' 'a running Docker' "${word}" \
        'start it (systemctl start docker), then run the script again'
      ;;
    *)
      stop "${MISMATCH}" 'this machine belongs to another Swarm' 'no Swarm, or its manager' \
        "${word}" 'if this Swarm is of no use to anyone: docker swarm leave --force; run again'
      ;;
  esac
}

# guide 1.3, total loss. The services of the plan are made anew from the stack file, at 0 replicas
# whatever the file says: one that starts before its data are there starts uninitialised. The
# replicas come from a second file, which Docker merges, so the stack file stays as it is.
deploy_stack() {
  local file="$1" stack="$2" service scale version replicas='' missing=''
  shift 2
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ ! -f "${file}" ]]; then
    stop "${MISMATCH}" 'the stack file is not there' "a file ${file}" 'nothing' \
      'bring the stack file of this cluster to that place, then run the script again'
  fi
  for service in "$@"; do
    if [[ -n "${swarm_after}" ]]; then scale='absent'; else scale=$(service_scale "${service}"); fi
    case "${scale}" in
      absent)
        missing="${missing} ${service}"
        scale=0
        ;;
      unknown)
        stop "${BUSY}" "Docker does not tell about ${service}" 'a number of replicas' "${scale}" \
          'see: docker service ls; run the script again'
        ;;
      *) ;;
    esac
    if [[ "${service}" != "${stack}_"* ]]; then
      stop "${MISMATCH}" "${service} is not a service of the stack ${stack}" "${stack}_NAME" \
        "${service}" 'correct the stack or the service in the inventory and compile again'
    fi
    replicas="${replicas}  ${service#"${stack}_"}: { deploy: { replicas: ${scale} } }"$'\n'
  done
  if [[ -z "${missing}" ]]; then
    already "the stack has the services $*"
    return
  fi
  # Both files must say the same version, or none.
  version=$(sed -n '/^version:/p' -- "${file}")
  replicas="${version:+${version}$'\n'}services:"$'\n'"${replicas%$'\n'}"
  say "services to be made, at 0 replicas:${missing}"
  mutate put_file "${STATE}/replicas.yml" 0600 replicas
  mutate docker_patiently stack deploy --compose-file "${file}" \
    --compose-file "${STATE}/replicas.yml" "${stack}"
  for service in "$@"; do
    wait_until "${DEADLINE_SWARM}" '0' "${service} is there, at 0 replicas" \
      service_scale "${service}"
  done
}

# guide 1.3, 6.1a and 7.1a, for a new machine. The guide starts the service again; but its placement
# names the node id of the machine that is gone, so it would wait for ever.
# place_service SERVICE [ADDRESS...]: without addresses on this machine, else on the node that has
# one of them.
place_service() {
  local service="$1" node text line
  local -a changes=()
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  # A machine that has yet to enter the Swarm has no node id there.
  if ((work > 0)) && [[ -n "${swarm_after}" || $# == 0 ]]; then
    cannot_know "which node id ${service} has to be placed on"
    return
  fi
  node=$(place_service_node "$@")
  [[ -n "${node}" ]] || stop "${BUSY}" "no ready node of this Swarm is the machine of ${service}" \
    "a node with the address $*" 'none' 'let the machine enter the Swarm, then run the script again'
  text=$(timeout 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "${service}")
  while IFS= read -r line; do
    if [[ "${line}" =~ ^node\.id\ *==\ *(.*)$ && "${BASH_REMATCH[1]}" != "${node}" ]]; then
      changes+=(--constraint-rm "${line}")
    fi
  done <<<"${text}"
  if ! grep -qxE "node\.id *== *${node}" <<<"${text}"; then
    changes+=(--constraint-add "node.id==${node}")
  fi
  if ((${#changes[@]} == 0)); then
    already "${service} belongs to node ${node}"
    return
  fi
  mutate docker_patiently service update --detach "${changes[@]}" "${service}"
  prove "${node}" "${service} belongs to node ${node}" 'see: docker service inspect' \
    node_of "${service}"
}

# place_service_node [ADDRESS...]: the id of this machine's node, or of the ready one at an address.
place_service_node() {
  local ids id text address
  if (($# == 0)); then
    own_node
    return
  fi
  ids=$(timeout 20 docker node ls --quiet)
  while IFS= read -r id; do
    text=$(timeout 20 docker node inspect --format '{{.Status.State}} {{.Status.Addr}}' -- "${id}")
    for address in "$@"; do
      if [[ "${text}" == "ready ${address}" ]]; then
        printf '%s\n' "${id}"
        return
      fi
    done
  done <<<"${ids}"
}

# guide 1.3, 5.2, 6.1a. The guide scales one service after another and goes on at once. Here it is
# one call, then a wait until no reachable machine runs a task of them: "converged" is said while
# containers run on for 8 to 13 s, and a data directory moved under them is destroyed. This host's
# own container is the next step's. A machine that is down shows its task as running for ever.
stop_services() {
  local service scale line
  local -a present=() changes=()
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ "${step}" == 1.* ]]; then
    refuse_quorum
  elif [[ "${step}" == 2.* && -d "${STATE}/before" ]]; then
    stop_services_undo
  fi
  if [[ "${swarm_after}" == 'made' ]]; then
    say 'the services are deployed at 0'
    return
  fi
  for service in "$@"; do
    # A Swarm still to be revived tells nothing: the normal case is that they are up.
    if [[ -n "${swarm_after}" ]] && ((work > 0)); then
      scale=1
    else
      scale=$(service_scale "${service}")
    fi
    case "${scale}" in
      absent) say "no service ${service} in this Swarm" ;;
      0) present+=("${service}") ;;
      *)
        present+=("${service}")
        changes+=("${service}=0")
        ;;
    esac
  done
  if ((${#present[@]} == 0)); then
    already 'there is no such service'
    return
  fi
  if ((${#changes[@]} == 0)); then
    already "at 0: ${present[*]}"
  else
    mutate docker_patiently service scale --detach "${changes[@]}"
  fi
  : >"${scratch}/unreachable"
  diagnose="docker service ps ${present[*]}"
  wait_until "${DEADLINE_STOP}" 'stopped' 'no other reachable machine runs them' \
    stop_services_word "${present[@]}"
  while IFS= read -r line; do
    say "cannot be told to stop, and must be fenced: ${line}"
  done <"${scratch}/unreachable"
}

# stop_services_word SERVICE...: stopped | running | unknown, of machines other than this one.
stop_services_word() {
  local tasks nodes own status=0
  local -a ids=()
  tasks=$(timeout 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  own=$(own_node)
  nodes=$(timeout 20 docker node ls --format '{{.ID}} {{.Status}} {{.Hostname}}' 2>/dev/null) \
    || status=$?
  if ((status == 0)) && [[ -n "${tasks}" ]]; then
    mapfile -t ids <<<"${tasks}"
    tasks=$(timeout 20 docker inspect --type task --format '{{.NodeID}} {{.Status.State}}' \
      -- "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown\n'
    return
  fi
  awk -v own="${own}" -v away="${scratch}/unreachable" '
    NR == FNR { ready[$1] = $2; name[$1] = $3; next }
    $2 !~ /^(running|starting|preparing|ready|accepted|assigned)$/ || $1 == own { next }
    ready[$1] == "Ready" { word = "running"; next }
    { print name[$1] " (node " $1 " is " (ready[$1] == "" ? "unknown" : ready[$1]) ")" >away }
    END { print (word == "" ? "stopped" : word) }' <(printf '%s\n' "${nodes}") - <<<"${tasks}"
}

# stop_services_undo: a way back is no longer one when other hosts have come back to this one.
stop_services_undo() {
  local word list
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  if [[ "${word}" != 'intact' ]]; then
    return
  fi
  list=$(members "${CLIENT_URL}")
  list=$(awk -F '|' '{ printf "%s ", $3 }' <<<"${list}")
  [[ "${list}" == "${HOST} " ]] || stop "${MISMATCH}" \
    'other hosts have joined the recovered cluster: undoing it here would strand them' \
    "one member, ${HOST}" "${list% }" 'go on with the plan instead; nothing was changed'
}

# guide 1.3, 6.1a, 7.1b. The guide waits for the service. Without quorum the process cannot end by
# itself and Swarm kills it after its grace period; so with the service at 0 the container is killed
# at once. etcd is crash-safe: nothing it has acknowledged is lost.
stop_container() {
  local service="$1" word scale ids id
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(container_word "${service}")
  if [[ "${word}" == 'gone' ]] && ((work == 0)); then
    already "no container of ${service} runs here"
    return
  fi
  if ((work == 0)); then
    # A worker cannot ask; that its service is at 0 is seen by the container staying away.
    scale=$(service_scale "${service}")
    if [[ "${scale}" != '0' && "${scale}" != 'absent' && "${scale}" != 'unknown' ]]; then
      stop "${MISMATCH}" "${service} is not at 0: Swarm would start the container again" '0' \
        "${scale}" "scale it to 0 first: docker service scale --detach ${service}=0"
    fi
  fi
  ids=$(containers "${service}")
  while IFS= read -r id; do
    [[ -z "${id}" ]] || mutate docker_kill "${id}"
  done <<<"${ids}"
  diagnose="docker ps --filter label=com.docker.swarm.service.name=${service}"
  wait_until "${DEADLINE_STOP}" 'gone' "the container of ${service} is gone" \
    stop_container_word "${service}"
}

# stop_container_word SERVICE: as container_word; where the service cannot be asked for, gone means
# gone for longer than Swarm waits before it starts a container again.
stop_container_word() {
  local word scale
  word=$(container_word "$1")
  if [[ "${word}" == 'gone' ]]; then
    scale=$(service_scale "$1")
    if [[ "${scale}" == 'unknown' ]]; then
      sleep 7
      word=$(container_word "$1")
    fi
  fi
  printf '%s\n' "${word}"
}

# guide 1.3. The guide stops what it can reach. Lost hosts that are only cut off may be the old
# quorum: it would take writes beside the restored cluster. So every other server host is looked at,
# all at once, and where nothing answers a person says that it stays away. A surviving manager obeys
# the revived Swarm only after about a minute; its Control Plane is waited for where it could tip
# the balance, and elsewhere databases do not wait: its own script ends it.
# fence_hosts QUORUM [HOST ADDRESS API CLIENT PEER]...
fence_hosts() {
  local quorum="$1" word
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  fence_hosts_ask "$@"
  fence_hosts_refuse_quorum "$@"
  word=$(fence_hosts_balance "${quorum}")
  if [[ "${word}" != 'safe' ]]; then
    diagnose='on each host that runs: docker ps; or docker kill its Control Plane container there'
    wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'safe' \
      "the server hosts that still run cannot make up a quorum of ${quorum}" \
      fence_hosts_word "${quorum}" "$@"
    fence_hosts_refuse_quorum "$@"
  fi
  fence_hosts_tell "$@"
}

# fence_hosts_ask [HOST ADDRESS PORT PORT PORT]...: leaves in scratch/fence, for each host, a line
# HOST open | closed | unreachable. Open is one open port; closed is three refusals by a machine
# that is up.
fence_hosts_ask() {
  local text word at
  local -a hosts=() ports=() words=()
  while (($# > 0)); do
    hosts+=("$1")
    ports+=("$2" "$3" "$2" "$4" "$2" "$5")
    shift 5
  done
  text=$(port_words "${ports[@]}")
  mapfile -t words <<<"${text}"
  for at in "${!hosts[@]}"; do
    case " ${words[*]:3*at:3} " in
      *' open '*) word='open' ;;
      ' closed closed closed ') word='closed' ;;
      *) word='unreachable' ;;
    esac
    printf '%s %s\n' "${hosts[at]}" "${word}"
  done >"${scratch}/fence"
}

# fence_hosts_balance QUORUM: safe, or who could be the old quorum. Hosts that run are it where they
# are enough by themselves, or with those that a person vouches for. Where the latter are enough
# without them, the person's word is what counts, and hosts that run change nothing.
fence_hosts_balance() {
  awk -v quorum="$1" '
    { count[$2]++ }
    END {
      running = count["open"] + 0; away = count["unreachable"] + 0
      if (running >= quorum || away < quorum && running + away >= quorum)
        print running " run, " away " are out of reach"
      else print "safe"
    }' "${scratch}/fence"
}

# fence_hosts_word QUORUM [HOST ADDRESS PORT PORT PORT]...: fence_hosts_balance, asked anew.
fence_hosts_word() {
  fence_hosts_ask "${@:2}"
  fence_hosts_balance "$1"
}

# fence_hosts_refuse_quorum [HOST ADDRESS API CLIENT PEER]...: the wrong tool, where the etcd of a
# host that runs has a quorum.
fence_hosts_refuse_quorum() {
  local word url
  while (($# > 0)); do
    word=$(fence_hosts_seen "$1")
    if [[ "${word}" == 'open' ]]; then
      url=$(url_host "$2")
      word=$(quorum_word "https://${url}:$4" "$2" "$4")
      [[ "${word}" != 'intact' ]] || stop "${MISMATCH}" \
        "the etcd of $1 has a quorum: this plan is for a quorum that is lost" \
        'no answer to an authenticated read' "https://${url}:$4 answers" \
        'start the other services again and look at what runs on that host'
    fi
    shift 5
  done
}

# fence_hosts_tell [HOST ADDRESS PORT PORT PORT]...: the evidence for each host, and the question
# for each where nothing answers.
fence_hosts_tell() {
  local word
  while (($# > 0)); do
    word=$(fence_hosts_seen "$1")
    case "${word}" in
      closed) say "proved: $1 is up, its ports $3, $4, $5 are closed, its service is at 0" ;;
      open) say "$1 still runs and is told to stop; with its old data it has no quorum" ;;
      *)
        if [[ "${fenced["$1"]:-no}" == 'yes' ]]; then
          say "you vouch that $1 is off or cut off and stays so; nothing answers at $2"
        else
          mutate ask_fenced "$1" "$2"
        fi
        ;;
    esac
    shift 5
  done
}

# fence_hosts_seen HOST: the word fence_hosts_ask has left for it.
fence_hosts_seen() {
  awk -v host="$1" '$1 == host { print $2 }' "${scratch}/fence"
}

# ask_fenced HOST ADDRESS: the person at the terminal vouches for HOST by typing its id. Through
# mutate only: looking says that it will be asked.
ask_fenced() {
  local typed=''
  if [[ ! -t 0 ]]; then
    stop "${MISMATCH}" "nobody has said that $1 cannot come back by itself" "--fenced $1" \
      "nothing answers at $2, and no terminal to ask at" \
      "see that $1 is off or cut off from the network and stays so, then add: --fenced $1"
  fi
  say "Nothing answers at $2. If $1 comes back with a partner, the old quorum takes writes again."
  say "Type its id ($1) if it is off, or cut off, and stays so until its own script is run:"
  IFS= read -r typed || true
  [[ "${typed}" == "$1" ]] || stop "${MISMATCH}" "$1 is not vouched for" "$1" "${typed}" \
    'switch it off or cut its network, then run the script again'
}

# guide 1.3 and 3.1. The guide's `pkill -9 etcd` never matches the embedded etcd, and does match
# other people's. Nothing is ended here: what holds the database or a port is named.
# prove_free restore|rewrite: before which of the two.
prove_free() {
  local word
  if [[ "$1" == 'restore' ]]; then
    settle
    if [[ "${settled}" == 'yes' ]]; then
      return
    fi
  else
    word=$(prove_free_phase)
    if [[ "${word}" == 'started' ]]; then
      already "phase 4 has started ${SERVICE}, which now holds them"
      return
    fi
  fi
  refuse_holders
}

# prove_free_phase: started | before, whether phase 4 has begun: its service is up on restored data.
prove_free_phase() {
  local word scale
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    scale=$(service_scale "${SERVICE}")
    if [[ "${scale}" =~ ^[1-9] ]]; then
      printf 'started\n'
      return
    fi
  fi
  printf 'before\n'
}

# guide 1.1. The guide takes the snapshot that is there. Here the candidates are compared by
# revision, the choice is shown with its evidence, and what it loses is said before anything is set
# aside. A pinned sum is checked first.
# choose_snapshot freshest|salvage|saved|raw PATH SHA256: the last two may be empty.
choose_snapshot() {
  local source="$1" path="$2" sum="$3" chosen='' loss='' word
  local own="${STATE}/salvaged.db" kept="${STATE}/snapshot.db" revision='' other=''
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ -f "${kept}" && -f "${STATE}/loss" ]]; then
    if [[ ! "${own}" -nt "${kept}" ]] && ((work == 0)); then
      already "chosen: $(<"${STATE}/loss")"
      return
    fi
    word=$(first_free "${STATE}/snapshot.earlier")
    mutate mv -T -- "${kept}" "${word}"
  fi
  require_minor etcdutl
  if [[ -n "${path}" ]]; then
    choose_snapshot_file "${path}" "${sum}"
    other=$(snapshot_field "${path}" revision)
    say "candidate ${path}: revision ${other}"
  fi
  if [[ "${source}" == 'freshest' || "${source}" == 'salvage' ]]; then
    if [[ -f "${own}" ]] && ((work == 0)); then
      revision=$(snapshot_field "${own}" revision)
      say "candidate ${own}: revision ${revision}"
    elif ((work > 0)); then
      cannot_know 'the revision of what is salvaged from this host'
    fi
  fi
  case "${source}" in
    saved | raw) chosen="${path}" ;;
    *)
      if ((work > 0)) || [[ -n "${revision}" && "${revision}" -ge "${other:-0}" ]]; then
        chosen="${own}"
      else
        chosen="${path}"
      fi
      ;;
  esac
  [[ -n "${chosen}" ]] || stop "${MISMATCH}" 'there is no snapshot to restore' \
    "a salvaged ${own}, or a file the inventory names" 'neither' \
    'name a saved snapshot or a raw copy in the inventory and compile again'
  loss=$(choose_snapshot_loss "${chosen}" "${own}" "${revision}" "${other}")
  say "${loss}"
  if [[ "${chosen}" == "${own}" ]]; then
    mutate ln -f -T -- "${own}" "${kept}.partial"
  else
    mutate cp -T --reflink=auto -- "${path}" "${kept}.partial"
    if [[ -n "${sum}" ]]; then
      prove "${sum}" 'the copy has the pinned sum' 'run the script again' \
        choose_snapshot_sum "${kept}.partial"
    fi
  fi
  mutate put_file "${STATE}/loss" 0600 loss
  mutate mv -T -- "${kept}.partial" "${kept}"
}

# choose_snapshot_file PATH SHA256: refuses a file that is not there or not the pinned one.
choose_snapshot_file() {
  local word sum
  [[ -f "$1" ]] || stop "${MISMATCH}" 'the snapshot the inventory names is not there' \
    "a file $1" 'none' 'bring it to that place, or compile for another source'
  word=$(snapshot_kind "$1")
  [[ "${word}" != 'broken' ]] || stop "${MISMATCH}" "$1 is no snapshot, or a part of one" \
    'a size of 32 (saved) or 0 (raw) modulo 512' "${word}" 'bring the whole file'
  if [[ -n "$2" ]]; then
    sum=$(choose_snapshot_sum "$1")
    [[ "${sum}" == "$2" ]] || stop "${MISMATCH}" "$1 is not the pinned snapshot" "$2" "${sum}" \
      'bring the right file, or correct the sum in the inventory and compile again'
    say "proved: $1 has the pinned sum"
  fi
}

choose_snapshot_sum() {
  local text
  text=$(sha256sum <"$1")
  printf '%s\n' "${text%% *}"
}

# choose_snapshot_loss CHOSEN OWN OWN_REVISION REVISION: the choice and what it loses, one line.
choose_snapshot_loss() {
  local text age
  if [[ "$1" != "$2" ]]; then
    age=$(date -u -r "$1" '+%F %T UTC')
    text="loss: everything written after revision $4 (${1}, written ${age})"
    if [[ -n "$3" ]]; then
      text="${text}; this host's own data end at revision $3"
    fi
  elif [[ -n "$3" ]]; then
    text="revision $3, salvaged from this host; $(<"${2%.db}.loss")"
  else
    text="salvaged from this host; the loss is stated when that has been done"
  fi
  printf '%s\n' "${text}"
}

# guide 1.2. The guide compares a hash with nothing. A saved snapshot ends with the SHA-256 of the
# rest, which coreutils can count; a raw copy has none, and that is said. Storage of another release
# than 3.6 is refused here and not by the Control Plane's etcd afterwards.
verify_snapshot() {
  local file="${STATE}/snapshot.db" kind version text line
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'whether the snapshot is whole'
    return
  fi
  require_minor etcdutl
  kind=$(snapshot_kind "${file}")
  case "${kind}" in
    saved)
      prove 'good' "${file} has the sum it carries" 'choose another snapshot: this one is damaged' \
        snapshot_sum_word "${file}"
      ;;
    raw)
      say 'WARNING: a copied database carries no sum; whether it is whole is shown by the restore,'
      say '         which is told to skip that check (--skip-hash-check)'
      ;;
    *)
      stop "${FAILED}" "${file} is no snapshot, or a part of one" \
        'a size of 32 (saved) or 0 (raw) modulo 512' "${kind}" 'choose another snapshot'
      ;;
  esac
  version=$(snapshot_field "${file}" version)
  [[ "${version}" == 3.6.* ]] || stop "${MISMATCH}" 'the snapshot has the wrong storage version' \
    '3.6' "${version}" 'the Control Plane reads 3.6 only: choose another snapshot'
  text=$(timeout 300 etcdutl snapshot status -w table -- "${file}")
  while IFS= read -r line; do
    say "${line}"
  done <<<"${text}"
}

# The Control Plane's own limits, for the stock quota of 2 GiB would raise an alarm that stays; and
# a short election, for a single member has nobody to wait for.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)
settled=''     # yes | no: whether settle has found the step's work done
quorum_seen='' # what refuse_quorum has found, asked once
swarm_after='' # revived | made: what this script is about to do to a Swarm without a leader

# turn_word: done | closed | passed | open. Done: this host is back already. Closed: the recovery
# is. Passed: a step of phase 1, and the old etcd is set aside: nothing here may stop it again.
turn_word() {
  local word
  if [[ "${way:-}" == 'done' ]]; then
    printf 'done\n'
  elif [[ -e "${STATE}/closed" ]]; then
    printf 'closed\n'
  elif [[ "${step}" != 1.* ]]; then
    printf 'open\n'
  else
    word=$(progress)
    if [[ "${word}" == 'fresh' ]]; then printf 'open\n'; else printf 'passed\n'; fi
  fi
}

# settle: says so where the step has nothing to do any more; the answer is in settled.
settle() {
  local word
  word=$(turn_word)
  settled='yes'
  case "${word}" in
    done) already "${HOST} is back" ;;
    closed) already 'this recovery is closed' ;;
    passed) already "${HOST} has passed phase 1" ;;
    *) settled='no' ;;
  esac
}

# quorum_word URL ADDRESS PORT: intact | lost | silent. An authenticated read needs consensus, so
# an answer, be it that the password is wrong, proves a quorum.
quorum_word() {
  local port text
  port=$(port_word "$2" "$3" 2)
  if [[ "${port}" != 'open' || ! -f "${CONFIG}" ]]; then
    printf 'silent\n'
    return
  fi
  text=$(as_host bash -c 'if timeout 8 "$@" 2>&1; then echo answered; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 2s \
    get plan-recovery)
  if [[ "${text}" == *'answered' || "${text}" == *'authentication failed'* ]]; then
    printf 'intact\n'
  else
    printf 'lost\n'
  fi
}

# refuse_quorum: the wrong tool while this host's own etcd has a quorum.
refuse_quorum() {
  if [[ -n "${quorum_seen}" ]]; then
    return
  fi
  quorum_seen=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  [[ "${quorum_seen}" != 'intact' ]] || stop "${MISMATCH}" \
    'etcd has its quorum: this plan is for a quorum that is lost' \
    'no answer to an authenticated read' "${CLIENT_URL} answers" \
    'nothing was changed; bring single hosts back by the Control Plane itself'
}

# url_host ADDRESS: as it stands in a URL.
url_host() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# holders PATH: the processes that hold PATH open, one a line. /proc is on every machine and shows
# processes in containers too; fuser, lsof and ss are not, or do not.
holders() {
  local found fd pid name
  if [[ ! -e "$1" ]]; then
    return
  fi
  found=$(find -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1" 2>/dev/null) || true
  while IFS= read -r fd; do
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    [[ -z "${fd}" ]] || printf '%s (pid %s) holds %s\n' "${name:-ended}" "${pid}" "$1"
  done <<<"${found}"
}

# listening: the local ports something listens on, in /proc's form, each with its socket's inode.
listening() {
  local text
  text=$(cat -- /proc/net/tcp /proc/net/tcp6 2>/dev/null) || true
  awk '$4 == "0A" { print substr($2, length($2) - 4), $10 }' <<<"${text}"
}

# listeners PORT: the processes that listen on PORT, one a line.
listeners() {
  local hex text inode fd pid name
  printf -v hex ':%04X' "$1"
  text=$(listening)
  text=$(awk -v port="${hex}" '$1 == port { print $2 }' <<<"${text}")
  while IFS= read -r inode; do
    if [[ -z "${inode}" ]]; then
      continue
    fi
    fd=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[${inode}\]" 2>/dev/null) || true
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    printf '%s (pid %s) listens on port %s\n' "${name:-unknown}" "${pid:-unknown}" "$1"
  done <<<"${text}"
}

# host_holders: every process that holds this host's database or listens on one of its ports.
host_holders() {
  local port
  holders "${ETCD_DIR}/member/snap/db"
  for port in "${API_PORT}" "${CLIENT_PORT}" "${PEER_PORT}"; do
    listeners "${port}"
  done
}

# refuse_holders: nothing may hold the database or the ports; a process just killed gets 5 s.
refuse_holders() {
  local text waited=0
  if ((work > 0)); then
    cannot_know 'whether a process holds the database or a port'
    return
  fi
  text=$(host_holders)
  while [[ -n "${text}" ]] && ((waited < 5)); do
    sleep 1
    waited=$((waited + 1))
    text=$(host_holders)
  done
  [[ -z "${text}" ]] || stop "${MISMATCH}" 'the database or a port of this host is in use' \
    "nobody at ${ETCD_DIR}/member/snap/db or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}" \
    "${text//$'\n'/; }" \
    'find out what started it and stop it there; never end processes by name'
  say "proved: nothing holds the database or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}"
}

# loopback_port FROM: the first port from FROM on that nothing listens on.
loopback_port() {
  local port="$1" hex text
  text=$(listening)
  printf -v hex ':%04X' "${port}"
  while [[ "${text}" == *"${hex} "* ]]; do
    port=$((port + 1))
    printf -v hex ':%04X' "${port}"
  done
  printf '%s\n' "${port}"
}

# first_free PREFIX: PREFIX-1, or the first number after it that is not taken.
first_free() {
  local number=1
  while [[ -e "$1-${number}" || -L "$1-${number}" ]]; do
    number=$((number + 1))
  done
  printf '%s-%s\n' "$1" "${number}"
}

# require_minor TOOL...: release 3.6 exactly. What 3.7 has touched the Control Plane's etcd refuses.
require_minor() {
  local tool minor
  for tool in "$@"; do
    minor=$(tool_minor "${tool}")
    [[ "${minor}" == '3.6' ]] || stop "${UNAVAILABLE}" "${tool} has the wrong release" '3.6' \
      "${minor:-unknown}" "put ${tool} 3.6 first in PATH, or name its directory in the inventory"
  done
}

# require_space BYTES: free on the data directory's file system.
require_space() {
  local free
  free=$(df --output=avail -B1 -- "${DATA_DIR}" | sed -n '2{s/[^0-9]//g;p}')
  ((free >= $1)) || stop "${MISMATCH}" "too little space free at ${DATA_DIR}" "$1 bytes" \
    "${free} bytes" 'make room on that file system; nothing was changed'
}

# snapshot_kind FILE: saved | raw | broken. A saved snapshot is pages of 512 bytes and a SHA-256 of
# 32; a copied database has no sum.
snapshot_kind() {
  local size
  size=$(stat -L -c %s -- "$1")
  case "$((size > 0 ? size % 512 : 1))" in
    32) printf 'saved\n' ;;
    0) printf 'raw\n' ;;
    *) printf 'broken\n' ;;
  esac
}

# snapshot_sum_word FILE: good | bad, whether a saved snapshot's last 32 bytes are the sum it has.
snapshot_sum_word() {
  local kept counted
  kept=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  counted=$(head -c -32 -- "$1" | sha256sum)
  if [[ "${counted%% *}" == "${kept}" ]]; then printf 'good\n'; else printf 'bad\n'; fi
}

# snapshot_field FILE FIELD: revision, totalKey, totalSize or version of a snapshot nobody holds;
# on one that is held, the tool would wait for ever.
snapshot_field() {
  local text
  text=$(holders "$1")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "$1 is in use" 'a file nobody holds' "${text}" \
    'copy it while its process is stopped'
  text=$(timeout 300 etcdutl snapshot status -w json -- "$1")
  jq -er --arg field "$2" '.[$field]' <<<"${text}"
}

# start_etcd NAME DIRECTORY ENDPOINT ARGUMENT...: stock etcd 3.6 on DIRECTORY, with this host's
# certificates, until it answers at ENDPOINT. Its words go to log/NAME.log.
start_etcd() {
  local endpoint="$3"
  mutate launch_etcd "${STATE}/log/$1.log" --name "${HOST}" --data-dir "$2" "${@:4}" \
    "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  diagnose="tail '${STATE}/log/$1.log'"
  wait_until "${DEADLINE_ETCD}" 'healthy' 'etcd answers' endpoint_word "${endpoint}"
}

# endpoint_field ENDPOINT FIELD: ClusterID, Revision or another field of the endpoint's status, in
# etcd's own decimal digits: jq would round the ids.
endpoint_field() {
  local text
  text=$(etcdctl_at "$1" endpoint status -w fields)
  sed -nE "s/^\"$2\" : \"?([^\"]*)\"?\$/\1/p" <<<"${text}"
}

# --- library: the same in every script of every bundle

# Exit statuses, told in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply. Only mutate and the waits read it.
incident=1    # --incident: which disaster this plan is used for
step='start'  # the guide step under way, first word of every line
step_number=0 # counts begin
work=0        # mutations shown and not run; always 0 when acting
work_began=0  # the step that showed the first of them
log=''        # this run's log, once there is one
scratch=''    # a private temporary directory, gone at exit
way=''        # done: a step has seen that this host is back already, and nothing may stop it

# say TEXT: a line for people on standard error, and for the log when acting.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" >>"${log}"
  fi
}

# stop STATUS WHAT EXPECTED SEEN REMEDY: ends the script; an empty EXPECTED or SEEN is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  seen:     $4"
  say "  do:       $5"
  exit "$1"
}

# begin GUIDE TITLE: the next step. GUIDE is the guide's own number.
begin() {
  step_number=$((step_number + 1))
  step="$1"
  say "== ${step_number}. $2"
}

# already TEXT: the step finds its work done.
already() {
  say "done already: $1"
}

# finish NEXT...: the last lines say what comes next and where.
finish() {
  local line
  step='end'
  if ((work > 0)); then
    say "looked only: ${work} change(s) to make. Run again with --apply."
    exit "${LOOKED}"
  fi
  if [[ "${mode}" == 'look' ]]; then
    say 'looked only: nothing to do.'
  else
    say "done in ${SECONDS} s. Log: ${log}"
  fi
  for line in "$@"; do
    say "${line}"
  done
}

apply='no'
swarm_token_file=''
declare -A fenced=() # --fenced HOST: the operator vouches that HOST cannot come back by itself
declare -A also=()   # --also HOST: to be removed in the same recovery

# start ARGUMENT...: options, then every guard that needs no plan step. Returns only where the
# script may go on: right machine, root, alone, tools at hand.
start() {
  export LC_ALL=C
  unset CDPATH
  umask 077
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  PATH="${PATH}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  clear_environment
  read_options "$@"
  refuse_xtrace
  require_root
  require_tools
  require_machine
  take_lock
  STATE="${DATA_DIR}/plan-recovery/${PLAN}-${incident}"
  readonly STATE
  scratch=$(mktemp -d)
  trap 'on_error "$?" "${LINENO}" "${BASH_COMMAND}"' ERR
  trap 'on_exit "$?"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ "${apply}" == 'yes' ]]; then
    mode='apply'
    # install would change the mode of a data directory that is there.
    [[ -d "${DATA_DIR}" ]] || install -d -m 0700 -- "${DATA_DIR}"
    install -d -m 0700 -- "${DATA_DIR}/plan-recovery" "${STATE}" "${STATE}/log"
    log="${STATE}/log/${SCRIPT//\//.}.log"
    touch -- "${log}"
  fi
  say "${SCRIPT} on ${HOST}, plan ${PLAN}, incident ${incident}: ${mode}"
}

# etcd and its tools read flags from the environment too, and refuse to hear a thing twice.
clear_environment() {
  local name
  for name in "${!ETCD_@}" "${!ETCDCTL_@}" "${!ETCDUTL_@}"; do
    case "${name}" in
      ETCD_DIR | ETCD_LIMITS | ETCD_SERVER_TLS | ETCDCTL_TLS) ;;
      *) unset -v "${name}" ;;
    esac
  done
}

read_options() {
  while (($# > 0)); do
    case "$1" in
      --apply) apply='yes' ;;
      --incident | --fenced | --also | --swarm-token-file)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' "see ${0##*/} --help"
        take_option "$1" "$2"
        shift
        ;;
      --help)
        show_help
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument: $1" '' '' "see ${0##*/} --help" ;;
    esac
    shift
  done
}

take_option() {
  if [[ "$1" != '--incident' && " ${OPTIONS[*]} " != *" $1 "* ]]; then
    stop "${USAGE}" "this script has no option $1" '' '' "see ${0##*/} --help"
  fi
  case "$1" in
    --incident)
      [[ "$2" =~ ^[1-9][0-9]{0,3}$ ]] \
        || stop "${USAGE}" 'the incident is not a number' '1 to 9999' "$2" 'give a number'
      incident="$2"
      ;;
    --fenced) fenced["$2"]='yes' ;;
    --also) also["$2"]='yes' ;;
    --swarm-token-file) swarm_token_file="$2" ;;
    *) stop "${USAGE}" "unknown option: $1" '' '' "see ${0##*/} --help" ;;
  esac
}

# The header of this file is its manual page's first half.
show_help() {
  sed -n '2,/^$/s/^#\( \{0,1\}\)//p' -- "$0"
  cat <<'HELP'

OPTIONS
  --apply               act; without it the script looks, prints every change it would make,
                        argument for argument, and changes nothing
  --incident N          the how-manieth disaster this plan is used for (default 1); give the same
                        number to every script. Names of logs and set-aside data carry it
  --fenced HOST         you vouch that HOST is off, or cut off, and stays so (phase 1)
  --also HOST           HOST is to be removed in the same recovery (phase 5)
  --swarm-token-file F  a file holding the Swarm join token, mode 0600, or - for standard input
  --help                this page

EXIT STATUS
  0 done, or nothing to do      1 a step failed               3 looked: there is work to do
  64 usage                      69 a tool or service lacks    75 busy or timed out: run again
  77 not root                   78 wrong machine, or the world does not match the plan
  129, 130, 143 signals

A script killed anywhere is run again: it looks what is there and goes on. Nothing is deleted; what
is set aside lies in plan-recovery/ in the data directory.
HELP
}

refuse_xtrace() {
  if [[ "$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'the shell traces (set -x): passwords would be printed' '' '' 'run without -x'
  fi
}

require_root() {
  local id
  id=$(id -u)
  [[ "${id}" == 0 ]] \
    || stop "${NOT_ROOT}" 'not root' 'user id 0' "user id ${id}" "run it as root: sudo bash $0"
}

require_tools() {
  local tool lacking=''
  for tool in "${TOOLS[@]}"; do
    if ! command -v -- "${tool}" >/dev/null; then
      lacking="${lacking} ${tool}"
    fi
  done
  [[ -z "${lacking}" ]] || stop "${UNAVAILABLE}" "tools are missing:${lacking}" '' '' \
    'install them (etcd, etcdctl, etcdutl: release 3.6), then run again'
}

# The machine is known by its machine id where the inventory has one, else by one of its addresses.
require_machine() {
  local seen address
  if [[ -n "${MACHINE_ID}" ]]; then
    seen=$(cat -- /etc/machine-id)
    [[ "${seen}" == "${MACHINE_ID}" ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
      "machine id ${MACHINE_ID}" "machine id ${seen}" "carry this script to ${HOST}"
    return
  fi
  seen=$(hostname -I)
  for address in "${HOST_ADDRESSES[@]}"; do
    if [[ " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  # An inventory that gives names only: let the resolver say which address a name means.
  for address in "${HOST_ADDRESSES[@]}"; do
    address=$(getent ahosts "${address}" | awk '{ print $1; exit }' || true)
    if [[ -n "${address}" && " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  stop "${MISMATCH}" "this machine is not ${HOST}" "an address of ${HOST}: ${HOST_ADDRESSES[*]}" \
    "addresses ${seen}" "carry this script to ${HOST} (${HOST_ADDRESSES[0]})"
}

# The lock is held on a directory, so that looking creates nothing; it ends with the process.
take_lock() {
  local place="${DATA_DIR}" lock
  while [[ ! -d "${place}" ]]; do
    place="${place%/*}"
    place="${place:-/}"
  done
  exec {lock}<"${place}"
  readonly LOCK="${lock}"
  flock --nonblock "${LOCK}" || stop "${BUSY}" 'another script of a plan is running here' '' \
    "the lock on ${place} is held" "wait for it to end, or see: fuser -v '${place}'"
}

on_error() {
  trap - ERR
  # In a subshell the command itself has spoken, and the parent tells where.
  if ((BASH_SUBSHELL == 0)); then
    case "$1" in
      "${UNAVAILABLE}" | "${BUSY}" | "${MISMATCH}") ;;
      *)
        say "FAILED in step ${step_number} (line $2, status $1): ${3%%$'\n'*}"
        say '  do:       read the lines above, mend the cause, run the script again'
        exit "${FAILED}"
        ;;
    esac
  fi
  exit "$1"
}

on_exit() {
  trap - ERR EXIT
  end_etcd
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}

# mutate COMMAND...: the one gate every change goes through. Looking prints what acting runs.
mutate() {
  local shown
  shown=$(shown_as "$@")
  if [[ "${mode}" == 'look' ]]; then
    ((work > 0)) || work_began="${step_number}"
    work=$((work + 1))
    say "would run: ${shown}"
    return
  fi
  say "run: ${shown}"
  "$@"
}

# The command as a person would type it: docker_patiently is docker, repeated while Swarm is busy;
# as_host and as_kept are etcdctl with this host's own credentials in its environment; noted keeps
# the command's words.
shown_as() {
  local text
  if [[ "$1" == 'noted' ]]; then
    set -- "${@:3}"
  fi
  case "$1" in
    docker_patiently) set -- docker "${@:2}" ;;
    docker_kill) set -- docker kill -- "${@:2}" ;;
    launch_etcd) set -- etcd "${@:3}" ;;
    as_host) set -- "${@:2}" ;;
    as_kept) set -- "${@:3}" ;;
    *) ;;
  esac
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }"
}

# noted NAME COMMAND...: runs COMMAND; what it says goes to log/NAME.log. For mutate.
noted() {
  say "its words: ${STATE}/log/$1.log"
  "${@:2}" >>"${STATE}/log/$1.log" 2>&1
}

# cannot_know WHAT: a probe that has no meaning before an earlier change has been made.
cannot_know() {
  say "cannot know before step ${work_began} has run: $1"
}

# wait_until SECONDS WANT WHAT PROBE...: repeats PROBE, which answers in a word, until it is WANT.
# The word dead ends the wait at once.
wait_until() {
  local limit="$1" want="$2" what="$3" seen='' began="${SECONDS}" told=0 spent=0
  shift 3
  if ((work > 0)); then
    say "would wait up to ${limit} s until ${what}"
    return
  fi
  seen=$("$@")
  if [[ "${mode}" == 'look' && "${seen}" != "${want}" ]]; then
    work_began="${step_number}"
    work=1
    say "would wait up to ${limit} s until ${what}; now: ${seen}"
    return
  fi
  until [[ "${seen}" == "${want}" ]]; do
    [[ "${seen}" != 'dead' ]] || stop "${FAILED}" "it has ended before ${what}" "${want}" 'dead' \
      "see why: ${diagnose:-docker ps}"
    spent=$((SECONDS - began))
    if ((spent >= limit)); then
      stop "${BUSY}" "waited ${spent} s in vain until ${what}" "${want}" "${seen}" \
        "run the script again to go on waiting; ask: ${diagnose:-docker ps}"
    fi
    if ((spent >= told)); then
      say "waiting until ${what}: ${seen} (${spent} s, $((limit - spent)) s left)"
      told=$((spent + 5))
    fi
    if ((spent < 3)); then sleep 0.2; else sleep 1; fi
    seen=$("$@")
  done
  say "${what}: ${seen}"
}

# prove WANT WHAT REMEDY PROBE...: the world must be as wanted now, else the step has failed.
prove() {
  local want="$1" what="$2" remedy="$3" seen
  shift 3
  if ((work > 0)); then
    cannot_know "${what}"
    return
  fi
  seen=$("$@")
  [[ "${seen}" == "${want}" ]] || stop "${FAILED}" "not so: ${what}" "${want}" "${seen}" "${remedy}"
  say "proved: ${what}"
}

# file_word PATH: absent | file | directory | link | mount | other.
file_word() {
  if [[ -L "$1" ]]; then
    printf 'link\n'
  elif [[ ! -e "$1" ]]; then
    printf 'absent\n'
  elif [[ -f "$1" ]]; then
    printf 'file\n'
  elif [[ ! -d "$1" ]]; then
    printf 'other\n'
  else
    local inner outer
    inner=$(stat -c %d -- "$1")
    outer=$(stat -c %d -- "$1/..")
    if [[ "${inner}" == "${outer}" ]]; then printf 'directory\n'; else printf 'mount\n'; fi
  fi
}

# set_aside NAME: moves DATA_DIR/NAME to STATE/before/NAME: one rename on one file system, never
# over an earlier one, never a link or a mount point.
set_aside() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" from_word to_word
  from_word=$(file_word "${from}")
  to_word=$(file_word "${to}")
  case "${from_word}:${to_word}" in
    directory:absent | file:absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      mutate mv -T -- "${from}" "${to}"
      ;;
    absent:*) already "${from} is not there" ;;
    *)
      stop "${MISMATCH}" "cannot set ${from} aside" \
        'a plain directory or file, and its place free' \
        "${from} is: ${from_word}; ${to} is: ${to_word}" \
        'look at both; a second disaster needs --incident 2 on every script'
      ;;
  esac
}

# keep_copy NAME: a copy of DATA_DIR/NAME in STATE/before, made once.
keep_copy() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" word
  word=$(file_word "${to}")
  case "${word}" in
    absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      # What an interrupted copy has left is ours, and half done.
      [[ ! -e "${to}.partial" ]] || mutate rm -rf -- "${to:?}.partial"
      mutate cp -a -- "${from}" "${to}.partial"
      mutate mv -T -- "${to}.partial" "${to}"
      ;;
    file | directory) already "${to} is kept" ;;
    *)
      stop "${MISMATCH}" "cannot keep a copy of ${from}" 'nothing, or our own copy' \
        "${to} is: ${word}" 'look at it'
      ;;
  esac
}

# put_file PATH MODE VARIABLE: writes the variable's text to PATH: temporary file, sync, rename.
# Through mutate only, which shows the variable's name and never its text.
put_file() {
  local -n put_text="$3"
  printf '%s\n' "${put_text}" >"$1.partial"
  chmod -- "$2" "$1.partial"
  sync -- "$1.partial"
  mv -T -- "$1.partial" "$1"
}

http_status='' # what api last got: three digits, or refused | timeout | failed

# api METHOD URL [BODY_FILE [SECONDS]]: one request. The answer's body is in scratch/answer, its
# headers in scratch/headers.
# Reads may be repeated by their callers; POST and DELETE are looked after by a probe instead.
api() {
  local method="$1" url="$2" body="${3:-}" limit="${4:-10}" status=0
  local -a call=(curl --silent --show-error --globoff --noproxy '*' --connect-timeout 5
    --max-time "${limit}" --output "${scratch}/answer" --dump-header "${scratch}/headers"
    --write-out '%{http_code}' --request "${method}" "${API_TLS[@]}")
  if [[ -n "${body}" ]]; then
    call+=(--header 'Content-Type: application/json' --data-binary "@${body}")
  fi
  : >"${scratch}/answer"
  : >"${scratch}/headers"
  http_status=$("${call[@]}" -- "${url}" 2>"${scratch}/curl.err") || status=$?
  case "${status}" in
    0) ;;
    7) http_status='refused' ;;
    28) http_status='timeout' ;;
    *) http_status='failed' ;;
  esac
}

# api_word URL: the status a GET of URL gets, as a word for wait_until and prove.
api_word() {
  api GET "$1"
  printf '%s\n' "${http_status}"
}

# answer FILTER [JQ_OPTION...]: what jq reads in the last answer; the script stops where that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" -- "${scratch}/answer"
}

# answer_text: the last answer for a person: its message if it has one, else its first line.
answer_text() {
  local text=''
  text=$(jq -r '.message // .error // empty' -- "${scratch}/answer" 2>/dev/null) || true
  if [[ -z "${text}" ]]; then
    text=$(head -c 300 -- "${scratch}/answer" | tr '\n' ' ')
  fi
  printf '%s\n' "${text:-no text}"
}

# api_must WANT METHOD URL [BODY_FILE [SECONDS]]: as api, and any other status stops the script.
api_must() {
  local want="$1" text
  shift
  api "$@"
  if [[ "${http_status}" != "${want}" ]]; then
    text=$(answer_text)
    stop "${FAILED}" "$1 $2 did not answer ${want}" "${want}" "${http_status}: ${text}" \
      'see the Control Plane log of the host that was asked, then run the script again'
  fi
}

# generation: 0.6 | 0.7, by the shape of the recovery host's host list; 0.7 means 0.7 or newer.
generation() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; has("peer_addresses") or has("etcd_mode")) then "0.7" else "0.6" end'
}

# record_word HOST: present | absent, from the recovery host's list. Never asked by /v1/hosts/ID,
# which answers 500 for an unknown id.
record_word() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
}

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

# host_word HOST [SINCE]: fresh | stale | STATE | absent. Fresh is healthy with a status written at
# SINCE (epoch seconds) or later; without SINCE, in the last 30 s.
host_word() {
  local since="${2:-}" now
  printf -v now '%(%s)T' -1
  since="${since:-$((now - 30))}"
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  answer "${EPOCH_JQ}"' [.hosts[] | select(.id == $id) | .status]
    | if length == 0 then "absent"
      elif .[0].state != "healthy" then (.[0].state // "unknown")
      elif (.[0].updated_at | epoch) < $since then "stale"
      else "fresh" end' --arg id "$1" --argjson since "${since}"
}

# port_word ADDRESS PORT [SECONDS]: open | closed | unreachable. Closed is a refusal by a machine
# that is up.
port_word() {
  local status=0 text
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  text=$(timeout "${3:-3}" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>&1) || status=$?
  if ((status == 0)); then
    printf 'open\n'
  elif [[ "${text}" == *'Connection refused'* ]]; then
    printf 'closed\n'
  else
    printf 'unreachable\n'
  fi
}

# port_words [ADDRESS PORT]...: the word of each, one a line, all asked at once (100 at a time).
port_words() {
  local number=0 count="$(($# / 2))"
  local -a pids=()
  while (($# > 0)); do
    port_word "$1" "$2" 2 >"${scratch}/port.${number}" &
    pids+=("$!")
    number=$((number + 1))
    if ((number % 100 == 0)); then
      wait "${pids[@]}"
      pids=()
    fi
    shift 2
  done
  if ((${#pids[@]} > 0)); then
    wait "${pids[@]}"
  fi
  for ((number = 0; number < count; number++)); do
    cat -- "${scratch}/port.${number}"
  done
}

readonly ETCD_DIR="${DATA_DIR}/etcd"
readonly CONFIG="${DATA_DIR}/generated.config.json"
readonly CERTIFICATES="${DATA_DIR}/certificates"
readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")
# As the Control Plane has it: the trusted CA alone makes a client certificate necessary; with
# --client-cert-auth its name would count as a login.
readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
  --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
  --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
  --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
  --peer-key-file "${CERTIFICATES}/etcd-server.key")
etcd_pid='' # the etcd this script has started, if any

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment;
# they are in no argument list, and only this one command sees them.
as_host() (
  ETCDCTL_USER=$(jq -er '.etcd_username' -- "${CONFIG}")
  ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "${CONFIG}")
  export ETCDCTL_USER ETCDCTL_PASSWORD
  exec "$@"
)

# etcdctl_at ENDPOINT ARGUMENT...: a read. Changes are spelled out behind mutate as_host etcdctl.
etcdctl_at() {
  as_host etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s \
    "${@:2}"
}

# members ENDPOINT: the member list as member_lines gives it.
members() {
  local text
  text=$(etcdctl_at "$1" member list -w simple)
  member_lines <<<"${text}"
}

# member_lines: `member list -w simple` on standard input, one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# pick_member HOST PEER_URL: of such lines, those of that host.
pick_member() {
  awk -F '|' -v host="$1" -v peer="$2" \
    '$3 == host || index("," $4 ",", "," peer ",") > 0'
}

# member_state: of a host's lines, voter | learner | unstarted | absent.
member_state() {
  awk -F '|' '{ word = ($2 != "started") ? "unstarted" : ($5 == "true") ? "learner" : "voter" }
    END { print (word == "" ? "absent" : word) }'
}

# voters ENDPOINT: how many started voting members the member list has.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
}

# member_word ENDPOINT HOST PEER_URL: voter | learner | unstarted | absent.
member_word() {
  local list
  list=$(members "$1")
  pick_member "$2" "$3" <<<"${list}" | member_state
}

# tool_minor TOOL: the release's first two numbers, as 3.6. etcd and etcdutl of 3.7 or newer make
# data unreadable for the Control Plane's own etcd.
tool_minor() {
  local text
  case "$1" in
    etcd) text=$(etcd --version) ;;
    *) text=$("$1" version) ;;
  esac
  sed -nE '1s/^[^0-9]*([0-9]+\.[0-9]+).*/\1/p' <<<"${text}"
}

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, by mutate; its pid is kept, the
# lock is not handed down, and it ends with this script, also where that is killed.
launch_etcd() {
  setpriv --pdeathsig KILL etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
}

# end_etcd: ends the etcd this script has started, by its own pid. etcd is crash-safe; with
# watchers connected a polite end takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  if [[ -z "${etcd_pid}" ]]; then
    return
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  etcd_pid=''
}

# endpoint_word ENDPOINT: healthy | dead | waiting, for the etcd this script has started.
endpoint_word() {
  if [[ ! -d "/proc/${etcd_pid}" ]]; then
    printf 'dead\n'
    return
  fi
  as_host bash -c 'if "$@" >/dev/null 2>&1; then echo healthy; else echo waiting; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 3s \
    endpoint health
}

# progress: how far the recovery host's own directory has come. fresh: untouched; aside: its etcd
# is set aside and nothing restored; restored: the restored etcd is in its place.
progress() {
  local wal
  wal=$(file_word "${ETCD_DIR}/member/wal")
  if [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
  elif [[ "${wal}" == 'directory' ]]; then
    printf 'restored\n'
  else
    printf 'aside\n'
  fi
}

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

# need FACT HOST SCRIPT: what an earlier script has brought about must show in the world; HOST is
# empty for a fact about the cluster. Otherwise the script stops and names the one to run first.
need() {
  local fact="$1" host="$2" script="$3" seen
  seen=$(need_word "${fact}" "${host}")
  case "${seen}" in
    yes) say "found: ${fact}${host:+ of ${host}}" ;;
    back)
      way='done'
      say "${host} was cleared and has joined since: its record is there again"
      ;;
    later) say "${fact}${host:+ of ${host}}: proved by the step that relies on it" ;;
    *)
      stop "${MISMATCH}" "not there: ${fact}${host:+ of ${host}}" 'an earlier script has done it' \
        "${seen}" "run ${script} first (incident ${incident}), then this one again"
      ;;
  esac
}

# need_word FACT HOST: yes | later | back, or what is seen instead. Facts a later step overtakes
# stay satisfied, so that a script may be run a second time.
need_word() {
  local word
  # Killed while it restarted all hosts at once, a script finds nobody to ask: it starts them first.
  if [[ "$1" =~ ^(api-answers|quorum-reached|member-back|client-back)$ &&
    "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    printf 'later\n'
    return
  fi
  case "$1" in
    swarm-leader) word=$(need_swarm manager) ;;
    in-swarm) word=$(need_own "$2" need_swarm any) ;;
    services-stopped | snapshot-chosen | snapshot-verified | recovery-host-checked | fenced)
      word=$(need_prepared)
      ;;
    service-stopped) word=$(need_own "$2" need_stopped) ;;
    state-set-aside) word=$(need_own "$2" need_file "${STATE}/cleared") ;;
    etcd-set-aside) word=$(need_progress 'aside restored') ;;
    etcd-restored) word=$(need_progress 'restored') ;;
    membership-rewritten) word=$(need_file "${STATE}/rewritten") ;;
    recovery-host-started | api-answers) word=$(need_status "${RECOVERY_API}/v1/hosts") ;;
    record-removed) word=$(need_removed "$2") ;;
    uninitialised) word='later' ;;
    member-back | client-back) word=$(need_fresh "$2") ;;
    quorum-reached) word=$(need_quorum) ;;
    hosts-verified) word=$(need_all_fresh) ;;
    closed) word=$(need_file "${STATE}/closed") ;;
    *) stop "${FAILED}" "this plan needs an unknown fact: $1" '' '' 'compile the bundle again' ;;
  esac
  printf '%s\n' "${word}"
}

# need_own HOST PROBE...: what only HOST itself can show.
need_own() {
  if [[ "$1" == "${HOST}" ]]; then "${@:2}"; else printf 'later\n'; fi
}

need_swarm() {
  local word
  word=$(swarm_word)
  case "$1:${word}" in
    manager:manager | any:manager | any:worker) printf 'yes\n' ;;
    *) printf 'docker says: %s\n' "${word}" ;;
  esac
}

# Phase 1 ends with the chosen snapshot in its place, after every stop and every fence.
need_prepared() {
  local reached
  reached=$(progress)
  if [[ -f "${STATE}/snapshot.db" || "${reached}" != 'fresh' ]]; then
    printf 'yes\n'
  else
    printf 'no %s\n' "${STATE}/snapshot.db"
  fi
}

need_stopped() {
  local word
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'gone' ]]; then
    printf 'yes\n'
  else
    printf 'the container of %s is %s\n' "${SERVICE}" "${word}"
  fi
}

need_file() {
  if [[ -f "$1" ]]; then printf 'yes\n'; else printf 'no %s\n' "$1"; fi
}

need_progress() {
  local reached
  reached=$(progress)
  if [[ " $1 " == *" ${reached} "* ]]; then
    printf 'yes\n'
  else
    printf '%s is %s\n' "${ETCD_DIR}" "${reached}"
  fi
}

need_status() {
  api GET "$1"
  if [[ "${http_status}" == 200 ]]; then
    printf 'yes\n'
  else
    printf '%s answers %s\n' "$1" "${http_status}"
  fi
}

# Of this host itself its own steps decide, with better advice, unless it was cleared for a join and
# has joined since. Another host whose record is there again, and fresh, has come back since.
need_removed() {
  local record cleared=''
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s/v1/hosts answers %s\n' "${RECOVERY_API}" "${http_status}"
    return
  fi
  record=$(record_word "$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${record}" == 'absent' ]]; then
    printf 'yes\n'
  elif [[ "$1" == "${HOST}" ]]; then
    if [[ " ${cleared} " == *' certificates '* ]]; then printf 'back\n'; else printf 'later\n'; fi
  else
    record=$(need_fresh "$1")
    if [[ "${record}" == 'yes' ]]; then
      printf 'yes\n'
    else
      printf 'the record of %s is still there\n' "$1"
    fi
  fi
}

need_fresh() {
  local word
  word=$(host_word "$1")
  if [[ "${word}" == 'fresh' ]]; then
    printf 'yes\n'
  else
    printf '%s is %s in the host list of %s\n' "$1" "${word}" "${RECOVERY_HOST}"
  fi
}

# Every server host that is healthy and fresh has joined the recovered etcd: it could not log in
# otherwise.
need_quorum() {
  local host word count=0
  for host in "${SERVERS[@]}"; do
    word=$(host_word "${host}")
    if [[ "${word}" == 'fresh' ]]; then
      count=$((count + 1))
    fi
  done
  if ((count >= QUORUM_TARGET)); then
    printf 'yes\n'
  else
    printf '%s server hosts are back, %s are needed\n' "${count}" "${QUORUM_TARGET}"
  fi
}

need_all_fresh() {
  local host word
  for host in "${SERVERS[@]}"; do
    word=$(need_fresh "${host}")
    if [[ "${word}" != 'yes' ]]; then
      printf '%s\n' "${word}"
      return
    fi
  done
  printf 'yes\n'
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  main "$@"
fi
