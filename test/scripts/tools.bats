#!/usr/bin/env bats
# Tools that travel with the scripts: their sums are checked, then they come before those of the host.
load world

script='three-servers-two-lost/01-prepare-on-host-1.sh'
restore='three-servers-two-lost/02-restore-on-host-1.sh'

setup_file() {
  local name tools="${BATS_FILE_TMPDIR}/tools"
  mkdir -p "${tools}"
  for name in etcd etcdctl etcdutl; do
    cp -- "${BATS_TEST_DIRNAME}/world/fake" "${tools}/${name}"
    printf '# %s\n' "${name}" >>"${tools}/${name}"
  done
  cp -- "$(type -P jq)" "${tools}/jq"
  npx tsx "${BATS_TEST_DIRNAME}/with-tools.ts" "${GENERATED}/three-servers-two-lost" "${tools}" \
    "${BATS_FILE_TMPDIR}/bundles/three-servers-two-lost"
}

setup() {
  GENERATED="${BATS_FILE_TMPDIR}/bundles"
  build_world three-servers-two-lost
  TOOLS="${WORLD}/copies/tools/amd64"
}

teardown() {
  chmod -R u+rwx "${WORLD}/copies"
  end_world
}

# carry_tools: next to the scripts. The host has none of its own.
carry_tools() {
  cp -a -- "${GENERATED}/three-servers-two-lost/tools" "${WORLD}/copies/"
}

# on_bare_host BUNDLE/SCRIPT [OPTION...]: as run_script, on a machine without etcd tools and jq.
on_bare_host() {
  copy_of "$1"
  rm -f -- "${WORLD_BIN}"/{etcd,etcdctl,etcdutl,jq}
  shift
  run run_copy "${HOST}" "${COPY}" "$@"
}

@test "a host without etcd tools and jq: looked at and applied with those of the bundle" {
  carry_tools
  on_bare_host "${script}" --fenced host-2,host-3
  assert_ended 3
  assert_line --partial "The tools of this bundle are used: ${TOOLS}"
  on_bare_host "${script}" --apply --fenced host-2,host-3
  assert_ended 0
  settle
  on_bare_host "${restore}" --apply
  assert_ended 0
  assert_page
  assert_sound
}

@test "without the directory, the tools of the host are used, and this is said" {
  run_script "${script}" --fenced host-2,host-3
  assert_ended 3
  assert_line --partial 'tools/amd64 of this bundle is not next to this script. The tools of this host are used.'
  on_bare_host "${script}" --fenced host-2,host-3
  assert_refuses 69 'required tools are missing (etcd etcdctl etcdutl jq)'
}

@test "a tool that was changed or removed stops every script before its first use" {
  carry_tools
  printf 'touch %q\n' "${WORLD}/used" >>"${TOOLS}/etcdctl"
  for options in '' '--apply'; do
    run_script "${script}" ${options} --fenced host-2,host-3
    assert_refuses 69 'tools/amd64/etcdctl is not the tool that was reviewed with this bundle'
    assert_line --partial 'expected: sha256:'
    assert_line --partial 'found:    sha256:'
    assert_line --partial 'do:       copy the reviewed bundle again'
  done
  rm -- "${TOOLS}/etcdctl"
  run_script "${script}" --apply --fenced host-2,host-3
  assert_refuses 69 'tools/amd64/etcdctl is not the tool that was reviewed'
  assert_line --partial 'found:    nothing that can be read'
  assert [ ! -e "${WORLD}/used" ]
  assert_equal "$(changes)" ''
}

@test "a file that is not part of the bundle would be found before a command of the host" {
  carry_tools
  printf '#!/bin/sh\ntouch %q\n' "${WORLD}/used" >"${TOOLS}/awk"
  chmod 755 "${TOOLS}/awk"
  run_script "${script}" --fenced host-2,host-3
  assert_refuses 69 'tools/amd64 has a file that is not part of this bundle'
  assert [ ! -e "${WORLD}/used" ]
}

@test "tools that lost their modes are named with the remedy; a colon cannot be in PATH" {
  carry_tools
  chmod 644 "${TOOLS}/jq"
  run_script "${script}" --fenced host-2,host-3
  assert_refuses 69 'the tools of this bundle cannot be run'
  assert_line --partial 'found:    mode 644 of '
  chmod 755 "${TOOLS}/jq"
  mv -- "${WORLD}/copies/tools" "${WORLD}/copies/a:b"
  ln -s 'a:b' "${WORLD}/copies/tools"
  run_script "${script}" --fenced host-2,host-3
  assert_refuses 69 'the tools of this bundle cannot be in PATH'
}

@test "a mount with noexec is called by its name; triage.sh goes on without the tools" {
  ((EUID == 0)) || skip 'only root can mount'
  mkdir -p "${WORLD}/copies/tools"
  unshare --mount true 2>/dev/null || skip 'no mount namespaces'
  copy_of "${script}"
  adapted_environment "${GENERATED}/three-servers-two-lost/triage.sh" >"${WORLD}/copies/triage.sh"
  in_noexec() {
    mount -t tmpfs -o noexec,mode=755 tmpfs "${WORLD}/copies/tools"
    cp -a -- "${GENERATED}/three-servers-two-lost/tools/amd64" "${WORLD}/copies/tools/"
    run_copy "$@"
  }
  export -f in_noexec run_copy
  export WORLD_SUITE WORLD WORLD_BIN
  run unshare --mount bash -c 'WORLD_SHELL_ENV=(SHLVL=1); in_noexec "$@"' - host-1 "${COPY}"
  assert_refuses 69 'the tools of this bundle cannot be run'
  assert_line --partial 'expected: a file system without the mount option noexec'
  assert_line --partial "found:    noexec on ${WORLD}/copies/tools"
  WORLD_BIN="${WORLD_SUITE}/bin"
  run unshare --mount bash -c 'WORLD_SHELL_ENV=(SHLVL=1); in_noexec "$@"' - host-1 \
    "${WORLD}/copies/triage.sh" --host nobody
  assert_line --partial 'WARNING: the tools of this bundle cannot be run (noexec on '
  assert_line --partial 'run triage.sh on nobody'
}

@test "a machine of another architecture uses its own tools, and this is said" {
  carry_tools
  set_state machine riscv64
  copy_of "${script}"
  run run_copy host-1 "${COPY}" --fenced host-2,host-3
  assert_ended 3
  assert_line --partial 'This bundle has no tools for riscv64. The tools of this host are used.'
}

@test "help needs no tools; recover.sh and triage.sh check them, too" {
  local each
  carry_tools
  mkdir -p "${WORLD_MEMORY}"
  WORLD_BIN="${WORLD_SUITE}/bin"
  printf 'changed\n' >>"${TOOLS}/jq"
  run_script "${script}" --help
  assert_ended 0
  WORLD_BIN="${WORLD_SUITE}/bin"
  for each in recover triage; do
    adapted_environment "${GENERATED}/three-servers-two-lost/${each}.sh" >"${WORLD}/copies/${each}.sh"
    run run_copy host-1 "${WORLD}/copies/${each}.sh"
    assert_refuses 69 'tools/amd64/jq is not the tool that was reviewed with this bundle'
  done
}
