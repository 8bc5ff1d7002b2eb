#!/usr/bin/env bats
# The scripts beside the recovery: snapshots while all is well, and the ways back.
load world

teardown() {
  end_world
}

snapshot_of() {
  export WORLD_INTACT=yes
  build_world "$1"
  prepare_machine "$2"
  look_act_again "$1/$2"
  run find "${WORLD}/disk" -name '*-revision-4321.db' -size -2081c -size +2079c
  assert_output --partial '/plan-recovery/snapshots/'
}

# undo_recovery BUNDLE SCRIPT LAST: back from phases 2 to LAST, to the byte.
undo_recovery() {
  local bundle_name="$1" script="$2" host turn
  host="${script##*/}"
  host="${host%.sh}"
  world_for "${bundle_name}" "2-phase-2-restore/${host}.sh"
  # Nothing runs, nothing is changed: as phase 2 finds it.
  data_tree "${host}" >"${BATS_TEST_TMPDIR}/tree"
  for turn in "2-phase-2-restore/${host}.sh" "3-phase-3-rewrite/${host}.sh" "4-phase-4-start/${host}.sh"; do
    act_on "${turn}"
    [[ "${turn}" != "$3"* ]] || break
  done
  look_act_again "${bundle_name}/${script}"
  data_tree "${host}" | diff - "${BATS_TEST_TMPDIR}/tree"
  # The plan can begin anew, in a state of its own.
  run find "${WORLD}/disk/${host}" -path '*/plan-recovery/*.undone-1/undone/etcd' -type d
  assert_output --partial 'undone-1'
  for turn in "1-phase-1-prepare/${host}.sh" "2-phase-2-restore/${host}.sh" "3-phase-3-rewrite/${host}.sh" \
    "4-phase-4-start/${host}.sh"; do
    act_on "${turn}"
  done
  assert_sound
}

# undo_clearing BUNDLE SCRIPT: the host was cleared, and there the power went.
undo_clearing() {
  local host turn service
  host="${2##*/}"
  host="${host%.sh}"
  build_world "$1"
  turn=$(jq -r --arg host "${host}" '[.phases[].turns[] | select(.host == $host)
    | select(any(.steps[]; .kind | IN("clear-for-reattach", "clear-for-join")))]
    | sort_by(.when != "always", .path) | .[0].path' "${plan}")
  world_for "$1" "${turn}"
  data_tree "${host}" >"${BATS_TEST_TMPDIR}/tree"
  if [[ "${turn}" == *-clear.sh ]]; then
    act_on "${turn}"
  else
    service=$(in_world service_of "${host}")
    if [[ "${turn}" == *reattach* ]]; then
      killed_at "at docker service update *--replicas 1 ${service}" "$1/${turn}" "${OPTIONS_FOR[@]}"
    else
      killed_at "at docker service scale --detach ${service}=1" "$1/${turn}" "${OPTIONS_FOR[@]}"
    fi
  fi
  options_for "$1/$2"
  look_act_again "$1/$2"
  data_tree "${host}" | diff - "${BATS_TEST_TMPDIR}/tree"
  assert_equal "$(in_world scale_of "${host}")" 0
}

register() {
  local script name bundle recovery
  for script in "${GENERATED}"/{three,five,total,guide}*/{before,undo}/*.sh "${GENERATED}"/before-the-incident/host-2/{before,undo}/*.sh; do
    name="${script#"${GENERATED}/"}"
    bundle="${name%/*/*}"
    recovery=$(jq -r .recovery.host "${GENERATED}/${bundle}/plan.json")
    case "${name}" in
      */before/*) bats_test_function --description "${name}" -- snapshot_of "${bundle}" "${name#"${bundle}/"}" ;;
      */undo/"${recovery}".sh)
        bats_test_function --description "${name}, after phase 4" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" 4
        if [[ "${bundle}" == three* ]]; then
          bats_test_function --description "${name}, after phase 2" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" 2
          bats_test_function --description "${name}, after phase 3" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" 3
        fi
        ;;
      *) bats_test_function --description "${name}" -- undo_clearing "${bundle}" "${name#"${bundle}/"}" ;;
    esac
  done
}
register
