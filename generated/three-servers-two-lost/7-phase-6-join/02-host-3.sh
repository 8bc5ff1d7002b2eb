#!/usr/bin/env bash
# 7-phase-6-join/02-host-3.sh: join host-3 to the cluster anew
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-3 (192.168.104.3), as root
#   why       Only after the record of host-3 was removed in phase 5.
#   guide     6.2a 6.2b 6.2c 6.2e 6.2f
#   after     4-phase-4-start/host-1.sh, 6-phase-5-remove/02-host-3.sh
#   changes   6.2a See that this machine is back in the Swarm; 6.2a Scale the service to 0; 6.2a End
#             the container and prove that it is gone; 6.2b Set the state of the old membership
#             aside; 6.2c See that no stale member entry is in the way; 6.2c Start the service of
#             host-3
#   destroys  6.2e Join host-3 to the cluster
#   inputs    sha256:eeb5fe9e02a4ecddf2bc26b9e48a72b780a579521baa51ea8caa9ff424366be2

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
readonly PLAN='acme-host-1'
readonly SCRIPT='7-phase-6-join/02-host-3.sh'
readonly HOST='host-3'
readonly -a HOST_ADDRESSES=('192.168.104.3')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-3'
readonly API_PORT='3000'
readonly CLIENT_PORT='2379'
readonly PEER_PORT='2380'
readonly CLIENT_URL='https://192.168.104.3:2379'
readonly PEER_URL='https://192.168.104.3:2380'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly RECOVERY_SERVICE='control-plane_host-1'
readonly -a SERVERS=('host-1' 'host-2' 'host-3')
readonly QUORUM_TARGET='2'
readonly -a API_TLS=()
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk'
  'curl'
  'docker'
  'etcdctl'
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
readonly -a OPTIONS=('--swarm-token-file')
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'
readonly DEADLINE_ETCD='60'
readonly DEADLINE_API='180'
readonly DEADLINE_FRESH='90'
readonly DEADLINE_TASK='600'
readonly DEADLINE_JOIN='600'

main() {
  start "$@"
  need 'api-answers' '' '4-phase-4-start/host-1.sh'
  need 'record-removed' 'host-3' '6-phase-5-remove/02-host-3.sh'

  # After the revival a returning manager is a worker first, and a manager in a minute.
  begin '6.2a' 'See that this machine is back in the Swarm'
  return_to_swarm

  # Its record has to be gone; a host that can be reattached need not lose anything.
  begin '6.2a' 'Look whether this host can join'
  check_joinable '6-phase-5-remove/02-host-3.sh' '5-phase-6-reattach/02-host-3.sh'

  # Its data are moved next; most often the service is at 0 since phase 1.
  begin '6.2a' 'Scale the service to 0'
  stop_services 'control-plane_host-3'

  # Swarm says converged while the container still runs, and moving etcd/ then corrupts it; without
  # quorum a graceful stop cannot succeed.
  begin '6.2a' 'End the container and prove that it is gone'
  stop_container 'control-plane_host-3'

  # A host that holds state does not accept a join. instances/ is never touched.
  begin '6.2b' 'Set the state of the old membership aside'
  clear_for_join

  # An unstarted or learner entry with this peer URL makes every further attempt fail.
  begin '6.2c' 'See that no stale member entry is in the way'
  drop_stale_member

  # At 1 replica, and a running task on the right node.
  begin '6.2c' 'Start the service of host-3'
  start_service 'control-plane_host-3' 'host-3'

  # Only a host without state answers /v1/version and refuses /v1/hosts.
  begin '6.2c' 'Wait until host-3 waits to be joined'
  wait_uninitialised 'http://192.168.104.3:3000' 'host-3'

  # The join token of the recovery host is passed on unchanged, and never shown.
  begin '6.2e' 'Join host-3 to the cluster'
  join_cluster 'http://192.168.104.3:3000' 'host-3'

  # Started members that are no learners, against the target.
  begin '6.2f' 'Prove that this host votes, and count the voters'
  prove_voter '2'

  finish \
    'Next: 9-phase-8-verify/host-1.sh on host-1 (192.168.104.1)'
}

# --- steps: one function for each kind of step above, and what several of them call

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

# guide 6.1a: the guide clears a host without looking. Its record has to be gone (a join is refused
# otherwise), and a host that could be reattached must not lose its databases by mistake.
check_joinable() {
  local removal="$1" reattach="$2" entry record age complaint
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  entry=$(entry_word "${DATA_DIR}")
  entry=$(let_finish "${entry}")
  record=$(record_word "${HOST}")
  case "${record}:${entry}" in
    present:voter)
      way='done'
      already "${HOST} is a started voter of the recovered cluster"
      return
      ;;
    absent:voter)
      # Stopping it now would halt a cluster of two: its own process has to finish.
      # shellcheck disable=SC2034  # wait_until prints it
      local diagnose="docker service logs ${SERVICE}"
      say "${HOST} votes, but has not written its record yet: do not stop it"
      wait_until "${DEADLINE_JOIN}" present "the record of ${HOST} is there" record_word "${HOST}"
      way='done'
      return
      ;;
    absent:unreachable)
      complaint=$(tail -n 1 -- "${scratch}/etcd.err")
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'an answer' "${complaint}" \
        'mend the network between them; run it again'
      ;;
    absent:*) say "the record of ${HOST} is removed: it may join" ;;
    *)
      age=$(generation)
      if [[ -n "${reattach}" && "${age}" == '0.7' ]]; then
        case "${entry}" in
          learner | unstarted | absent)
            stop "${MISMATCH}" "${HOST} need not join: it can be reattached" \
              'a host whose record has been removed' 'record and credentials are good' \
              "run ${reattach} instead: no database is touched"
            ;;
          *) ;;
        esac
      fi
      stop "${MISMATCH}" "the record of ${HOST} is still there" 'removed by phase 5' 'present' \
        "run ${removal} on ${RECOVERY_HOST} first"
      ;;
  esac
  check_images
  check_clock
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

