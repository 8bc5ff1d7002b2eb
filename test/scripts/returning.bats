#!/usr/bin/env bats
# Hosts that come back: what their scripts must know before they change anything, and the order of
# what they change. Each guard is made to answer "no" and "could not tell".
load world

three='three-servers-two-lost'
data='data/pgedge/control-plane'
reattach="${three}/05-reattach-on-host-2.sh"
last="${three}/06-reattach-on-host-3.sh"

teardown() {
  end_world
}

# stops STATUS SENTENCE BUNDLE/SCRIPT [OPTION...]: looked at and acted on, and no change either way.
stops() {
  local mode
  data_tree "$(host_of "$3")" >"${WORLD}/tmp/tree"
  for mode in '' --apply; do
    : >"${WORLD}/journal"
    WORLD_PACE=60 run_script "$3" ${mode} "${@:4}"
    assert_refuses "$1" "$2"
    assert_equal "$(changes)" ''
    assert_output --partial 'changed:  nothing'
    # Temporary files, which may hold secrets, are gone from memory.
    assert_equal "$(find "${WORLD_MEMORY}" -mindepth 1)" ''
  done
  data_tree "$(host_of "$3")" | diff "${WORLD}/tmp/tree" -
  assert_sound
}

host_of() {
  sed -n "s/^readonly HOST='\(.*\)'\$/\1/p;/^main()/q" "${GENERATED}/$1"
}

# host_2_returns: the recovery host serves, and host-2 is switched on.
host_2_returns() {
  world_for "${three}" 05-reattach-on-host-2.sh
}

state_of() {
  printf '%s\n' "${WORLD}/disk/$1/${data}/plan-recovery"/acme-host-1-*-"${2:-1}"
}

token_of_plan() {
  local folder
  folder=$(state_of host-1)
  folder="${folder##*/}"
  printf '%s\n' "${folder%-*}"
}

# the_cluster_is_that_of INCIDENT
the_cluster_is_that_of() {
  local current
  IFS= read -r current <"${WORLD}/state/current"
  set_state "cluster-number-${current}" \
    "$(in_world cluster_made_of "https://192.168.104.1:2380$(token_of_plan)-$1")"
}

# in_swarm HOST ID: its node, with the certificate of that Swarm.
in_swarm() {
  set_state "host/$1/swarm-id" "$2"
  in_world swarm_certificate "$1"
}

no_mark() {
  rm -f -- "${WORLD}"/state/node/*/mark
}

# ---- clocks-agree

@test "clocks: a day apart is said before anything about credentials, 78" {
  host_2_returns
  set_state clock-gap 86400
  set_state bad-certificate host-2
  stops 78 'the clocks of host-2 and host-1 differ' "${reattach}"
  refute_output --partial 'remove'
  stops 78 'the clocks of host-2 and host-1 differ' "${three}/if-needed/03-join-on-host-2.sh"
}

@test "clocks: the other clock cannot be read, 75" {
  host_2_returns
  fault 'curl */v1/version' hang
  stops 75 'cannot read the clock of host-1' "${reattach}"
}

# ---- recovery-is-under-way, recovery-has-started

@test "a cluster that never lost its quorum: no recovery is under way, 78" {
  WORLD_INTACT=yes build_world "${three}"
  stops 78 'no recovery with this plan is under way' "${reattach}"
  stops 78 'no recovery with this plan is under way' "${three}/if-needed/03-join-on-host-2.sh"
  stops 78 'no recovery with this plan is under way' "${three}/if-needed/01-remove-host-2-on-host-1.sh"
}

@test "clients of a cluster that never lost its quorum: 78" {
  local bundle='five-servers-and-clients' script
  WORLD_INTACT=yes build_world "${bundle}"
  for script in $(jq -r '.phases[6].turns[].path' "${plan}"); do
    stops 78 'no recovery with this plan is under way' "${bundle}/${script}"
  done
}

@test "whether it is the recovered cluster: etcd does not answer, 75" {
  host_2_returns
  fault 'etcdctl *member list -w fields*' fail '1 Error: context deadline exceeded'
  stops 75 'cannot read the cluster id from etcd at https://192.168.104.1:2379' "${reattach}"
  assert_output --partial 'context deadline exceeded'
}

