#!/usr/bin/env bats
# What a script must refuse, with its status, its sentence, and the world as it was.
load world

three='three-servers-two-lost'
data='data/pgedge/control-plane'

teardown() {
  end_world
}

# refused STATUS SENTENCE BUNDLE/SCRIPT: looked at and acted on, and no change either way but for
# the script's own log.
refused() {
  data_tree "$(host_of "$3")" >"${WORLD}/tmp/tree"
  : >"${WORLD}/journal"
  run_script "$3" "${OPTIONS_FOR[@]}"
  assert_refuses "$1" "$2"
  assert_equal "$(changes)" ''
  refused_acting "$@"
}

# refused_acting: as refused, for what only --apply finds.
refused_acting() {
  data_tree "$(host_of "$3")" >"${WORLD}/tmp/tree"
  : >"${WORLD}/journal"
  run_script "$3" --apply "${OPTIONS_FOR[@]}"
  assert_refuses "$1" "$2"
  data_tree "$(host_of "$3")" | diff "${WORLD}/tmp/tree" -
  assert_equal "$(changes | grep -vE '^(install -d -m 0700 -- .*/log|touch -- .*\.log)$')" ''
  assert_sound
}

host_of() {
  sed -n "s/^readonly HOST='\(.*\)'\$/\1/p;/^main()/q" "${GENERATED}/$1"
}

# state_of SCRIPT_HOST: the plan's folder on a host of the three-server bundle.
state_of() {
  local -a folders=("${WORLD}/disk/$1/${data}/plan-recovery/acme-host-1-"*)
  printf '%s\n' "${folders[-1]}"
}

# ---- before anything: options, machine, user, lock, tools

@test "an unknown option and a missing value: 64" {
  build_world "${three}"
  run_script "${three}/01-prepare-on-host-1.sh" --force
  assert_refuses 64 'unknown argument --force'
  run_script "${three}/01-prepare-on-host-1.sh" --incident
  assert_refuses 64 '--incident needs a value'
  run_script "${three}/01-prepare-on-host-1.sh" --incident none
  assert_refuses 64 'the incident is not a number'
  run_script "${three}/01-prepare-on-host-1.sh" --also host-2
  assert_refuses 64 'this script has no option --also'
  assert_equal "$(changes)" ''
}

@test "--also names one host as it is written: no pattern, no list of words" {
  local given
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  : >"${WORLD}/journal"
  for given in '*' 'host-3 host-2' 'host-?' 'host-3,,host-9' '../host-3'; do
    run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply --also "${given}"
    assert_refuses 64 '--also names something that is no host'
  done
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply --also host-1
  assert_refuses 64 'the recovery host cannot be removed'
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply --also host-33
  assert_refuses 64 'there is no host host-33 in this cluster'
  assert_equal "$(changes | grep -v plan-recovery)" ''
  assert_sound
}

@test "traced by set -x, which would show passwords: 64" {
  build_world "${three}"
  copy_of "${three}/01-prepare-on-host-1.sh"
  run run_copy host-1 -x "${COPY}" --apply
  assert_refuses 64 'shell tracing (set -x) is on'
  assert_equal "$(changes)" ''
}

@test "help reads like a manual page and asks for nothing" {
  build_world "${three}"
  run_script "${three}/02-restore-on-host-1.sh" --help
  assert_ended 0
  assert_line --partial '02-restore-on-host-1.sh: '
  assert_line --partial 'EXIT STATUS'
  refute_line --partial 'shellcheck'
  assert_equal "$(journal)" ''
}

@test "half a script does nothing" {
  build_world "${three}"
  copy_of "${three}/01-prepare-on-host-1.sh"
  head -n 700 -- "${COPY}" >"${COPY}.half"
  run run_copy host-1 "${COPY}.half" --apply
  assert_equal "$(journal)" ''
}

@test "another machine by its addresses: 78, and it names both" {
  build_world "${three}"
  set_state host/host-1/addresses 192.168.104.9
  refused 78 'this machine is not host-1' "${three}/01-prepare-on-host-1.sh"
  assert_output --partial '192.168.104.1'
  assert_output --partial '192.168.104.9'
}

@test "another machine by its machine id: 78" {
  build_world five-servers-and-clients
  set_state host/eu-1/machine-id 00000000000000000000000000000000
  refused 78 'this machine is not eu-1' five-servers-and-clients/01-prepare-on-eu-1.sh
}

@test "an inventory that gives names: the resolver says which machine it is" {
  build_world "${three}"
  copy_of "${three}/01-prepare-on-host-1.sh"
  sed -i "s/^readonly -a HOST_ADDRESSES=.*/readonly -a HOST_ADDRESSES=('db1.example.org')/" "${COPY}"
  printf '192.168.104.1\n' >"${WORLD}/state/names/db1.example.org"
  run run_copy host-1 "${COPY}"
  # It is this machine; the certificate of this world covers addresses only.
  assert_refuses 78 'the etcd certificate does not cover the address of this host'
  printf '192.168.104.2\n' >"${WORLD}/state/names/db1.example.org"
  run run_copy host-1 "${COPY}"
  assert_refuses 78 'this machine is not host-1'
}

@test "not root: 77" {
  build_world "${three}"
  set_state uid 1000
  refused 77 'not root' "${three}/01-prepare-on-host-1.sh"
}