# guide 6.1b (7.1b for a client host, which does have certificates): moved, where the guide deletes
# with an unguarded rm -rf. instances/, the data of Postgres, is never touched.
clear_for_join() {
  local record name
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} has joined: nothing is cleared"
    return
  fi
  record=$(record_word "${HOST}")
  if [[ "${record}" == 'present' && -e "${STATE}/cleared" ]]; then
    already "${HOST} was cleared and has joined since"
    return
  fi
  [[ "${record}" == 'absent' ]] \
    || stop "${MISMATCH}" "the record of ${HOST} is still there" 'removed by phase 5' "${record}" \
      "run the script of phase 5 that removes ${HOST}, on ${RECOVERY_HOST}, first"
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  for name in etcd certificates generated.config.json; do
    clear_away "${name}"
  done
  remember_cleared 'etcd certificates generated.config.json'
}

# guide 6.1c: not in the guide. An unstarted or learner entry of this host, left by a failed
# attempt, makes every further one fail ("Peer URLs already exists"), and a learner of another host
# does as well: etcd allows one. Voters are never removed here.
drop_stale_member() {
  local place lines
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter: no entry of it is stale"
    return
  fi
  place=$(drop_stale_member_place own)
  if [[ -n "${place}" ]]; then
    drop_stale_member_entries "${place}"
    return
  fi
  # Once its record is removed the user of this host is gone too; to look, the certificate suffices.
  place=$(drop_stale_member_place nobody)
  if [[ -z "${place}" ]]; then
    say 'this machine holds no certificate of the cluster: the join itself will tell'
    return
  fi
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  [[ -z "${lines}" ]] \
    || stop "${MISMATCH}" "a stale entry of ${HOST} is in the member list" 'none' "${lines}" \
      "on ${RECOVERY_HOST}: etcdctl member remove ID, with ETCDCTL_USER and ETCDCTL_PASSWORD of \
its generated.config.json in the environment; then run this script again"
  already "no entry of ${HOST} is in the member list"
}

# The first folder whose credentials (own) or certificate (nobody) the recovery host's etcd accepts;
# nothing if none. Leaves the members in scratch/members.
drop_stale_member_place() {
  local user="$1" place word files k=1
  local -a places=("${DATA_DIR}")
  while [[ -d "${STATE}/half-done-${k}" ]]; do
    places=("${STATE}/half-done-${k}" "${places[@]}")
    k=$((k + 1))
  done
  places+=("${STATE}/before")
  for place in "${places[@]}"; do
    word='missing'
    if [[ "${user}" == 'own' ]]; then
      word=$(credentials_word "${place}")
    else
      files=$(certificates_word "${place}")
      if [[ "${files}" == 'complete' ]]; then
        word=$(kept_try "${place}" nobody)
      fi
    fi
    if [[ "${word}" == 'accepted' || "${word}" == 0 ]]; then
      member_lines <"${scratch}/etcd.out" >"${scratch}/members"
      printf '%s\n' "${place}"
      return
    fi
  done
}

# Removes what is stale of this host, then waits for other hosts that are joining.
drop_stale_member_entries() {
  local place="$1" lines id status name learner count=0
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  while IFS='|' read -r id status name _ learner; do
    if [[ -n "${id}" ]]; then
      if [[ "${status}" == 'started' && "${learner}" == 'false' ]]; then
        stop "${MISMATCH}" "${name} is a voter with the name or peer URL of ${HOST}" \
          'an unstarted or learner entry, or none' "${id} ${name}" \
          'look at member list; a voter is removed with its record only (phase 5)'
      fi
      count=$((count + 1))
      mutate as_kept "${place}" etcdctl --endpoints "${RECOVERY_ENDPOINT}" member remove "${id}"
    fi
  done <<<"${lines}"
  if ((count == 0)); then
    already "no entry of ${HOST} is in the member list"
  fi
  wait_until "${DEADLINE_JOIN}" none 'no host is half way through a join' \
    drop_stale_member_learner "${place}"
}

# none, or the learner that is in the way: etcd allows one at a time.
drop_stale_member_learner() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" != 'accepted' ]]; then
    printf '%s\n' "${word}"
    return
  fi
  member_lines <"${scratch}/etcd.out" | awk -F '|' '$2 != "started" || $5 == "true" {
      name = ($3 == "") ? $4 : $3 }
    END { print (name == "" ? "none" : name) }'
}

