#!/usr/bin/env bats
# Every committed script, in a world in which it is the next one: looking changes nothing and tells
# what acting runs; acting works; a second run finds it done.
load world

teardown() {
  end_world
}

whole_way() {
  world_for "$1" "$2"
  look_act_again "$1/$2"
}

register() {
  local script
  for script in "${GENERATED}"/{three,five,total,guide}*/[1-9]*/*.sh \
    "${GENERATED}"/before-the-incident/host-3/[1-9]*/*.sh; do
    script="${script#"${GENERATED}/"}"
    bats_test_function --description "${script}" -- whole_way "${script%/*/*}" "${script#"${script%/*/*}/"}"
  done
}
register
