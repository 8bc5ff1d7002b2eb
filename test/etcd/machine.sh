#!/usr/bin/env bash
# The machine of host-1, inside namespaces: builds the cluster, loses its quorum, runs the scripts.
# Arguments: bundle, directory of the etcd tools, an empty directory. Started by run.sh.
# shellcheck disable=SC2312,SC2310  # what is masked here differs from what is wanted, and is seen
set -uo pipefail # a failure is a line of TAP, not an end
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly bundle="$1" tools="$2" room="$3" example="$3/example.json"
readonly prepare="${bundle}/01-prepare-on-host-1.sh"
readonly restore="${bundle}/02-restore-on-host-1.sh"
readonly rewrite="${bundle}/03-rewrite-on-host-1.sh"
readonly undo="${bundle}/undo/undo-on-host-1.sh"
readonly snapshot="${bundle}/before/snapshot-on-host-1.sh"
data=$(sed -n "s/^readonly DATA_DIR='\(.*\)'\$/\1/p" "${prepare}")
readonly data
readonly one=192.168.104.1 two=192.168.104.2 three=192.168.104.3
export PATH="${tools}:${PATH}" LC_ALL=C
readonly DOCKER_ROOM="${room}/docker"
# The environment of an operator's shell, which must have no effect.
readonly -a shell=(env ETCDCTL_DIAL_TIMEOUT=2s HTTPS_PROXY=http://127.0.0.1:9
  ALL_PROXY=http://127.0.0.1:9 DOCKER_HOST=tcp://127.0.0.1:9 DOCKER_CONTEXT=other TMPDIR=/nowhere
  POSIXLY_CORRECT=1)
number=0
failed=0

ok() { # STATUS WHAT: one line of TAP
  number=$((number + 1))
  if (($1 == 0)); then
    printf 'ok %d - %s\n' "${number}" "$2"
  else
    printf 'not ok %d - %s\n' "${number}" "$2"
    sed 's/^/# /' "${room}/said"
    failed=$((failed + 1))
  fi
}

same() { # WANT SEEN WHAT
  local status=0
  if [[ "$1" != "$2" ]]; then
    status=1
    printf '# want: %s\n# seen: %s\n' "$1" "$2"
  fi
  ok "${status}" "$3"
}

differs() { # A B WHAT
  local status=0
  if [[ "$1" == "$2" || -z "$2" ]]; then status=1; fi
  ok "${status}" "$3"
}

# ends STATUS WHAT SCRIPT ARGUMENT...: runs a script of the bundle; what it says is in said.
ends() {
  local status=0
  "${shell[@]}" bash -- "${@:3}" >"${room}/said" 2>&1 </dev/null || status=$?
  if ((status != $1)); then printf '# status: %s\n' "${status}"; fi
  ok "$((status != $1))" "$2"
}

says() { # TEXT WHAT
  local status=0
  grep -qF -- "$1" "${room}/said" || status=1
  ok "${status}" "$2"
}

# What is on the disk of host-1, apart from the scripts' own folder.
world() {
  (
    cd "${data}" || exit
    find . -path ./plan-recovery -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
    find . -path ./plan-recovery -prune -o -printf '%p %u:%g %m\n' | sort
  )
}

sums_of() { # DIRECTORY
  (
    cd "$1" || exit
    find . -type f -print0 | sort -z | xargs -0 sha256sum
  )
}

cut_short() { # MILLISECONDS SCRIPT ARGUMENT...: killed, with no chance to clear up
  local seconds
  printf -v seconds '%d.%03d' "$(($1 / 1000))" "$(($1 % 1000))"
  { timeout --signal=KILL "${seconds}" bash -- "${@:2}" --apply; } >"${room}/said" 2>&1 </dev/null
}

compile() { # DIRECTORY FILTER: the example, changed
  jq "$2" "${example}" >"${room}/inventory.json"
  npx tsx compiler/cli.ts compile "${room}/inventory.json" --out "$1" --no-lint \
    >"${room}/said" 2>&1
  ok $? "compiled: ${1##*/}"
}

