#!/usr/bin/env bats
# triage.sh: the verdict, what each host holds, and the evidence. It only looks.
load world

teardown() {
  end_world
}

# carry_triage [HOST]: a copy of triage.sh with the places of this world. HOST has the snapshot.
carry_triage() {
  TRIAGE="${WORLD}/copies/triage.sh"
  adapted_environment "${GENERATED}/${bundle}/triage.sh" \
    | awk -v disk="${WORLD}/disk/" -v socket="${WORLD_SUITE}/docker.sock" -v here="${1:-host-1}" '
      /^readonly DOCKER_SOCKET=/ { sub("=.*", "=\047" socket "\047") }
      /^readonly (SNAPSHOT_FILE|TOOLS_DIR)=.\// { sub("=.", "&" disk here) }
      /^readonly -a API_TLS=/ { gsub("\047/", "\047" disk here "/") }
      /^readonly -a HOST_TABLE=/ { inside = 1 }
      inside && /^  / { id = $1; sub("\047", "", id); sub(" /", " " disk id "/") }
      /^\)/ { inside = 0 }
      { print }' >"${TRIAGE}"
  WORLD_BIN="${WORLD_SUITE}/bin"
  mkdir -p "${WORLD_MEMORY}"
}

# triage HOST [OPTION...]: with plenty of time, because a fake command takes longer than a real one.
triage() {
  local host="$1"
  shift
  run run_copy "${host}" "${TRIAGE}" --limit 120 "$@"
}

# evidence HOST [OPTION...]: the evidence of that host, into the file EVIDENCE.
evidence() {
  local host="$1"
  shift
  EVIDENCE="${WORLD}/evidence-${host}.json"
  triage "${host}" --json "$@"
  sed -n '/^{/,/^}/p' <<<"${output}" >"${EVIDENCE}"
}

# stop_member HOST: its Control Plane has ended, and its data are as they were.
stop_member() {
  in_world put "host/$1/cp" off
  in_world put "host/$1/container" ''
  in_world put "host/$1/old-runs" no
}

# processes_of_triage: the processes of the copy in this world.
processes_of_triage() {
  # Not by an argument, so that it does not find itself.
  grep -lsaFf <(printf '%s\n' "${WORLD}/copies/") /proc/[0-9]*/cmdline | sed -E 's|/proc/([0-9]+)/.*|\1|'
}

# nothing_left: no such process runs, and no file is left in memory.
nothing_left() {
  assert_equal "$(processes_of_triage)" ''
  assert_equal "$(find "${WORLD_MEMORY}" -mindepth 1)" ''
}

@test "two of three lost: the verdict with its arithmetic, problems first, and nothing changes" {
  build_world three-servers-two-lost
  carry_triage
  fingerprint >"${WORLD}/tmp/before"
  triage host-1
  assert_ended 3
  assert_line --index 0 'N=3, quorum 2: host-1 answering without a leader; host-2, host-3 not answering. The quorum is lost, unless 2 of those that do not answer run elsewhere and reach each other. If 1 more can start with their disks, it returns without a recovery.'
  assert_line 'problem  host-1 (this host) runs without a leader: revision 4321, raft index 4321, cluster 37ecc6c2f5f50544'
  assert_line 'problem  host-2 (192.168.104.2) does not answer'
  assert_line 'problem  Docker answers, and its Swarm has no leader. Do: phase 1 revives it if its quorum is lost'
  assert_line 'ok       the Control Plane of this host runs (control-plane_host-1 at unknown)'
  assert_line 'ok       the certificates are valid, belong together and cover 192.168.104.1'
  assert_line --partial 'ok       the data of this host hold revision 4321, 321 keys, 2048 bytes, last written 20'
  assert_line --partial 'tools that the scripts need are there and usable'
  # Problems first.
  assert_equal "$(sed -nE 's/^(problem|unknown|note|ok) .*/\1/p' <<<"${output}" | uniq | tr '\n' ' ')" 'problem ok '
  assert_equal "$(changes)" ''
  assert_unchanged "${WORLD}/tmp/before"
  assert_sound
  nothing_left
}

