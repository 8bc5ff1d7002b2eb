#!/usr/bin/env bats
# Quorum is lost only if that is proved, one recovery is made once, and the Swarm is revived only
# when it has lost its quorum for certain: what people's clusters and shells have shown.
load world

three='three-servers-two-lost'
prepare="${three}/01-prepare-on-host-1.sh"
data='data/pgedge/control-plane'

teardown() {
  end_world
}

# stops STATUS SENTENCE [OPTION...]: phase 1 of host-1, looked at and acted on; nothing changes.
stops() {
  local status_wanted="$1" sentence="$2"
  shift 2
  : >"${WORLD}/journal"
  run_script "${prepare}" "$@"
  assert_refuses "${status_wanted}" "${sentence}"
  stops_acting "${status_wanted}" "${sentence}" "$@"
}

stops_acting() {
  : >"${WORLD}/journal"
  run_script "${prepare}" --apply "${@:3}"
  assert_refuses "$1" "$2"
  assert_equal "$(changes)" ''
  assert [ ! -e "${WORLD}/disk/host-1/${data}/plan-recovery" ]
  assert_sound
}

# called COMMAND...: with the functions of phase 1 of host-1, for what no world shows.
called() {
  copy_of "${prepare}"
  run "${BASH}" -c 'source "$1"; set -e; scratch="$2"; eval "$3"' _ "${COPY}" "${WORLD}/tmp" "$1"
}

# ---- is it lost?

@test "a question that ends without an answer leaves no host out: it is broken" {
  build_world "${three}"
  called 'question() {
      case "$1" in 10.0.0.1) exit 1 ;; 10.0.0.2) printf "no-leader\n" ;; *) ;; esac
    }
    ask_all question -- "host-1 10.0.0.1 3000 2379 2380" "host-2 10.0.0.2 3000 2379 2380" \
      "host-3 10.0.0.3 3000 2379 2380"'
  assert_success
  assert_equal "${output}" 'host-1 broken the request ended without an answer
host-2 no-leader
host-3 broken the request ended without an answer'
}

@test "of a host with two addresses the one that answers reports its data" {
  build_world "${three}"
  copy_of "${prepare}"
  sed -i "s/^readonly -a OTHERS=(/&'host-2 10.0.0.8 3000 2379 2380' /" "${COPY}"
  printf 'host-2 no-leader\n' >"${WORLD}/tmp/answers"
  run "${BASH}" -c 'source "$1"; set -e; scratch="$2"
    recovery_word() { printf "new\n"; }
    member_figures() { if [[ "$1" == 192.168.104.2 ]]; then printf "4321 17\n"; fi; }
    no_other_is_fresher' _ "${COPY}" "${WORLD}/tmp"
  assert_success
  assert_output --partial 'host-2 holds revision 4321 (raft index 17)'
}

@test "members that are paused for a while and answer then: intact, 78" {
  WORLD_INTACT=yes build_world "${three}"
  fault 'curl *192.168.104.*:2379/health*' hang '' 3
  stops_acting 78 'a leader on'
}

@test "own member down, others do not answer and are not confirmed: 78, all are named" {
  build_world "${three}"
  set_state host/host-1/cp off
  set_state host/host-1/container ''
  set_state host/host-1/old-runs no
  stops_acting 78 'host-2,host-3 not confirmed as fenced'
  assert_output --partial '--fenced host-2,host-3'
  run_script "${prepare}"
  assert_ended 3
  assert_output --partial 'Would ask you to confirm host-2,host-3'
}

@test "a firewall refuses, the host runs: a closed port alone proves nothing, 78" {
  build_world "${three}"
  set_state host/host-2/power on
  set_state host/host-2/cp off
  stops_acting 78 'host-2 not confirmed as fenced' --fenced host-3
}

@test "closed ports with a Swarm that shows the node ready and its service at 0: accounted for" {
  build_world "${three}"
  set_state host/host-1/swarm manager
  set_state host/host-2/power on
  set_state host/host-2/swarm manager
  set_state host/host-2/cp off
  set_state node/nd1xhost2/status ready
  set_state service/control-plane_host-2/scale 0
  run_script "${prepare}" --fenced host-3
  assert_ended 3
  assert_output --partial 'host-2 has closed ports, and Swarm shows its node as ready and its task as ended'
}

@test "a wrong host is confirmed: it answers, 78" {
  build_world "${three}"
  set_state host/host-2/power on
  set_state host/host-2/cp stuck
  set_state host/host-2/swarm-port closed
  stops 78 'confirmed as stopped, but still running (host-2)' --fenced host-2,host-3
}

@test "an id the plan does not know, and this host itself: 64" {
  build_world "${three}"
  stops 64 '--fenced names a host that is not another host of this plan' --fenced host-2,host-9
  stops 64 '--fenced names a host that is not another host of this plan' --fenced host-1
}

@test "the API of another host serves a cluster, its etcd cannot be reached: 78" {
  build_world "${three}"
  set_state host/host-2/power on
  set_state host/host-2/cp intact
  fault 'curl *192.168.104.2:2379/health*' hang ''
  stops 78 'a leader on host-2' --fenced host-3
}