certify() { # NAME CN [SAN]: the Control Plane's certificates are for both sides; a user's names no host
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2" 2>"${room}/ssl"
  openssl x509 -req -in "$1.csr" -CA "${room}/ca.crt" -CAkey "${room}/ca.key" -CAcreateserial \
    -days 2 -out "$1.crt" -extfile <(
      printf 'extendedKeyUsage=serverAuth,clientAuth\n'
      printf '%s\n' "${3:+subjectAltName=$3}"
    ) 2>"${room}/ssl"
  rm -- "$1.csr"
  chmod 600 "$1.key"
}

directory_of() { # HOST_NUMBER
  if (($1 == 1)); then printf '%s\n' "${data}"; else printf '%s\n' "${room}/host-$1"; fi
}

serve() { # HOST_NUMBER CLUSTER_STATE: its member, as the Control Plane starts its own
  local place ip="192.168.104.$1"
  place=$(directory_of "$1")
  etcd --name "host-$1" --data-dir "${place}/etcd" --log-level warn \
    --listen-client-urls "https://${ip}:2379,https://127.0.0.$1:2379" \
    --advertise-client-urls "https://${ip}:2379" --listen-peer-urls "https://${ip}:2380" \
    --initial-advertise-peer-urls "https://${ip}:2380" --initial-cluster-state "$2" \
    --initial-cluster "${cluster}" \
    --trusted-ca-file "${place}/certificates/ca.crt" \
    --cert-file "${place}/certificates/etcd-server.crt" \
    --key-file "${place}/certificates/etcd-server.key" \
    --peer-client-cert-auth --peer-trusted-ca-file "${place}/certificates/ca.crt" \
    --peer-cert-file "${place}/certificates/etcd-server.crt" \
    --peer-key-file "${place}/certificates/etcd-server.key" \
    --quota-backend-bytes 8589934592 >"${room}/etcd-$1.log" 2>&1 &
  pid=$!
  disown "${pid}"
}

ctl() { # etcdctl as host-1
  ETCDCTL_USER='host-host-1' ETCDCTL_PASSWORD='secret-1' etcdctl "${tls[@]}" \
    --endpoints "https://${one}:2379" "$@"
}
ready() {
  local tries=0
  until ctl endpoint health >/dev/null 2>&1; do
    tries=$((tries + 1))
    ((tries < 100)) || {
      echo 'Bail out! etcd does not get ready'
      exit 1
    }
    sleep 0.2
  done
}
gateway() { # PATH BODY [TOKEN]: etcd's JSON gateway, where the token can be one's own
  curl --noproxy '*' --silent --max-time 4 --cacert "${data}/certificates/ca.crt" \
    --cert "${data}/certificates/etcd-user.crt" --key "${data}/certificates/etcd-user.key" \
    ${3:+--header "Authorization: $3"} --data "$2" "https://${one}:2379$1"
}

