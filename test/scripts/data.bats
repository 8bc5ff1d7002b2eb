#!/usr/bin/env bats
# The right data, complete, and only copies are worked on: each case leaves the world as it was, or
# says what it has done.
load world

three='three-servers-two-lost'
data='data/pgedge/control-plane'
one="01-prepare-on-host-1.sh"
two="02-restore-on-host-1.sh"

teardown() {
  umount_all
  end_world
}

umount_all() {
  local place
  for place in "${MOUNTED[@]}"; do umount "${place}" || true; done
  MOUNTED=()
}
MOUNTED=()

here() {
  printf '%s\n' "${WORLD}/disk/host-1/${data}${1:+/$1}"
}

state() {
  echo "${WORLD}/disk/${1:-host-1}/${data}"/plan-recovery/acme-host-1-*-1
}

# refuses STATUS SENTENCE SCRIPT: on look and on apply, with no change either way.
refuses() {
  local script="${three}/$3" extra
  data_tree host-1 >"${WORLD}/tmp/tree"
  options_for "${script}"
  for extra in '' --apply; do
    : >"${WORLD}/journal"
    # shellcheck disable=SC2086 # no word on purpose
    run_script "${script}" ${extra} "${OPTIONS_FOR[@]}"
    assert_refuses "$1" "$2"
    assert_equal "$(changes)" ''
    assert_output --partial 'changed:  nothing'
  done
  data_tree host-1 | diff "${WORLD}/tmp/tree" -
  assert_sound
}

# ---- the data directory

# linked NAME: its place is a link to where it is now.
linked() {
  mv -- "$(here "$1")" "${WORLD}/elsewhere"
  ln -s "${WORLD}/elsewhere" "$(here "$1")"
}

a_link() {
  world_for "${three}" "${2:-${one}}"
  linked "$1"
  refuses 78 "/$1 cannot be used" "${2:-${one}}"
  assert_output --partial 'a symbolic link'
}

for name in etcd etcd/member etcd/member/snap etcd/member/snap/db etcd/member/wal certificates \
  generated.config.json; do
  bats_test_function --description "a symbolic link at ${name}: 78" -- a_link "${name}"
done
bats_test_function --description "a symbolic link at etcd before phase 2: 78" -- a_link etcd "${two}"

@test "the data directory itself is a link: 78" {
  build_world "${three}"
  mv -- "$(here)" "${WORLD}/elsewhere"
  ln -s "${WORLD}/elsewhere" "$(here)"
  refuses 78 '/control-plane cannot be used' "${one}"
}

@test "a file of the log is a link: 78, by its name" {
  build_world "${three}"
  linked etcd/member/wal/0000000000000000-0000000000000000.wal
  refuses 78 '0000000000000000-0000000000000000.wal cannot be used' "${one}"
}

a_mount() {
  build_world "${three}"
  printf '36 22 8:1 /x %s rw - ext4 /dev/sda1 rw\n' "$(here "$1")" >"${WORLD}/state/mounts"
  refuses 78 "/$1 cannot be used" "${one}"
  assert_output --partial 'another file system, mounted there'
}

for name in etcd etcd/member/wal certificates plan-recovery; do
  bats_test_function --description "a bind mount at ${name}, of the same device: 78" -- a_mount "${name}"
done

@test "a mount with a space in its name; the mounts cannot be read: 69" {
  build_world "${three}"
  mv -- "${WORLD}/disk/host-1" "${WORLD}/real"
  mkdir -p "${WORLD}/disk/host-1/data"
  mv -- "${WORLD}/real/data/pgedge" "${WORLD}/disk/host-1/data/with space"
  ln -s 'with space' "${WORLD}/disk/host-1/data/pgedge"
  printf '36 22 8:1 /x %s rw - ext4 /dev/sda1 rw\n' \
    "${WORLD}/disk/host-1/data/with\\040space/control-plane/etcd" >"${WORLD}/state/mounts"
  refuses 78 '/etcd cannot be used' "${one}"
  set_state no-proc yes
  refuses 69 'cannot tell what is mounted' "${one}"
}

@test "another file system below the data directory: 78" {
  build_world "${three}"
  mv -- "$(here etcd)" "${WORLD}/elsewhere"
  mkdir -- "$(here etcd)"
  mount -t tmpfs tmpfs "$(here etcd)" || skip 'mounts are not possible here'
  MOUNTED+=("$(here etcd)")
  cp -a -- "${WORLD}/elsewhere/." "$(here etcd)/"
  refuses 78 '/etcd cannot be used' "${one}"
}