@test "the recovery host does not serve a cluster yet: 75, and what to run" {
  host_2_returns
  fault 'curl *192.168.104.1:3000/v1/hosts' hang
  stops 75 'cannot tell whether an earlier step is done: api answers' "${reattach}"
  assert_output --partial 'if 04-start-on-host-1.sh was not run, run it'
  # It answered a moment ago, when the needs of the script were asked.
  copy_of "${reattach}"
  run run_copy host-2 -c 'source "$1"; set -e; scratch="$2"; recovery_is_under_way' _ "${COPY}" \
    "${WORLD}/tmp"
  assert_failure 75
  assert_output --partial 'host-1 does not serve a cluster'
  assert_output --partial 'run 01-prepare-on-host-1.sh to 04-start-on-host-1.sh on host-1 first'
}

@test "a certificate that is not accepted is no rejected password: 69, and no word of removal" {
  host_2_returns
  set_state bad-certificate host-2
  no_mark
  stops 69 'the certificate of host-2 is not accepted' "${reattach}"
  assert_output --partial 'tls: expired certificate'
  assert_output --partial 'openssl x509 -noout -dates'
  refute_output --partial '-remove-'
}

@test "with the mark in the Swarm the recovery is proved, and the certificate is still named: 69" {
  host_2_returns
  set_state bad-certificate host-2
  run_script "${reattach}" --apply
  assert_refuses 69 'the certificate of host-2 is not accepted'
  assert_output --partial 'restored in incident 1'
  assert_not_ran '^M host-2 (mv|docker)'
}

@test "rejected credentials are the server's own word: 78, and what removal leads to" {
  host_2_returns
  sed -i 's/first-secret-of-host-2/another/' "${WORLD}/disk/host-2/${data}/generated.config.json"
  run_script "${reattach}" --apply
  assert_refuses 78 'host-2 cannot be reattached'
  assert_output --partial 'rejected'
  assert_output --partial 'if-needed/01-remove-host-2-on-host-1.sh'
  assert_not_ran '^M host-2 (mv|docker)'
}

@test "the incident of the recovered cluster is found, by a host that missed the one before too" {
  host_2_returns
  the_cluster_is_that_of 2
  run_script "${reattach}" --apply
  assert_ended 0
  assert_output --partial 'restored in incident 2'
  assert [ -e "$(state_of host-2 2)/before/etcd" ]
  assert [ ! -e "$(state_of host-2 1)" ]
}

@test "a host that came back in incident 1 knows incident 2 without an option" {
  local current
  host_2_returns
  act_on 05-reattach-on-host-2.sh
  assert [ -e "$(state_of host-2 1)/cleared" ]
  # The next disaster: the recovery host is restored again, and host-2 is stopped.
  IFS= read -r current <"${WORLD}/state/current"
  the_cluster_is_that_of 2
  in_world drop_member "${current}" host-2
  set_state service/control-plane_host-2/scale 0
  set_state host/host-2/container ''
  set_state host/host-2/cp off
  rm -f -- "${WORLD}/violations"
  run_script "${reattach}" --apply
  assert_ended 0
  assert_output --partial 'this is no longer incident 1'
  assert [ -e "$(state_of host-2 2)/before/etcd" ]
  assert_sound
}

@test "--incident that is not that of the recovered cluster: 78" {
  host_2_returns
  stops 78 'is from another incident' "${reattach}" --incident 3
}

@test "a host that is back finds it done, also after the recovery was closed" {
  host_2_returns
  act_on 05-reattach-on-host-2.sh
  no_mark
  : >"${WORLD}/journal"
  run_script "${reattach}" --apply
  assert_ended 0
  assert_output --partial 'Already done: host-2 is a started voter'
  assert_not_ran '^M host-2 (mv|docker)'
}

# ---- swarm-is-known

@test "Docker in error, pending or waiting for its quorum is in no other Swarm: 75, no token" {
  local word
  host_2_returns
  for word in error pending recovering; do
    set_state host/host-2/swarm "${word}"
    stops 75 'Swarm does not work on host-2' "${reattach}" \
      --swarm-token-file "${WORLD}/root/manager-token"
    assert_output --partial 'it is the same Swarm, by its id, so do not leave it'
    refute_output --partial 'join-token'
  done
}

@test "no id can be had from either side: 75, and the Swarm is not left" {
  host_2_returns
  set_state host/host-2/swarm error
  rm -- "${WORLD}/disk/host-2/var/lib/docker/swarm/certificates/swarm-node.crt"
  fault 'docker info *RemoteManagers*' fail '1 Error response from daemon: swarm error'
  stops 75 'which Swarm it is in is unknown, so do not leave it' "${reattach}" \
    --swarm-token-file "${WORLD}/root/manager-token"
}