# --- the machine: addresses, data directory, certificates
ip link set lo up
ip link add name lan type bridge
ip link set lan up
for address in "${one}" "${two}" "${three}"; do ip address add "${address}/24" dev lan; done
mount -t tmpfs tmpfs /data
mount -t tmpfs tmpfs /dev/shm # what other runs have left in memory is not seen here
mkdir -p "${data}" "${room}/tools" "${room}/docker"
ln -s "${tools}"/* "${room}/tools/"
sed "s|^cd .*|cd '${DOCKER_ROOM}'|" "${here}/docker" >"${room}/tools/docker"
chmod 755 "${room}/tools/docker"
node -e 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))' \
  "${room}/docker.sock" || true
for host in 1 2 3; do printf '1\n' >"${DOCKER_ROOM}/scale.control-plane_host-${host}"; done
openssl req -x509 -newkey rsa:2048 -nodes -keyout "${room}/ca.key" -out "${room}/ca.crt" -days 2 \
  -subj /CN=pgedge-ca 2>"${room}/ssl"
for host in 1 2 3; do
  place=$(directory_of "${host}")
  mkdir -p "${place}/certificates"
  chmod 700 "${place}" "${place}/certificates"
  cp -- "${room}/ca.crt" "${place}/certificates/"
  certify "${place}/certificates/etcd-server" "host-${host}" \
    "IP:192.168.104.${host},IP:127.0.0.1,DNS:localhost"
  certify "${place}/certificates/etcd-user" "host-host-${host}"
  printf '{"etcd_mode":"server","etcd_username":"host-host-%s","etcd_password":"secret-%s"}' \
    "${host}" "${host}" >"${place}/generated.config.json"
  chmod 600 "${place}/generated.config.json"
done
mkdir -p "${data}/instances/db1"
printf 'Postgres data\n' >"${data}/instances/db1/base"
tls=(--cacert "${data}/certificates/ca.crt" --cert "${data}/certificates/etcd-user.crt"
  --key "${data}/certificates/etcd-user.key")

# --- the cluster: three members, users as the Control Plane names them, known data
cluster="host-1=https://${one}:2380,host-2=https://${two}:2380,host-3=https://${three}:2380"
serve 1 new
first="${pid}"
printf '%s\n' "${first}" >"${DOCKER_ROOM}/pid"
serve 2 new
second="${pid}"
serve 3 new
third="${pid}"
tries=0
until etcdctl "${tls[@]}" --endpoints "https://${one}:2379" endpoint health >/dev/null 2>&1; do
  tries=$((tries + 1))
  ((tries < 100)) || {
    echo 'Bail out! no cluster'
    cat "${room}"/etcd-*.log
    exit 1
  }
  sleep 0.2
done
plain() { etcdctl "${tls[@]}" --endpoints "https://${one}:2379" "$@" >"${room}/plain"; }
plain user add root --no-password
for host in 1 2 3; do
  plain user add "host-host-${host}:secret-${host}"
  plain user grant-role "host-host-${host}" root
done
plain user grant-role root root
plain auth enable
fingerprint=$(openssl x509 -in "${room}/ca.crt" -outform der | sha256sum)
token="PGEDGE-${fingerprint%% *}-0123456789abcdef0123456789abcdef"
ctl put /pgedge/ca "{\"join_token\":\"${token}\"}" >"${room}/plain"
# 300 transactions would be 300 logins; one of 100 operations each is enough.
for part in 1 2 3; do
  {
    printf '\n'
    for ((key = part * 100 - 99; key <= part * 100; key++)); do
      printf 'put /known/%03d "value %03d"\n' "${key}" "${key}"
    done
    printf '\n\n'
  } | ctl txn >"${room}/plain"
done
for ((key = 1; key <= 20; key++)); do ctl put /last/counter "${key}" >"${room}/plain"; done
leader=$(ctl endpoint status -w fields | sed -n 's/^"MemberID" : //p')
printf -v leader '%x' "${leader}" 2>/dev/null || true
ctl --endpoints "https://${one}:2379,https://${two}:2379,https://${three}:2379" \
  move-leader "${leader}" >"${room}/plain" 2>&1 || true
sleep 1
old=$(gateway /v3/auth/authenticate '{"name":"host-host-1","password":"secret-1"}' | jq -r .token)
before_known=$(ctl get --prefix /known/ | sha256sum)
before_revision=$(ctl endpoint status -w fields | sed -n 's/^"Revision" : //p')
before_cluster=$(ctl endpoint status -w fields | sed -n 's/^"ClusterID" : //p')

# --- before the incident: a saved snapshot; and the plan refuses to work on a cluster that is well
ends 3 'before: looking at a snapshot' "${snapshot}"
ends 0 'before: a snapshot is saved' "${snapshot}" --apply
saved=$(echo "${data}"/plan-recovery/snapshots/*.db)
ends 78 'phase 1 refuses while the quorum is intact' "${prepare}" --apply
says 'etcd has its quorum' 'it says why'
kill -STOP "${second}" "${third}"
(sleep 7 && kill -CONT "${second}" "${third}") &
ends 78 'phase 1 refuses while two members are only paused for 7 s' "${prepare}" --apply \
  --fenced host-2,host-3
kill -STOP "${second}" "${third}"
ends 75 'phase 1 cannot tell while they stay paused' "${prepare}" --apply --fenced host-2,host-3
says 'mute' 'it says that they accept a connection and do not answer'
kill -CONT "${second}" "${third}"
ready
same 1 "$(cat "${DOCKER_ROOM}/scale.control-plane_host-1")" 'nothing was stopped'
rm -f -- "${DOCKER_ROOM}/leader"

# --- the loss: two of three gone at once; the survivor writes into its log what it cannot commit
kill -KILL "${second}" "${third}"
for ((key = 1; key <= 3; key++)); do
  body=$(jq -cn --arg k "$(printf /lost/x | base64)" '{key: $k, value: "eA=="}')
  gateway /v3/kv/put "${body}" "${old}" >"${room}/plain" 2>&1 &
done
wait || true
lost_world=$(world)

ends 78 'phase 1 refuses while hosts that do not answer are not confirmed' "${prepare}" --apply
says '--fenced host-2,host-3' 'it says how to confirm'
same '' "$(find "${data}/plan-recovery" -newer "${room}/plain" ! -path '*/snapshots*' || true)" \
  'and has made no file'