@test "its etcd was started without a quorum: it answers nobody, and names its voters at its peer port" {
  build_world "${three}"
  set_state host/host-1/mute waits
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  assert_output --partial 'its etcd has had no leader since it started'
}

@test "its etcd was started without a quorum, and is its only voter, or another member is mute: 75" {
  build_world "${three}"
  set_state host/host-1/mute waits
  sed -i 1q "${WORLD}/state/members/old"
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_refuses 75 'cannot tell whether the quorum is lost'
  build_world "${three}"
  set_state host/host-2/power on
  set_state host/host-2/cp stuck
  set_state host/host-2/mute waits
  run_script "${prepare}" --apply --fenced host-3
  assert_refuses 75 'cannot tell whether the quorum is lost'
}

@test "its etcd hangs: 75" {
  build_world "${three}"
  set_state host/host-1/mute yes
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_refuses 75 'cannot tell whether the quorum is lost'
  assert_output --partial 'host-1: mute'
}

@test "an alarm does not hide that there is no leader" {
  build_world "${three}"
  run_script "${prepare}" --fenced host-2,host-3
  assert_ended 3
  assert_ran 'curl .*/health.*exclude=NOSPACE.*exclude=CORRUPT'
}

@test "who was confirmed is remembered for this recovery" {
  build_world "${three}"
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  run_script "${prepare}" --apply
  assert_ended 0
  assert_output --partial 'It was confirmed as stopped earlier in this recovery'
}

@test "who was confirmed and answers later is asked about again" {
  build_world "${three}"
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  set_state host/host-2/power on
  set_state host/host-2/cp stuck
  set_state host/host-2/mute yes
  : >"${WORLD}/journal"
  run_script "${prepare}" --apply
  assert_refuses 75 'cannot tell whether the quorum is lost'
  assert_equal "$(changes)" ''
}

@test "proxies, Docker contexts, user settings and functions of the shell have no effect" {
  build_world "${three}"
  WORLD_SHELL_ENV=('HTTPS_PROXY=http://127.0.0.1:9' 'DOCKER_CONTEXT=other' 'DOCKER_HOST=tcp://192.0.2.1:2375'
    'ETCDCTL_ENDPOINTS=https://192.0.2.1:2379' 'ETCD_NAME=other' 'CURL_HOME=/root' 'GREP_OPTIONS=-v'
    'JQ_COLORS=1' 'IFS=x' 'BASH_FUNC_docker%%=() { echo wrong; }'
    'BASH_FUNC_exec%%=() { echo wrong; }' 'BASH_FUNC_curl%%=() { echo wrong; }' 'PLAN_PID=1' 'CDPATH=/')
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  refute_output --partial 'wrong'
  assert_sound
  WORLD_SHELL_ENV=('POSIXLY_CORRECT=1')
  run_script "${prepare}" --apply
  assert_ended 0
  assert_sound
}

# ---- one recovery, once

@test "a second operator with the bundle of another host: refused once the first has started it" {
  local -a ways=()
  local way second='before-the-incident/host-2/01-prepare-on-host-2.sh'
  bundle='before-the-incident/host-1'
  plan="${GENERATED}/${bundle}/plan.json"
  for way in 01-prepare 02-restore 03-rewrite 04-start; do
    mapfile -t -O "${#ways[@]}" ways < <(printf '%s\n' "${way}-on-host-1.sh")
  done
  play "${ways[@]}"
  switch_on host-2
  : >"${WORLD}/journal"
  run_script "${second}" --apply --fenced host-3
  assert_refuses 78 'a leader on host-1'
  assert_equal "$(changes)" ''
  # Between phases 1 and 4 it has none, and a person may take it for stopped: its mark is seen.
  set_state host/host-1/cp off
  run_script "${second}" --apply --fenced host-1,host-3
  assert_refuses 78 'a recovery has been started on host-1'
  assert_equal "$(changes)" ''
}

@test "another server host leads before the later stages: 78, nothing is restored or started" {
  world_for "${three}" 02-restore-on-host-1.sh
  set_state host/host-2/power on
  set_state host/host-2/cp intact
  : >"${WORLD}/journal"
  run_script "${three}/02-restore-on-host-1.sh" --apply
  assert_refuses 78 'host-2 has a leader or serves a cluster'
  assert_equal "$(changes)" ''
}

@test "a second disaster with the same bundle and no option: the next incident, from the data of now" {
  local last=07-verify-on-host-1.sh path
  world_for "${three}" "${last}"
  act_on "${last}"
  for path in host-2 host-3; do
    set_state "host/${path}/power" off
    set_state "host/${path}/cp" off
    set_state "host/${path}/container" ''
    set_state "host/${path}/swarm" leaderless
    set_state "node/nd1x${path//-/}/status" down
  done
  set_state host/host-1/swarm leaderless
  set_state host/host-1/cp noquorum
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  assert_output --partial 'This is incident 2. It starts from the data that are here now.'
  assert_equal "$(find "${WORLD}/disk/host-1/${data}/plan-recovery" -name snapshot.db | grep -c -- '-2/')" 1
  run_script "${three}/02-restore-on-host-1.sh"
  assert_ended 3
  assert_output --partial 'incident 2'
}