@test "an overlay file system: 78, by its name" {
  build_world "${three}"
  set_state filesystem overlayfs
  refuses 78 'is on an overlay file system' "${one}"
}

@test "a file system that cannot be looked through: 75" {
  build_world "${three}"
  fault 'timeout * find *plan-recovery/*' fail '1 find: etcd: Input/output error'
  refuses 75 'cannot list' "${one}"
  assert_output --partial 'Input/output error'
}

@test "the service mounts another directory: 78, both paths; by the service, by its container" {
  build_world "${three}"
  mkdir -p "${WORLD}/other"
  set_state host/host-1/mounted "${WORLD}/other"
  refuses 78 'uses another data directory' "${one}"
  assert_output --partial "expected: $(here)"
  assert_output --partial "found:    ${WORLD}/other"
  world_for "${three}" "${two}"
  set_state host/host-1/mounted "${WORLD}/other"
  refuses 78 'uses another data directory' "${two}"
}

@test "neither the service nor a container can be asked: said, and the local checks decide; Docker fails: 75" {
  build_world "${three}"
  set_state host/host-1/container ''
  set_state host/host-1/cp off
  options_for "${three}/${one}"
  run_script "${three}/${one}" "${OPTIONS_FOR[@]}"
  assert_output --partial 'has the right contents'
  fault 'docker ps --all*' fail '1 Error response from daemon: context deadline exceeded'
  refuses 75 'Docker does not report which directory' "${one}"
}

@test "plan-recovery/ on another file system is refused; a directory that cannot be renamed: 78, no trace" {
  build_world "${three}"
  options_for "${three}/${one}"
  fault 'mv -T -- */plan-recovery.probe *' fail '1 mv: cannot move: Invalid cross-device link'
  data_tree host-1 >"${WORLD}/tmp/tree"
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'cannot be renamed to'
  assert_output --partial 'Invalid cross-device link'
  assert_equal "$(changes)" ''
  data_tree host-1 | diff "${WORLD}/tmp/tree" -
  assert [ ! -e "$(here plan-recovery.probe)" ]
}

@test "a rename that would copy is found by the inode, and what a killed guard left is taken away" {
  build_world "${three}"
  options_for "${three}/${one}"
  mkdir -- "$(here plan-recovery.probe)" "$(here plan-recovery)"
  mount -t tmpfs tmpfs "$(here plan-recovery)" || skip 'mounts are not possible here'
  MOUNTED+=("$(here plan-recovery)")
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 '/plan-recovery cannot be used'
  # Past the check of devices, the probe itself finds it.
  copy_of "${three}/${one}"
  sed -i 's/^  data_directory$/  :/' "${COPY}"
  run run_copy host-1 "${COPY}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'it was copied'
  assert_equal "$(changes)" ''
  assert [ ! -e "$(here plan-recovery.probe)" ]
}

# ---- this host's own state

own_is_wrong() {
  build_world "${three}"
  eval "$1"
  refuses "${3:-78}" "$2" "${one}"
}

while IFS='|' read -r name what sentence; do
  bats_test_function --description "${name}: 78" -- own_is_wrong "${what}" "${sentence}"