# Guide 4.1, 6.1c, 7.1c: one service to one replica, and a task that really runs on the right
# machine. `docker service scale` without --detach hangs on a task that restarts in a loop, and
# `service ps` also lists tasks of the past, so the newest wanted task itself is asked, bounded.
start_service() {
  local service="$1" target="$2" scale node own
  local diagnose="docker service ps --no-trunc '${service}'"
  scale=$(service_scale "${service}")
  # What an earlier step of this script would have stopped or placed is at 0 by then.
  if ((work > 0)); then
    scale=0
  fi
  node=''
  if ((work == 0)) && [[ "${scale}" =~ ^[0-9]+$ ]]; then
    node=$(node_of "${service}")
    own=$(own_node)
    if [[ "${target}" == "${HOST}" && -n "${node}" && "${node}" != "${own}" ]]; then
      stop "${MISMATCH}" "${service} is placed on another machine" "node ${own}" "node ${node}" \
        "see: docker node ls; a replaced machine is placed by the script that lets it join"
    fi
  fi
  case "${scale}" in
    0) mutate docker_patiently service scale --detach "${service}=1" ;;
    1) already "${service} is at 1" ;;
    unknown)
      stop "${BUSY}" "Docker does not tell the scale of ${service}" '' '' \
        'see: docker node ls; without a leader run the script of phase 1 again, then this one'
      ;;
    *)
      stop "${MISMATCH}" "${service} cannot be started" 'a service with 0 or 1 replica' "${scale}" \
        'see: docker service ls; deploy the stack, or mend the name in the inventory'
      ;;
  esac
  wait_until "${DEADLINE_API}" running "a task of ${service} runs on ${target}" \
    task_word "${service}" "${node}"
}

# guide 6.1c: the guide sleeps 10 s. Ready to join is a host that answers /v1/version and refuses
# /v1/hosts with 409: one that answers both holds state, and a join would be refused.
wait_uninitialised() {
  local api="$1" target="$2" record
  # shellcheck disable=SC2034  # wait_until prints it
  local diagnose='docker service ps --no-trunc and docker service logs of its service'
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  wait_until "${DEADLINE_API}" settled "${api} says whether it holds state" \
    wait_uninitialised_word "${api}"
  if ((work > 0)); then
    return
  fi
  api GET "${api}/v1/hosts"
  if [[ "${http_status}" == 409 ]]; then
    say "${target} waits to be joined"
    return
  fi
  record=$(record_word "${target}")
  [[ "${record}" == 'present' ]] \
    || stop "${MISMATCH}" "${target} holds state, but is no host of the cluster" \
      'a cleared host (409)' "${http_status}, record ${record}" \
      "stop it and run the script that clears ${target} again"
  way='done'
  already "${target} has joined"
}

# settled (200 or 409 from /v1/hosts), or what the API answers meanwhile.
wait_uninitialised_word() {
  api GET "$1/v1/version"
  if [[ "${http_status}" == 200 ]]; then
    api GET "$1/v1/hosts"
  fi
  case "${http_status}" in
    200 | 409) printf 'settled\n' ;;
    *) printf '%s\n' "${http_status}" ;;
  esac
}

# guide 6.1d and 6.1e (7.1e): the recovery host's join token is passed on unchanged, because its
# fields differ between releases, from file to file and never shown. 204 is joined; the guide pipes
# the empty answer into jq and reads no status. A POST is not repeated: the world is asked instead.
join_cluster() {
  local api="$1" target="$2"
  if [[ "${way}" == 'done' ]]; then
    already "${target} has joined"
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/cluster/join-token"
  cat -- "${scratch}/answer" >"${scratch}/join-token"
  jq -e '.token and (.server_urls or .server_url)' -- "${scratch}/join-token" >/dev/null \
    || stop "${FAILED}" "${RECOVERY_HOST} gave no join token" 'token and server_urls' 'neither' \
      "see the Control Plane's log on ${RECOVERY_HOST}"
  say "until this script has ended: stop neither ${target} nor ${RECOVERY_HOST}"
  mutate join_cluster_post "${api}" "${target}"
}

# Through mutate only.
join_cluster_post() {
  local api="$1" target="$2" text
  api POST "${api}/v1/cluster/join" "${scratch}/join-token" "${DEADLINE_JOIN}"
  if [[ "${http_status}" == 204 ]]; then
    say "${target} has joined"
    return
  fi
  text=$(answer_text)
  case "${http_status}:${text}" in
    409:*) join_cluster_look "${api}" "${target}" ;;
    400:*'already exists'*)
      join_cluster_stop "${MISMATCH}" "run the script that removes ${target} (phase 5) first"
      ;;
    400:*)
      join_cluster_stop "${MISMATCH}" "${target} and ${RECOVERY_HOST} must run the same release"
      ;;
    401:*)
      join_cluster_stop "${FAILED}" "the token is stored with the CA: ask ${RECOVERY_API} again"
      ;;
    500:*'already exist'*)
      join_cluster_stop "${FAILED}" 'a stale entry is in the member list: run this script again'
      ;;
    500:*'too many learner'*)
      join_cluster_stop "${BUSY}" 'another host is joining: wait for it, run this script again'
      ;;
    500:*'unhealthy cluster'*)
      join_cluster_stop "${FAILED}" 'a voter is down or just started: see member list, run it again'
      ;;
    500:*'failed to reach any'*)
      join_cluster_stop "${FAILED}" "${target} must reach ${RECOVERY_API}: mend that, run it again"
      ;;
    500:*'already initialized'*)
      join_cluster_stop "${FAILED}" "half done: run the script that clears ${target} again"
      ;;
    500:*'swarm'*)
      join_cluster_stop "${FAILED}" "do NOT stop it, it may vote: mend Docker there, run this again"
      ;;
    timeout:* | failed:* | refused:*)
      join_cluster_stop "${BUSY}" 'it may go on by itself: run this script again, it looks first'
      ;;
    *)
      join_cluster_stop "${FAILED}" "see the Control Plane's log on ${target}; run it again"
      ;;
  esac
}

# Uses what its caller has seen.
join_cluster_stop() {
  stop "$1" "${target} could not join" 204 "${http_status}: ${text}" "$2"
}