@test "the evidence is one object, as the schema says, with everything that was measured" {
  build_world three-servers-two-lost
  carry_triage
  evidence host-1
  assert_ended 3
  run jq -r '[.format, .cluster, .host, .verdict.state, .data.state, .data.revision, .data.raftIndex,
    .data.clusterId, .data.keys, .hosts["host-1"].etcd, .hosts["host-2"].etcd, .hosts["host-2"].apiPort,
    .machine.root, (.certificates.ca | length), .tools.etcd.state, (.unanswered | length),
    (.findings | length > 5)] | map(tostring) | join(" ")' "${EVIDENCE}"
  assert_output 'evidence/1 acme host-1 lost running 4321 4321 37ecc6c2f5f50544 321 no-leader silent unreachable true 64 ok 0 true'
  run node_modules/.bin/tsx test/scripts/evidence.ts "${EVIDENCE}"
  assert_output 'as the schema says'
}

@test "with a leader the verdict says that this is the wrong tool" {
  WORLD_INTACT=1 build_world three-servers-two-lost
  carry_triage
  triage host-2
  assert_ended 0
  assert_line --index 0 'N=3, quorum 2: host-1, host-2, host-3 with a leader. The quorum is not lost. Repair single hosts with the Control Plane API.'
  assert_line 'ok       Docker answers, and its Swarm has a leader'
  assert_line 'ok       the Control Plane of this host runs (control-plane_host-2 at 1/1)'
  assert_equal "$(changes)" ''
}

@test "five servers and clients: the same on a client host, which has no data" {
  build_world five-servers-and-clients
  carry_triage
  evidence eu-worker-1
  assert_ended 3
  assert_line --partial 'N=5, quorum 3:'
  assert_line --partial ', a client host, '
  run jq -r '[.host, .data.state, .hosts["eu-worker-1"].mode] | join(" ")' "${EVIDENCE}"
  assert_output 'eu-worker-1 client client'
  run node_modules/.bin/tsx test/scripts/evidence.ts "${EVIDENCE}"
  assert_output 'as the schema says'
}

@test "a user who is not root hears what cannot be seen, and sees the rest" {
  build_world three-servers-two-lost
  carry_triage
  in_world put uid 1000
  # What only root can read is not there for others.
  mv -- "${WORLD}/disk/host-1/data" "${WORLD}/disk/host-1/kept"
  evidence host-1
  assert_ended 75
  assert_line --partial 'host-1 with no clear answer; host-2, host-3 not answering. Whether the quorum is lost is not known. Members are asked with the certificates of this host, which only root can read.'
  assert_line --partial 'unknown  not root, so members, data, certificates and snapshots were not looked at. Do: run it as root'
  assert_line 'problem  Docker answers, and its Swarm has no leader. Do: phase 1 revives it if its quorum is lost'
  run jq -r '[.machine.root, .data.state, .verdict.state] | map(tostring) | join(" ")' "${EVIDENCE}"
  assert_output 'false unread unclear'
}

@test "a stopped member: file names say how far its log reaches; --deep reads a copy, and states its cost" {
  build_world three-servers-two-lost
  carry_triage
  stop_member host-1
  mv -- "${WORLD}/disk/host-1/data/pgedge/control-plane/etcd/member/wal/"{0000000000000000-0000000000000000,0000000000000003-0000000000001389}.wal
  touch "${WORLD}/disk/host-1/data/pgedge/control-plane/etcd/member/snap/0000000000000002-0000000000001000.snap"
  fingerprint >"${WORLD}/tmp/before"
  evidence host-1
  assert_ended 3
  assert_line --partial 'N=3, quorum 2: host-1, host-2, host-3 not answering.'
  assert_line 'problem  the Control Plane of this host does not run (control-plane_host-1 at unknown)'
  assert_line --regexp '^note     the data of this host hold raft index 5000 or more; 2048 bytes, last written .* Do: for the revision, run triage.sh --deep, which copies [0-9]+ bytes into memory'
  run jq -r '[.data | .state, .revision, .raftIndexAtLeast, .snapTerm, .snapIndex, .inUse] | map(tostring) | join(" ")' "${EVIDENCE}"
  assert_output 'stopped null 5000 2 4096 false'
  evidence host-1 --deep
  assert_ended 3
  assert_line --regexp "^Copying [0-9]+ bytes of .*/etcd to ${WORLD_MEMORY}/plan-recovery.* \([0-9]+ bytes free there\)\$"
  assert_line --partial 'ok       the data of this host hold revision 4321, 321 keys, last written'
  # The start on a copy has added entries to its log, so its raft index says nothing.
  run jq -r '[.data | .state, .revision, .raftIndex, .keys, .loss] | map(tostring) | join(" ")' "${EVIDENCE}"
  assert_output 'copy 4321 null 321 nothing that this host had received'
  run node_modules/.bin/tsx test/scripts/evidence.ts "${EVIDENCE}"
  assert_output 'as the schema says'
  assert_unchanged "${WORLD}/tmp/before"
  nothing_left
}

