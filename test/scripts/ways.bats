#!/usr/bin/env bats
# Every committed script, in a world in which it is the next one: looking changes nothing and tells
# what acting runs; acting works; a second run finds it done.
load world

teardown() {
  end_world
}

# Turns whose look cannot tell everything: a step says "cannot know before step N has run".
blind_turns() {
  [[ "$1" == *'cannot know before step'* ]]
}

whole_way() {
  local told ran
  world_for "$1" "$2"
  fingerprint >"${WORLD}/tmp/before"
  : >"${WORLD}/journal"

  run_script "$1/$2" "${OPTIONS_FOR[@]}"
  assert_ended "$3"
  assert_equal "$(changes)" ''
  assert_unchanged "${WORLD}/tmp/before"
  told=$(said_to_run <<<"${output}")
  look="${output}"
  assert_sound

  run_script "$1/$2" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  ran=$(said_to_run <<<"${output}")
  assert_sound
  if ! blind_turns "${look}"; then
    assert_equal "${told}" "${ran}"
  fi
  settle

  : >"${WORLD}/journal"
  run_script "$1/$2" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_equal "$(said_to_run <<<"${output}")" ''
  assert_sound
}

register() {
  local script
  for script in "${GENERATED}"/three-servers-two-lost/[1-9]*/*.sh; do
    script="${script#"${GENERATED}/"}"
    bats_test_function --description "${script}" -- whole_way "${script%%/*}" "${script#*/}" 3
  done
}
register