# A 409 is fine where the host has joined already.
join_cluster_look() {
  local record
  record=$(record_word "$2")
  api GET "$1/v1/hosts"
  [[ "${record}:${http_status}" == 'present:200' ]] \
    || stop "${FAILED}" "$2 holds state, but is no host of the cluster" 'joined' \
      "record ${record}, its API ${http_status}" "run the script that clears $2 again"
  already "$2 has joined"
}

# guide 6.1f: the guide counts the rows of endpoint status for one endpoint, which is always one.
# Counted are started members that are no learners; the threshold is the target for redundancy.
prove_voter() {
  local threshold="$1" count total="${#SERVERS[@]}"
  # shellcheck disable=SC2034  # wait_until prints it
  local diagnose="docker service logs ${SERVICE}; on ${RECOVERY_HOST}: etcdctl member list"
  wait_until "${DEADLINE_JOIN}" voter "${HOST} is a started voting member" \
    entry_word "${DATA_DIR}"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} is healthy, by a status written now" \
    host_word "${HOST}"
  if ((work > 0)); then
    cannot_know 'how many voters there are'
    return
  fi
  entry_word "${DATA_DIR}" >"${scratch}/word"
  count=$(member_lines <"${scratch}/etcd.out" \
    | awk -F '|' '$2 == "started" && $5 == "false" { n++ } END { print n + 0 }')
  if ((count >= threshold)); then
    say "${count} of ${total} server hosts vote; the target of ${threshold} is reached"
  else
    say "${count} of ${total} server hosts vote; the target is ${threshold}: bring back the next"
  fi
  if ((count == 2)); then
    say 'TWO VOTERS: the loss of either halts both. Stop, restart or rescale neither of them'
    if ((total > 2)); then
      say 'until a third votes: go on with the next host now'
    fi
  fi
}

# What coming back (phases 6 and 7) and its undo share.

# as_kept DIR COMMAND...: as as_host, with the certificates and the password kept in DIR: the data
# directory itself, or where they were set aside. etcdctl reads all of it from its environment.
as_kept() (
  ETCDCTL_USER=$(jq -er '.etcd_username' -- "$1/generated.config.json")
  ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "$1/generated.config.json")
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_USER ETCDCTL_PASSWORD ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  exec "${@:2}"
)

# kept_try DIR USER: asks the recovery host's etcd for its member list. USER own logs in, nobody
# shows the certificate only, which suffices for this one call. Prints etcdctl's exit status; the
# answer is in scratch/etcd.out, the complaint in scratch/etcd.err.
kept_try() (
  local status=0
  local -a call=(etcdctl --endpoints "${RECOVERY_ENDPOINT}" --dial-timeout 5s --command-timeout 10s
    member list -w simple)
  if [[ "$2" == 'own' ]]; then
    ETCDCTL_USER=$(jq -er '.etcd_username' -- "$1/generated.config.json")
    ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "$1/generated.config.json")
    export ETCDCTL_USER ETCDCTL_PASSWORD
  fi
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  "${call[@]}" >"${scratch}/etcd.out" 2>"${scratch}/etcd.err" || status=$?
  printf '%s\n' "${status}"
)

# certificates_word DIR: complete | missing, of the three files a client of etcd shows.
certificates_word() {
  local file
  for file in ca.crt etcd-user.crt etcd-user.key; do
    if [[ ! -s "$1/certificates/${file}" ]]; then
      printf 'missing\n'
      return
    fi
  done
  printf 'complete\n'
}

# credentials_word DIR: accepted | rejected | unreachable | missing: what the recovery host's etcd
# says to the certificates, user and password kept in DIR. Accepted leaves its member list in
# scratch/etcd.out.
credentials_word() {
  local files user status
  files=$(certificates_word "$1")
  user=$(jq -r 'if .etcd_password then .etcd_username else empty end' \
    -- "$1/generated.config.json" 2>/dev/null) || user=''
  if [[ "${files}" == 'missing' || -z "${user}" ]]; then
    printf 'missing\n'
    return
  fi
  status=$(kept_try "$1" own)
  if [[ "${status}" == 0 ]]; then
    printf 'accepted\n'
  elif grep -qiE 'authentication failed|user name not found|x509|tls:|certificate' \
    -- "${scratch}/etcd.err"; then
    printf 'rejected\n'
  else
    printf 'unreachable\n'
  fi
}

# entry_word DIR: voter | learner | unstarted | absent, or what credentials_word says instead: this
# host in the recovered cluster's member list. Unlike member_word it outlives a changing leader.
entry_word() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" == 'accepted' ]]; then
    word=$(member_lines <"${scratch}/etcd.out" | pick_member "${HOST}" "${PEER_URL}" \
      | member_state)
  fi
  printf '%s\n' "${word}"
}

# let_finish ENTRY: where an attempt of this host is under way (ENTRY learner or unstarted, its data
# there, its container running), it is given time: mostly it becomes a voter by itself. Prints the
# entry as it is then.
let_finish() {
  local word="$1" running='gone' began="${SECONDS}"
  if [[ "${word}" =~ ^(learner|unstarted)$ && -d "${ETCD_DIR}/member/wal" ]]; then
    running=$(container_word "${SERVICE}")
  fi
  if [[ "${mode}" == 'apply' && "${running}" == 'running' ]]; then
    say "an earlier attempt is under way: it is given ${DEADLINE_FRESH} s to finish by itself"
    while [[ "${word}" =~ ^(learner|unstarted|unreachable)$ ]] \
      && ((SECONDS - began < DEADLINE_FRESH)); do
      sleep 1
      word=$(entry_word "${DATA_DIR}")
    done
    say "its entry is now: ${word}"
  fi
  printf '%s\n' "${word}"
}