@test "the id of the recovery host's Swarm cannot be had: its node among the managers proves it" {
  host_2_returns
  fault 'openssl s_client*' fail '1 connect:errno=111'
  run_script "${reattach}"
  assert_ended 3
  assert_output --partial 'a manager of the Swarm of host-1'
}

@test "another Swarm, by its id: 78 with the token's way; without the token it stays" {
  host_2_returns
  in_swarm host-2 swarm-9
  stops 78 'this machine and host-1 are in different Swarms' "${reattach}"
  set_state host/host-2/swarm error
  stops 78 'another one, by its id (its state is error)' "${reattach}"
}

@test "another Swarm and a bad token: 64, and the Swarm is not left" {
  host_2_returns
  in_swarm host-2 swarm-9
  printf 'nonsense\n' >"${WORLD}/root/bad"
  chmod 0600 "${WORLD}/root/bad"
  stops 64 'this is not a Swarm join token' "${reattach}" --swarm-token-file "${WORLD}/root/bad"
}

@test "another Swarm: left, joined, the service placed, and only then data are moved" {
  host_2_returns
  in_swarm host-2 swarm-9
  : >"${WORLD}/journal"
  run_script "${reattach}" --apply --swarm-token-file "${WORLD}/root/manager-token"
  assert_ended 0
  assert_order 'M host-2 docker swarm leave' 'M host-2 curl .*swarm/join' \
    'M host-2 docker service update .*--constraint-add node.id==nd1[0-9]+xhost2' \
    'M host-2 mv -T -- .*/etcd .*/before/etcd'
  assert_sound
}

@test "joined again by hand: the service is placed on the new node before data are moved" {
  host_2_returns
  in_world machine_enters host-2 manager
  : >"${WORLD}/journal"
  run_script "${reattach}" --apply
  assert_ended 0
  assert_order 'docker service update .*--constraint-rm node.id==nd1xhost2 --constraint-add node.id==nd1[0-9]+xhost2' \
    'M host-2 mv -T -- .*/etcd .*/before/etcd' 'PGEDGE_ETCD_MODE=server'
  assert_sound
}

@test "a service at 1 that is placed on the new node does not start there with old data" {
  host_2_returns
  in_world machine_enters host-2 manager
  set_state service/control-plane_host-2/scale 1
  : >"${WORLD}/journal"
  run_script "${reattach}" --apply
  assert_ended 0
  assert_ran 'docker service update --detach .*--constraint-add .* --replicas 0 control-plane_host-2'
  assert_sound
}

@test "the engine does not take the join: what curl said is shown" {
  host_2_returns
  set_state host/host-2/swarm inactive
  fault 'curl *swarm/join*' fail "7 curl: (7) Couldn't connect to server"
  run_script "${reattach}" --apply --swarm-token-file "${WORLD}/root/manager-token"
  assert_refuses 1 'the Swarm did not accept this machine'
  assert_output --partial "Couldn't connect to server"
}

@test "killed while it joins: no token on a disk" {
  host_2_returns
  set_state host/host-2/swarm inactive
  killed_at 'at curl *swarm/join*' "${reattach}" --swarm-token-file "${WORLD}/root/manager-token"
  run grep -rl '0s3cr3t' "${WORLD}/disk"
  assert_output ''
}

@test "locked, a worker for good, drained, paused: 78, each with its own advice" {
  local word
  host_2_returns
  set_state host/host-2/swarm locked
  stops 78 'Swarm is locked on host-2' "${reattach}"
  assert_output --partial 'docker swarm unlock'
  set_state host/host-2/swarm worker
  stops 78 'host-2 is a worker of the Swarm of host-1' "${reattach}"
  assert_output --partial 'docker node promote nd1xhost2'
  set_state host/host-2/swarm manager
  for word in drain pause; do
    set_state node/nd1xhost2/availability "${word}"
    stops 78 'the node of host-2 does not take tasks' "${reattach}"
    assert_output --partial 'docker node update --availability active nd1xhost2'
  done
}