@test "another script of a plan runs here: 75" {
  build_world "${three}"
  flock "${WORLD}/disk/host-1/${data}" sleep 60 3>&- &
  local holder=$! k
  for ((k = 0; k < 50; k++)); do
    flock --nonblock "${WORLD}/disk/host-1/${data}" true || break
    sleep 0.05
  done
  refused 75 'another recovery script is running on this machine' "${three}/01-prepare-on-host-1.sh"
  kill "${holder}"
}

@test "a tool is missing: 69, by name" {
  world_for "${three}" 02-restore-on-host-1.sh
  copy_of "${three}/02-restore-on-host-1.sh"
  rm -- "${WORLD_BIN}/etcdutl" "${WORLD_BIN}/openssl"
  refused 69 'required tools are missing (etcdutl openssl)' "${three}/02-restore-on-host-1.sh"
}

@test "etcd tools of 3.5 and of 3.7: 69" {
  build_world "${three}"
  set_state uid 0
  options_for "${three}/01-prepare-on-host-1.sh"
  local tool release
  for release in 3.5.16 3.7.0; do
    for tool in etcd etcdctl etcdutl; do
      rm -f -- "${WORLD}"/state/version-*
      set_state "version-${tool}" "${release}"
      run_script "${three}/01-prepare-on-host-1.sh" "${OPTIONS_FOR[@]}"
      assert_refuses 69 "${tool} cannot do what this script needs"
      assert_output --partial 'release 3.6'
    done
  done
  assert_equal "$(changes)" ''
}

# ---- phase 1

@test "the quorum is intact, as this host sees it: the wrong tool, 78" {
  WORLD_INTACT=yes build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  refused 78 'etcd has its quorum' "${three}/01-prepare-on-host-1.sh"
}

@test "the quorum is intact on the other side of a cut: 78" {
  build_world "${three}"
  in_world switched_on host-2
  set_state host/host-2/cp intact
  options_for "${three}/01-prepare-on-host-1.sh"
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}" --fenced host-3
  assert_refuses 78 'the etcd of host-2 has a quorum'
  assert_not_ran '^M [^ ]* mv '
}

@test "nobody vouches for a host that does not answer: 78" {
  build_world "${three}"
  run_script "${three}/01-prepare-on-host-1.sh" --apply --fenced host-2
  assert_refuses 78 'host-3 not confirmed as fenced'
  assert_output --partial '--fenced host-3'
  assert_equal "$(changes)" ''
}

@test "Docker is down: 69; a machine in no Swarm: 78" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  set_state host/host-1/swarm down
  refused 69 'Docker does not answer' "${three}/01-prepare-on-host-1.sh"
  set_state host/host-1/swarm inactive
  refused 78 'is not in a Swarm' "${three}/01-prepare-on-host-1.sh"
}

@test "Swarm is busy now and then: repeated; busy for good: 75" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  cp -a -- "${WORLD}" "${BATS_TEST_TMPDIR}/start"
  fault 'docker service scale*' fail '1 Error response from daemon: rpc error: code = DeadlineExceeded' 2
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'Docker is busy, retrying'
  end_world
  rm -rf -- "${WORLD:?}"
  mv -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
  fault 'docker service scale*' fail '1 Error response from daemon: rpc error: code = DeadlineExceeded'
  WORLD_PACE=100 run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 75 'docker service scale failed for'
  assert_not_ran 'M host-1 docker kill'
}

@test "a container that does not go away: 75" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  set_state host/host-1/clings yes
  WORLD_PACE=100 run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 75 'the container of control-plane_host-1 is gone'
  assert_not_ran '^M host-1 (cp|etcd|mv -T -- [^ ]*/etcd) '
}

@test "a process holds the database: 78, with its name and pid" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  exec 8<"${WORLD}/disk/host-1/${data}/etcd/member/snap/db"
  "${WORLD_SUITE}/holders/etcd" 60 3>&- &
  local holder=$!
  exec 8<&-
  printf 'a stranger\n' >"${WORLD}/processes/${holder}"
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 "etcd (pid ${holder}) has"
  assert_not_ran '^M host-1 (cp|etcd|mv -T -- [^ ]*/etcd) '
}

@test "something listens on a port of etcd: 78" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  : >"${WORLD}/listeners/2380"
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'listens on port 2380'
  assert_not_ran '^M host-1 (cp|etcd|mv -T -- [^ ]*/etcd) '
}

@test "no room for a second copy: 78" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  set_state free 4000
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'not enough free space'
  assert_not_ran '^M host-1 (cp|etcd|mv -T -- [^ ]*/etcd) '
}

@test "the loss is stated before anything is set aside" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  set_state uncommitted 3
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'the last 3 log entries'
  assert_file_contains "$(state_of host-1)/loss" 'the last 3 log entries'
  assert_not_ran ' mv .*/control-plane/etcd '
}

@test "etcd ends during the salvage: 1, and the next run makes it good" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  fault 'etcd --name*' fail '2 panic: not today' 1
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 1 'etcd ended before it answered'
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
}

@test "the freshest source: the larger revision wins, the other is reported" {
  build_world five-servers-and-clients
  options_for five-servers-and-clients/01-prepare-on-eu-1.sh
  run_script five-servers-and-clients/01-prepare-on-eu-1.sh --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'revision 4000'
  assert_output --partial 'revision 4321, salvaged from this host'
}