# --- a Docker that does not answer costs seconds and a clear word; Ctrl-C ends a script at once
: >"${DOCKER_ROOM}/mute"
began=${SECONDS}
ends 69 'phase 1 stops while Docker does not answer' "${prepare}" --apply --fenced host-2,host-3
says 'Docker does not answer' 'it says so'
printf '# after %s s\n' "$((SECONDS - began))"
ok "$((SECONDS - began > 60))" 'after its limit'
# triage.sh asks everything at once and waits 2 s for it.
began=$(date +%s%N)
ends 3 'triage: the quorum is lost, while Docker does not answer' "${bundle}/triage.sh" --host host-1
spent=$((($(date +%s%N) - began) / 1000000))
ok "$((spent > 5000))" "triage: it took ${spent} ms"
same '' "$(echo /dev/shm/plan-recovery.* | grep -v '\*' || true)" \
  'triage: leaves nothing in memory'
interrupted() { # SECONDS WHAT SCRIPT ARGUMENT...: Ctrl-C, that long after its start
  local began ended status=0 script
  env --default-signal=INT setsid bash -- "${@:3}" \
    >"${room}/said" 2>&1 </dev/null &
  script=$!
  sleep "$1"
  began=$(date +%s%N)
  kill -INT -- "-${script}"
  wait "${script}" || status=$?
  ended=$((($(date +%s%N) - began) / 1000000))
  same 130 "${status}" "Ctrl-C $2: status 130"
  ok "$((ended > 2000))" "Ctrl-C $2: ended after ${ended} ms"
  # What was killed is gone a moment later.
  # shellcheck disable=SC2016 # for the inner bash
  timeout 1 bash -c 'while pgrep -s "$1"; do sleep 0.05; done' _ "${script}" >"${room}/plain" || true
  same '' "$(pgrep -s "${script}" || true)" "Ctrl-C $2: leaves no process"
  same '' "$(echo /dev/shm/plan-recovery.* | grep -v '\*' || true)" "Ctrl-C $2: leaves nothing in memory"
}
interrupted 3 'while Docker does not answer' "${prepare}" --apply --fenced host-2,host-3
interrupted 1 'while triage.sh waits' "${bundle}/triage.sh" --host host-1 --limit 30
rm -- "${DOCKER_ROOM}/mute"
interrupted 5 'while the members are asked' "${prepare}" --apply --fenced host-2,host-3

# --- a member that is started again without a quorum answers nobody at its client port
kill -KILL "${first}"
serve 1 existing
first="${pid}"
printf '%s\n' "${pid}" >"${DOCKER_ROOM}/pid"
ends 3 'phase 1: looking, after a restart without a quorum' "${prepare}" --fenced host-2,host-3
says 'its etcd has had no leader since it started' 'it says so'
lost_world=$(world)