@test "--deep copies nothing if the member runs, if its database is in use, or into the data directory" {
  build_world three-servers-two-lost
  carry_triage
  triage host-1 --deep
  assert_line --partial 'note     Not looked deeper: the etcd of this host runs and has reported what it holds'
  stop_member host-1
  triage host-1 --deep "${WORLD}/disk/host-1/data/pgedge/control-plane"
  assert_line --partial 'is not a directory outside of'
  exec 7<"${WORLD}/disk/host-1/data/pgedge/control-plane/etcd/member/snap/db"
  triage host-1 --deep
  exec 7<&-
  assert_line --partial 'note     Not looked deeper: a process has the database open'
  assert_not_ran 'etcd.*--force-new-cluster'
  nothing_left
}

@test "--deep says so if there is too little space for a copy, or if etcd does not start on it" {
  build_world three-servers-two-lost
  carry_triage
  stop_member host-1
  in_world put free 1000
  triage host-1 --deep
  assert_line --partial 'has too little space for a copy. Found: 1000 bytes. Expected: '
  rm -- "${WORLD}/state/free" "${WORLD}"/disk/host-1/data/pgedge/control-plane/etcd/member/wal/*
  triage host-1 --deep
  assert_line --partial 'problem  etcd does not start on a copy of these data. Found: {"level":"fatal"'
  nothing_left
  rm -f -- "${WORLD}/violations"
}

@test "two clusters with a leader; a member that says nothing; one whose port is closed" {
  WORLD_INTACT=1 build_world three-servers-two-lost
  carry_triage
  in_world put host/host-3/etcd-cluster 42
  triage host-1
  assert_ended 78
  assert_line --partial 'There are two clusters with a leader (37ecc6c2f5f50544 2a). Stop one of them.'
  stop_member host-2
  in_world put host/host-3/mute yes
  in_world put host/host-1/cp noquorum
  triage host-1
  assert_ended 3
  assert_line --partial 'problem  host-2 (192.168.104.2) is up, and its etcd does not listen'
  assert_line --partial 'problem  host-3 (192.168.104.3) accepts connections and gives no answer'
}

@test "enough members run without a leader: they do not reach each other" {
  WORLD_INTACT=1 build_world three-servers-two-lost
  carry_triage
  in_world put host/host-1/cp noquorum
  in_world put host/host-2/cp noquorum
  stop_member host-3
  triage host-1
  assert_ended 75
  assert_line --partial 'Enough of them run, but they find no leader.'
}

@test "Docker is off, hangs, or is not there" {
  build_world three-servers-two-lost
  carry_triage
  in_world put host/host-1/swarm down
  triage host-1
  assert_ended 3
  assert_line --partial 'problem  Docker does not answer. Found: Cannot connect to the Docker daemon'
  assert_line --partial 'ok       the data of this host hold revision 4321'
  rm -- "${WORLD}"/state/host/host-1/swarm
  printf 'docker *\nhang\n\n0\n' >"${WORLD}/faults/docker"
  triage host-1
  assert_line --partial 'problem  Docker does not answer. Found: no answer in time'
}

@test "the findings of the guards: an expired certificate, another host's user, a full disk, a missing tool" {
  build_world three-servers-two-lost
  carry_triage
  rm -- "${WORLD}/disk/host-1/data/pgedge/control-plane/certificates/etcd-user.key"
  cp -- "${WORLD_SUITE}/ca/host-2/etcd-user.key" "${WORLD}/disk/host-1/data/pgedge/control-plane/certificates/"
  sed -i 's/host-host-1/host-host-2/' "${WORLD}/disk/host-1/data/pgedge/control-plane/generated.config.json"
  in_world put free 1000
  in_world put version-etcd 3.7.0
  in_world put clock-gap 300
  in_world put host/host-2/power on
  in_world put host/host-2/cp noquorum
  cp -a -- "${WORLD_SUITE}/bin" "${WORLD}/bin"
  rm -- "${WORLD}/bin/flock"
  WORLD_BIN="${WORLD}/bin"
  triage host-1
  assert_line --partial 'problem  etcd-user.key does not belong to etcd-user.crt. Found: '
  assert_line --partial 'problem  generated.config.json belongs to another host. Found: host-host-2. Expected: etcd_username host-host-1. Do: '
  assert_line --partial 'problem  not enough free space at '
  assert_line --partial 'problem  etcd cannot do what this script needs. Found: status 0: 3.7. Expected: release 3.6. Do: '
  assert_line --partial 'problem  required tools are missing (flock)'
  assert_line --regexp '^problem  the clocks of host-1 and host-2 differ. Found: (299|300|301) s'
}

@test "saved snapshots are found: a good one, a damaged one, and one of another cluster" {
  local place
  build_world three-servers-two-lost
  carry_triage
  place="${WORLD}/disk/host-1/data/pgedge/control-plane/plan-recovery/snapshots"
  mkdir -p "${place}"
  in_world saved_snapshot "${place}/host-1-revision-4000.db" 4000
  in_world saved_snapshot "${place}/host-1-revision-3000.db" 3000
  printf 'x' | dd of="${place}/host-1-revision-3000.db" bs=1 seek=1500 conv=notrunc 2>/dev/null
  touch -d '2026-11-01 10:00 UTC' "${place}/host-1-revision-3000.db"
  fingerprint >"${WORLD}/tmp/before"
  evidence host-1
  assert_line --regexp '^note     snapshot .*/host-1-revision-4000.db of 20.*Z, revision 4000, complete$'
  assert_line --partial 'host-1-revision-3000.db of 2026-11-01T10:00:00Z, revision 3000, damaged'
  run jq -r '.snapshots[] | [(.path | split("/")[-1]), .revision, .checksum, .kind] | map(tostring) | join(" ")' \
    "${EVIDENCE}"
  assert_output 'host-1-revision-4000.db 4000 good saved
host-1-revision-3000.db 3000 bad saved'
  run node_modules/.bin/tsx test/scripts/evidence.ts "${EVIDENCE}"
  assert_output 'as the schema says'
  assert_unchanged "${WORLD}/tmp/before"
}