@test "a snapshot that is not the pinned one: 78" {
  build_world total-loss
  options_for total-loss/01-prepare-on-node-1.sh
  copy_of total-loss/01-prepare-on-node-1.sh
  saved_snapshot_here node-1 /var/backups/etcd/acme.db 9999
  run run_copy node-1 "${COPY}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'is not the pinned snapshot'
  assert_not_ran ' cp -T'
}

saved_snapshot_here() {
  in_world saved_snapshot "${WORLD}/disk/$1$2" "$3"
}

@test "half a snapshot: 78; a snapshot that is not there: 78" {
  build_world total-loss
  options_for total-loss/01-prepare-on-node-1.sh
  truncate -s 1999 "${WORLD}/disk/node-1/var/backups/etcd/acme.db"
  run_script total-loss/01-prepare-on-node-1.sh --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'is not a complete snapshot'
  rm -- "${WORLD}/disk/node-1/var/backups/etcd/acme.db"
  run run_copy node-1 "${COPY}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'does not exist'
}

@test "a damaged snapshot: 78, by its own sum" {
  build_world total-loss
  options_for total-loss/01-prepare-on-node-1.sh
  printf 'X' | dd of="${WORLD}/disk/node-1/var/backups/etcd/acme.db" bs=1 seek=1000 conv=notrunc 2>/dev/null
  run_script total-loss/01-prepare-on-node-1.sh --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'is damaged'
}

@test "storage of 3.7 in the snapshot: 78" {
  build_world total-loss
  options_for total-loss/01-prepare-on-node-1.sh
  local file="${WORLD}/disk/node-1/var/backups/etcd/acme.db"
  sed -i 's/^version=3.6.0/version=3.7.0/' "${file}"
  truncate -s 2048 "${file}"
  sha256sum <"${file}" | in_world hex_bytes >>"${file}"
  run_script total-loss/01-prepare-on-node-1.sh --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'the wrong storage version'
}

# ---- phases 2 and 3

@test "a script before its turn: 78, and it names the one to run first" {
  build_world "${three}"
  local script
  for script in 02-restore 03-rewrite 04-start 07-verify; do
    refused 78 'run 01-prepare-on-host-1.sh first' "${three}/${script}-on-host-1.sh"
  done
  refused 78 'run 01-prepare-on-host-1.sh first' "${three}/if-needed/01-remove-host-2-on-host-1.sh"
}

@test "certificates of a stranger's CA: not signed by ca.crt" {
  world_for "${three}" 02-restore-on-host-1.sh
  cp -- "${WORLD_SUITE}/ca/stranger.crt" "${WORLD}/disk/host-1/${data}/certificates/ca.crt"
  refused 78 'is not signed by ca.crt' "${three}/02-restore-on-host-1.sh"
}

@test "a key that belongs to another certificate: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  cp -- "${WORLD_SUITE}/ca/host-2/etcd-server.key" "${WORLD}/disk/host-1/${data}/certificates/"
  refused 78 'etcd-server.key does not belong to etcd-server.crt' "${three}/02-restore-on-host-1.sh"
}

@test "the certificate of another address: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  cp -- "${WORLD_SUITE}/ca/host-2/"etcd-server.* "${WORLD}/disk/host-1/${data}/certificates/"
  refused 78 'the etcd certificate does not cover the address of this host' \
    "${three}/02-restore-on-host-1.sh"
}

@test "the configuration of another host: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  sed -i 's/host-host-1/host-host-2/' "${WORLD}/disk/host-1/${data}/generated.config.json"
  refused 78 'generated.config.json belongs to another host' "${three}/02-restore-on-host-1.sh"
}

@test "a snapshot of another cluster's CA: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  sed -i -E 's/PGEDGE-[0-9a-f]{8}/PGEDGE-00000000/' "$(state_of host-1)/snapshot.db"
  refused 78 'belong to different clusters' "${three}/02-restore-on-host-1.sh"
}

@test "no room for the restore: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  set_state free 4000
  refused 78 'not enough free space' "${three}/02-restore-on-host-1.sh"
}

@test "a process holds the database before the restore: 78, nothing set aside" {
  world_for "${three}" 02-restore-on-host-1.sh
  exec 8<"${WORLD}/disk/host-1/${data}/etcd/member/snap/db"
  "${WORLD_SUITE}/holders/etcd" 60 3>&- &
  local holder=$!
  exec 8<&-
  printf 'a stranger\n' >"${WORLD}/processes/${holder}"
  refused 78 "etcd (pid ${holder}) has" "${three}/02-restore-on-host-1.sh"
}

@test "a link or a mount in the place of etcd/: 78" {
  world_for "${three}" 02-restore-on-host-1.sh
  mv -- "${WORLD}/disk/host-1/${data}/etcd" "${WORLD}/elsewhere"
  ln -s "${WORLD}/elsewhere" "${WORLD}/disk/host-1/${data}/etcd"
  refused 78 '/etcd cannot be used' "${three}/02-restore-on-host-1.sh"
}