ends 3 'phase 1: looking' "${prepare}" --fenced host-2,host-3
same "${lost_world}" "$(world)" 'phase 1: looking changes nothing'
cp -- "${room}/said" "${room}/looked"
ends 0 'phase 1: applied' "${prepare}" --apply --fenced host-2,host-3
state=$(echo "${data}"/plan-recovery/acme*-1)
same "$(sed -n 's/^[^ ]* [^ ]*  would run: //p' "${room}/looked" | sort)" \
  "$(sed -n 's/^[^ ]* [^ ]*  run: //p' "${room}/said" | sort)" 'phase 1: looking showed what ran'
says 'Swarm cannot reach three' 'phase 1: tasks on machines that are down are named'
says 'may or may not have been committed' 'phase 1: the loss is stated before anything is moved'
same "${lost_world}" "$(world)" 'phase 1: the data of host-1 are as they were'
same '' "$(grep -rl 'SWMTKN-\|secret-1' "${state}/log" || true)" 'phase 1: no secret in the logs'
same 600 "$(stat -c %a "${state}"/log/*host-1.sh.log | sort -u)" 'the log is for root only'
ends 0 'phase 1: again' "${prepare}" --apply
same '' "$(grep ' run: ' "${room}/said" || true)" 'phase 1: again changes nothing'
aside=$(sums_of "${data}/etcd")

# --- phase 2
ends 3 'phase 2: looking' "${restore}"
same "${lost_world}" "$(world)" 'phase 2: looking changes nothing'
cp -- "${room}/said" "${room}/looked"
ends 0 'phase 2: applied' "${restore}" --apply
same "$(sed -n 's/^[^ ]* [^ ]*  would run: //p' "${room}/looked")" \
  "$(sed -n 's/^[^ ]* [^ ]*  run: //p' "${room}/said")" 'phase 2: looking showed what ran'
same "${aside}" "$(sums_of "${state}/before/etcd")" \
  'phase 2: the old etcd is set aside, to the byte'
ends 0 'phase 2: again' "${restore}" --apply
same '' "$(grep ' run: ' "${room}/said" || true)" 'phase 2: again changes nothing'
ends 0 'phase 1: after phase 2' "${prepare}" --apply
same '' "$(grep ' run: ' "${room}/said" || true)" 'phase 1: after phase 2 changes nothing'

# --- phase 3, with a client that holds an old token and one that logs in again
ends 3 'phase 3: looking' "${rewrite}"
bash -- "${rewrite}" --apply >"${room}/said3" 2>&1 </dev/null &
running=$!
tries=0
until grep -q 'Keeping the window open' "${room}/said3"; do
  tries=$((tries + 1))
  ((tries < 300)) || break
  sleep 0.1
done
began=$(date +%s%N)
refusal=$(gateway /v3/kv/range '{"key":"L2xhc3QvY291bnRlcg=="}' "${old}")
spent=$((($(date +%s%N) - began) / 1000000))
printf '# an old token in the window: %s ms: %s\n' "${spent}" "${refusal}"
printf '%s\n' "${refusal}" >"${room}/said"
says 'invalid auth token' 'phase 3: an old token is refused'
ok "$((spent >= 1000))" 'phase 3: and at once'
ctl put /window/written yes >"${room}/plain"
ok $? 'phase 3: who logs in again can write'
same '' "$(ss -Hltn 'sport = :2380' || true)" 'phase 3: nothing listens on the peer port'
status=0
wait "${running}" || status=$?
cp -- "${room}/said3" "${room}/said"
ok "${status}" 'phase 3: applied'
printf '# %s\n' "$(cat "${state}/rewritten")" "$(cat "${state}/token-window")"
differs 0 "$(sed -nE 's/.*, ([0-9]+) login.*/\1/p' "${state}/token-window")" \
  'phase 3: the login is counted'
ends 0 'phase 3: again' "${rewrite}" --apply
same '' "$(grep ' run: ' "${room}/said" || true)" 'phase 3: again changes nothing'
same '' "$(pgrep -x etcd || true)" 'phase 3: no etcd is left running'

