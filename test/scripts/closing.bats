#!/usr/bin/env bats
# The way to the end, whatever happened: hosts that never return, scripts run out of order, old hosts
# that are powered on, and what the last script says.
load world

three='three-servers-two-lost'
data='data/pgedge/control-plane'

teardown() {
  end_world
}

state_of() {
  printf '%s\n' "${WORLD}/disk/$1/${data}/plan-recovery/"acme-host-1-*-1
}

# unchanged STATUS SENTENCE SCRIPT [OPTION...]: looked at and acted on, it stops and changes nothing.
unchanged() {
  local script="${three}/$3" wanted="$1" sentence="$2"
  shift 3
  fingerprint >"${WORLD}/tmp/before"
  : >"${WORLD}/journal"
  run_script "${script}" "$@"
  assert_refuses "${wanted}" "${sentence}"
  run_script "${script}" --apply "$@"
  assert_refuses "${wanted}" "${sentence}"
  assert_equal "$(changes)" ''
  assert_unchanged "${WORLD}/tmp/before"
  assert_sound
}

@test "too early on another host: it names the first script of the recovery host, and where" {
  build_world "${three}"
  switch_on host-2
  unchanged 78 'run 01-prepare-on-host-1.sh first (the etcd of host-1 runs' \
    05-reattach-on-host-2.sh
  set_state host/host-1/cp off
  unchanged 78 'run 04-start-on-host-1.sh first (it names an earlier script' \
    05-reattach-on-host-2.sh
  set_state host/host-1/power off
  unchanged 75 'cannot tell whether an earlier step is done: api answers' \
    05-reattach-on-host-2.sh
}

# one_back: host-2 is back, host-3 has never returned.
one_back() {
  bundle="${three}"
  plan="${GENERATED}/${bundle}/plan.json"
  play 01-prepare-on-host-1.sh 02-restore-on-host-1.sh 03-rewrite-on-host-1.sh \
    04-start-on-host-1.sh 05-reattach-on-host-2.sh
}

# one_removed: as one_back, and host-3 is removed.
one_removed() {
  one_back
  kept one_removed_last
}

one_removed_last() {
  run_script "${three}/if-needed/02-remove-host-3-on-host-1.sh" --apply
  [[ "${status}" == 0 ]] || fail "${output}"
  settle
}

@test "a host that is neither back nor removed: 78, and phase 8 names both ways" {
  one_back
  unchanged 78 'host-3 is neither back nor removed' 07-verify-on-host-1.sh
  assert_output --partial 'run 06-reattach-on-host-3.sh on host-3'
  assert_output --partial 'run if-needed/02-remove-host-3-on-host-1.sh on host-1'
}

@test "a host that never returns: removed, the plan is closed with fewer hosts, and the end says so" {
  one_removed
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'host-3 was removed and has not joined again: it is not checked'
  assert_output --partial '2 of 3 server hosts vote; quorum of 2 members is 2; it tolerates no loss'
  assert_output --partial 'TWO VOTERS: the loss of either stops both. Bring back or add a server host.'
  assert_output --partial 'host-3 does not vote. Its old data must never start next to this cluster'
  assert_output --partial 'Left on control-plane_host-2: PGEDGE_ETCD_MODE and the label plan.recovery.env'
  assert_output --partial 'if-needed/04-join-on-host-3.sh on host-3'
  [[ -f "$(state_of host-1)/closed" ]]
  refute_output --partial '--incident'
  assert_sound
}

@test "no other host returns: all are removed, and the end says that one voter is left" {
  bundle="${three}"
  plan="${GENERATED}/${bundle}/plan.json"
  play 01-prepare-on-host-1.sh 02-restore-on-host-1.sh 03-rewrite-on-host-1.sh \
    04-start-on-host-1.sh
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply --also host-3
  assert_ended 0
  assert_output --partial 'Quorum of 3 server hosts: floor(3/2)+1 = 2'
  assert_output --partial '1 of 3 server hosts votes; quorum of 1 member is 1; it tolerates no loss'
  settle
  run_script "${three}/if-needed/02-remove-host-3-on-host-1.sh" --apply
  assert_ended 0
  settle
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'ONE VOTER: the next loss is total. Add server hosts.'
  assert_output --partial 'host-2 does not vote'
  assert_output --partial 'host-3 does not vote'
  assert_sound
}

@test "a host to be removed, and its databases cannot be read: 75" {
  one_back
  : >"${WORLD}/journal"
  fault 'curl *--request GET*/v1/databases' fail '28 curl: (28) Operation timed out'
  run_script "${three}/if-needed/02-remove-host-3-on-host-1.sh" --apply
  assert_refuses 75 'the databases cannot be read'
  assert_equal "$(changes | grep -vE '^(install -d -m 0700 -- .*/log|touch -- .*\.log)$')" ''
}

@test "an old host that is powered on after the end is reported; one with a leader is refused: 78" {
  local script="${three}/07-verify-on-host-1.sh"
  one_removed
  run_script "${script}" --apply
  assert_ended 0
  assert_ran 'docker node update --label-rm plan.recovery '
  switch_on host-3
  set_state host/host-3/cp noquorum
  : >"${WORLD}/journal"
  run_script "${script}" --apply
  assert_ended 0
  assert_output --partial 'WARNING: host-3 is on (it answers on its ports (no-leader); its Swarm node is ready'
  assert_equal "$(changes | grep -v '/log')" ''
  set_state host/host-3/cp intact
  run_script "${script}" --apply
  assert_refuses 78 'host-3 has a leader and does not vote here, so there are two clusters'
  assert_sound
}