done <<'CASES'
no generated.config.json|rm -- "$(here generated.config.json)"|generated.config.json does not exist
half a generated.config.json|printf '{"etcd_us' >"$(here generated.config.json)"|cannot be read
another host's generated.config.json|sed -i s/host-host-1/host-host-2/ "$(here generated.config.json)"|belongs to another host
no password|sed -i 's/first-secret-of-host-1//' "$(here generated.config.json)"|has no password
no database|rm -- "$(here etcd/member/snap/db)"|has no complete etcd of its own
no log|rm -- "$(here etcd/member/wal)"/*|has no complete etcd of its own
no certificate|rm -- "$(here certificates/etcd-user.crt)"|etcd-user.crt is missing or empty
an empty key|: >"$(here certificates/etcd-user.key)"|etcd-user.key is missing or empty
half a certificate|head -c 200 "${WORLD_SUITE}/ca/host-1/etcd-user.crt" >"$(here certificates/etcd-user.crt)"|etcd-user.crt is not a readable certificate
a stranger's CA|cp -- "${WORLD_SUITE}/ca/stranger.crt" "$(here certificates/ca.crt)"|is not signed by ca.crt
another certificate's key|cp -- "${WORLD_SUITE}/ca/host-2/etcd-server.key" "$(here certificates/)"|etcd-server.key does not belong to etcd-server.crt
the certificate of another address|cp -- "${WORLD_SUITE}/ca/host-2/"etcd-server.* "$(here certificates/)"|does not cover the address of this host
CASES

# certificate_of DAYS_FROM DAYS_UNTIL: a client certificate with these dates.
certificate_of() {
  local ca="${WORLD_SUITE}/ca" from until
  from=$(date -u -d "$1" +%Y%m%d%H%M%SZ)
  until=$(date -u -d "$2" +%Y%m%d%H%M%SZ)
  openssl req -new -key "${ca}/host-1/etcd-user.key" -subj /CN=host-1 -out "${WORLD}/tmp/request" 2>/dev/null
  mkdir -p "${WORLD}/tmp/demo"
  : >"${WORLD}/tmp/demo/index"
  printf '01\n' >"${WORLD}/tmp/demo/serial"
  printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
    "${WORLD}/tmp/demo/index" "${WORLD}/tmp/demo/serial" "${WORLD}/tmp/demo" >"${WORLD}/tmp/demo/config"
  openssl ca -batch -config "${WORLD}/tmp/demo/config" -cert "${ca}/ca.crt" -keyfile "${ca}/ca.key" \
    -startdate "${from}" -enddate "${until}" -notext -in "${WORLD}/tmp/request" \
    -out "$(here certificates/etcd-user.crt)" 2>"${WORLD}/tmp/demo/said" || cat "${WORLD}/tmp/demo/said"
}

@test "an expired client certificate is called that, with dates and clock, before any question" {
  build_world "${three}"
  certificate_of '-10 days' '-1 day'
  refuses 78 'etcd-user.crt has expired' "${one}"
  assert_output --partial 'the clock of this machine'
  assert_output --partial 'valid from'
  assert_not_ran '(etcdctl .*--endpoints|curl .*192)'
  certificate_of '+1 day' '+10 days'
  refuses 78 'etcd-user.crt is not valid yet' "${one}"
}

@test "phases 2 and 3 ask for the certificates too" {
  world_for "${three}" "${two}"
  certificate_of '-10 days' '-1 day'
  refuses 78 'etcd-user.crt has expired' "${two}"
  world_for "${three}" 03-rewrite-on-host-1.sh
  certificate_of '-10 days' '-1 day'
  refuses 78 'etcd-user.crt has expired' 03-rewrite-on-host-1.sh
}

@test "a new machine needs its certificates and its configuration before anything: 78" {
  build_world total-loss
  rm -- "${WORLD}/disk/node-1/${data}/certificates/ca.crt"
  options_for total-loss/01-prepare-on-node-1.sh
  run_script total-loss/01-prepare-on-node-1.sh --apply "${OPTIONS_FOR[@]}"
  assert_refuses 78 'ca.crt is missing or empty'
  assert_equal "$(changes)" ''
}

@test "openssl does not run: 69, its own words" {
  build_world "${three}"
  copy_of "${three}/${one}"
  rm -- "${WORLD_BIN}/openssl"
  printf '#!/bin/bash\necho "openssl: error while loading shared libraries" >&2\nexit 127\n' >"${WORLD_BIN}/openssl"
  chmod +x "${WORLD_BIN}/openssl"
  refuses 69 'openssl does not work' "${one}"
  assert_output --partial 'error while loading shared libraries'
}

@test "the snapshot of the inventory: missing, damaged, of another cluster or release: 78 before anything" {
  local file="${WORLD}/disk/node-1/var/backups/etcd/acme.db" change
  build_world total-loss
  cp -- "${file}" "${WORLD}/good"
  while IFS='|' read -r change sentence; do
    cp -- "${WORLD}/good" "${file}"
    eval "${change}"
    options_for total-loss/01-prepare-on-node-1.sh
    : >"${WORLD}/journal"
    if [[ ! -e "${file}" ]]; then touch "${file}" && copy_of total-loss/01-prepare-on-node-1.sh && rm -- "${file}"; else
      copy_of total-loss/01-prepare-on-node-1.sh
    fi
    run run_copy node-1 "${COPY}" --apply "${OPTIONS_FOR[@]}"
    assert_refuses 78 "${sentence}"
    assert_equal "$(changes)" ''
  done <<'CASES'
rm -- "${file}"|the snapshot in the inventory does not exist
truncate -s 1999 "${file}"|is not a complete snapshot
dd of="${file}" bs=1 count=1 seek=1000 conv=notrunc 2>/dev/null <<<X|is damaged
sed -i s/version=3.6.0/version=3.7.0/ "${file}"; resum|the wrong storage version
sed -i -E s/PGEDGE-[0-9a-f]{8}/PGEDGE-00000000/ "${file}"; resum|belong to different clusters
CASES
}

# resum: gives the file the sum of what it now holds.
resum() {
  truncate -s 2048 "${file}"
  sha256sum <"${file}" | in_world hex_bytes >"${WORLD}/tmp/sum"
  cat -- "${WORLD}/tmp/sum" >>"${file}"
}

# ---- space

@test "no room for all that will be written: 78 before anything is stopped; df fails: 75" {
  build_world "${three}"
  set_state free 1000000
  refuses 78 'not enough free space' "${one}"
  set_state free ''
  fault 'df *' fail '1 df: /data: Stale file handle'
  refuses 75 'cannot get the free space' "${one}"
  assert_output --partial 'Stale file handle'
}

@test "a disk that fills during the salvage: one clear line, true, and the next run replaces the rest" {
  build_world "${three}"
  options_for "${three}/${one}"
  fault 'cp -aL *' fail "1 cp: error writing 'db': No space left on device" 1
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 1 'No space left on device'
  refute_output --partial 'nothing was changed'
  assert_output --partial 'change(s) were made before this'
  fault 'etcdctl *snapshot save*' fail '1 Error: could not write snapshot: no space left on device' 1
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 1 'no space left on device'
  assert [ ! -e "$(state)/salvaged.db" ]
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
}

@test "a disk that fills under the script's own log: it still says why it stops" {
  world_for "${three}" "${two}"
  copy_of "${three}/${two}"
  # As a full disk does it: every write to the log fails.
  sed -i 's|^  log="${STATE}/log/.*|  log=/dev/full|; s|^  touch -- .*|  :|' "${COPY}"
  fault 'etcdutl snapshot restore*' fail '1 Error: write: no space left on device' 1
  run run_copy host-1 "${COPY}" --apply
  assert_refuses 1 'no space left on device'
  assert_output --partial 'do:'
  assert_output --partial 'change(s) were made before this'
}

# ---- the salvage works on a copy

# called FUNCTION...: a function of the script of phase 1, without running it.
called() {
  copy_of "${three}/${one}"
  run "${BASH}" -c 'source "$1"; set +e; scratch="$2"; "${@:3}"' _ "${COPY}" "${WORLD}/tmp" "$@"
}

@test "a copy that shares a file with the original, or holds a link, is found" {
  build_world "${three}"
  local copy="${WORLD}/copy"
  cp -aL -- "$(here etcd)" "${copy}"
  called salvage_snapshot_copy "$(here etcd)" "${copy}"
  assert_output own
  rm -- "${copy}/member/snap/db"
  ln -- "$(here etcd/member/snap/db)" "${copy}/member/snap/db"
  called salvage_snapshot_copy "$(here etcd)" "${copy}"
  assert_output --partial 'snap/db'
  rm -- "${copy}/member/snap/db"
  ln -s "$(here etcd/member/snap/db)" "${copy}/member/snap/db"
  called salvage_snapshot_copy "$(here etcd)" "${copy}"
  assert_output --partial 'not a plain file'
  rm -rf -- "${copy}"
  ln -s "$(here etcd)" "${copy}"
  called salvage_snapshot_copy "$(here etcd)" "${copy}"
  refute_output own
}

@test "a damaged database: etcd's last meaningful line, and three ways out" {
  build_world "${three}"
  options_for "${three}/${one}"
  fault 'etcd --name*' fail "2 panic: freepages: failed to get all reachable pages (page 7: multiple references)

goroutine 1 [running]:
go.etcd.io/bbolt.(*DB).freepages(0xc0001)"
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_refuses 1 'etcd ended before it answered'
  assert_output --partial 'panic: freepages: failed to get all reachable pages'
  refute_output --partial 'goroutine'
  assert_output --partial 'the prepare script of its own bundle'
  assert_output --partial '"source": "saved"'
  assert_output --partial '"source": "raw"'
}

@test "the loss is stated of what this host had received, and no more" {
  build_world "${three}"
  options_for "${three}/${one}"
  run_script "${three}/${one}" --apply "${OPTIONS_FOR[@]}"
  assert_ended 0
  assert_output --partial 'nothing that this host had received'
  run grep -rn 'freshest there' "${GENERATED}" "${BATS_TEST_DIRNAME}/../../compiler"
  assert_failure
}

# ---- one rename, or nothing

@test "a rename that would copy writes no byte: the data stay, the stop says so" {
  build_world "${three}"
  local far="${WORLD_MEMORY}/far"
  mkdir -p "${far}"
  data_tree host-1 >"${WORLD}/tmp/tree"
  called rename_only "$(here etcd)" "${far}/etcd"
  assert_failure 78
  assert_output --partial 'its data are still in place'
  assert [ ! -e "${far}/etcd" ]
  called rename_only "$(here generated.config.json)" "${far}/file"
  assert_failure 78
  assert [ ! -e "${far}/file" ]
  data_tree host-1 | diff "${WORLD}/tmp/tree" -
}

@test "set aside fails: 78, everything in place, and the next run goes on" {
  world_for "${three}" "${two}"
  data_tree host-1 >"${WORLD}/tmp/tree"
  fault 'mv -T -- */control-plane/etcd */before/etcd' fail '1 mv: cannot move: Invalid cross-device link' 1
  run_script "${three}/${two}" --apply
  assert_refuses 78 'its data are still in place'
  data_tree host-1 | diff "${WORLD}/tmp/tree" -
  run_script "${three}/${two}" --apply
  assert_ended 0
}