# --- what phase 4 will find: the directory, under an etcd as the Control Plane starts it
cluster="host-1=http://${one}:2380" # as the Control Plane passes it; a log that is there wins
serve 1 new
fourth="${pid}"
ready
began=$(date +%s%N)
hanging=$(gateway /v3/kv/range '{"key":"L2xhc3QvY291bnRlcg=="}' "${old}" || true)
spent=$((($(date +%s%N) - began) / 1000000))
printf '# an old token without a window: %s ms: %s\n' "${spent}" "${hanging:-no answer}"
same "${before_known}" "$(ctl get --prefix /known/ | sha256sum)" 'what was written before is there'
same '20' "$(ctl get --print-value-only /last/counter)" 'the last write before the loss is there'
same 'yes' "$(ctl get --print-value-only /window/written)" 'what was written in the window is there'
revision=$(ctl endpoint status -w fields | sed -n 's/^"Revision" : //p')
printf '# revision before %s, after %s\n' "${before_revision}" "${revision}"
ok "$((revision < before_revision + 1000000000))" 'the revision is raised'
after_cluster=$(ctl endpoint status -w fields | sed -n 's/^"ClusterID" : //p')
differs "${before_cluster}" "${after_cluster}" 'the cluster id is new'
same "started, host-1, https://${one}:2380, https://${one}:2379, false" \
  "$(ctl member list | sed 's/^ *[0-9a-f]*, //')" 'one voter, at its real addresses'
same '' "$(ctl alarm list)" 'no alarm'

# --- the way back, also from a running host-1
printf '%s\n' "${fourth}" >"${DOCKER_ROOM}/pid"
printf '1\n' >"${DOCKER_ROOM}/scale.control-plane_host-1"
ends 78 'undo: refused, as writes may have been accepted' "${undo}" --apply
says '1000000025 as restored; writes were possible in the window of 12 s' 'undo: it says which'
drop='--drop-writes-since-restore'
ends 3 'undo: looking' "${undo}" "${drop}"
ends 0 'undo: applied' "${undo}" --apply "${drop}"
same "${lost_world}" "$(world)" 'undo: host-1 is as it was, to the byte'
ends 0 'undo: again' "${undo}" --apply

# --- the other sources: a raw copy of the database, a saved snapshot; with the window left out
mkdir -p "${data%/*}/kept"
cp -- "${data}/etcd/member/snap/db" "${data%/*}/kept/raw.db"
cp -- "${saved}" "${data%/*}/kept/saved.db"
incident=1
for source in raw saved; do
  incident=$((incident + 1))
  scripts="${room}/bundle-${source}"
  sum=$(sha256sum -- "${data%/*}/kept/${source}.db")
  compile "${scripts}" ".recovery.snapshot = {source: \"${source}\",
    path: \"${data%/*}/kept/${source}.db\", sha256: \"${sum%% *}\"} | .recovery.tokenWindow = 0"
  nth=(--apply --incident "${incident}")
  ends 0 "${source}: phase 1" "${scripts}/01-prepare-on-host-1.sh" "${nth[@]}" \
    --fenced host-2,host-3
  ends 0 "${source}: phase 2" "${scripts}/02-restore-on-host-1.sh" "${nth[@]}"
  if [[ "${source}" == 'raw' ]]; then says '--skip-hash-check' 'raw: the missing check is said'; fi
  ends 0 "${source}: phase 3" "${scripts}/03-rewrite-on-host-1.sh" "${nth[@]}"
  cluster="host-1=http://${one}:2380"
  serve 1 new
  ready
  same "${before_known}" "$(ctl get --prefix /known/ | sha256sum)" "${source}: the data are there"
  kill -KILL "${pid}"
  ends 0 "${source}: undo" "${scripts}/undo/undo-on-host-1.sh" "${nth[@]}"
  same "${lost_world}" "$(world)" "${source}: host-1 is as it was"
done
printf 'x' >>"${data%/*}/kept/saved.db"
ends 78 'a snapshot that is not the pinned one is refused' \
  "${room}/bundle-saved/01-prepare-on-host-1.sh" --apply --incident 9 --fenced host-2,host-3