# spare_voter: before anything is cleared. This host may have become a voter between the look and
# the stop; cleared, it would take the quorum of two with it for ever. A voter that was stopped is
# told by a cluster that no longer answers.
spare_voter() {
  local word scale
  if ((work > 0)) || [[ ! -d "${ETCD_DIR}/member/wal" ]]; then
    return
  fi
  word=$(entry_word "${DATA_DIR}")
  case "${word}" in
    learner | unstarted | absent | rejected | missing) ;;
    voter)
      way='done'
      already "${HOST} became a voter meanwhile: nothing is cleared"
      ;;
    *)
      scale=$(service_scale "${SERVICE}")
      # Only what this recovery has made may start again; the old data never.
      if [[ -e "${STATE}/cleared" && "${scale}" == 0 ]]; then
        mutate docker_patiently service scale --detach "${SERVICE}=1"
      fi
      stop "${BUSY}" "the cluster does not answer: ${HOST} may just have become one of two voters" \
        'learner, unstarted, absent or voter' "${word}" \
        'nothing was cleared; what was stopped is started again: run the script again in a minute'
      ;;
  esac
}

# clear_away NAME: takes DATA_DIR/NAME out of the way: what this host had before the recovery goes
# to STATE/before, once; what a failed attempt since has made goes to STATE/half-done-K.
clear_away() {
  local from="${DATA_DIR}/$1" now kept cleared='' k=1
  now=$(file_word "${from}")
  kept=$(file_word "${STATE}/before/$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${now}" == 'absent' ]]; then
    already "${from} is not there"
    return
  fi
  if [[ "${kept}" == 'absent' && " ${cleared} " != *" $1 "* ]]; then
    set_aside "$1"
    return
  fi
  [[ "${now}" == 'directory' || "${now}" == 'file' ]] \
    || stop "${MISMATCH}" "cannot move ${from} away" 'a plain directory or file' "${now}" \
      'look at it'
  while [[ -e "${STATE}/half-done-${k}/$1" ]]; do
    k=$((k + 1))
  done
  say "${from} is left over from a half-done attempt"
  mutate install -d -m 0700 -- "${STATE}/half-done-${k}"
  mutate mv -T -- "${from}" "${STATE}/half-done-${k}/$1"
}

# remember_cleared NAMES: from here on what stands at these names is of our own making.
remember_cleared() {
  # shellcheck disable=SC2034  # put_file reads it by name
  local cleared_names="$1" seen=''
  if [[ -e "${STATE}/cleared" ]]; then
    seen=$(<"${STATE}/cleared")
  fi
  if [[ "${seen}" != "$1" ]]; then
    mutate put_file "${STATE}/cleared" 0600 cleared_names
  fi
}

# stop_own: this host's Control Plane is stopped: its service at 0 and its container gone.
stop_own() {
  local scale
  scale=$(service_scale "${SERVICE}")
  case "${scale}" in
    0 | absent) already "service ${SERVICE} is at 0" ;;
    unknown)
      stop "${UNAVAILABLE}" "cannot ask Swarm for ${SERVICE}" '' \
        "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
      ;;
    *) mutate docker_patiently service scale --detach "${SERVICE}=0" ;;
  esac
  wait_until "${DEADLINE_STOP}" gone "the container of ${SERVICE} is gone" \
    container_word "${SERVICE}"
}

# clock_gap: seconds between this machine's clock and the recovery host's (the Date of its API's
# answer), or unknown.
clock_gap() {
  local text there='' here
  api GET "${RECOVERY_API}/v1/version"
  text=$(sed -nE 's/^[Dd]ate: *([^\r]*)\r?$/\1/p' -- "${scratch}/headers")
  if [[ -n "${text}" ]]; then
    there=$(date -d "${text}" +%s 2>/dev/null) || there=''
  fi
  here=$(date +%s)
  if [[ -z "${there}" ]]; then
    printf 'unknown\n'
  else
    printf '%s\n' "$((here > there ? here - there : there - here))"
  fi
}

# check_clock: hosts whose clocks differ by more than 30 s call each other unreachable for ever.
check_clock() {
  local gap
  gap=$(clock_gap)
  [[ "${gap}" != 'unknown' ]] \
    || stop "${UNAVAILABLE}" "cannot read the clock of ${RECOVERY_HOST}" \
      'a Date in the answer of its API' "${http_status}, no Date" "ask: ${RECOVERY_API}/v1/version"
  ((gap <= 30)) \
    || stop "${MISMATCH}" "the clocks of ${HOST} and ${RECOVERY_HOST} differ" 'at most 30 s' \
      "${gap} s" 'set the clocks (chronyc makestep), then run the script again'
  say "clocks differ by ${gap} s"
}

# check_images: 0.6 and 0.7 or newer speak different joins; both services must be of one side.
check_images() {
  local own other
  if ((work > 0)); then
    cannot_know 'whether both hosts run the same Control Plane generation'
    return
  fi
  own=$(image_of "${SERVICE}")
  other=$(image_of "${RECOVERY_SERVICE}")
  if [[ "${own}" == "${other}" ]]; then
    say "both hosts run ${own}"
    return
  fi
  local own_side other_side
  own_side=$(image_side "${own}")
  other_side=$(image_side "${other}")
  case "${own_side}:${other_side}" in
    old:new | new:old)
      stop "${MISMATCH}" 'the Control Plane generations differ' "${other} (${RECOVERY_HOST})" \
        "${own} (${HOST})" "docker service update --detach --image IMAGE ${SERVICE}"
      ;;
    *) say "different images, taken as compatible: ${own} here, ${other} on ${RECOVERY_HOST}" ;;
  esac
}