@test "Docker does not report the node or the service: 75; no service of that name: 78" {
  host_2_returns
  fault 'docker node inspect *Availability*' fail '1 Error response from daemon: rpc error: DeadlineExceeded' 2
  stops 75 'Docker does not report the availability' "${reattach}"
  assert_output --partial 'DeadlineExceeded'
  # Twice in each run: which directory it mounts is asked of the container then.
  fault 'docker service inspect *' fail '1 Error response from daemon: rpc error: DeadlineExceeded' 4
  stops 75 'Docker does not report the scale of control-plane_host-2' "${reattach}"
  rm -r -- "${WORLD}/state/service/control-plane_host-2"
  stops 78 'there is no service control-plane_host-2 in this Swarm' "${reattach}"
}

# ---- right before data are touched

@test "unknown whether a container runs: 75, nothing is moved" {
  host_2_returns
  fault 'docker ps --quiet*' fail '1 Error response from daemon: context deadline exceeded'
  : >"${WORLD}/journal"
  run_script "${reattach}" --apply
  assert_refuses 75 'Docker does not report which containers run'
  assert_not_ran '^M host-2 mv'
}

# cleared_alone SCALE CONTAINERS: clear_for_reattach as the script has it, where Docker says so. In a
# shell of its own, in which an error ends it.
cleared_alone() {
  cat >"${BATS_TEST_TMPDIR}/alone" <<EOF
source "${GENERATED}/${reattach}"
scratch="${BATS_TEST_TMPDIR}" STATE="${BATS_TEST_TMPDIR}/state"
spare_voter() { :; }
swarm_word() { printf 'manager\n'; }
service_scale() { printf '$1\n'; }
container_word() { printf '$2\n'; }
clear_away() { printf 'moved %s\n' "\$1"; exit 0; }
clear_for_reattach
EOF
  bash "${BATS_TEST_TMPDIR}/alone"
}

@test "started again between the stop and the move: nothing is moved" {
  run cleared_alone 1 gone
  assert_failure 78
  assert_output --partial 'control-plane_host-2 is not stopped'
  refute_output --partial 'moved'
  run cleared_alone 0 running
  assert_failure 78
  refute_output --partial 'moved'
  run cleared_alone unknown gone
  assert_failure 75
  refute_output --partial 'moved'
  run cleared_alone 0 unknown
  assert_failure 75
  refute_output --partial 'moved'
  run cleared_alone absent gone
  assert_failure 78
  refute_output --partial 'moved'
  run cleared_alone 0 gone
  assert_output --partial 'moved etcd'
}

@test "owner and mode of the configuration are kept" {
  host_2_returns
  chown 1001:1002 "${WORLD}/disk/host-2/${data}/generated.config.json"
  chmod 0640 "${WORLD}/disk/host-2/${data}/generated.config.json"
  # Stopped right after the file was written: the next run must not call it done.
  killed_at 'at docker service update*PGEDGE_ETCD_MODE*' "${reattach}"
  chown 0:0 "${WORLD}/disk/host-2/${data}/generated.config.json"
  fault 'docker service update*PGEDGE_ETCD_MODE*' fail '1 Error response from daemon: busy'
  WORLD_PACE=100 run_script "${reattach}" --apply
  assert_ended 75
  assert_equal "$(stat -c '%u:%g %a' "${WORLD}/disk/host-2/${data}/generated.config.json")" '1001:1002 640'
}

