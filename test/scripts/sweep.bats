#!/usr/bin/env bats
# The power goes in the middle: one script of every kind of turn is killed before each single change
# it makes, and after the last, and run again. The world must end as if nothing had happened, and
# what was set aside first must still be what it was. (Killed after one change and before the next
# are the same world.)
load world

teardown() {
  end_world
}

sweep() {
  local count k when again=''
  if [[ "$2" == undo/* || "$2" == before/* ]]; then
    "$3" "$1" "$2"
  else
    world_for "$1" "$2"
  fi
  cp -a -- "${WORLD}" "${BATS_TEST_TMPDIR}/start"
  printf '0\n' >"${WORLD}/count"
  run_script "$1/$2" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  settle
  end_world
  IFS= read -r count <"${WORLD}/count"
  fingerprint | lasting >"${BATS_TEST_TMPDIR}/want"
  members_now >"${BATS_TEST_TMPDIR}/members"
  ((count > 0)) || fail 'it changes nothing'

  : >"${BATS_TEST_TMPDIR}/killed.before"
  for ((k = 1; k <= count + 1; k++)); do
    when="before ${k}"
    if ((k > count)); then when="after ${count}"; fi
    rm -rf -- "${WORLD:?}"
    cp -a -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
    printf '0\n' >"${WORLD}/count"
    printf '%s\n' "${when}" >"${WORLD}/die"
    run_script "$1/$2" --apply "${OPTIONS_FOR[@]}"
    rm -f -- "${WORLD}/die"
    [[ "${status}" == 137 ]] || fail "${when}: not killed, ended with ${status}
${output}"
    end_world
    settle
    again=$(changes | tail -n 1)
    # A change that changed nothing (a folder that was there) leaves a world that was looked at.
    fingerprint >"${BATS_TEST_TMPDIR}/killed"
    if cmp -s -- "${BATS_TEST_TMPDIR}/killed" "${BATS_TEST_TMPDIR}/killed.before"; then continue; fi
    mv -- "${BATS_TEST_TMPDIR}/killed" "${BATS_TEST_TMPDIR}/killed.before"
    prepare_again "$2"
    run_script "$1/$2" --apply "${OPTIONS_FOR[@]}"
    [[ "${status}" == 0 ]] || fail "killed ${when} (${again}), the second run ended with ${status}
${output}"
    settle
    end_world
    fingerprint | lasting >"${BATS_TEST_TMPDIR}/seen"
    if ! diff "${BATS_TEST_TMPDIR}/want" "${BATS_TEST_TMPDIR}/seen" >"${BATS_TEST_TMPDIR}/diff" \
      || ! members_now | diff "${BATS_TEST_TMPDIR}/members" - >>"${BATS_TEST_TMPDIR}/diff"; then
      printf '%s\n' "${output}" >>"${BATS_TEST_TMPDIR}/diff"
      batslib_decorate "another world when killed ${when}: ${again}" <"${BATS_TEST_TMPDIR}/diff" | fail
    fi
    assert_sound
  done
}

# prepare_again SCRIPT: asides are no turns of a phase, and their machine is on.
prepare_again() {
  if [[ "$1" == [0-9]* || "$1" == if-needed/* ]]; then prepare_machine "$1"; else options_for "${bundle}/$1"; fi
}

snapshot_place() {
  export WORLD_INTACT=yes
  build_world "$1"
  prepare_machine "$2"
}

restored_place() {
  world_for "$1" 04-start-on-host-1.sh
  act_on 04-start-on-host-1.sh
  options_for "$1/$2"
}

cleared_place() {
  world_for "$1" 05-reattach-on-host-2.sh
  killed_at 'at docker service update *--replicas 1 *' "$1/05-reattach-on-host-2.sh"
  options_for "$1/$2"
}

turns=(
  'three-servers-two-lost 01-prepare-on-host-1.sh'
  'three-servers-two-lost 02-restore-on-host-1.sh'
  'three-servers-two-lost 03-rewrite-on-host-1.sh'
  'three-servers-two-lost 04-start-on-host-1.sh'
  'three-servers-two-lost 05-reattach-on-host-2.sh'
  'three-servers-two-lost 07-verify-on-host-1.sh'
  'three-servers-two-lost before/snapshot-on-host-1.sh snapshot_place'
  'three-servers-two-lost undo/undo-on-host-1.sh restored_place'
  'three-servers-two-lost undo/undo-on-host-2.sh cleared_place'
  'five-servers-and-clients 07-remove-eu-4-on-eu-1.sh'
  'five-servers-and-clients 09-join-on-eu-4.sh'
  'total-loss 01-prepare-on-node-1.sh'
  'guide-rejoin 10-verify-on-host-1.sh'
)

register() {
  local turn script
  for turn in "${turns[@]}"; do
    # shellcheck disable=SC2086 # words on purpose
    bats_test_function --description "sweep: ${turn% *_place}" -- sweep ${turn}
  done
  # The turns at a client host, wherever the plan puts them.
  for script in "${GENERATED}"/five-servers-and-clients/{[0-9]*-start-client,if-needed/*-clear-on,if-needed/*-join-client}-eu-worker-2*.sh; do
    script="${script#"${GENERATED}/five-servers-and-clients/"}"
    bats_test_function --description "sweep: five-servers-and-clients ${script}" -- \
      sweep five-servers-and-clients "${script}"
  done
}
register