@test "a restore that fails leaves nothing in place, and the next run makes it good" {
  world_for "${three}" 02-restore-on-host-1.sh
  fault 'etcdutl snapshot restore*' fail '1 Error: disk quota exceeded' 1
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_ended 1
  assert [ ! -e "${WORLD}/disk/host-1/${data}/etcd" ]
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_ended 0
  assert [ -d "${WORLD}/disk/host-1/${data}/etcd/member/wal" ]
}

@test "owner and mode of the restored directory are those of the old one" {
  world_for "${three}" 02-restore-on-host-1.sh
  chmod 0750 "${WORLD}/disk/host-1/${data}/etcd"
  run_script "${three}/02-restore-on-host-1.sh"
  assert_ended 3
  assert_output --partial 'would run: chown -R --reference='
  assert_equal "$(changes | grep -c chown)" 0
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_ended 0
  assert_equal "$(stat -c %a "${WORLD}/disk/host-1/${data}/etcd")" 750
}

@test "the restore has all its arguments, and nothing is deleted" {
  world_for "${three}" 02-restore-on-host-1.sh
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_ended 0
  assert_ran 'etcdutl snapshot restore .*--initial-cluster-token acme-host-1-[0-9a-f]{12}-1 .*--bump-revision 1000000000 --mark-compacted'
  assert_not_ran '--skip-hash-check'
  assert_order ' mv -T -- .*/etcd .*/before/etcd' 'etcdutl snapshot restore' ' mv -T -- .*/etcd.restoring-[^ ]* .*/etcd$'
  assert [ -f "$(state_of host-1)/before/etcd/member/snap/db" ]
}

@test "a raw copy is restored without its sum, and that is said" {
  world_for "${three}" 02-restore-on-host-1.sh
  truncate -s 2048 "$(state_of host-1)/snapshot.db"
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'WARNING: a raw copy has no checksum'
  assert_ran 'etcdutl snapshot restore .*--skip-hash-check'
}

@test "the trial start runs on loopback and is ended; clients log in again in the window" {
  world_for "${three}" 03-rewrite-on-host-1.sh
  : >"${WORLD}/journal"
  run_script "${three}/03-rewrite-on-host-1.sh" --apply
  assert_ended 0
  assert_order 'etcd --name host-1 .*--listen-client-urls https://127.0.0.1:[0-9]+ .*--listen-peer-urls https://127.0.0.1' \
    'etcd --name host-1 .*--listen-client-urls https://192.168.104.1:2379 .*--auth-token jwt'
  assert_output --partial 'login(s)'
  local file
  for file in "${WORLD}"/processes/*; do
    run in_world lives "${file##*/}"
    assert_failure 1
  done
}

@test "the restored data are not this plan's: the trial start stops, 1" {
  world_for "${three}" 03-rewrite-on-host-1.sh
  sed -i 's/^revision=1000004321/revision=0000004321/' "${WORLD}/disk/host-1/${data}/etcd/member/snap/db"
  run_script "${three}/03-rewrite-on-host-1.sh" --apply
  assert_refuses 1 'the revision is lower than the restored one'
}

@test "a second member in the restored data: 1" {
  world_for "${three}" 03-rewrite-on-host-1.sh
  printf 'aaaaaaaaaaaaaaa|started|host-2|https://192.168.104.2:2380|https://192.168.104.2:2379|false\n' \
    >>"$(echo "${WORLD}"/state/members/c*)"
  run_script "${three}/03-rewrite-on-host-1.sh" --apply
  assert_refuses 1 'there is exactly one member'
}

# ---- phase 4

@test "409, not initialised: a hard stop with the way back" {
  world_for "${three}" 04-start-on-host-1.sh
  mv -- "${WORLD}/disk/host-1/${data}/etcd/member/wal" "${WORLD}/wal"
  mkdir -p "${WORLD}/disk/host-1/${data}/etcd/member/wal"
  rmdir -- "${WORLD}/disk/host-1/${data}/etcd/member/wal"
  mkdir "${WORLD}/nothing"
  fault 'curl * GET *http://192.168.104.1:3000/v1/hosts' answer '409 {"name":"cluster_not_initialized","message":"this operation is invalid on an uninitialized cluster"}'
  mv -- "${WORLD}/wal" "${WORLD}/disk/host-1/${data}/etcd/member/wal"
  run_script "${three}/04-start-on-host-1.sh" --apply
  assert_refuses 1 'started without the restored data'
  assert_output --partial 'undo/undo-on-host-1.sh'
  assert_output --partial 'never call /v1/cluster/init'
}