@test "undo: Swarm does not work, or has no such service, or Docker does not report: nothing is moved" {
  local undo="${three}/undo/undo-on-host-2.sh"
  host_2_returns
  # The attempt ends where the host would be started.
  killed_at 'at docker service update*PGEDGE_ETCD_MODE*' "${reattach}"
  cp -a -- "${WORLD}/state/service/control-plane_host-2" "${BATS_TEST_TMPDIR}/service"
  : >"${WORLD}/journal"
  set_state host/host-2/swarm pending
  run_script "${undo}" --apply
  assert_refuses 75 'cannot tell whether control-plane_host-2 is stopped'
  assert_not_ran '^M host-2 mv'
  set_state host/host-2/swarm manager
  rm -r -- "${WORLD}/state/service/control-plane_host-2"
  run_script "${undo}" --apply
  assert_refuses 78 'there is no service control-plane_host-2'
  assert_not_ran '^M host-2 mv'
  cp -a -- "${BATS_TEST_TMPDIR}/service" "${WORLD}/state/service/control-plane_host-2"
  fault 'docker service inspect *' fail '1 Error response from daemon: DeadlineExceeded'
  run_script "${undo}" --apply
  assert_refuses 75 'Docker does not report the scale'
  assert_not_ran '^M host-2 mv'
  rm -- "${WORLD}"/faults/*
  run_script "${undo}" --apply
  assert_ended 0
  assert_sound
}

@test "undo after the host has come back, also if the cluster was restored again since: 78" {
  local current
  host_2_returns
  act_on 05-reattach-on-host-2.sh
  IFS= read -r current <"${WORLD}/state/current"
  the_cluster_is_that_of 2
  in_world drop_member "${current}" host-2
  set_state service/control-plane_host-2/scale 0
  set_state host/host-2/container ''
  set_state host/host-2/cp off
  rm -f -- "${WORLD}/violations"
  stops 78 'host-2 has come back in incident 1; there is nothing to undo' "${three}/undo/undo-on-host-2.sh"
}

@test "undo: unknown whether the host has come back, 75; its certificate is not accepted, 69" {
  host_2_returns
  killed_at 'at docker service update*PGEDGE_ETCD_MODE*' "${reattach}"
  in_world give_etcd host-2 old 4321
  fault 'etcdctl *member list*' fail '1 Error: context deadline exceeded'
  stops 75 'cannot tell whether host-2 has come back' "${three}/undo/undo-on-host-2.sh"
  rm -- "${WORLD}"/faults/*
  set_state bad-certificate host-2
  stops 69 'the certificate of host-2 is not accepted' "${three}/undo/undo-on-host-2.sh"
}

# ---- the end

@test "two voters: the next host is named, and only if there is one" {
  host_2_returns
  copy_of "${reattach}"
  run run_copy host-2 "${COPY}" --apply
  assert_ended 0
  assert_output --partial 'Continue with the next host now (host-3)'
  settle
  sed -i "s/^  prove_voter .*/  prove_voter '2' 'host-1'/" "${COPY}"
  run run_copy host-2 "${COPY}" --apply
  assert_ended 0
  refute_output --partial 'Continue with the next host'
  assert_output --partial 'They tolerate no loss, and this plan has no other server host'
  assert_output --partial '/v1/cluster/join-token'
}

@test "reattached before phase 8: the variable stays for it" {
  host_2_returns
  run_script "${reattach}" --apply
  assert_ended 0
  assert_output --partial 'stays on control-plane_host-2 until phase 8 has run'
  assert_not_ran 'env-rm'
}

@test "reattached after phase 8 has closed: the variable goes; never by a restart of one of two voters" {
  host_2_returns
  no_mark
  run_script "${reattach}" --apply
  assert_ended 0
  assert_output --partial 'Removing it would restart one of two voters'
  assert_not_ran 'env-rm'
  settle
  prepare_machine "${last#*/}"
  run_script "${last}" --apply
  assert_ended 0
  assert_order 'PGEDGE_ETCD_MODE=server .*control-plane_host-3' \
    'docker service update --force --detach --env-rm PGEDGE_ETCD_MODE --label-rm plan.recovery.env control-plane_host-3'
  run ! grep -q 'PGEDGE_ETCD_MODE' "${WORLD}/state/service/control-plane_host-3/env"
  settle
  # Now the first one, too.
  run_script "${reattach}" --apply
  assert_ended 0
  assert_ran 'env-rm PGEDGE_ETCD_MODE --label-rm plan.recovery.env control-plane_host-2'
  assert_sound
}

@test "unknown whether the recovery is closed: the variable stays" {
  host_2_returns
  no_mark
  fault 'docker node ls --quiet' fail '1 Error response from daemon: DeadlineExceeded'
  run_script "${reattach}" --apply
  assert_ended 0
  assert_not_ran 'env-rm'
}

# placed_alone AVAILABILITY: start_client_place of a client's script, in a shell of its own.
placed_alone() {
  cat >"${BATS_TEST_TMPDIR}/alone" <<EOF
source "${GENERATED}/five-servers-and-clients/10-start-client-eu-worker-1-on-eu-1.sh"
scratch="${BATS_TEST_TMPDIR}"
node_of() { printf 'nd1xeuworker1\n'; }
availability_of() { printf '$1\n'; }
start_client_place eu-worker-1 pgedge_eu-worker-1
EOF
  bash "${BATS_TEST_TMPDIR}/alone"
}

@test "a client whose node is drained is not started: 78; unknown: 75" {
  run placed_alone drain
  assert_failure 78
  assert_output --partial 'the node of eu-worker-1 does not take tasks'
  run placed_alone unknown
  assert_failure 75
  run placed_alone active
  assert_success
}
