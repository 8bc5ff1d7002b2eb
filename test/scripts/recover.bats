#!/usr/bin/env bats
# recover.sh: what comes next, and where; it runs the scripts next to it and has no step of its own.
load world

teardown() {
  end_world
}

# carry_bundle: copies of all scripts in one folder, as they lie on every machine.
carry_bundle() {
  local script
  RECOVER="${WORLD}/copies/bundle/recover.sh"
  mkdir -p "${RECOVER%/*}/if-needed"
  while IFS= read -r script; do
    copy_of "${bundle}/${script}"
    mv -- "${COPY}" "${RECOVER%/*}/${script}"
  done < <(jq -r '.phases[].turns[].path' "${plan}")
  adapted_environment "${GENERATED}/${bundle}/recover.sh" >"${RECOVER}"
  WORLD_BIN="${WORLD_SUITE}/bin"
}

# recover HOST [OPTION...]: the operator logs in there and runs it.
recover() {
  local host="$1"
  shift
  [[ "$(in_world power_of "${host}")" == on ]] || switch_on "${host}"
  run run_copy "${host}" "${RECOVER}" "$@"
  settle
}

@test "three servers, two back: four log-ins, four commands, and a fifth finds nothing to do" {
  build_world three-servers-two-lost
  carry_bundle
  recover host-1 --yes --fenced host-2,host-3
  assert_ended 0
  assert_line --partial 'Next: 05-reattach-on-host-2.sh. Log in to host-2 (192.168.104.2) and run: bash recover.sh'
  assert_line --partial 'If host-2 never returns: run if-needed/01-remove-host-2-on-host-1.sh on host-1'
  recover host-2 --yes
  assert_ended 0
  assert_line --partial 'Next: 06-reattach-on-host-3.sh. Log in to host-3 (192.168.104.3) and run: bash recover.sh'
  recover host-3 --yes
  assert_ended 0
  assert_line --partial 'Next: 07-verify-on-host-1.sh. Log in to host-1 (192.168.104.1) and run: bash recover.sh'
  recover host-1 --yes
  assert_ended 0
  assert_line --partial 'The recovery is finished'
  assert_sound
  assert_equal "$(members_now | awk -F '|' '$1 == "started" && $5 == "false" { print $2 }' | sort | tr '\n' ' ')" \
    'host-1 host-2 host-3 '
  : >"${WORLD}/journal"
  recover host-1 --yes
  assert_ended 0
  assert_line --partial 'The recovery is finished'
  assert_equal "$(changes)" ''
}

@test "status says what is next and where, and changes nothing, on each host" {
  build_world three-servers-two-lost
  carry_bundle
  fingerprint >"${WORLD}/tmp/before"
  recover host-1 --status --fenced host-2,host-3
  assert_ended 3
  assert_line --partial 'Next: 01-prepare-on-host-1.sh, here on host-1'
  assert_equal "$(changes)" ''
  assert_unchanged "${WORLD}/tmp/before"
  recover host-2 --status
  assert_ended 3
  assert_line --partial 'Next: 01-prepare-on-host-1.sh. Log in to host-1 (192.168.104.1)'
  assert_equal "$(changes)" ''
}

@test "the status as JSON is one object on standard output" {
  build_world three-servers-two-lost
  carry_bundle
  run run_copy host-1 "${RECOVER}" --json --fenced host-2,host-3
  assert_ended 3
  run jq -r '[.format, .plan, .host, .state, .next.script, .next.host, .next.address, (.done | length)]
    | join(" ")' <<<"$(sed -n '/^{/,/^}/p' <<<"${output}")"
  assert_output 'recover/1 acme-host-1 host-1 here 01-prepare-on-host-1.sh host-1 192.168.104.1 0'
}

@test "it finds its scripts when it is run from its own folder" {
  build_world three-servers-two-lost
  carry_bundle
  cd "${RECOVER%/*}"
  RECOVER='recover.sh'
  recover host-1 --status --fenced host-2,host-3
  assert_ended 3
  assert_line --partial 'Next: 01-prepare-on-host-1.sh, here on host-1'
}

@test "without a terminal nothing is applied" {
  build_world three-servers-two-lost
  carry_bundle
  recover host-1 --fenced host-2,host-3
  assert_ended 64
  assert_line --partial 'STOP: cannot ask: Apply 01-prepare-on-host-1.sh on host-1 now?'
  assert_equal "$(changes)" ''
}

@test "a script that stops is shown, and its status is kept" {
  build_world three-servers-two-lost
  carry_bundle
  recover host-1 --yes
  assert_line --partial '--fenced'
  assert_line --partial '01-prepare-on-host-1.sh stopped. Do what it says, then run recover.sh again.'
  [[ "${status}" == 64 || "${status}" == 78 ]]
  assert_equal "$(changes)" ''
}

@test "killed in the middle, it goes on where it was" {
  build_world three-servers-two-lost
  carry_bundle
  printf 'at etcdutl snapshot restore *\n' >"${WORLD}/die"
  recover host-1 --yes --fenced host-2,host-3
  rm -f -- "${WORLD}/die"
  end_world
  mkdir -p "${WORLD_MEMORY}"
  settle
  recover host-1 --yes --fenced host-2,host-3
  assert_ended 0
  assert_line --partial 'Nothing to do: 01-prepare-on-host-1.sh'
  assert_line --partial 'Next: 05-reattach-on-host-2.sh'
  assert_sound
}

