#!/usr/bin/env bats
# The table of guards and scripts: each guard of each kind of script is made to answer "no" and then
# "could not tell". Nothing may change either way, looked at or acted on. A guard without a pair of
# functions here, and a script whose guards are not read, fail.
load world

teardown() {
  end_world
}

# Scripts of every kind: a bundle and a script, and how their world is made if not by the way there.
scripts=(
  'three-servers-two-lost 01-prepare-on-host-1.sh'
  'three-servers-two-lost 02-restore-on-host-1.sh'
  'three-servers-two-lost 03-rewrite-on-host-1.sh'
  'three-servers-two-lost 04-start-on-host-1.sh'
  'three-servers-two-lost 05-reattach-on-host-2.sh'
  'three-servers-two-lost if-needed/01-remove-host-2-on-host-1.sh'
  'three-servers-two-lost if-needed/03-join-on-host-2.sh'
  'three-servers-two-lost 07-verify-on-host-1.sh'
  'three-servers-two-lost undo/undo-on-host-1.sh restored_place'
  'three-servers-two-lost undo/undo-on-host-2.sh cleared_place'
  'total-loss 01-prepare-on-node-1.sh'
  'five-servers-and-clients 10-start-client-eu-worker-1-on-eu-1.sh'
)

restored_place() {
  world_for "$1" 04-start-on-host-1.sh
  options_for "$1/$2"
}

cleared_place() {
  world_for "$1" 05-reattach-on-host-2.sh
  killed_at 'at docker service update *--replicas 1 *' "$1/05-reattach-on-host-2.sh"
  options_for "$1/$2"
}

# guards_of BUNDLE/SCRIPT: the guards it has, in its order.
guards_of() {
  sed -n '/^guards() {$/,/^}$/{s/^  \([a-z_]*\)$/\1/p}' "${GENERATED}/$1"
}

# guarded ANSWER GUARD BUNDLE SCRIPT [PLACE]: WANT is the status the answer gives; LOOK, if it differs,
# that of looking; BEFORE is what is never undone by a refusal, such as a fault.
guarded() {
  local answer="$1" guard="$2" host
  WANT='' LOOK=''
  "${5:-world_for}" "$3" "$4"
  host=$(sed -n "s/^readonly HOST='\(.*\)'\$/\1/p;/^main()/q" "${GENERATED}/$3/$4")
  "${answer}_${guard}" "${host}" "$3/$4"
  [[ "${WANT}" =~ ^(0|69|75|78)$ ]] || fail "${answer}_${guard} names no status"
  data_tree "${host}" >"${BATS_TEST_TMPDIR}/tree"
  : >"${WORLD}/journal"
  if [[ "${answer}" == no ]]; then
    WORLD_PACE=100 run_script "$3/$4" "${OPTIONS_FOR[@]}"
    assert_ended "${LOOK:-${WANT}}"
    assert_equal "$(changes)" ''
    : >"${WORLD}/journal"
  fi
  WORLD_PACE=100 run_script "$3/$4" --apply "${OPTIONS_FOR[@]}"
  assert_ended "${WANT}"
  if [[ "${WANT}" != 0 ]]; then
    assert_output --partial 'STOP: '
    assert_output --partial '  do: '
    assert_output --partial 'changed:  nothing'
  fi
  assert_equal "$(changes)" ''
  data_tree "${host}" | diff "${BATS_TEST_TMPDIR}/tree" -
  assert_sound
}

# state_on HOST: the folder of the recovery on a host, made if it is not there.
state_on() {
  local data token
  data=$(in_world data_place "$1")
  token=$(sed -n "s/^readonly CLUSTER_TOKEN='\(.*\)'\$/\1/p" "${GENERATED}/$2")
  mkdir -p "${data}/plan-recovery/${token}-1"
  printf '%s\n' "${data}/plan-recovery/${token}-1"
}

# data_place HOST: its data directory on this machine.
data_place() {
  data_of "$1"
  printf '%s\n' "${DATA}"
}

# other HOST: another server host of the plan than this one.
other() {
  jq -r --arg host "$1" '[.cluster.hosts[] | select(.mode == "server" and .id != $host) | .id][0]' \
    "${plan}"
}

# ---- what each guard is shown

no_docker_is_local() {
  set_state docker-name another-machine
  WANT=78
}
unknown_docker_is_local() {
  set_state "host/$1/swarm" mute
  WANT=69
}

