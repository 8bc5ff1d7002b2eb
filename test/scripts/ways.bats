#!/usr/bin/env bats
# Every committed script, in a world in which it is the next one: looking changes nothing and prints
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
  local script name
  for script in "${GENERATED}"/{three,five,total,guide}*/{,if-needed/}[0-9]*.sh \
    "${GENERATED}"/before-the-incident/host-3/{,if-needed/}[0-9]*.sh; do
    # A plan may have no script that runs only if needed.
    [[ -e "${script}" ]] || continue
    script="${script#"${GENERATED}/"}"
    name=$(bundle_of "${script}")
    bats_test_function --description "${script}" -- whole_way "${name}" "${script#"${name}/"}"
  done
}
register