@test "a machine that is no host of the plan, and a wrong option" {
  build_world three-servers-two-lost
  carry_bundle
  printf '203.0.113.7\n' >"${WORLD}/state/host/host-2/addresses"
  recover host-2 --status
  assert_refuses 78 'this machine is no host of this plan'
  recover host-1 --force
  assert_refuses 64 'unknown argument --force'
}

@test "a changed file of the bundle stops it before it looks" {
  build_world three-servers-two-lost
  carry_bundle
  (cd "${RECOVER%/*}" && sha256sum -- *.sh if-needed/*.sh >SHA256SUMS)
  recover host-2 --status
  assert_ended 3
  printf '# a note\n' >>"${RECOVER%/*}/04-start-on-host-1.sh"
  recover host-1 --yes --fenced host-2,host-3
  assert_refuses 78 'files of this bundle were changed or are incomplete'
  assert_output --partial '04-start-on-host-1.sh: FAILED'
  assert_equal "$(changes)" ''
}

@test "removed and joined again: the guide's way, with what each host can know of the others" {
  local host
  build_world guide-rejoin
  carry_bundle
  for host in host-1 host-2 host-3 host-1; do
    [[ "${host}" != host-3 ]] || switch_on host-4
    recover "${host}" --yes --fenced host-2,host-3
    assert_ended 0
  done
  assert_line --partial 'The recovery is finished'
  assert_sound
}

# record_of HOST: the file of its record.
record_of() {
  printf '%s%s/plan-recovery/record.jsonl\n' "${WORLD}/disk/$1" "$(<"${WORLD}/state/host/$1/data")"
}

@test "each run with --apply is in the record: what ran, how it ended, who confirmed what; no secret" {
  local record
  world_for three-servers-two-lost 02-restore-on-host-1.sh
  record=$(record_of host-1)
  assert_equal "$(stat -c %a "${record}")" 600
  run jq -rs 'map("\(.event) \(.script) \(.host) \(.incident)") | join("\n")' "${record}"
  assert_output 'start 01-prepare-on-host-1.sh host-1 1
end 01-prepare-on-host-1.sh host-1 1'
  run jq -rs '.[0].arguments[0], (.[0].sha256 | length), .[1].status, .[1].fenced,
    (.[1].changes > 3), (.[1].loss | test("loss: "))' "${record}"
  assert_output $'--apply\n64\n0\nhost-2 host-3\ntrue\ntrue'
  run_script three-servers-two-lost/02-restore-on-host-1.sh
  assert_equal "$(wc -l <"${record}")" 2
  killed_at 'at etcdutl snapshot restore *' three-servers-two-lost/02-restore-on-host-1.sh
  run jq -rs 'map(.event) | join(" ")' "${record}"
  assert_output 'start end start'
  assert_sound
}

@test "the record holds any argument as JSON" {
  local record
  world_for three-servers-two-lost 05-reattach-on-host-2.sh
  record=$(record_of host-2)
  run_script three-servers-two-lost/05-reattach-on-host-2.sh --apply \
    --swarm-token-file "/tmp/a \"quoted\" \\ $(printf 'tab\there')"
  run jq -rs 'map(.arguments // [] | .[]) | join("|")' "${record}"
  assert_output '--apply|--swarm-token-file|/tmp/a "quoted" \ tab here'
}

# pack_for HOST: what plan pack carries to it: no scripts of other hosts, and the sums of all.
pack_for() {
  local folder="${RECOVER%/*}"
  cp -- "${plan}" "${folder}/plan.json"
  (cd "${folder}" && find . -type f -printf '%P\n' | sort | xargs sha256sum >"${WORLD}/tmp/sums")
  cp -- "${WORLD}/tmp/sums" "${folder}/SHA256SUMS"
  find "${folder}" -name '*-on-*.sh' ! -name "*-on-$1.sh" -delete
}

@test "from the archive of its host: scripts of other hosts may be missing, its own may not" {
  local folder
  build_world three-servers-two-lost
  carry_bundle
  pack_for host-1
  folder="${RECOVER%/*}"
  recover host-1 --status --fenced host-2,host-3
  assert_ended 3
  assert_line --partial 'Next: 01-prepare-on-host-1.sh, here on host-1'
  recover host-2 --status
  assert_refuses 78 'files of this bundle are missing'
  assert_line --partial 'expected: every file in SHA256SUMS, except scripts of hosts other than host-2'
  rm -- "${folder}/04-start-on-host-1.sh"
  recover host-1 --status --fenced host-2,host-3
  assert_refuses 78 'files of this bundle are missing'
  assert_line --partial 'found:    no 04-start-on-host-1.sh'
}

@test "without plan.json, or with another file missing or changed, nothing may be missing" {
  local folder
  build_world three-servers-two-lost
  carry_bundle
  printf 'text\n' >"${RECOVER%/*}/RUNBOOK.md"
  pack_for host-1
  folder="${RECOVER%/*}"
  rm -- "${folder}/RUNBOOK.md"
  recover host-1 --status
  assert_refuses 78 'files of this bundle are missing'
  assert_line --partial 'found:    no RUNBOOK.md'
  printf 'text\n' >"${folder}/RUNBOOK.md"
  sed -i 's/"host": "host-1"/"host": "host-2"/' "${folder}/plan.json"
  recover host-1 --status
  assert_refuses 78 'files of this bundle were changed or are incomplete'
  rm -- "${folder}/plan.json"
  recover host-1 --status
  assert_refuses 78 'files of this bundle are missing'
}