no_no_other_recovery() {
  local data
  data=$(in_world data_place "$1")
  mkdir -p "${data}/plan-recovery/other-0123456789ab-1"
  : >"${data}/plan-recovery/other-0123456789ab-1/snapshot.db"
  WANT=78
}
unknown_no_other_recovery() {
  set_state "host/$1/swarm" manager
  fault 'docker node inspect *plan.recovery*' fail '1 Error response from daemon: rpc error: code = DeadlineExceeded'
  WANT=75
}

no_quorum_is_lost() {
  local host
  host=$(other "$1")
  set_state "host/${host}/power" on
  set_state "host/${host}/cp" intact
  WANT=78
}
unknown_quorum_is_lost() {
  local host
  host=$(other "$1")
  set_state "host/${host}/power" on
  set_state "host/${host}/cp" stuck
  set_state "host/${host}/mute" yes
  WANT=75
}

no_no_other_is_fresher() {
  runs_without_leader "$1" 9999
  WANT=78
}
unknown_no_other_is_fresher() {
  runs_without_leader "$1" none
  WANT=75
}

# runs_without_leader HOST REVISION: another server host runs, and its etcd reports that revision.
runs_without_leader() {
  local host
  host=$(other "$1")
  set_state "host/${host}/power" on
  set_state "host/${host}/cp" stuck
  set_state "host/${host}/swarm-port" closed
  set_state "host/${host}/revision" "$2"
  set_state "host/$1/cp" noquorum
  OPTIONS_FOR=()
  local id
  for id in $(jq -r '.cluster.hosts[] | select(.mode == "server") | .id' "${plan}"); do
    if [[ "$(in_world power_of "${id}")" != on ]]; then OPTIONS_FOR+=(--fenced "${id}"); fi
  done
}

no_swarm_can_be_used() {
  set_state "host/$1/swarm" inactive
  WANT=78
}
unknown_swarm_can_be_used() {
  set_state "host/$1/swarm" pending
  WANT=75
}

no_others_are_quiet() { no_quorum_is_lost "$@"; }
unknown_others_are_quiet() { unknown_quorum_is_lost "$@"; }

no_service_is_stopped() {
  set_state "service/$(in_world service_of "$1")/scale" 1
  WANT=78
}
unknown_service_is_stopped() {
  fault 'docker service inspect*' fail '1 Error response from daemon: rpc error: code = Unavailable'
  WANT=75
}

no_something_to_undo() {
  local state
  state=$(state_on "$1" "$2")
  rm -rf -- "${state:?}"
  WANT=0
}
# Nothing is asked of anybody: an undo finds its work on this disk.
unknown_something_to_undo() { no_something_to_undo "$@"; }

no_data_directory() {
  local data
  data=$(in_world data_place "$1")
  mv -- "${data}/certificates" "${WORLD}/elsewhere"
  ln -s "${WORLD}/elsewhere" "${data}/certificates"
  WANT=78
}
unknown_data_directory() {
  fault 'timeout * find *plan-recovery/*' fail '1 find: etcd: Input/output error'
  WANT=75
}

# A new machine has no service yet, and so nothing that could mount another directory.
no_service_uses_data() {
  if [[ "$2" == total-loss/01-* ]]; then
    unknown_service_uses_data "$@"
    return
  fi
  mkdir -p "${WORLD}/other"
  set_state "host/$1/mounted" "${WORLD}/other"
  WANT=78
}
unknown_service_uses_data() {
  fault 'docker ps --all*' fail '1 Error response from daemon: context deadline exceeded'
  fault 'docker service inspect *Mounts*' fail '1 Error response from daemon: context deadline exceeded'
  WANT=75
}

no_records_agree() {
  local state
  state=$(state_on "$1" "$2")
  rm -rf -- "${state:?}/before/etcd"
  mkdir -p "${state}/before/etcd/member"
  WANT=78
}
unknown_records_agree() {
  local state
  state=$(state_on "$1" "$2")
  mkdir -p "${state}/undone"
  WANT=78
}

no_own_state() {
  sed -i "s/host-$1/host-stranger/" "$(in_world data_place "$1")/generated.config.json"
  WANT=78
}
unknown_own_state() {
  printf '{"etcd_user' >"$(in_world data_place "$1")/generated.config.json"
  WANT=78
}