@test "a directory cut short in before/ is never taken for the old one: 78 everywhere" {
  world_for "${three}" "${two}"
  run_script "${three}/${two}" --apply
  assert_ended 0
  # As a mv across file systems leaves it: cut short there, and the complete old one here.
  rm -rf -- "$(here etcd)"
  cp -a -- "$(state)/before/etcd" "$(here etcd)"
  rm -- "$(state)/before/etcd/member/wal"/*
  local script
  for script in "${one}" "${two}" 04-start-on-host-1.sh; do
    refuses 78 'do not match the records of this recovery' "${script}"
  done
  refuses 78 'is incomplete and is not put back' undo/undo-on-host-1.sh
}

@test "the old etcd/ put back by hand is not taken for the restored one: 78" {
  world_for "${three}" "${two}"
  run_script "${three}/${two}" --apply
  assert_ended 0
  rm -rf -- "$(here etcd)"
  cp -a -- "$(state)/before/etcd" "$(here etcd)"
  refuses 78 'do not match the records of this recovery' "${two}"
  refuses 78 'do not match the records of this recovery' 04-start-on-host-1.sh
}

@test "owner and mode are set before the directory gets its place; killed between, it ends the same" {
  world_for "${three}" "${two}"
  chmod 0750 "$(here etcd)"
  chown 1234:1234 "$(here etcd)"
  killed_at 'at mv -T -- */etcd.restoring-* */control-plane/etcd' "${three}/${two}"
  assert [ ! -e "$(here etcd)" ]
  run_script "${three}/${two}" --apply
  assert_ended 0
  assert_equal "$(stat -c '%u:%g %a' "$(here etcd)")" '1234:1234 750'
  assert_order ' chown -R .*etcd.restoring-' ' mv -T -- .*etcd.restoring-[^ ]* .*/control-plane/etcd$'
}

