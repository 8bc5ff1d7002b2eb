#!/usr/bin/env bats
# What the lab's real machines have taught: each case was a script that failed or hung there.
load world

three='three-servers-two-lost'

teardown() {
  end_world
}

@test "a Swarm that still answers reads, its other managers gone, is revived and not waited for" {
  build_world "${three}"
  set_state host/host-1/swarm manager
  options_for "${three}/01-prepare-on-host-1.sh"
  run_script "${three}/01-prepare-on-host-1.sh" "${OPTIONS_FOR[@]}"
  refute_output --partial 'swarm init'
  fault 'docker node update --availability*' fail '1 Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader.'
  run_script "${three}/01-prepare-on-host-1.sh" "${OPTIONS_FOR[@]}"
  assert_ended 3
  assert_output --partial '1 of 3 managers reached for'
  assert_output --partial 'would run: docker swarm init --force-new-cluster'
  assert_equal "$(changes)" ''
}

@test "a Swarm that has lost its managers a second time is revived by phase 1, which is past" {
  world_for "${three}" 04-start-on-host-1.sh
  # The others were back for a while, managers again, and are off.
  for host in host-2 host-3; do
    set_state "host/${host}/swarm" leaderless
    set_state "node/nd1x${host/-/}/role" manager
  done
  set_state host/host-1/swarm leaderless
  options_for "${three}/01-prepare-on-host-1.sh"
  : >"${WORLD}/journal"
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'Swarm has a leader'
  assert_equal "$(said_to_run <<<"${output}")" \
    'docker swarm init --force-new-cluster --advertise-addr 192.168.104.1'
}

@test "a removal run again after the host has joined again says done, and removes nothing" {
  world_for "${three}" if-needed/03-join-on-host-2.sh
  act_on if-needed/03-join-on-host-2.sh
  : >"${WORLD}/journal"
  prepare_machine if-needed/01-remove-host-2-on-host-1.sh
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'host-2 was removed and has joined again'
  assert_equal "$(said_to_run <<<"${output}")" ''
}