@test "the API hangs, refuses or fails until the deadline: 75, run again" {
  world_for "${three}" 04-start-on-host-1.sh
  cp -a -- "${WORLD}" "${BATS_TEST_TMPDIR}/start"
  local kind
  for kind in 'hang ' 'fail 7 refused' 'answer 500 {"name":"server_error","message":"boom"}'; do
    rm -rf -- "${WORLD:?}"
    cp -a -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
    fault 'curl*/v1/hosts' "${kind%% *}" "${kind#* }"
    WORLD_PACE=100 run_script "${three}/04-start-on-host-1.sh" --apply
    assert_refuses 75 'Timed out after'
    assert_output --partial 'run this script again to continue waiting'
    rm -- "${WORLD}"/faults/*
    run_script "${three}/04-start-on-host-1.sh" --apply
    assert_ended 0
  done
}

@test "an alarm and tasks that came back with the snapshot are shown" {
  world_for "${three}" 04-start-on-host-1.sh
  set_state alarms 'memberID:13803658152347727308 alarm:NOSPACE'
  in_world job backup database app
  rm -- "${WORLD}"/pending/*
  run_script "${three}/04-start-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'NOSPACE'
  assert_output --partial 'backup of database app: pending'
}

# ---- phase 5

@test "a host that answers is not removed: 78" {
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  in_world switched_on host-2
  set_state host/host-2/cp serving
  set_state host/host-2/api up
  refused 78 'host-2 answers on its API port' "${three}/if-needed/01-remove-host-2-on-host-1.sh"
}

@test "a database with an instance on another host that is down: 78" {
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  set_state host/host-3/cp off
  set_state host/host-3/seen 1
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 78 'database app is also on host-3'
  assert_not_ran 'M host-1 curl'
}

@test "a database that is only on hosts to be removed: 78" {
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  local file="${WORLD}/state/database/app.json"
  jq -c '.spec.nodes |= map(select(.name == "n2")) | .instances |= map(select(.node_name == "n2"))' \
    "${file}" >"${file}.new"
  mv -- "${file}.new" "${file}"
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 78 'is only on hosts to be removed'
  assert_not_ran 'M host-1 curl'
}

@test "all hosts to be removed stand in one update, before any removal, without force" {
  world_for guide-rejoin 05-remove-host-2-on-host-1.sh
  : >"${WORLD}/journal"
  run_script guide-rejoin/05-remove-host-2-on-host-1.sh --apply
  assert_ended 0
  assert_order 'POST .*/v1/databases/app.*remove_host=host-2.*remove_host=host-3' 'DELETE .*/v1/hosts/host-2$'
  assert_not_ran 'force='
  # What the API rounds or leaves out is sent as it was.
  assert_file_contains "${WORLD}/state/database/app.json" '"memory":"8589934592"'
  assert [ -f "$(state_of host-1)/specs/app.json" ]
}

@test "an update that fails or is canceled stops with its error, and is repeated" {
  world_for guide-rejoin 05-remove-host-2-on-host-1.sh
  set_state job-end/update 'failed no space left on device'
  run_script guide-rejoin/05-remove-host-2-on-host-1.sh --apply
  assert_refuses 1 'no space left on device'
  assert_not_ran 'DELETE'
  set_state job-end/update canceled
  run_script guide-rejoin/05-remove-host-2-on-host-1.sh --apply
  assert_refuses 1 'canceled'
  assert_not_ran 'DELETE'
  rm -- "${WORLD}/state/job-end/update"
  run_script guide-rejoin/05-remove-host-2-on-host-1.sh --apply
  assert_ended 0
  assert_sound
}

@test "a removal that fails, is canceled, or never ends" {
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  set_state job-end/remove_host 'failed the plug was pulled'
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 1 'the plug was pulled'
  set_state job-end/remove_host canceled
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 1 'canceled'
  set_state job-end/remove_host hang
  WORLD_PACE=200 run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 75 'the removal of host-2 has ended'
  rm -- "${WORLD}/state/job-end/remove_host"
  in_world event 1 task-step 01a20bd6-1ae1-7e51-87b9-000000000004
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_ended 0
}