# image_of SERVICE: the image its next container gets, without its digest.
image_of() {
  local text
  text=$(timeout 20 docker service inspect \
    --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' -- "$1")
  printf '%s\n' "${text%%@*}"
}

# image_side IMAGE: old (before 0.7) | new | unknown, by its tag.
image_side() {
  if [[ ! "$1" =~ :v?([0-9]+)\.([0-9]+)[^/]*$ ]]; then
    printf 'unknown\n'
  elif ((BASH_REMATCH[1] == 0 && BASH_REMATCH[2] < 7)); then
    printf 'old\n'
  else
    printf 'new\n'
  fi
}

# swarm_home REMOTE: right | other | unknown: whether this machine's Swarm is the one the recovery
# host is in, by the node id in the recovery host's record; where that has none, by the address.
swarm_home() {
  local node='' managers
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" == 200 ]]; then
    node=$(answer '.hosts[] | select(.id == $id) | .cohort.member_id // empty' \
      --arg id "${RECOVERY_HOST}")
  fi
  managers=$(timeout 30 docker info \
    --format '{{range .Swarm.RemoteManagers}}{{.NodeID}} {{.Addr}} {{end}}')
  # The address alone does not tell: a Swarm made anew has managers at the addresses of the old.
  if [[ -n "${node}" ]]; then
    if [[ " ${managers} " == *" ${node} "* ]]; then printf 'right\n'; else printf 'other\n'; fi
  elif [[ -n "$1" && " ${managers} " == *" $1 "* ]]; then
    printf 'right\n'
  else
    printf 'unknown\n'
  fi
}

# check_token_file ROLE: a Swarm join token is a password: said how to get one, and only a file that
# nobody else can read is taken.
check_token_file() {
  local rights
  local how="on ${RECOVERY_HOST}: docker swarm join-token -q $1 >token; carry it here, mode 0600; \
then run this script with --swarm-token-file token (or - and paste it)"
  if [[ -z "${swarm_token_file}" ]]; then
    [[ "${mode}" == 'look' ]] \
      || stop "${USAGE}" "the Swarm's join token for a $1 is needed" '' '' "${how}"
    say "needs the Swarm's join token: ${how}"
    return
  fi
  if [[ "${swarm_token_file}" == '-' ]]; then
    return
  fi
  [[ -r "${swarm_token_file}" ]] \
    || stop "${USAGE}" 'the token file cannot be read' '' "${swarm_token_file}" "${how}"
  rights=$(stat -L -c %a -- "${swarm_token_file}")
  [[ "${rights}" =~ ^[0-7]?00$ ]] \
    || stop "${USAGE}" 'others can read the token file' 'mode 0600' "mode ${rights}" \
      "chmod 0600 '${swarm_token_file}'; better a new token: docker swarm join-token --rotate $1"
}

# join_swarm REMOTE: joins through the engine's API, because docker would want the token as an
# argument. Through mutate only.
join_swarm() {
  local address="${HOST_ADDRESSES[0]}" listen='0.0.0.0:2377' text
  if [[ ! "${address}" =~ ^[0-9.]+$ && "${address}" != *:* ]]; then
    address=$(getent ahosts "${address}" | awk 'NR == 1 { first = $1 } END { print first }')
  fi
  if [[ "${address}" == *:* ]]; then
    listen='[::]:2377'
  fi
  if [[ "${swarm_token_file}" == '-' ]]; then
    cat >"${scratch}/token"
  else
    cat -- "${swarm_token_file}" >"${scratch}/token"
  fi
  grep -qE '^SWMTKN-1-[0-9a-z]+-[0-9a-z]+$' -- "${scratch}/token" \
    || stop "${USAGE}" 'this is no Swarm join token' 'one line: SWMTKN-1-...' '' \
      "on ${RECOVERY_HOST}: docker swarm join-token -q manager (or worker)"
  jq -n --rawfile token "${scratch}/token" --arg listen "${listen}" --arg own "${address}" \
    --arg remote "$1" '{ListenAddr: $listen, AdvertiseAddr: $own, RemoteAddrs: [$remote],
      JoinToken: ($token | gsub("\\s"; "")), Availability: "active"}' >"${scratch}/swarm-join"
  engine POST /swarm/join "${scratch}/swarm-join" "${DEADLINE_SWARM}"
  text=$(answer_text)
  [[ "${http_status}" == 200 ]] \
    || stop "${FAILED}" 'the Swarm did not take this machine in' 200 "${http_status}: ${text}" \
      "check that $1 (and 7946) can be reached and the token is the right one; run it again"
}