no_own_data() {
  rm -- "$(in_world data_place "$1")"/etcd/member/wal/*.wal
  WANT=78
}
unknown_own_data() {
  : >"$(in_world data_place "$1")/etcd/member/snap/db"
  WANT=78
}

no_certificates_fit() {
  cp -- "${WORLD_SUITE}/ca/stranger.crt" "$(in_world data_place "$1")/certificates/ca.crt"
  WANT=78
}
unknown_certificates_fit() {
  fault 'openssl version*' fail '127 openssl: error while loading shared libraries'
  WANT=69
}

no_recovery_is_current() {
  : >"$(state_on "$1" "$2")/closed"
  WANT=78
}
unknown_recovery_is_current() {
  : >"$(state_on "$1" "$2")/closed"
  set_state "host/$1/cp" stuck
  set_state "host/$1/mute" yes
  WANT=75
}

no_clocks_agree() {
  set_state clock-gap 86400
  WANT=78
}
unknown_clocks_agree() {
  fault 'curl */v1/version' hang
  WANT=75
}

no_recovery_is_under_way() {
  set_state "cluster-number-$(<"${WORLD}/state/current")" 4242
  WANT=78
}
unknown_recovery_is_under_way() {
  fault 'etcdctl *member list -w fields*' fail '1 Error: context deadline exceeded'
  WANT=75
}

no_recovery_has_started() {
  local state
  state=$(state_on "$1" "$2")
  rm -rf -- "${state:?}"
  WANT=78
}
# By what is on this disk only: there is nobody who could fail to answer.
unknown_recovery_has_started() { no_recovery_has_started "$@"; }

no_host_has_not_come_back() {
  printf 'incident 1\n' >"$(state_on "$1" "$2")/returned"
  WANT=78
}
unknown_host_has_not_come_back() {
  in_world give_etcd "$1" old 4321
  fault 'etcdctl *member list*' fail '1 Error: context deadline exceeded'
  WANT=75
}

no_swarm_is_known() {
  set_state "host/$1/swarm" locked
  WANT=78
}
unknown_swarm_is_known() {
  set_state "host/$1/swarm" pending
  WANT=75
}

no_can_be_undone() {
  : >"$(state_on "$1" "$2")/closed"
  WANT=78
}
unknown_can_be_undone() {
  rm -- "$(state_on "$1" "$2")"/before/etcd/member/wal/*
  rmdir -- "$(state_on "$1" "$2")/before/etcd/member/wal"
  WANT=78
}

# Only an inventory that names a snapshot has one to check.
no_named_snapshot() {
  local file
  file=$(sed -n "s/^readonly SNAPSHOT_FILE='\(.*\)'\$/\1/p" "${GENERATED}/$2")
  if [[ -z "${file}" ]]; then
    no_space_is_enough "$@"
  else
    truncate -s 1500 "${WORLD}/disk/$1${file}"
    WANT=78
  fi
}
unknown_named_snapshot() {
  local file
  file=$(sed -n "s/^readonly SNAPSHOT_FILE='\(.*\)'\$/\1/p" "${GENERATED}/$2")
  if [[ -z "${file}" ]]; then
    unknown_space_is_enough "$@"
  else
    truncate -s 1999 "${WORLD}/disk/$1${file}"
    WANT=78
  fi
}

no_space_is_enough() {
  set_state free 100000
  WANT=78
}
unknown_space_is_enough() {
  fault 'df *' fail '1 df: /data: Stale file handle'
  WANT=75
}

# The one guard that tries something out, and only when acting.
no_rename_works() {
  fault 'mv -T -- */plan-recovery.probe *' fail '1 mv: cannot move: Invalid cross-device link'
  WANT=78
  run_script "$2" "${OPTIONS_FOR[@]}"
  LOOK="${status}"
}
unknown_rename_works() { no_rename_works "$@"; }

# node_named HOST: its node's id.
node_named() {
  take NODE_NAMED "host/$1/node"
  printf '%s\n' "${NODE_NAMED}"
}

register() {
  local line bundle_name script place guard answer
  for line in "${scripts[@]}"; do
    read -r bundle_name script place <<<"${line}"
    for guard in $(guards_of "${bundle_name}/${script}"); do
      for answer in no unknown; do
        bats_test_function --description "${script} of ${bundle_name}: ${guard} ${answer}" -- \
          guarded "${answer}" "${guard}" "${bundle_name}" "${script}" ${place:+"${place}"}
      done
    done
  done
}
register

@test "every guard there is stands in one of these scripts, and every kind of script is here" {
  local line found='' file kinds
  for line in "${scripts[@]}"; do
    read -r bundle_name script _ <<<"${line}"
    found="${found} $(guards_of "${bundle_name}/${script}" | tr '\n' ' ')"
  done
  for file in "${BATS_TEST_DIRNAME}"/../../templates/guards/*.sh; do
    file="${file##*/}"
    file="${file%.sh}"
    [[ " ${found} " == *" ${file//-/_} "* ]] || fail "no script of the table has the guard ${file}"
  done
}