@test "a record that is not written yet: phase 2 goes on and does not restore again" {
  world_for "${three}" "${two}"
  killed_at 'at mv -T -- */restored.partial */restored' "${three}/${two}"
  : >"${WORLD}/journal"
  run_script "${three}/03-rewrite-on-host-1.sh"
  assert_refuses 78 "run ${two} first"
  run_script "${three}/${two}" --apply
  assert_ended 0
  assert_not_ran 'etcdutl snapshot restore'
}

@test "a file that is written keeps its owner, also when killed before it has its name" {
  build_world "${three}"
  chown 1234:1234 "$(here generated.config.json)"
  copy_of "${three}/${one}"
  run "${BASH}" -c 'source "$1"; write_file "$2" 0640 new' _ "${COPY}" "$(here generated.config.json)"
  assert_success
  assert_equal "$(stat -c '%u:%g %a' "$(here generated.config.json)")" '1234:1234 640'
}

@test "a service without a mount and without settings keeps nothing in the data directory: 78" {
  build_world "${three}"
  fault 'docker service inspect *Mounts*' fail '0 '
  refuses 78 'uses another data directory' "${one}"
  assert_output --partial 'no mount at'
}

@test "the token window finds the addresses of this machine as the start does, without hostname -I" {
  build_world "${three}"
  copy_of "${three}/03-rewrite-on-host-1.sh"
  sed -i "s/^readonly -a HOST_ADDRESSES=(/&'fd00::1' /" "${COPY}"
  fault 'hostname -I' fail
  run "${BASH}" -c 'source "$1"; set -e; scratch="$2"
    own_addresses() { printf "192.168.104.1 fd00::1\n"; }
    token_window_urls' _ "${COPY}" "${WORLD}/tmp"
  assert_success
  assert_output 'https://[fd00::1]:2379,https://192.168.104.1:2379'
}