# recovery_manager: where the recovery host's Swarm manager listens, ADDRESS:2377.
recovery_manager() {
  local address="${RECOVERY_ENDPOINT#*://}"
  printf '%s:2377\n' "${address%:*}"
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

# What phases 4 to 8 ask of etcd, Swarm, tasks and databases while any of them may be restarting:
# these probes answer with a word where the plain ones would end the script.

settled='' # what wait_softly last saw; empty where nothing could be seen yet

# wait_softly SECONDS WANT WHAT PROBE...: as wait_until, but at the limit it goes on, and the caller
# decides by what was settled. WANT may be several words: fresh|absent.
wait_softly() {
  local limit="$1" want="$2" what="$3" began="${SECONDS}" told=0 spent=0
  shift 3
  settled=''
  if ((work > 0)); then
    say "would wait up to ${limit} s until ${what}"
    return
  fi
  settled=$("$@")
  if [[ "${mode}" == 'look' && "|${want}|" != *"|${settled}|"* ]]; then
    work_began="${step_number}"
    work=1
    say "would wait up to ${limit} s until ${what}; now: ${settled}"
    cannot_know 'what is to be done if that does not help'
    return
  fi
  while [[ "|${want}|" != *"|${settled}|"* ]] && ((spent < limit)); do
    if ((spent >= told)); then
      say "waiting until ${what}: ${settled} (${spent} s, $((limit - spent)) s left)"
      told=$((spent + 5))
    fi
    sleep 1
    settled=$("$@")
    spent=$((SECONDS - began))
  done
  say "${what}: ${settled}"
}

# etcdctl_word ENDPOINT ARGUMENT...: ok | failed, for a read; its text is in scratch/etcdctl.out,
# its complaints in scratch/etcdctl.err.
etcdctl_word() {
  as_host bash -c 'if timeout 15 "${@:2}" >"$1.out" 2>"$1.err"; then printf "ok\n"
    else printf "failed\n"; fi' _ "${scratch}/etcdctl" etcdctl --endpoints "$1" \
    "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s "${@:2}"
}

# membership ENDPOINT: the lines of members, in order of name, or the one line: unanswered.
membership() {
  local word
  word=$(etcdctl_word "$1" member list -w simple)
  if [[ "${word}" != 'ok' ]]; then
    printf 'unanswered\n'
    return
  fi
  member_lines <"${scratch}/etcdctl.out" | sort -t '|' -k 3,3 -k 1,1
}

# voter_names ENDPOINT: names of the started voters, one a line, or unanswered.
voter_names() {
  local list
  list=$(membership "$1")
  awk -F '|' '$1 == "unanswered" { print } $2 == "started" && $5 == "false" { print $3 }' \
    <<<"${list}"
}

# newest_task SERVICE: `STATE NODE CREATED ID SINCE` of the newest task Swarm wants to run; CREATED
# and SINCE, when it came into that state, in epoch seconds. Without one: `none - 0 - 0`; where
# Docker does not answer: `unknown - 0 - 0`.
newest_task() {
  local text status=0
  local -a ids=()
  text=$(timeout 20 docker service ps --quiet --no-trunc --filter desired-state=running -- "$1" \
    2>/dev/null) || status=$?
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'none - 0 - 0\n'
    return
  fi
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$(timeout 20 docker inspect --type task "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown - 0 - 0\n'
    return
  fi
  jq -r "${EPOCH_JQ}"' max_by(.CreatedAt)
    | [.Status.State, .NodeID // "-", (.CreatedAt | epoch), .ID, (.Status.Timestamp | epoch)]
    | map(tostring) | join(" ")' \
    <<<"${text}"
}

# task_word SERVICE NODE [BEFORE]: running | elsewhere | before | the state of the newest task.
# NODE may be empty: any. A task whose id is BEFORE is the one that a restart replaces.
task_word() {
  local text state node id
  text=$(newest_task "$1")
  read -r state node _ id _ <<<"${text}"
  if [[ "${id}" != '-' && "${id}" == "${3:-}" ]]; then
    printf 'before\n'
  elif [[ "${state}" == 'running' && -n "$2" && "${node}" != "$2" ]]; then
    printf 'elsewhere\n'
  else
    printf '%s\n' "${state}"
  fi
}

# machine_word SERVICE: down, where the node of its newest task is (Swarm calls such a task running
# for ever), else up.
machine_word() {
  local text node status=0
  text=$(newest_task "$1")
  read -r _ node _ <<<"${text}"
  text=$(timeout 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || status=$?
  if ((status == 0)) && [[ $'\n'"${text}"$'\n' == *$'\n'"${node} Down"$'\n'* ]]; then
    printf 'down\n'
  else
    printf 'up\n'
  fi
}

# started_at SERVICE: when its newest task was made, in epoch seconds; 0 if there is none.
started_at() {
  local text created
  text=$(newest_task "$1")
  read -r _ _ created _ <<<"${text}"
  printf '%s\n' "${created}"
}

# replaced_task SERVICE: the id of its newest task, which a restart replaces; - where it has none.
# Without an answer nothing may be restarted: the old task would be taken for the new one.
replaced_task() {
  local text state id
  text=$(newest_task "$1")
  read -r state _ _ id _ <<<"${text}"
  [[ "${state}" != 'unknown' ]] || stop "${BUSY}" "Docker does not tell which task of $1 runs" '' \
    '' 'see: docker node ls; run the script again'
  printf '%s\n' "${id}"
}

# running_since SERVICE: when its newest task came into its state, in epoch seconds; now, where
# Docker does not tell.
running_since() {
  local text since
  text=$(newest_task "$1")
  read -r _ _ _ _ since <<<"${text}"
  if ((since == 0)); then
    printf -v since '%(%s)T' -1
  fi
  printf '%s\n' "${since}"
}

# last_start [EXCEPT]: when the last of the server hosts, EXCEPT left out, was started, in epoch
# seconds: only phase 6 changes members, and it begins with a start. Later than any, where Docker
# does not tell, or tells of no service with a host's id in its environment.
last_start() {
  local except="${1:-}" server service text created last=0 never=$((1 << 62)) status=0
  local -a ids=()
  text=$(timeout 20 docker service ls --quiet 2>/dev/null) || status=$?
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$(timeout 20 docker service inspect "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
    printf '%s\n' "${never}"
    return
  fi
  for server in "${SERVERS[@]}"; do
    if [[ "${server}" == "${except}" ]]; then
      continue
    fi
    service=$(jq -r --arg env "PGEDGE_HOST_ID=${server}" '[.[]
      | select(.Spec.TaskTemplate.ContainerSpec.Env // [] | index($env)) | .Spec.Name]
      | .[0] // empty' <<<"${text}")
    created="${never}"
    if [[ -n "${service}" ]]; then
      created=$(started_at "${service}")
    fi
    if ((created > last)); then
      last="${created}"
    fi
  done
  printf '%s\n' "${last}"
}

# recovered_at: since when the recovery host's Control Plane has run; where Docker does not tell,
# nothing, which host_word takes for 30 s ago.
recovered_at() {
  local created
  created=$(started_at "${RECOVERY_SERVICE}")
  if ((created > 0)); then
    printf '%s\n' "${created}"
  fi
}

# hosts_word SINCE HOST...: fresh, or what is not: `host-2 stale, host-3 absent`. SINCE, which may
# be empty, and the words are those of host_word; one request for all hosts.
hosts_word() {
  local since="$1" now
  shift
  now=$(date +%s)
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  jq -r --argjson since "${since:-$((now - 30))}" --args "${EPOCH_JQ}"'
    (.hosts | map({key: .id, value: .status}) | from_entries) as $seen
    | [$ARGS.positional[] | . as $id | $seen[$id]
      | (if . == null then "absent" elif .state != "healthy" then .state // "unknown"
         elif (.updated_at | epoch) < $since then "stale"
         else "fresh" end) | select(. != "fresh") | "\($id) \(.)"]
    | if . == [] then "fresh" else join(", ") end' -- "$@" <"${scratch}/answer"
}

# with_record HOST...: those of the hosts that the cluster has a record of, one a line; the others
# are named.
with_record() {
  local text
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  text=$(jq -r --args '$ARGS.positional - [.hosts[].id] | join(", ")' -- "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say "removed, and not joined again: ${text}; nothing is expected of them"
  jq -r --args '[.hosts[].id] as $known | $ARGS.positional[] | select(IN($known[]))' -- "$@" \
    <"${scratch}/answer"
}

# away_word HOST: away | back | the failed request. Away is a host whose last status is old: a dead
# one shows its last words for up to 30 s.
away_word() {
  local word
  word=$(host_word "$1")
  case "${word}" in
    stale | unreachable | unknown | absent) printf 'away\n' ;;
    fresh | healthy | degraded) printf 'back\n' ;;
    *) printf '%s\n' "${word}" ;;
  esac
}

# task_end_word URL: ended | its present status | the failed request. Poll a task only where it
# lives, under its host or database: /v1/tasks/ID does not exist in any release.
task_end_word() {
  local status
  api GET "$1"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  status=$(answer '.status // "unknown"')
  case "${status}" in
    completed | failed | canceled) printf 'ended\n' ;;
    *) printf '%s\n' "${status}" ;;
  esac
}

# await_task URL WHAT: waits for a task's end; the script stops unless it is completed.
await_task() {
  local status error
  local diagnose="curl '$1'"
  wait_until "${DEADLINE_TASK}" ended "$2 has ended" task_end_word "$1"
  api_must 200 GET "$1"
  status=$(answer '.status')
  error=$(answer '.error // "no error text"')
  [[ "${status}" == 'completed' ]] || stop "${FAILED}" "$2 has not worked" 'completed' \
    "${status}: ${error}" 'mend what the error names, then run this script again: it repeats it'
  say "$2 is completed"
}

# databases_word: read, and every database in full is a JSON array in scratch/databases.json; or the
# failed request. The list alone has no specs, on 0.6 no instances either, and none at all is {}.
databases_word() {
  local ids id
  : >"${scratch}/databases"
  api GET "${RECOVERY_API}/v1/databases"
  if [[ "${http_status}" == 200 ]]; then
    ids=$(answer '.databases // [] | .[].id')
    for id in ${ids}; do
      api GET "${RECOVERY_API}/v1/databases/${id}"
      [[ "${http_status}" == 200 ]] || break
      cat -- "${scratch}/answer" >>"${scratch}/databases"
    done
  fi
  if [[ "${http_status}" == 200 ]]; then
    jq -s '.' -- "${scratch}/databases" >"${scratch}/databases.json"
    printf 'read\n'
  else
    printf '%s\n' "${http_status}"
  fi
}

# read_databases: as databases_word, and the script stops where they cannot be read.
read_databases() {
  local word
  word=$(databases_word)
  [[ "${word}" == 'read' ]] || stop "${BUSY}" 'the databases cannot be read' '200' "${word}" \
    "see: ${RECOVERY_API}/v1/databases; run the script again"
}

# databases_on HOST...: ids of the databases read last that have anything on one of these hosts, in
# their spec or in their records: after a failed update the records alone still say so.
databases_on() {
  jq -r --args '$ARGS.positional as $hosts | .[] | select([(.spec.nodes, .spec.services | .[]?
      | .host_ids[]?), (.instances, .service_instances | .[]? | .host_id)]
    | any(. as $one | $hosts | index($one))) | .id' -- "$@" <"${scratch}/databases.json"
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