# --- links, mounts, a small disk and an expired certificate: nothing is begun
refuses() { # TEXT WHAT
  ends 78 "phase 1 refuses: $2" "${prepare}" --apply --fenced host-2,host-3
  says "$1" "and says why: $2"
}
mv -- "${data}/etcd" "${data%/*}/elsewhere"
ln -s "${data%/*}/elsewhere" "${data}/etcd"
refuses 'a symbolic link' 'etcd/ is a link'
rm -- "${data}/etcd"
mv -- "${data%/*}/elsewhere" "${data}/etcd"
mkdir "${data%/*}/wal"
cp -a -- "${data}/etcd/member/wal/." "${data%/*}/wal/"
mount --bind "${data%/*}/wal" "${data}/etcd/member/wal"
refuses 'another file system, mounted there' 'the log is a mount of its own'
umount "${data}/etcd/member/wal"
size=$(du -sm /data | cut -f 1)
mount -o "remount,size=$((size + 40))m" /data
refuses 'not enough free space' 'the disk is nearly full'
mount -o remount,size=4g /data
cp -a -- "${data}/certificates" "${room}/good"
expired() {
  local issue=(openssl ca -batch -config "${room}/ca.cnf" -notext -startdate 20200101000000Z
    -enddate 20200201000000Z -in "${room}/old.csr" -out "${data}/certificates/etcd-user.crt")
  printf '%s\n' '[ca]' 'default_ca=a' '[a]' "database=${room}/index" "serial=${room}/serial" \
    "new_certs_dir=${room}" "certificate=${room}/ca.crt" "private_key=${room}/ca.key" \
    'default_md=sha256' 'policy=p' '[p]' 'commonName=supplied' >"${room}/ca.cnf"
  : >"${room}/index"
  printf '77\n' >"${room}/serial"
  openssl req -new -key "${data}/certificates/etcd-user.key" -subj /CN=host-host-1 \
    -out "${room}/old.csr" && "${issue[@]}"
}
expired 2>"${room}/ssl"
refuses 'etcd-user.crt has expired' 'an expired client certificate'
cp -a -- "${room}/good/." "${data}/certificates/"

# --- what is in the way is named, and stops everything
tail -f -- "${data}/etcd/member/snap/db" >"${room}/plain" &
holder=$!
ends 78 'phase 1 refuses while a process holds the database' "${prepare}" --apply \
  --fenced host-2,host-3
says "tail (pid ${holder}) has" 'it names the process'
kill "${holder}"
wait "${holder}" 2>/dev/null

# --- a second time, killed again and again
began=$(date +%s%N)
ends 0 'phase 1: once more' "${prepare}" --apply --fenced host-2,host-3
spent=$((($(date +%s%N) - began) / 1000000))
says 'host-3 does not answer. You confirmed' 'phase 1: who was confirmed is said'
ends 0 'undo of a phase 1 alone' "${undo}" --apply
for part in 2 3 4 5 6 7 8 9; do
  [[ ! -d "${state}" ]] || mv -- "${state}" "${state}.attempt-${part}"
  # The guards take most of the time, and leave nothing behind; what comes after them is cut.
  cut_short "$((spent - 300 * (10 - part)))" "${prepare}" --fenced host-2,host-3
done
sleep 1
same '' "$(pgrep -x etcd || true)" 'phase 1: no etcd outlives its script'
ends 0 'phase 1: killed, then finished' "${prepare}" --apply --fenced host-2,host-3
for part in 1 2 3 4 5 6; do cut_short "$((part * 100))" "${restore}"; done
ends 0 'phase 2: killed 6 times, then finished' "${restore}" --apply
same "${aside}" "$(sums_of "${state}/before/etcd")" 'phase 2: the first backup is intact'
for part in 3 9 20 40; do cut_short "$((part * 100))" "${rewrite}"; done
ends 0 'phase 3: killed 4 times, then finished' "${rewrite}" --apply
serve 1 new
ready
same "${before_known}" "$(ctl get --prefix /known/ | sha256sum)" 'the data are there once more'
kill -KILL "${pid}"

printf '1..%d\n' "${number}"
printf 'etcd: %d passed, %d failed\n' "$((number - failed))" "${failed}"
((failed == 0))
