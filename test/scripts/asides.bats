#!/usr/bin/env bats
# The scripts outside the recovery: snapshots before an incident, and undo.
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

# undo_recovery BUNDLE SCRIPT LAST: back from the restore to the script of the role LAST, to the byte.
undo_recovery() {
  local bundle_name="$1" script="$2" host role turn
  build_world "${bundle_name}"
  host="${script#undo/undo-on-}"
  host="${host%.sh}"
  turn=$(script_of restore)
  world_for "${bundle_name}" "${turn}"
  # Nothing runs, nothing is changed: as phase 2 finds it.
  data_tree "${host}" >"${BATS_TEST_TMPDIR}/tree"
  for role in restore rewrite start; do
    turn=$(script_of "${role}")
    act_on "${turn}"
    [[ "${role}" != "$3" ]] || break
  done
  options_for "${bundle_name}/${script}"
  look_act_again "${bundle_name}/${script}"
  data_tree "${host}" | diff - "${BATS_TEST_TMPDIR}/tree"
  # The plan can start over, in a state of its own.
  run find "${WORLD}/disk/${host}" -path '*/plan-recovery/*.undone-1/undone/etcd' -type d
  assert_output --partial 'undone-1'
  for role in prepare restore rewrite start; do
    turn=$(script_of "${role}")
    act_on "${turn}"
  done
  assert_sound
}

# undo_clearing BUNDLE SCRIPT: the host was cleared, and there the power went.
undo_clearing() {
  local host turn service
  host="${2#undo/undo-on-}"
  host="${host%.sh}"
  build_world "$1"
  turn=$(jq -r --arg host "${host}" '[.phases[].turns[] | select(.host == $host)
    | select(any(.steps[]; .kind | IN("clear-for-reattach", "clear-for-join")))]
    | sort_by(.when != "always", .order) | .[0].path' "${plan}")
  world_for "$1" "${turn}"
  data_tree "${host}" >"${BATS_TEST_TMPDIR}/tree"
  if [[ "${turn}" == *-clear-on-* ]]; then
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
      */undo/undo-on-"${recovery}".sh)
        bats_test_function --description "${name}, after phase 4" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" start
        if [[ "${bundle}" == three* ]]; then
          bats_test_function --description "${name}, after phase 2" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" restore
          bats_test_function --description "${name}, after phase 3" -- undo_recovery "${bundle}" "${name#"${bundle}/"}" rewrite
        fi
        ;;
      *) bats_test_function --description "${name}" -- undo_clearing "${bundle}" "${name#"${bundle}/"}" ;;
    esac
  done
}
register