@test "a plan of the same name with another inventory: its recovery is not taken for this one's" {
  build_world "${three}"
  mkdir -p "${WORLD}/disk/host-1/${data}/plan-recovery/acme-host-1-000000000000-1"
  : >"${WORLD}/disk/host-1/${data}/plan-recovery/acme-host-1-000000000000-1/closed"
  run_script "${prepare}" --fenced host-2,host-3
  assert_ended 3
  refute_output --partial 'closed'
  rm -- "${WORLD}/disk/host-1/${data}/plan-recovery/acme-host-1-000000000000-1/closed"
  : >"${WORLD}/disk/host-1/${data}/plan-recovery/acme-host-1-000000000000-1/snapshot.db"
  run_script "${prepare}" --fenced host-2,host-3
  assert_refuses 78 'a recovery with another plan is under way on this host'
}

# ---- the Swarm

@test "the recovery host rebooted without a Swarm quorum: pending for 30 s, then revived" {
  build_world "${three}"
  set_state host/host-1/swarm recovering
  set_state host/host-1/cp off
  set_state host/host-1/container ''
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_ended 0
  assert_output --partial 'a manager has waited for its quorum for'
  assert_ran 'M host-1 docker swarm init --force-new-cluster'
}

@test "managers that cannot be reached for a moment while the Swarm has a leader: not revived" {
  build_world "${three}"
  set_state host/host-1/swarm manager
  fault "timeout * bash -c *dev/tcp* 2377" fail '1 bash: connect: Connection refused' 4
  run_script "${prepare}" --fenced host-2,host-3
  assert_ended 3
  refute_output --partial 'swarm init'
}

@test "a Swarm that is locked, a worker, in error, drained: each has its own advice" {
  build_world "${three}"
  set_state host/host-1/swarm locked
  stops 78 'docker swarm unlock' --fenced host-2,host-3
  set_state host/host-1/swarm worker
  stops 78 'docker node promote' --fenced host-2,host-3
  set_state host/host-1/swarm error
  stops 78 'journalctl -u docker' --fenced host-2,host-3
}

@test "a drained node: says how it takes tasks again, before services are stopped" {
  build_world "${three}"
  set_state node/nd1xhost1/availability drain
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_refuses 78 'docker node update --availability active'
  assert_not_ran 'service scale'
}

@test "a service that is not in the Swarm under its name: 78, none is stopped" {
  build_world "${three}"
  mv -- "${WORLD}/state/service/control-plane_host-2" "${WORLD}/state/service/control-plane_other"
  run_script "${prepare}" --apply --fenced host-2,host-3
  assert_refuses 78 'services of this plan are not in this Swarm (control-plane_host-2)'
  assert_not_ran 'service scale'
}

@test "the Swarm is revived with what it was made with" {
  build_world "${three}"
  mkdir -p "${WORLD}/disk/host-1/var/lib/docker/swarm"
  printf '%s\n' '{"LocalAddr":"192.168.104.1","ListenAddr":"10.0.0.1:2377","AdvertiseAddr":"10.0.0.1:2377",
    "DataPathAddr":"10.1.0.1","DataPathPort":7789}' >"${WORLD}/disk/host-1/var/lib/docker/swarm/docker-state.json"
  run_script "${prepare}" --fenced host-2,host-3
  assert_ended 3
  assert_output --partial 'docker swarm init --force-new-cluster --advertise-addr 10.0.0.1:2377 --listen-addr 10.0.0.1:2377 --data-path-addr 10.1.0.1 --data-path-port 7789'
}

# ---- the freshest data

@test "a stopped recovery host is compared when its data are salvaged: 78, nothing is set aside" {
  build_world "${three}"
  set_state host/host-1/cp off
  set_state host/host-1/container ''
  set_state host/host-1/old-runs no
  set_state service/control-plane_host-1/scale 0
  set_state host/host-2/power on
  set_state host/host-2/cp stuck
  set_state host/host-2/swarm-port closed
  set_state host/host-2/revision 5361
  # Its ports refuse: with host-2 alone there is no old quorum, and fencing does not wait for it.
  set_state host/host-3/power on
  set_state host/host-3/cp off
  set_state host/host-3/swarm-port closed
  run_script "${prepare}" --apply --fenced host-3
  assert_refuses 78 'host-2 holds more than the chosen snapshot'
  assert_output --partial '5361'
  assert_not_ran 'M host-1 mv -T -- [^ ]*/control-plane/etcd '
}

@test "a stale recovery host next to a fresh survivor: 78, with both figures" {
  build_world "${three}"
  set_state host/host-2/power on
  set_state host/host-2/cp stuck
  set_state host/host-2/swarm-port closed
  set_state host/host-2/revision 5361
  stops 78 'host-2 holds more than host-1' --fenced host-3
  assert_output --partial '5361'
  assert_output --partial '4321'
}