@test "closed, and the quorum is lost again: phases 2 to 4, 5 and 8 name phase 1" {
  local script
  one_removed
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  set_state host/host-1/cp noquorum
  for script in 02-restore 03-rewrite 04-start 07-verify; do
    unchanged 78 'run 01-prepare-on-host-1.sh' "${script}-on-host-1.sh"
  done
  # In the middle of a recovery, as well.
  rm -- "$(state_of host-1)/closed"
  unchanged 78 'run 01-prepare-on-host-1.sh' 04-start-on-host-1.sh
}

@test "closed, and it is unknown whether its etcd has a leader: 75; cannot be asked: 69" {
  one_removed
  touch "$(state_of host-1)/closed"
  set_state host/host-1/cp stuck
  set_state host/host-1/mute yes
  unchanged 75 'cannot tell whether the etcd of host-1 has a leader' 04-start-on-host-1.sh
  # It was started again without a quorum: it answers nobody, and names its voters at its peer port.
  set_state host/host-1/mute waits
  unchanged 78 'run 01-prepare-on-host-1.sh' 04-start-on-host-1.sh
  rm -- "${WORLD}/state/host/host-1/mute"
  fault 'curl *health*' fail '60 curl: (60) SSL certificate problem: certificate has expired'
  unchanged 69 'cannot ask etcd whether it has a leader' 04-start-on-host-1.sh
}

@test "a need that could not be asked is no answer: 75, and nothing is changed" {
  one_back
  fault 'curl *--request GET*/v1/hosts' fail '28 curl: (28) Operation timed out'
  unchanged 75 'cannot tell whether an earlier step is done: api answers' if-needed/02-remove-host-3-on-host-1.sh
  unchanged 75 'cannot tell whether an earlier step is done: quorum reached' 07-verify-on-host-1.sh
  rm -- "${WORLD}"/faults/*
  rm -- "${WORLD}/state/record/host-3"
  fault 'etcdctl *member list*' fail '1 Error: context deadline exceeded'
  unchanged 75 'cannot tell whether host-3 is back or removed' 07-verify-on-host-1.sh
  rm -- "${WORLD}"/faults/*
  set_state host/host-2/deaf always
  unchanged 78 '1 server hosts are back, the target is 2' 07-verify-on-host-1.sh
}

@test "what was not well before is not available at the end, and nothing else is claimed" {
  local file
  one_removed
  file="${WORLD}/state/database/app.json"
  jq -c '.state = "failed" | .updated_at = "2026-01-02T03:04:05Z"' "${file}" >"${file}.new"
  mv -- "${file}.new" "${file}"
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'NOT AVAILABLE: app is failed since 2026-01-02T03:04:05Z, before this recovery'
  refute_output --partial 'Check passed: every database and instance is back'$'\n'
  refute_output --partial 'Every database and instance is available.'
}

@test "a host reattached after the end: phase 8 takes its variable away, unless only two vote" {
  local service="${WORLD}/state/service/control-plane_host-2"
  bundle="${three}"
  plan="${GENERATED}/${bundle}/plan.json"
  world_for "${three}" 07-verify-on-host-1.sh
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  printf 'PGEDGE_ETCD_MODE=server\n' >>"${service}/env"
  printf 'plan.recovery.env=1\n' >>"${service}/labels"
  : >"${WORLD}/journal"
  run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_ended 0
  assert_ran 'service update --force --detach --env-rm PGEDGE_ETCD_MODE --label-rm plan.recovery.env control-plane_host-2'
  refute_output --partial 'PGEDGE_ETCD_MODE and the label plan.recovery.env'
  assert_output --partial '3 of 3 server hosts vote; quorum of 3 members is 2; it tolerates the loss of 1'
  assert_output --regexp 'Left on this host: .*/plan-recovery/acme-host-1-.* \([0-9.]+[KMG]?\)'
  assert_sound
}

@test "a pinned image that its registry does not show is named: the update, and the task" {
  local script="${three}/if-needed/02-remove-host-3-on-host-1.sh" text
  text='validation error for node n1, host host-1: image \\"ghcr.io/pgedge/pgedge-postgres:17.9\\" could not be verified: context deadline exceeded'
  one_back
  fault 'curl *--request POST*/v1/databases/*' answer "400 {\"name\":\"invalid_input\",\"message\":\"${text}\"}" 1
  run_script "${script}" --apply
  assert_refuses 1 'the pinned image of database app cannot be verified in its registry'
  assert_output --partial 'orchestrator_opts.swarm.image'
  set_state job-end/update 'failed image could not be verified: manifest unknown'
  : >"${WORLD}/state/job-end/update.once"
  run_script "${script}" --apply
  assert_refuses 1 'the pinned image of database app cannot be verified in its registry'
  run_script "${script}" --apply
  assert_ended 0
  assert_sound
}

# printed COMMAND...: what a function of the removal script of host-3 prints.
printed() (
  # shellcheck source=generated/three-servers-two-lost/if-needed/02-remove-host-3-on-host-1.sh
  source "${GENERATED}/${three}/if-needed/02-remove-host-3-on-host-1.sh"
  "$@"
)

@test "the arithmetic that is printed is right for every number of voters" {
  local voters quorum spare
  for voters in {1..9}; do
    quorum=1
    while ((2 * quorum <= voters)); do quorum=$((quorum + 1)); done
    spare="the loss of $((voters - quorum))"
    if ((voters == quorum)); then spare='no loss'; fi
    run printed arithmetic "${voters}" 9
    assert_output --regexp "^${voters} of 9 server hosts votes?; quorum of ${voters} members? is ${quorum}; it tolerates ${spare}\$"
  done
}
