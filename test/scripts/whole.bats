#!/usr/bin/env bats
# Complete plans, end to end: what comes before what across the turns, and the cluster at the end.
load world

teardown() {
  end_world
}

# run_plan BUNDLE: every turn of the expected way, the last one included.
run_plan() {
  local last
  build_world "$1"
  last=$(jq -r '[.phases[].turns[] | select(.when == "always")] | max_by(.order).path' "${plan}")
  world_for "$1" "${last}"
  act_on "${last}"
  assert_sound
}

# voters: names of the started voters, sorted.
voters() {
  members_now | awk -F '|' '$1 == "started" && $5 == "false" { print $2 }' | sort | tr '\n' ' '
}

@test "two of three lost: stopped, salvaged, set aside, restored, proved, started, reattached" {
  run_plan three-servers-two-lost
  assert_order \
    'M host-1 docker swarm init --force-new-cluster' \
    'M host-1 docker service scale --detach .*host-1=0 .*host-2=0 .*host-3=0' \
    'M host-1 docker kill' \
    'M host-1 etcd .*/salvage/etcd .*--force-new-cluster' \
    'M host-1 etcdctl .*snapshot save' \
    'M host-1 mv -T -- .*/control-plane/etcd .*/before/etcd' \
    'M host-1 etcdutl snapshot restore' \
    'M host-1 mv -T -- .*/etcd.restoring-[^ ]* .*/control-plane/etcd$' \
    'M host-1 etcd .*/control-plane/etcd .*127.0.0.1' \
    'M host-1 etcd .*--auth-token jwt' \
    'M host-1 docker service scale --detach control-plane_host-1=1' \
    'M host-2 mv -T -- .*/control-plane/etcd .*/before/etcd' \
    'M host-2 docker service update .*PGEDGE_ETCD_MODE=server' \
    'M host-3 mv -T -- .*/control-plane/etcd .*/before/etcd' \
    'M host-3 docker service update .*PGEDGE_ETCD_MODE=server'
  assert_equal "$(voters)" 'host-1 host-2 host-3 '
  assert_not_ran '(DELETE|/v1/cluster/join$)'
}

@test "five servers: the survivor and the returned reattached, one joined, one removed, clients back" {
  run_plan five-servers-and-clients
  assert_equal "$(voters)" 'eu-1 eu-2 eu-3 eu-4 '
  assert_order 'M eu-2 docker service update .*PGEDGE_ETCD_MODE=server' \
    'M eu-1 curl .*databases/app.*remove_host=eu-4.*remove_host=eu-5' \
    'M eu-1 curl .*DELETE .*/v1/hosts/eu-4$' \
    'M eu-1 curl .*DELETE .*/v1/hosts/eu-5$' \
    'M eu-4 curl .*--unix-socket' \
    'M eu-4 curl .*/v1/cluster/join$'
  assert [ ! -e "${WORLD}/state/record/eu-5" ]
  assert [ -e "${WORLD}/state/record/eu-worker-2" ]
}

@test "total loss: a new Swarm, services made at 0, the saved snapshot, disks that come back" {
  run_plan total-loss
  assert_order 'M node-1 docker swarm init --advertise-addr' 'M node-1 docker stack deploy' \
    'M node-1 docker service update .*--constraint-add' 'M node-1 etcdutl snapshot restore' \
    'M node-2 curl .*--unix-socket' 'M node-2 docker service update .*PGEDGE_ETCD_MODE=server'
  assert_equal "$(voters)" 'node-1 node-2 node-3 '
}

@test "the guide's own way: removed, cleared, joined" {
  run_plan guide-rejoin
  assert_order 'M host-1 curl .*DELETE .*/v1/hosts/host-2$' 'M host-1 curl .*DELETE .*/v1/hosts/host-3$' \
    'M host-2 curl .*/v1/cluster/join$' 'M host-3 curl .*/v1/cluster/join$'
  assert_equal "$(voters)" 'host-1 host-2 host-3 '
}

@test "what was set aside is what was there, on every host, and no data of Postgres were touched" {
  local host
  build_world three-servers-two-lost
  for host in host-1 host-2 host-3; do
    data_tree "${host}" | grep -E '/etcd/.*(db|wal)$|  .*(/etcd/|instances)' >"${BATS_TEST_TMPDIR}/${host}"
  done
  run_plan three-servers-two-lost
  for host in host-1 host-2 host-3; do
    grep -E '^[0-9a-f]{64}' "${BATS_TEST_TMPDIR}/${host}" | grep /etcd/ | cut -c1-64 | sort \
      >"${BATS_TEST_TMPDIR}/want"
    find "${WORLD}/disk/${host}" -path '*/plan-recovery/acme-host-1-*-1/before/etcd/*' -type f -print0 \
      | xargs -0 sha256sum | cut -c1-64 | sort | diff "${BATS_TEST_TMPDIR}/want" -
    data_tree "${host}" | grep 'instances' | grep -E '^[0-9a-f]{64}' \
      | diff <(grep instances "${BATS_TEST_TMPDIR}/${host}" | grep -E '^[0-9a-f]{64}') -
  done
}

@test "no function hides a variable that the gate and the library read" {
  local names='mode|incident|step|step_number|work|work_began|log|scratch|apply|way|etcd_pid|http_status'
  sed -E "s/'[^']*'?//g; s/\"[^\"]*\"?//g" "${BATS_TEST_DIRNAME}"/../../templates/{library,steps}/*.sh \
    >"${BATS_TEST_TMPDIR}/code"
  run grep -nE "^ *local ([^#]* )?(${names})( |=|\$)" "${BATS_TEST_TMPDIR}/code"
  assert_failure 1
}