@test "DELETE answers 400, 409, 500 or not at all: each has its own message, and is checked again" {
  world_for "${three}" if-needed/01-remove-host-2-on-host-1.sh
  local answer
  for answer in '1 400 {"name":"invalid_input","message":"cannot remove host with running instances"}' \
    '75 409 {"name":"operation_already_in_progress","message":"busy"}' \
    '1 500 {"name":"fault","message":"A Control Plane API error."}'; do
    fault 'curl*--request DELETE*' answer "${answer#* }" 1
    run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
    assert_refuses "${answer%% *}" "$(jq -r .message <<<"${answer#* * }")"
  done
  fault 'curl*--request DELETE*' late '' 1
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_refuses 75 'no answer to the removal of host-2'
  : >"${WORLD}/journal"
  run_script "${three}/if-needed/01-remove-host-2-on-host-1.sh" --apply
  assert_ended 0
  assert_not_ran 'DELETE'
}

@test "the older generation cannot remove a host with a database: 78, explained" {
  export WORLD_GENERATION=0.6
  world_for guide-rejoin 05-remove-host-2-on-host-1.sh
  run_script guide-rejoin/05-remove-host-2-on-host-1.sh --apply
  assert_refuses 78 'Control Plane 0.6 cannot remove host-2 safely'
  assert_not_ran 'M host-1 curl'
}

@test "the older generation, without databases: the complete plan" {
  export WORLD_GENERATION=0.6 WORLD_VARIANT='no database'
  local path
  build_world guide-rejoin
  for path in $(jq -r '[.phases[].turns[] | select(.when == "always") | .path] | sort[]' "${plan}"); do
    act_on "${path}"
    assert_sound
  done
  assert_equal "$(members_now | cut -d '|' -f 1,2,5 | sort)" $'started|host-1|false\nstarted|host-2|false\nstarted|host-3|false'
}

# ---- phases 6 and 7

@test "reattachment: a record that is gone, credentials that are not taken, the older generation" {
  local script="${three}/05-reattach-on-host-2.sh"
  world_for "${three}" 05-reattach-on-host-2.sh
  cp -a -- "${WORLD}" "${BATS_TEST_TMPDIR}/start"
  rm -- "${WORLD}/state/record/host-2"
  refused 78 'its record has been removed' "${script}"
  assert_output --partial 'if-needed/03-join-on-host-2.sh'

  rm -rf -- "${WORLD:?}"
  cp -a -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
  sed -i 's/first-secret-of-host-2/another/' "${WORLD}/disk/host-2/${data}/generated.config.json"
  refused 78 'host-2 cannot be reattached' "${script}"
  assert_output --partial 'if-needed/01-remove-host-2-on-host-1.sh'

  rm -rf -- "${WORLD:?}"
  cp -a -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
  set_state generation 0.6
  refused 78 'Control Plane 0.7 or newer' "${script}"
}

@test "clocks that differ by a minute: 78" {
  world_for "${three}" 05-reattach-on-host-2.sh
  set_state clock-gap 60
  refused 78 'the clocks of host-2 and host-1 differ' "${three}/05-reattach-on-host-2.sh"
}

@test "a stale entry of the host itself is dropped before its start" {
  world_for "${three}" 05-reattach-on-host-2.sh
  local current
  IFS= read -r current <"${WORLD}/state/current"
  printf 'bbbbbbbbbbbbbbb|unstarted||https://192.168.104.2:2380||true\n' >>"${WORLD}/state/members/${current}"
  run_script "${three}/05-reattach-on-host-2.sh" --apply
  assert_ended 0
  assert_order 'etcdctl .*member remove bbbbbbbbbbbbbbb' 'docker service update .*PGEDGE_ETCD_MODE=server'
  assert_sound
}

@test "a learner of another host is waited for, and never dropped: 75" {
  world_for "${three}" 05-reattach-on-host-2.sh
  local current
  IFS= read -r current <"${WORLD}/state/current"
  printf 'bbbbbbbbbbbbbbb|started|host-3|https://192.168.104.3:2380|https://192.168.104.3:2379|true\n' \
    >>"${WORLD}/state/members/${current}"
  WORLD_PACE=200 run_script "${three}/05-reattach-on-host-2.sh" --apply
  assert_refuses 75 'no host is joining'
  assert_not_ran 'member remove'
  assert_not_ran 'PGEDGE_ETCD_MODE=server'
}

@test "a half-done reattachment is repaired automatically, at most twice" {
  world_for "${three}" 05-reattach-on-host-2.sh
  cp -a -- "${WORLD}" "${BATS_TEST_TMPDIR}/start"
  set_state host/host-2/join-fails 1
  run_script "${three}/05-reattach-on-host-2.sh" --apply
  assert_ended 0
  assert_output --partial 'The join is incomplete'
  assert_sound

  rm -rf -- "${WORLD:?}"
  cp -a -- "${BATS_TEST_TMPDIR}/start" "${WORLD}"
  set_state host/host-2/join-fails 9
  run_script "${three}/05-reattach-on-host-2.sh" --apply
  assert_refuses 1 'host-2 did not join etcd'
}

@test "two voters: said aloud" {
  world_for "${three}" 05-reattach-on-host-2.sh
  run_script "${three}/05-reattach-on-host-2.sh" --apply
  assert_ended 0
  assert_output --partial 'TWO VOTERS'
}

@test "two voters: neither is restarted, and it is not called complete" {
  world_for "${three}" 07-verify-on-host-1.sh
  local current
  IFS= read -r current <"${WORLD}/state/current"
  in_world drop_member "${current}" host-3
  : >"${WORLD}/journal"
  WORLD_PACE=100 run_script "${three}/07-verify-on-host-1.sh" --apply
  assert_not_ran 'docker service update'
  assert_output --partial 'there are only two voters'
  assert_refuses 75 'host-3 is no voter'
  assert_sound
}

@test "clients are restarted together, and before the servers" {
  local id node made
  world_for five-servers-and-clients 12-verify-on-eu-1.sh
  # In this world phase 7 took no time: the client was started an hour before the servers.
  read -r id node made <"${WORLD}/state/service/pgedge_spare-worker/task"
  set_state service/pgedge_spare-worker/task "${id} ${node} $((made - 3600))"
  : >"${WORLD}/journal"
  run_script five-servers-and-clients/12-verify-on-eu-1.sh --apply
  assert_ended 0
  assert_order 'service update --force --detach pgedge_eu-worker-1' \
    'service update --force --detach pgedge_spare-worker' \
    'restarted/eu-worker-1' 'restarted/eu-worker-2' 'service update .*pgedge_eu-2'
  assert_output --partial 'each has a status from after its restart: fresh'
  assert_sound
}

@test "a client that went away again is not restarted, and it is not called complete" {
  world_for five-servers-and-clients 12-verify-on-eu-1.sh
  set_state host/eu-worker-2/deaf always
  WORLD_PACE=100 run_script five-servers-and-clients/12-verify-on-eu-1.sh --apply
  assert_not_ran 'service update .*pgedge_spare-worker'
  assert_refuses 78 'eu-worker-2 is neither back nor removed'
  assert_output --partial 'unreachable'
}

@test "no client is restarted while Docker does not report which task that would replace: 75" {
  world_for five-servers-and-clients 12-verify-on-eu-1.sh
  fault 'docker service ps *pgedge_eu-worker-1' fail 'Error response from daemon: deadline exceeded'
  : >"${WORLD}/journal"
  run_script five-servers-and-clients/12-verify-on-eu-1.sh --apply
  assert_refuses 75 'Docker does not report the task of pgedge_eu-worker-1'
  assert_not_ran 'service update'
}

# restart_clients_alone ANSWER: the step as the script has it, given 45 clients of which the API says
# ANSWER; each batch reports its size.
restart_clients_alone() (
  local k
  local -a clients=()
  for k in {1..45}; do
    clients+=("client-${k}" "service-${k}")
  done
  # shellcheck source=generated/five-servers-and-clients/12-verify-on-eu-1.sh
  source "${GENERATED}/five-servers-and-clients/12-verify-on-eu-1.sh"
  STATE="${BATS_TEST_TMPDIR}"
  told="$1"
  hosts_word() { printf '%s\n' "${told}"; }
  membership() { printf 'a|started|eu-1|https://192.168.104.11:2380|false\n'; }
  last_start() { printf '0\n'; }
  restart_clients_word() { printf 'restart\n'; }
  mutate() { :; }
  restart_clients_batch() { printf 'batch of %s from %s\n' "$((($# - 1) / 2))" "$2"; }
  restart_clients "${clients[@]}"
)

@test "clients are restarted twenty at a time, and none while the API does not tell of them" {
  run restart_clients_alone 'client-3 stale, client-44 absent'
  assert_success
  assert_line --partial 'client-3 is not restarted, because it is not back (stale)'
  assert_line --partial 'client-44 is not restarted, because it is not back (absent)'
  assert_line 'batch of 20 from client-1'
  assert_line 'batch of 20 from client-22'
  assert_line 'batch of 3 from client-42'
  run restart_clients_alone '503'
  assert_failure 75
  refute_output --partial 'batch'
}

@test "a host whose record is still there may not join: 78, and it names what to run" {
  world_for guide-rejoin 05-remove-host-2-on-host-1.sh
  prepare_machine 07-join-on-host-2.sh
  : >"${WORLD}/journal"
  run_script guide-rejoin/07-join-on-host-2.sh --apply
  assert_refuses 78 '05-remove-host-2-on-host-1.sh'
  assert_not_ran '^M [^ ]* mv '
}

@test "a host that can be reattached is not joined: 78" {
  world_for "${three}" 05-reattach-on-host-2.sh
  : >"${WORLD}/journal"
  run_script "${three}/if-needed/03-join-on-host-2.sh" --apply
  assert_ended 78
  assert_output --partial '05-reattach-on-host-2.sh'
  assert_not_ran '^M [^ ]* mv '
}

@test "join answers 400, 401, 409, 500 or not at all: each has its own advice" {
  world_for guide-rejoin 07-join-on-host-2.sh
  local answer
  for answer in '78 400 {"message":"a host with ID host-2 already exists in the cluster"} run 05-remove-host-2-on-host-1.sh on host-1 first' \
    '1 401 {"message":"the given join token is invalid"} token' \
    '1 409 {"message":"this operation is invalid on an initialized cluster"} has state' \
    '1 500 {"message":"etcdserver: Peer URLs already exists"} stale entry' \
    '75 500 {"message":"etcdserver: too many learner members in cluster"} until the other host has joined' \
    '1 500 {"message":"etcdserver: unhealthy cluster"} voter' \
    '1 500 {"message":"docker swarm mode is not active"} do NOT stop it'; do
    fault 'curl*--request POST*/v1/cluster/join' answer "${answer#* }" 1
    sed -i 's/} .*$/}/' "${WORLD}"/faults/*
    run_script guide-rejoin/07-join-on-host-2.sh --apply
    assert_refuses "${answer%% *}" "${answer##*\} }"
    settle
  done
  fault 'curl*--request POST*/v1/cluster/join' late '' 1
  run_script guide-rejoin/07-join-on-host-2.sh --apply
  assert_refuses 75 'the join may still finish'
  settle
  : >"${WORLD}/journal"
  run_script guide-rejoin/07-join-on-host-2.sh --apply
  assert_ended 0
  assert_not_ran 'POST'
  assert_sound
}

@test "a new machine needs the Swarm's token in a file of its own: 64" {
  world_for five-servers-and-clients 09-join-on-eu-4.sh
  local script=five-servers-and-clients/09-join-on-eu-4.sh
  run_script "${script}" --apply
  assert_refuses 64 'join token'
  chmod 0644 "${WORLD}/root/manager-token"
  run_script "${script}" --apply --swarm-token-file "${WORLD}/root/manager-token"
  assert_refuses 64 'others can read the token file'
  printf 'nonsense\n' >"${WORLD}/root/bad"
  chmod 0600 "${WORLD}/root/bad"
  run_script "${script}" --apply --swarm-token-file "${WORLD}/root/bad"
  assert_refuses 64 'this is not a Swarm join token'
  assert_sound
}

@test "power returns to the lost hosts in the middle: their services stay at 0, no split brain" {
  local path
  build_world "${three}"
  act_on 01-prepare-on-host-1.sh
  switch_on host-2
  switch_on host-3
  for path in $(jq -r '[.phases[].turns[] | select(.when == "always") | .path] | sort[1:][]' "${plan}"); do
    act_on "${path}"
    assert_sound
  done
  assert_equal "$(members_now | wc -l)" 3
}

# runs_with_old_data HOST: it has power again, and starts what ran on it before; its Swarm port cannot
# be reached until the Swarm is revived.
runs_with_old_data() {
  in_world switched_on "$1"
  rm -f -- "${WORLD}/pending/swarm@$1"
  set_state "host/$1/cp" stuck
  set_state "host/$1/container" "c0ffee-$1"
  set_state "host/$1/swarm" leaderless
  set_state "host/$1/swarm-port" closed
}

@test "power returns to one lost host before the first script: with the other it could be a quorum" {
  build_world "${three}"
  runs_with_old_data host-2
  options_for "${three}/01-prepare-on-host-1.sh"
  run_script "${three}/01-prepare-on-host-1.sh" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'host-2 runs and reports that it has no leader'
  assert_output --partial 'host-3 does not answer. You confirmed that it is stopped'
  assert_output --partial 'cannot form a quorum of 2: safe'
  assert_sound
}

@test "power returns to a quorum of lost hosts before the first script: they are waited for" {
  build_world "${three}"
  runs_with_old_data host-2
  runs_with_old_data host-3
  run_script "${three}/01-prepare-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'currently 2 running (host-2 host-3), 0 unreachable'
  assert_output --partial 'cannot form a quorum of 2: safe'
  assert_sound
}

@test "a survivor is not waited for where the lost hosts alone would be a quorum" {
  local script=five-servers-and-clients/01-prepare-on-eu-1.sh
  build_world five-servers-and-clients
  options_for "${script}"
  run_script "${script}" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  refute_output --partial 'Waiting until the server hosts'
  assert_output --partial 'eu-2 runs and reports that it has no leader'
  assert_sound
}

@test "a survivor is waited for where it would tip the balance" {
  local script=five-servers-and-clients/01-prepare-on-eu-1.sh
  build_world five-servers-and-clients
  runs_with_old_data eu-3
  options_for "${script}"
  run_script "${script}" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'currently 2 running (eu-2 eu-3), 2 unreachable'
  assert_output --partial 'cannot form a quorum of 3: safe'
  assert_sound
}

# clients_after_recovery: the recovery host is about to start; both clients have kept running.
clients_after_recovery() {
  world_for five-servers-and-clients 04-start-on-eu-1.sh
  set_state host/eu-worker-2/power on
  set_state host/eu-worker-2/swarm worker
  set_state node/nd1xeuworker2/status ready
  set_state host/eu-worker-2/cp serving
  set_state host/eu-worker-2/api up
}

@test "clients that hang are restarted once, all before any is waited for; others are let be" {
  clients_after_recovery
  set_state host/eu-worker-1/deaf yes
  set_state host/eu-worker-2/deaf yes
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_order 'service update --force --detach pgedge_eu-worker-1' \
    'service update --force --detach pgedge_spare-worker'
  assert_output --partial 'each restarted client has a fresh status: fresh'
  assert_sound
  : >"${WORLD}/journal"
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_not_ran 'service update'
}

@test "a client that a restart does not cure is left for phase 7, and restarted once only" {
  local id node made task="service/pgedge_eu-1/task"
  clients_after_recovery
  set_state host/eu-worker-2/deaf always
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_not_ran 'service update .*pgedge_eu-worker-1'
  assert_output --partial 'Still eu-worker-2 unreachable, and left for phase 7'
  # In this world minutes take no time: the recovery host was started a minute before the client.
  read -r id node made <"${WORLD}/state/${task}"
  set_state "${task}" "${id} ${node} $((made - 60))"
  : >"${WORLD}/journal"
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_output --partial 'was restarted since the recovery, and is left for phase 7'
  assert_not_ran 'service update'
}

@test "a client without a record is left for phase 7, and not waited for" {
  clients_after_recovery
  rm -- "${WORLD}/state/record/eu-worker-2"
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_output --partial 'eu-worker-2 has no record in this snapshot and is left for phase 7'
  assert_output --partial 'each client has a fresh status: fresh'
  assert_not_ran 'service update'
}

@test "a client that is off is left for phase 7 without a wait" {
  clients_after_recovery
  set_state host/eu-worker-2/power off
  run_script five-servers-and-clients/04-start-on-eu-1.sh --apply
  assert_ended 0
  assert_output --partial 'eu-worker-2 does not answer and is left for phase 7'
  assert_not_ran 'service update'
}

@test "an incident given by number has a state of its own, and later scripts find it" {
  build_world "${three}"
  options_for "${three}/01-prepare-on-host-1.sh"
  run_script "${three}/01-prepare-on-host-1.sh" --apply --incident 2 "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert [ -f "$(state_of host-1)/snapshot.db" ]
  assert_equal "$(state_of host-1)" "${WORLD}/disk/host-1/${data}/plan-recovery/acme-host-1-24366146d2d1-2"
  run_script "${three}/02-restore-on-host-1.sh"
  assert_ended 3
  assert_output --partial 'incident 2'
}

@test "no snapshot without a quorum: 69" {
  build_world "${three}"
  refused 69 'etcd does not answer with a quorum' "${three}/before/snapshot-on-host-1.sh"
}

assert_file_contains() {
  grep -qF -- "$2" "$1" || fail "$1 does not hold: $2"
}