# ---- undo

@test "undo with nothing set aside: said at once, 0, nothing stopped or waited for" {
  build_world "${three}"
  run_script "${three}/undo/undo-on-host-1.sh" --apply
  assert_ended 0
  assert_output --partial 'there is nothing to undo'
  assert_not_ran ' docker '
  run_script "${three}/undo/undo-on-host-2.sh" --help
  in_world switched_on host-2
  run_script "${three}/undo/undo-on-host-2.sh" --apply
  assert_ended 0
  assert_output --partial 'there is nothing to undo'
}

@test "undo after writes: what it would drop is stated, 78; with the option it goes on" {
  world_for "${three}" 04-start-on-host-1.sh
  act_on 04-start-on-host-1.sh
  assert [ -f "$(state)/started" ]
  : >"${WORLD}/journal"
  run_script "${three}/undo/undo-on-host-1.sh" --apply
  assert_refuses 78 'may have accepted writes, and an undo drops them'
  assert_output --partial 'revision 1000004321 now, 1000004321 as restored; the cluster serves since'
  assert_equal "$(changes)" ''
  run_script "${three}/undo/undo-on-host-1.sh" --apply --drop-writes-since-restore
  assert_ended 0
  run_script "${three}/undo/undo-on-host-1.sh" --apply --drop-writes-since-restore
  assert_ended 0
  assert_output --partial 'there is nothing to undo'
}

@test "undo after phase 4 was killed before it saw the cluster serve: writes were possible, 78" {
  world_for "${three}" 04-start-on-host-1.sh
  killed_at 'at mv -T -- */started.partial *' "${three}/04-start-on-host-1.sh"
  assert [ ! -e "$(state)/started" ]
  rm -- "$(state)/token-window" # as where the inventory asks for none
  : >"${WORLD}/journal"
  run_script "${three}/undo/undo-on-host-1.sh" --apply
  assert_refuses 78 'may have accepted writes, and an undo drops them'
  assert_output --partial 'writes were possible once 04-start-on-host-1.sh had started it'
  assert_equal "$(changes)" ''
  run_script "${three}/undo/undo-on-host-1.sh" --apply --drop-writes-since-restore
  assert_ended 0
}

@test "undo killed half way: phases 1 to 4 name it, and it ends when run again" {
  world_for "${three}" 03-rewrite-on-host-1.sh
  killed_at 'at mv -T -- */before/etcd */control-plane/etcd' "${three}/undo/undo-on-host-1.sh"
  refuses 78 'an undo of this recovery has begun' "${two}"
  run_script "${three}/undo/undo-on-host-1.sh" --apply
  assert_ended 0
}

# ---- who holds the database

@test "the search for holders finds this script itself, or it does not count: 69; it hangs: 75" {
  build_world "${three}"
  called holders "$(here etcd/member/snap/db)"
  assert_success
  assert_output ''
  exec 8<"$(here etcd/member/snap/db)"
  called holders "$(here etcd/member/snap/db)"
  assert_output --partial ' open'
  exec 8<&-
  set_state host/host-1/container ''
  set_state host/host-1/cp off
  fault 'timeout * find -L /proc/*' fail '0 '
  refuses 69 'cannot tell whether a process has' "${one}"
  rm -- "${WORLD}"/faults/*
  fault 'timeout * find -L /proc/*' hang
  refuses 75 'cannot tell which processes use' "${one}"
}

@test "the ports in use cannot be read: 69" {
  build_world "${three}"
  copy_of "${three}/${one}"
  run env -i "PATH=${PATH}" "${BASH}" -c 'source "$1"; scratch="$2"; cat() { return 1; }; listening' _ "${COPY}" "${WORLD}/tmp"
  assert_failure 69
  assert_output --partial 'cannot tell which ports'
}