@test "a recovery that has begun on this host is named" {
  bundle=three-servers-two-lost
  plan="${GENERATED}/${bundle}/plan.json"
  play 01-prepare-on-host-1.sh 02-restore-on-host-1.sh
  carry_triage
  evidence host-1
  assert_line --regexp '^problem  a recovery was begun on this host: acme-host-1-[0-9a-f]{12}-1 is restored. Do: bash recover.sh'
  assert_line --regexp '^note     these data were restored by the recovery acme-host-1-[0-9a-f]{12}-1$'
  run node_modules/.bin/tsx test/scripts/evidence.ts "${EVIDENCE}"
  assert_output 'as the schema says'
}

@test "another machine, several hosts on one machine, and wrong options" {
  build_world three-servers-two-lost
  carry_triage
  printf '203.0.113.7\n' >"${WORLD}/state/host/host-2/addresses"
  triage host-2
  assert_refuses 78 'this machine is no host of this plan'
  printf '192.168.104.2\n192.168.104.3\n' >"${WORLD}/state/host/host-2/addresses"
  triage host-2
  assert_refuses 64 'several hosts of this plan run on this machine'
  triage host-2 --host host-3
  assert_line --partial 'host-3 (this host)'
  triage host-2 --host host-1
  assert_refuses 78 'this machine is not host-1'
  triage host-1 --apply
  assert_refuses 64 'unknown argument --apply'
  triage host-1 evidence.json
  assert_refuses 64 'unknown argument evidence.json'
  triage host-1 --compare
  assert_refuses 64 '--compare needs files of evidence'
  triage host-1 --limit soon
  assert_refuses 64 'the limit is not a number of seconds'
  triage host-1 --help
  assert_ended 0
  assert_line --partial 'EXIT STATUS'
}
