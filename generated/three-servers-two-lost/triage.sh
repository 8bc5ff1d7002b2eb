#!/usr/bin/env bash
# triage.sh: says whether the quorum is lost, what each host holds, and where to recover
#
# Cluster acme. It only looks, and writes nothing to a disk. It is the same file on
# every host, and asks everything at once. What gives no answer in time counts as no answer, never
# as a no.
# As root it sees everything; otherwise it says what it cannot see.
#
#   bash triage.sh              the verdict, then one line for each finding, problems first
#   bash triage.sh --json       the same as one JSON object on standard output: the evidence. Carry
#                               the evidence of all hosts to one place, and compare it there
#   bash triage.sh --deep [DIR] also read what a stopped member holds, exactly: starts etcd on a
#                               copy of its data, in memory or below DIR. It says first how much it copies
#   bash triage.sh --limit N    wait N seconds for answers instead of 2
#   bash triage.sh --host H     needed only if several hosts of the plan run on this machine
#
#   bash triage.sh --compare FILE... [--without HOST,...]
#                               on any machine: which host or snapshot holds the most, what each
#                               other one would lose, and the first command. --without leaves hosts out
#                               whose data cannot be read
#
# EXIT STATUS
#   0 the quorum is not lost; or a recovery host is recommended     3 the quorum is lost
#   64 usage     69 a required tool does not work     75 it is not clear whether the quorum is lost
#   78 no host of this plan, or two clusters; or the evidence has problems     129, 130, 143 signals

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own
# shellcheck disable=SC2034  # settings come in blocks, as the scripts have them

main() {
  ask_hosts
  ask_machine
  await_answers "${limit}"
  merge_hosts
  judge
  if [[ "${deep}" != 'no' ]]; then
    triage_deep
  fi
  find_out
  show
  if [[ "${action}" == 'json' ]]; then
    show_json
  fi
  case "${verdict}" in
    kept) exit 0 ;;
    lost) exit "${LOOKED}" ;;
    split) exit "${MISMATCH}" ;;
    *) exit "${BUSY}" ;;
  esac
}

# prepare ARGUMENT...: reads the options; then either compares, or finds out which host of the plan
# this machine is.
prepare() {
  local -a files=()
  umask 077
  step='triage'
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  export PATH DOCKER_HOST="unix://${DOCKER_SOCKET}" DOCKER_CONFIG='/nonexistent'
  read_arguments "$@"
  refuse_xtrace
  if ((${#files[@]} == 0)); then
    find_host 2
  fi
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'clear_up "$?"' EXIT
  take_scratch
  if ((${#files[@]} > 0)); then
    compare "${files[@]}"
    exit 0
  fi
  take_values
}

# read_arguments ARGUMENT...
read_arguments() {
  local compared='no'
  while (($# > 0)); do
    case "$1" in
      --json) action='json' ;;
      --deep)
        deep=''
        if [[ "${2:-}" == /* ]]; then
          deep="$2"
          shift
        fi
        ;;
      --limit | --host | --without)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' 'see triage.sh --help'
        take_argument "$1" "$2"
        shift
        ;;
      --compare) compared='yes' ;;
      --help)
        sed -n '2,/^$/s/^#\( \{0,1\}\)//p' "$0"
        exit 0
        ;;
      -*) stop "${USAGE}" "unknown argument $1" '' '' 'see triage.sh --help' ;;
      *) files+=("$1") ;;
    esac
    shift
  done
  if [[ "${compared}" == 'yes' ]] && ((${#files[@]} == 0)); then
    stop "${USAGE}" '--compare needs files of evidence' '' '' 'see triage.sh --help'
  elif [[ "${compared}" == 'no' ]] && ((${#files[@]} > 0)); then
    stop "${USAGE}" "unknown argument ${files[0]}" '' '' 'see triage.sh --help'
  fi
}

# take_argument OPTION VALUE
take_argument() {
  case "$1" in
    --limit)
      [[ "$2" =~ ^[1-9][0-9]{0,2}$ ]] \
        || stop "${USAGE}" 'the limit is not a number of seconds' '1 to 999' "$2" 'give a number'
      limit="$2"
      ;;
    --host) HOST="$2" ;;
    *) IFS=, read -ra without <<<"$2" ;;
  esac
}

# take_values: what is known of this host, and the first lines of the evidence.
take_values() {
  local row host mode api client peer service data id address now
  local -a addresses=()
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode api client peer service data <<<"${row}"
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    if [[ "${host}" != "${HOST}" ]]; then
      continue
    fi
    mode_here="${mode}"
    HOST_ADDRESSES=("${addresses[@]}")
    API_PORT="${api}" CLIENT_PORT="${client}" PEER_PORT="${peer}" SERVICE="${service}"
    DATA_DIR="${data}"
  done
  STATE="${DATA_DIR}/plan-recovery/none" # no recovery: the guards look at the data as they are
  id=$(id -u)
  [[ "${id}" != 0 ]] || root='yes'
  now=$(date -u +%FT%TZ)
  note s time "${now}"
  note s cluster "${CLUSTER}"
  note s inventory "${INVENTORY}"
  note s host "${HOST}"
  text=$(uname -n)
  note s machine.name "${text}"
  note s machine.bash "${BASH_VERSION}"
  note b machine.root "${root/yes/true}"
}

# clear_up STATUS: leaves no process and no file.
clear_up() {
  trap - EXIT
  trap '' INT TERM HUP
  [[ -z "${asking}" ]] || end_process "${asking}"
  end_etcd
  end_children
  [[ -z "${deep_copy}" ]] || rm -rf -- "${deep_copy:?}"
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}

# The script starts itself again with an environment of its own: proxies, DOCKER_*, ETCD*, exported
# functions and user settings of the calling shell have no effect. Only what the terminal can show
# passes. In POSIX mode exec cannot be an exported function.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s\n' "bash 4.4 or newer is needed, this is ${BASH_VERSION}" >&2
  exit 69
fi
if [[ "${BASH_SOURCE[0]:-}" == "$0" && "${PLAN_PID:-}" != "$$" ]]; then
  POSIXLY_CORRECT=1
  exec /usr/bin/env -i "PLAN_PID=$$" "PLAN_FLAGS=$-" "TERM=${TERM:-dumb}" \
    "NO_COLOR=${NO_COLOR:-}" 'HOME=/nonexistent' 'LC_ALL=C' \
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "${BASH}" -p "$0" "$@"
fi
set -Eeuo pipefail
shopt -s inherit_errexit

action='look' # look | json
limit=2       # seconds to wait for answers
deep='no'     # no | a directory, or nothing for memory
root='no'     # yes: may read everything
mode_here=''  # server | client
without=()    # hosts that a comparison leaves out

# Which host this machine is, and its values.
HOST='' HOST_ADDRESSES=() API_PORT='' CLIENT_PORT='' PEER_PORT='' SERVICE='' DATA_DIR=''

# For the functions that the scripts have, too.
readonly SCRIPT='triage.sh' CLUSTER_TOKEN='none'

readonly CLUSTER='acme'
readonly INVENTORY='24366146d2d17188c6df59920fc4652ed757f39d4adbf31ab972c002adacc8be'
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly API_SCHEME='http'
readonly -a API_TLS=()
readonly TOOLS_DIR=''
readonly SNAPSHOT_FILE=''
readonly -a SERVER_TOOLS=('awk' 'base64' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'cp' 'curl' 'cut'
  'date' 'df' 'docker' 'du' 'etcd' 'etcdctl' 'etcdutl' 'find' 'flock' 'getent' 'grep' 'gzip' 'head'
  'hostname' 'id' 'install' 'jq' 'ln' 'mktemp' 'mv' 'od' 'openssl' 'rm' 'rmdir' 'sed' 'sha1sum'
  'sha256sum' 'sleep' 'sort' 'stat' 'sync' 'tail' 'timeout' 'touch' 'tr' 'uname' 'wc')
readonly -a CLIENT_TOOLS=()
# HOST MODE API_PORT CLIENT_PORT PEER_PORT SERVICE DATA_DIRECTORY, for each host of the plan.
readonly -a HOST_TABLE=(
  'host-1 server 3000 2379 2380 control-plane_host-1 /data/pgedge/control-plane'
  'host-2 server 3000 2379 2380 control-plane_host-2 /data/pgedge/control-plane'
  'host-3 server 3000 2379 2380 control-plane_host-3 /data/pgedge/control-plane'
)
# For each host its addresses, and its machine id if the inventory has it.
declare -rA ADDRESSES=(
  ['host-1']='192.168.104.1'
  ['host-2']='192.168.104.2'
  ['host-3']='192.168.104.3'
)
declare -rA MACHINE_IDS=()

# The program of --compare, which plan choose runs, too.
readonly COMPARE_JQ='# Evidence of several hosts -> which one holds the most, and what each other one would lose.
#
# Input: a list of {file, evidence}, or {file, problem} if a file cannot be read.
# $now: epoch seconds. $without: ids of hosts that are left out. $preferred: the host to take of
# several that hold the same, or "".
# Output: {host, because, snapshot, ranking, problems, notes, lines}. host is null if there is a
# problem: then nothing may be recommended.

def listed: join(", ");

def count($n; $one; $many): "\($n) \(if $n == 1 then $one else $many end)";

# Seconds in words.
def span:
  if . < 100 then count(.; "second"; "seconds")
  elif . < 6000 then count(. / 60 | round; "minute"; "minutes")
  elif . < 200000 then count(. / 3600 | round; "hour"; "hours")
  else count(. / 86400 | round; "day"; "days") end;

def epoch: if . == null then null else (fromdateiso8601? // null) end;

def shown_time: if . == null then "unknown" else sub("T"; " ") | sub("Z$"; " UTC") end;

# ---- what each file says

def checked:
  if .problem != null then .
  elif (.evidence | type) != "object" or .evidence.format != "evidence/1" then
    {file, problem: "it is not evidence of triage.sh (format evidence/1)"}
  elif ([.evidence.host, .evidence.cluster, .evidence.time] | map(type) | unique) != ["string"]
      or (.evidence.time | epoch) == null or (.evidence.hosts | type) != "object" then
    {file, problem: "its host, cluster, time or hosts are missing or malformed"}
  else . end;

# What a host says of its own data.
def own:
  .file as $file | .evidence as $e | ($e.data // {}) as $d
  | {
      host: $e.host, by: $e.host, file: $file, time: $e.time, at: ($e.time | epoch),
      etcd: $e.hosts[$e.host].etcd, state: ($d.state // "unread"), clusterId: $d.clusterId,
      revision: $d.revision, raftIndex: $d.raftIndex, atLeast: $d.raftIndexAtLeast,
      lastWrite: $d.lastWrite
    };

# What it has seen of the other server hosts.
def seen:
  .file as $file | .evidence as $e
  | $e.hosts | to_entries[] | select(.value.mode == "server" and .key != $e.host)
  | {
      host: .key, by: $e.host, file: $file, time: $e.time, at: ($e.time | epoch),
      etcd: .value.etcd, state: "seen", clusterId: .value.clusterId, revision: .value.revision,
      raftIndex: .value.raftIndex, atLeast: null, lastWrite: null
    };

# Snapshots that can be restored.
def saved:
  .evidence as $e | ($e.snapshots // [])[]
  | select(.revision != null and .checksum != "bad" and .ca != null)
  | {host: $e.host, path, revision, raftIndex: null, written, lastWrite: .written, ca};

# ---- words

def how:
  if .state == "running" then "reported by its etcd"
  elif .state == "copy" then "read from a copy"
  else "seen from \(.by)" end;

def index: if .raftIndex == null then "" else ", raft index \(.raftIndex)" end;

def figures: "revision \(.revision)\(index)";

# What is lost with this one, compared with the best.
def behind($best):
  ($best.revision - .revision) as $gap
  | (if .lastWrite == null or $best.lastWrite == null then null
     else ($best.lastWrite | epoch) - (.lastWrite | epoch) end) as $seconds
  | if $gap > 0 then
      "\(count($gap; "revision"; "revisions")) less than \($best.host)"
      + (if $seconds == null then ", time unknown"
         elif $seconds <= 0 then ", time unknown (its files were written to later)"
         else ", about \($seconds | span) of writes" end)
    elif (.raftIndex // 0) < ($best.raftIndex // 0) and .raftIndex != null then
      "the same revision, with a raft index that is \($best.raftIndex - .raftIndex) lower"
    else "the same" end;

# ---- what must not be compared, and what a person must know: each of these prints sentences

# Files.
def file_problems($files; $good):
  ($files[] | select(.problem != null)
    | "\(.file): \(.problem). Collect it again, or leave the file out"),
  (select(($good | length) == 0)
    | "there is no evidence to compare. Run bash triage.sh --json on each host");

# Clusters.
def cluster_problems($good; $cas; $measured):
  (([$good[].evidence.cluster] | unique) | select(length > 1)
    | "the evidence is of different clusters (\(listed)). Compare the files of one cluster"),
  ($cas | select(length > 1)
    | "the hosts have different CAs (\(map(.[0:12]) | listed)), so their clusters differ"),
  ([$measured[] | .clusterId // "unknown"] | unique | select(length > 1)
    | "the hosts are members of different etcd clusters ("
      + ([$measured[] | "\(.host) of \(.clusterId // "unknown")"] | listed)
      + "). One was restored, or never belonged to the others. "
      + "Revisions of two clusters cannot be compared");

# One host: $all has everything that was seen of it.
def host_problems($newest; $all):
  ($all | sort_by(.at, .etcd == "leader") | last) as $last
  | (select(.state != "seen" and .at != null and .at < $newest - 43200)
    | "the evidence of \(.host) is \($newest - .at | span) older than the newest. "
      + "Collect it again"),
  (select($last.etcd == "leader")
    | "\(.host) has a leader. The quorum is not lost, or was recovered. Run triage.sh again"),
  (select(.etcd == "leader" and $last.etcd != "leader")
    | "the evidence of \(.host) is from before the loss, when it had a leader. Collect it again, "
      + "or leave the host out with --without \(.host)"),
  (select(.revision != null) | . as $h
    | [$all[] | select(.revision != null and .revision > $h.revision)
        | select(.clusterId == $h.clusterId)]
    | select(length > 0)
    | if any(.at > $h.at) then
        "\($h.host) has moved on since \($h.time | shown_time): revision \($h.revision) then, "
        + "\(map(.revision) | max) later. Collect its evidence again"
      else
        "\($h.host) held revision \(map(.revision) | max) before, and \($h.revision) at "
        + "\($h.time | shown_time). Its data were replaced"
      end);

# A host whose revision is not known: $top is the best of the others.
def unmeasured_problem($top):
  "Run triage.sh there, or leave the host out with --without \(.host)" as $otherwise
  | if .state == "stopped" then
      "\(.host) is stopped, and its revision is not known"
      + (if .atLeast != null and $top.raftIndex != null and .atLeast > $top.raftIndex then
           ". It holds more than \($top.host), at least raft index \(.atLeast)"
         else "" end)
      + ". Run bash triage.sh --json --deep there, or leave it out with --without \(.host)"
    elif .state == "unread" then "what \(.host) holds was not read. \($otherwise), as root"
    elif .up then "\(.host) is up, and there is no evidence of what it holds. \($otherwise)"
    else empty end;

def host_notes($order; $top; $hosts):
  ([
      $hosts[] | select(.revision == null and (.up | not))
      | select(.state | IN("seen", "unknown")) | .host
    ] | select(length > 0)
    | "there is no evidence of \(listed), and no answer. What is there is not known. If one can "
      + "still be reached, run triage.sh there first"),
  ($hosts[] | select(.state == "absent") | "\(.host) has no database"),
  ([$order[] | select(.revision == $top.revision and .raftIndex == $top.raftIndex) | .host]
    | select(length > 1) | "a tie: \(listed) hold the same. Each can be the recovery host");

def time_notes($times; $newest):
  (select(($times | length) > 1) | $newest - ($times | first | epoch) | select(. > 1800)
    | "the files were collected within \(span). A host that ran meanwhile may hold more now"),
  (select($newest != null) | $now - $newest | select(. > 3600)
    | "the newest evidence is \(span) old. Collect it again if a host has run since");

# Problems of the recovery host that do not concern what it holds.
def own_notes($good; $top):
  [$good[] | select(.evidence.host == $top.host)] | sort_by(.evidence.time) | last // empty
  | (.evidence.findings // [])[]
  | select(.level == "problem" and (.about | IN("hosts", "swarm", "controlPlane") | not))
  | "on \($top.host): \(.what)";

# ---- the comparison

map(checked) as $files
| [$files[] | select(.problem == null)] as $good
| [$good[] | select(.evidence.host | IN($without[]) | not)] as $used
| ([$good[].evidence.time] | sort) as $times
| ($times | last | epoch) as $newest
| [$used[] | own] as $owns
| [$good[] | seen] as $seens
# Server hosts in the order of the plan. Of each the newest evidence counts; if it has none, what
# others have seen. A copy still counts if the data were not written to since.
| reduce ($good[].evidence.hosts | to_entries[] | select(.value.mode == "server") | .key) as $id
    ([]; if IN(.[]; $id) then . else . + [$id] end)
| [
    .[] | select(IN($without[]) | not) | . as $id
    | ([$owns[] | select(.host == $id)] | sort_by(.at)) as $o
    | ([$seens[] | select(.host == $id)] | sort_by(.at)) as $s
    | ($o | last) as $last
    | ([$o[] | select(.state == "copy" and .lastWrite == $last.lastWrite)] | last) as $copy
    | ([$s[] | select(.revision != null)] | last) as $known
    | if $last.state == "stopped" and $copy != null then $copy
      elif $last != null and ($last.state != "unread" or $known == null) then $last
      else $known // ($s | last) // {host: $id, state: "unknown"} end
    | . + {
        all: ($o + $s),
        up: any($s[]; .etcd
          | IN("closed", "mute", "leader", "no-leader", "unsettled", "unasked", "broken"))
      }
  ] as $hosts
| [$hosts[] | select(.revision != null)] as $measured
| ([
    $measured | to_entries
    | sort_by(-.value.revision, -(.value.raftIndex // 0),
        (if .value.host == $preferred then 0 else 1 end), .key)[]
    | .value
  ]) as $order
| ($order | first) as $top
| ([$good[].evidence.certificates.ca | select(. != null)] | unique) as $cas
| ([$used[] | saved] | sort_by(-.revision, .host, .path)) as $snapshots
| ($snapshots | first) as $snapshot
| [
    file_problems($files; $good),
    cluster_problems($good; $cas; $measured),
    ($hosts[] | host_problems($newest; .all)),
    ($hosts[] | select(.revision == null) | unmeasured_problem($top)),
    (select(($good | length) > 0 and $top == null and $snapshot == null)
      | "no host and no snapshot holds data that could be read")
  ] as $problems
| (if $snapshot != null and $snapshot.revision > ($top.revision // -1) then $snapshot
   else null end) as $file
| ($file // $top) as $best
| [
    host_notes($order; $top; $hosts),
    ($without | select(length > 0) | "left out: \(listed). What is there is not compared"),
    time_notes($times; $newest),
    (([$good[].evidence.inventory] | unique) | select(length > 1)
      | "the files come from bundles of different inventories"),
    own_notes($good; $best // {host: ""})
  ] as $notes
| (if ($problems | length) > 0 then null else $best.host end) as $host
| (if $host == null then null
   elif $file != null then "the snapshot there holds the most, revision \($file.revision)"
   else
     "it holds the most of the hosts compared, \($top | figures)"
     + ([$order[1:][] | "\(.host) \(.revision)"] | if length > 0 then " (\(listed))" else "" end)
   end) as $because
| {
    host: $host,
    because: $because,
    snapshot: (if $host == null or $file == null then null else ($file | {path, revision}) end),
    ranking: [
      $order[]
      | {host, revision, raftIndex, clusterId, lastWrite, time, source: how, loss: behind($best)}
    ],
    snapshots: [$snapshots[] | {host, path, revision, written, loss: behind($best)}],
    problems: $problems,
    notes: $notes,
    lines: [
      "Compared: \(count($good | length; "file"; "files")) of cluster "
        + "\($good[0].evidence.cluster // "unknown"), collected "
        + (if ($times | first) == ($times | last) then ($times | first | shown_time)
           else "\($times | first | shown_time) to \($times | last | shown_time)" end),
      ($order | to_entries[] | .key as $place | .value
        | "\($place + 1). \(.host): \(figures), last written \(.lastWrite | shown_time), \(how)"
          + (if .host == $best.host and $file == null then "" else "; \(behind($best))" end)),
      ($snapshots[]
        | "   snapshot \(.path) on \(.host): revision \(.revision), of \(.written | shown_time)"
          + (if . == $file then "" else "; \(behind($best))" end)),
      ($notes[] | "note: \(.)"),
      ($problems[] | "PROBLEM: \(.)"),
      (if $host == null then "No recovery host is recommended, because of the problems above."
       else "Recover on \($host): \($because)." end)
    ]
  }'

# --- from the library of the scripts, and what only triage has

# Exit statuses, listed in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply; only mutate and the waits read it
incident=1    # incident number: 1 for the first use of this plan, then 2, 3 ...
step='start'  # the current guide step, printed in every line
step_number=0 # how many steps have begun
work=0        # changes shown but not run; always 0 with --apply
work_began=0  # the step that showed the first of them
changed=0     # changes run
log=''        # this run's log, set after all guards have passed
scratch=''    # a private directory in memory, removed at exit
began=0       # when this run began, by uptime_seconds

# "${AT_MOST[@]}" SECONDS COMMAND...: runs it with a limit; status 124 or 137 when that was reached.
# In the foreground, so that Ctrl-C reaches it.
readonly -a AT_MOST=(timeout --foreground --kill-after=3)

STATE='' # the folder of this incident, on this disk

http_status='' # result of the last request: three digits, or refused | timeout | failed

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

etcd_pid='' # the etcd that this script started, if any

etcd_guard='' # the process that ends it if this script is killed

# The Control Plane's own limits: the stock quota of 2 GiB would raise an alarm that stays. The
# election is short, because a single member waits for no other.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)

# Questions are asked all at once, in the background, each in a directory of its own. What has not
# answered in time counts as no answer, never as a no.
questions=() # NAME FUNCTION ARGUMENT..., separated by tabs; those of a row by + as an argument

declare -A seen=() # what the questions have found out, by its path in the evidence

declare -A result_of=() # by question: its exit status, or none

asking='' # the process that asks

merged='' # the most significant answer of the addresses of a host

merged_at='' # and the path of the address that gave it

varint=0 # the number that read_varint has read

deep_copy='' # the folder of the copy; removed at exit

# The verdict, and one finding for each thing that was looked at.
findings=() # LEVEL|ABOUT|WHAT|EXPECTED|FOUND|REMEDY; LEVEL is problem, unknown, note or ok

verdict='' # kept | lost | unclear | split

verdict_words=''

level_shown=''

# The lines of the evidence -> one object. [N] in a path is a place in a list.
readonly EVIDENCE_JQ='
  reduce ($lines | split("\n")[] | select(. != "") | split("\t")) as [$kind, $path, $value]
    ({format: "evidence/1"};
      setpath(
        $path | split(".") | map(if startswith("[") then .[1:-1] | tonumber else . end);
        if $kind == "s" then $value
        elif $kind == "n" then ($value | tonumber)
        else $value == "true" end))
  | . + ({snapshots: [], recoveries: [], findings: [], unanswered: []} + . | {snapshots, recoveries,
      findings, unanswered})'

# ask_hosts: every address of every server host, and of client hosts if there are at most 100.
ask_hosts() {
  local row host mode api client peer number clients=0
  local -a addresses=()
  for row in "${HOST_TABLE[@]}"; do
    [[ "${row}" != *' client '* ]] || clients=$((clients + 1))
  done
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode api client peer _ <<<"${row}"
    if [[ "${mode}" == 'client' && "${host}" != "${HOST}" ]] && ((clients > 100)); then
      continue
    fi
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    for number in "${!addresses[@]}"; do
      ask "api.${host}.${number}" triage_api "hosts.${host}.addresses.[${number}]" \
        "${addresses[number]}" "${api}"
      if [[ "${mode}" == 'server' ]]; then
        ask "etcd.${host}.${number}" triage_etcd "hosts.${host}.addresses.[${number}]" \
          "${addresses[number]}" "${client}"
        ask "peer.${host}.${number}" triage_peer "hosts.${host}.addresses.[${number}]" \
          "${addresses[number]}" "${peer}"
      fi
    done
  done
}

# api METHOD URL [BODY_FILE [SECONDS]]: one request. The body is in scratch/answer, the headers are
# in scratch/headers. Callers may repeat reads; POST and DELETE are never repeated, only probed.
api() {
  local method="$1" url="$2" body="${3:-}" limit="${4:-10}" status=0
  local -a call=(curl -q --silent --show-error --globoff --noproxy '*' --connect-timeout 5
    --max-time "${limit}" --output "${scratch}/answer" --dump-header "${scratch}/headers"
    --write-out '%{http_code}' --request "${method}" "${API_TLS[@]}")
  if [[ -n "${body}" ]]; then
    call+=(--header 'Content-Type: application/json' --data-binary "@${body}")
  fi
  : >"${scratch}/answer"
  : >"${scratch}/headers"
  http_status=$("${call[@]}" -- "${url}" 2>"${scratch}/curl.err") || status=$?
  : >"${scratch}/complaint"
  case "${status}" in
    0) ;;
    7) http_status='refused' ;;
    28) http_status='timeout' ;;
    35 | 52 | 55 | 56)
      http_status='failed'
      head -c 300 "${scratch}/curl.err" >"${scratch}/complaint"
      ;;
    *)
      # Not an answer from the other side: a name, a certificate or curl itself failed.
      stop "${UNAVAILABLE}" "cannot send a request to ${url}" 'a reply or a refused connection' \
        "curl ended with status ${status}, $(<"${scratch}/curl.err")" \
        'fix the problem shown above, then run this script again'
      ;;
  esac
}

# show: the verdict, then one line for each finding, problems first.
show() {
  local level finding line what expected found remedy
  tell "${verdict_words}"
  for level in problem unknown note ok; do
    for finding in "${findings[@]}"; do
      IFS='|' read -r line _ what expected found remedy <<<"${finding}"
      if [[ "${line}" != "${level}" ]]; then
        continue
      fi
      line="${what}"
      [[ -z "${found}" ]] || line="${line}. Found: ${found}"
      [[ -z "${expected}" ]] || line="${line}. Expected: ${expected}"
      [[ -z "${remedy}" ]] || line="${line}. Do: ${remedy}"
      printf -v level_shown '%-8s' "${level}"
      tell "${level_shown} ${line}"
    done
  done
  if [[ "${verdict}" == 'lost' ]]; then
    tell "Next: on every machine that is up, run: bash triage.sh --json >evidence-HOST.json"
    tell 'Carry the files to one place and run: bash triage.sh --compare evidence-*.json'
  fi
}

# tell TEXT: to a person. With --json standard output is for the evidence.
tell() {
  if [[ "${action}" == 'json' ]]; then
    printf '%s\n' "$1" >&2
  else
    printf '%s\n' "$1"
  fi
}

# note KIND PATH VALUE: what is concluded from the answers becomes part of the evidence, too. KIND
# is s for text, n for a number, b for true or false. Without a value nothing is noted.
note() {
  if [[ -n "$3" ]]; then
    seen["$2"]="$3"
    printf '%s\t%s\t%s\n' "$1" "$2" "${3//[$'\t\n']/ }" >>"${scratch}/evidence"
  fi
}

# stop STATUS WHAT EXPECTED FOUND REMEDY: ends the script; an empty EXPECTED or FOUND is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  found:    $4"
  say "  do:       $5"
  exit "$1"
}

# say TEXT: prints a line on standard error and, with --apply, writes it to the log. If the disk is
# full, the line is still printed.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" 2>/dev/null >>"${log}" || true
  fi
}

# ask NAME FUNCTION ARGUMENT...: FUNCTION prints facts, and complains as the scripts do. With
# + NAME FUNCTION ARGUMENT... more questions follow it, one after the other: what only needs this
# machine's processor must not slow down what waits for others.
ask() {
  local IFS=$'\t'
  questions+=("$*")
}

# triage_api PATH ADDRESS PORT: whether a Control Plane there serves a cluster (200).
triage_api() {
  local word url gap
  fact "$1.address" "$2"
  word=$(port_word "$2" "$3" 2)
  fact "$1.apiPort" "${word}"
  if [[ "${word}" != 'open' ]]; then
    return
  fi
  url=$(url_host "$2")
  api GET "${API_SCHEME}://${url}:$3/v1/hosts"
  fact "$1.api" "${http_status}"
  gap=$(clock_gap "${scratch}/headers")
  figure "$1.clockGap" "${gap}"
}

# fact PATH TEXT
fact() {
  printf 's\t%s\t%s\n' "$1" "${2//[$'\t\n']/ }"
}

# port_word ADDRESS PORT [SECONDS]: open | closed | unreachable. Closed means that a running machine
# refused the connection.
port_word() {
  local status=0 text
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  text=$("${AT_MOST[@]}" "${3:-3}" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>&1) || status=$?
  if ((status == 0)); then
    printf 'open\n'
  elif [[ "${text}" == *'Connection refused'* ]]; then
    printf 'closed\n'
  else
    printf 'unreachable\n'
  fi
}

# url_host ADDRESS: as it is written in a URL.
url_host() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# clock_gap HEADERS: the difference in seconds between this clock and the Date header in that file,
# or unknown.
clock_gap() {
  local text there='' here
  text=$(sed -nE -e 's/^[Dd]ate: *([^\r]*)\r?$/\1/p' -- "$1")
  if [[ -n "${text}" ]]; then
    there=$(date -d "${text}" +%s 2>/dev/null) || there=''
  fi
  here=$(date +%s)
  if [[ -z "${there}" ]]; then
    printf 'unknown\n'
  else
    printf '%s\n' "$((here > there ? here - there : there - here))"
  fi
}

# figure PATH NUMBER: nothing if it is not a whole number.
figure() {
  if [[ "$2" =~ ^-?[0-9]+$ ]]; then
    printf 'n\t%s\t%s\n' "$1" "$2"
  fi
}

# triage_etcd PATH ADDRESS PORT: whether the etcd there has a leader, and what it holds. No login is
# needed, but a client certificate, which only root can read; unasked: its port is open.
triage_etcd() {
  local word
  if [[ ! -r "${CERTIFICATES}/etcd-user.key" ]]; then
    word=$(port_word "$2" "$3" 2)
    case "${word}" in
      open) word='unasked' ;;
      unreachable) word='silent' ;;
      *) ;;
    esac
    fact "$1.etcd" "${word}"
    return
  fi
  word=$(member_health "$2" "$3")
  fact "$1.etcd" "${word%% *}"
  [[ "${word}" != *' '* ]] || fact "$1.detail" "${word#* }"
  if [[ "${word%% *}" =~ ^(leader|no-leader|unsettled)$ ]]; then
    triage_member "$1" "$2" "$3"
    triage_figures "$1" "$2" "$3"
  fi
}

# member_health ADDRESS PORT: the state of the etcd there, in one line:
#   leader     it has a leader: its cluster has a quorum
#   no-leader  it runs and has no leader
#   unsettled TEXT  it answers something else
#   mute       something accepts the connection and does not answer
#   closed     the machine is up and refuses the connection
#   silent     no answer at all
#   broken TEXT  the request failed here: certificates, name, curl
# Alarms are excluded, because they would replace the reason in the answer.
member_health() {
  local url text status=0 id="${BASHPID}"
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf '%s\n' "${text/unreachable/silent}"
    return
  fi
  url=$(url_host "$1")
  url="https://${url}:$2/health?exclude=NOSPACE&exclude=CORRUPT"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --show-error --connect-timeout 3 --max-time 4 \
    "${url}" 2>"${scratch}/health.${id}") || status=$?
  text="${text} $(<"${scratch}/health.${id}")"
  text="${text//$'\n'/ }"
  case "${status}" in
    0)
      case "${text}" in
        *'"health":"true"'*) printf 'leader\n' ;;
        *'RAFT NO LEADER'*) printf 'no-leader\n' ;;
        *) printf 'unsettled %s\n' "${text:0:200}" ;;
      esac
      ;;
    7 | 28 | 35 | 52 | 55 | 56)
      # Timed out, or the other side is stopping. A rejected certificate is named in the text.
      if [[ "${text}" =~ [Aa]lert|[Cc]ertificate|verif ]]; then
        printf 'broken %s\n' "${text:0:200}"
      else
        printf 'mute\n'
      fi
      ;;
    *) printf 'broken curl ended with status %s, %s\n' "${status}" "${text:0:200}" ;;
  esac
}

# triage_member PATH ADDRESS PORT: its cluster, its id and its term. A member list that need not be
# up to date is answered without quorum and without a login.
triage_member() {
  local url text id gap
  url=$(url_host "$2")
  : >"${scratch}/headers"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
    --dump-header "${scratch}/headers" --data-binary '{"linearizable": false}' \
    "https://${url}:$3/v3/cluster/member/list" 2>/dev/null) || text=''
  if [[ "${text}" =~ \"cluster_id\":\ *\"([0-9]+)\" ]]; then
    printf -v id '%x' "${BASH_REMATCH[1]}"
    fact "$1.clusterId" "${id}"
  fi
  if [[ "${text}" =~ \"member_id\":\ *\"([0-9]+)\" ]]; then
    printf -v id '%x' "${BASH_REMATCH[1]}"
    fact "$1.memberId" "${id}"
  fi
  if [[ "${text}" =~ \"raft_term\":\ *\"([0-9]+)\" ]]; then
    figure "$1.raftTerm" "${BASH_REMATCH[1]}"
  fi
  gap=$(clock_gap "${scratch}/headers")
  figure "$1.clockGap" "${gap}"
}

# triage_figures PATH ADDRESS PORT: what it holds.
triage_figures() {
  member_metrics "$2" "$3" | awk -v path="$1" '
    BEGIN {
      name["etcd_debugging_mvcc_current_revision"] = "revision"
      name["etcd_server_proposals_applied_total"] = "raftIndex"
      name["etcd_server_proposals_committed_total"] = "committed"
      name["etcd_debugging_mvcc_keys_total"] = "keys"
      name["etcd_mvcc_db_total_size_in_bytes"] = "databaseBytes"
    }
    $1 in name { printf "n\t%s.%s\t%.0f\n", path, name[$1], $2 }'
}

# member_metrics ADDRESS PORT: what a running etcd reports of itself, in the format of Prometheus;
# nothing if it does not answer.
member_metrics() {
  local url
  url=$(url_host "$1")
  "${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
    "https://${url}:$2/metrics" 2>/dev/null || true
}

# triage_peer PATH ADDRESS PORT
triage_peer() {
  local word
  word=$(port_word "$2" "$3" 2)
  fact "$1.peerPort" "${word}"
}

# ask_machine: only what this user may see.
ask_machine() {
  ask swarm triage_swarm
  ask services triage_services
  ask container triage_container
  ask docker docker_is_local
  ask tools triage_tools
  if [[ "${root}" != 'yes' ]]; then
    return
  fi
  ask data triage_data
  ask service service_uses_data
  if [[ "${mode_here}" == 'server' ]]; then
    ask snapshots triage_snapshots
    ask certificates certificates_fit + dates triage_dates + user own_state \
      + directory data_directory + space space_is_enough + recoveries triage_recoveries
  else
    ask user own_state + directory data_directory + recoveries triage_recoveries
  fi
}

triage_swarm() {
  local word complaint
  word=$(leader_word)
  fact swarm.state "${word}"
  if [[ "${word}" == 'down' ]]; then
    complaint=$(docker_complaint)
    fact swarm.complaint "${complaint}"
  fi
}

# leader_word: as swarm_word, with both Docker commands in parallel: each can take 20 s while a
# Swarm loses its quorum.
leader_word() {
  local text answered=0 status=0 pid
  "${AT_MOST[@]}" 20 docker node ls >/dev/null 2>&1 &
  pid=$!
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>"${scratch}/docker.err") || status=$?
  wait "${pid}" || answered=$?
  state_word "${status}" "${text}" "${answered}"
}

# state_word STATUS STATE NODES: the word for the results of docker info and docker node ls.
state_word() {
  if (($1 != 0)); then
    printf 'down\n'
    return
  fi
  case "$2" in
    'active true') if (($3 == 0)); then printf 'manager\n'; else printf 'leaderless\n'; fi ;;
    'active false') printf 'worker\n' ;;
    'pending true') printf 'recovering\n' ;;
    'inactive '*) printf 'inactive\n' ;;
    'locked '*) printf 'locked\n' ;;
    'error '*) printf 'error\n' ;;
    *) printf 'pending\n' ;;
  esac
}

# docker_complaint: the last error message of Docker, in one line.
docker_complaint() {
  local text=''
  text=$(head -c 300 "${scratch}/docker.err" 2>/dev/null | tr '\n' ' ') || true
  printf '%s\n' "${text:-no answer in time}"
}

# triage_services: the services of the plan, as RUNNING/WANTED.
triage_services() {
  local text service replicas row own
  text=$("${AT_MOST[@]}" 20 docker service ls --format '{{.Name}} {{.Replicas}}' 2>/dev/null)
  while read -r service replicas _; do
    for row in "${HOST_TABLE[@]}"; do
      read -r _ _ _ _ _ own _ <<<"${row}"
      [[ "${own}" != "${service}" ]] || fact "services.${service}" "${replicas}"
    done
  done <<<"${text}"
}

triage_container() {
  local word
  word=$(container_word "${SERVICE}")
  fact controlPlane.container "${word}"
}

# container_word SERVICE: running | gone | unknown, on this machine.
container_word() {
  local ids status=0
  ids=$("${AT_MOST[@]}" 20 docker ps --quiet \
    --filter "label=com.docker.swarm.service.name=$1" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    printf 'unknown\n'
  elif [[ -n "${ids}" ]]; then
    printf 'running\n'
  else
    printf 'gone\n'
  fi
}

# Docker is this machine's own: the socket is here, and Docker's name or address is this machine's.
docker_is_local() {
  local text name address own status=0 found
  [[ -S "${DOCKER_SOCKET}" ]] || stop "${UNAVAILABLE}" 'Docker is not running here' \
    "a socket ${DOCKER_SOCKET}" 'none' \
    'run systemctl start docker, or set swarm.dockerSocket in the inventory to another socket'
  text=$("${AT_MOST[@]}" 30 docker info --format '{{.Name}}|{{.Swarm.NodeAddr}}' \
    2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    found=$(docker_complaint)
    stop "${UNAVAILABLE}" 'Docker does not answer' 'a reply from docker info' "${found}" \
      'start or repair Docker (systemctl status docker), then run this script again'
  fi
  name="${text%%|*}"
  address="${text##*|}"
  text=$(uname -n)
  own=$(own_addresses)
  if [[ "${name%%.*}" != "${text%%.*}" && " ${own} " != *" ${address:-none} "* ]]; then
    stop "${MISMATCH}" "the Docker at ${DOCKER_SOCKET} is not this machine's" \
      "name ${text}, or an address of this machine" "name ${name}, address ${address:-none}" \
      'stop the ssh or proxy that forwards this socket, then run this script again'
  fi
  passed "Docker answers at ${DOCKER_SOCKET} and is this machine's (${name})"
}

# own_addresses: every address of this machine, separated by spaces.
own_addresses() {
  local text status=0
  text=$("${AT_MOST[@]}" 10 hostname -I 2>/dev/null) || status=$?
  if ((status != 0)) && command -v ip >/dev/null; then
    status=0
    text=$("${AT_MOST[@]}" 10 ip -o address show 2>/dev/null) || status=$?
    text=$(awk '{ sub(/\/.*/, "", $4); print $4 }' <<<"${text}")
  fi
  if ((status != 0)) || [[ -z "${text}" ]]; then
    stop "${UNAVAILABLE}" 'cannot find the addresses of this machine' \
      'a reply from hostname -I or ip address' "status ${status}" \
      'install iproute2 (the command ip), or set machineId in the inventory'
  fi
  printf '%s\n' "${text//$'\n'/ }"
}

# passed TEXT: a guard has passed.
passed() {
  say "Check passed: $1"
}

# triage_tools: each tool that the scripts need on this host is ok, missing, or cannot do what is
# needed.
triage_tools() {
  local tool text status=1
  local -a tools=("${SERVER_TOOLS[@]}") left=()
  [[ "${mode_here}" == 'server' ]] || tools=("${CLIENT_TOOLS[@]}")
  for tool in "${tools[@]}"; do
    if command -v "${tool}" >/dev/null; then
      left+=("${tool}")
    else
      fact "tools.${tool}.state" 'missing'
    fi
  done
  while ((status != 0 && ${#left[@]} > 0)); do
    status=0
    # In the background, so that a tool that does not work does not end this question.
    triage_features "${left[@]}" 2>"${scratch}/complaint" &
    wait "$!" || status=$?
    if ((status != 0)); then
      tool=$(<"${scratch}/tool")
      text=$(complaint_of "${scratch}/complaint")
      fact "tools.${tool}.state" 'unusable'
      fact "tools.${tool}.complaint" "${text}"
      while [[ "${left[0]}" != "${tool}" ]]; do
        left=("${left[@]:1}")
      done
      left=("${left[@]:1}")
    fi
  done
}

# triage_features TOOL...: until one of them cannot do what is needed.
triage_features() {
  local tool
  for tool in "$@"; do
    printf '%s\n' "${tool}" >"${scratch}/tool"
    require_feature "${tool}"
    fact "tools.${tool}.state" 'ok'
  done
}

# require_feature TOOL: tries the features of the tool that the script needs.
require_feature() {
  local out='' want='ok' status=0 feature
  case "$1" in
    awk)
      feature='split and substr'
      out=$(awk 'BEGIN { n = split("a ok", w, " "); print substr(w[n], 1, 2) }' 2>&1) || status=$?
      ;;
    curl)
      feature='-q, --noproxy and --unix-socket'
      out=$(curl -q --noproxy '*' --unix-socket /nonexistent --max-time 1 http://localhost/ 2>&1) \
        || status=$?
      # 7: curl accepts the options, and the socket does not exist.
      if ((status == 7)); then status=0 out='ok'; fi
      ;;
    date)
      feature='date -d'
      out=$(date -u -d 'Thu, 26 Nov 2026 10:00:00 GMT' +%s 2>&1) || status=$?
      want='1795687200'
      ;;
    find)
      feature='-samefile, -lname and -quit'
      out=$(find / -maxdepth 0 -samefile / ! -lname x -printf 'ok' -quit 2>&1) || status=$?
      ;;
    etcd | etcdctl | etcdutl)
      # The Control Plane's etcd refuses data written by etcd 3.7; etcd 3.5 cannot restore as
      # needed.
      feature='release 3.6'
      out=$(tool_minor "$1")
      want='3.6'
      ;;
    jq)
      feature='release 1.6: --args, IN and fromdateiso8601'
      out=$(jq -nr --args '($ARGS.positional[0] | IN("ok")) as $in | "1970-01-01T00:00:00Z"
        | if $in and fromdateiso8601 == 0 then "ok" else "no" end' 'ok' 2>&1) || status=$?
      ;;
    stat)
      feature='stat -c and stat -f -c'
      out=$(stat -c '%F' / 2>&1 && stat -f -c 'ok' / 2>&1) || status=$?
      want=$'directory\nok'
      ;;
    timeout)
      feature='--foreground and --kill-after'
      out=$(timeout --foreground --kill-after=3 5 awk 'BEGIN { print "ok" }' 2>&1) || status=$?
      ;;
    *) return 0 ;;
  esac
  if ((status != 0)) || [[ "${out}" != "${want}" ]]; then
    feature_fails "$1" "${feature}" "status ${status}: ${out}"
  fi
}

# tool_minor TOOL: the first two numbers of its release, as 3.6; otherwise its output.
tool_minor() {
  local text status=0 argument='version'
  if [[ "$1" == 'etcd' ]]; then
    argument='--version'
  fi
  text=$("${AT_MOST[@]}" 20 "$1" "${argument}" 2>&1) || status=$?
  if ((status == 0)) && [[ "${text%%$'\n'*}" =~ ([0-9]+\.[0-9]+) ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
  else
    printf 'status %s: %s\n' "${status}" "${text:0:200}"
  fi
}

# feature_fails TOOL FEATURE FOUND
feature_fails() {
  stop "${UNAVAILABLE}" "$1 cannot do what this script needs" "$2" "${3//$'\n'/ }" \
    "install a newer $1, or put it in the tools directory of the inventory"
}

# complaint_of FILE: what a check complained of, in one line: WHAT|EXPECTED|FOUND|REMEDY.
complaint_of() {
  local line what='' expected='' found='' remedy=''
  while IFS= read -r line; do
    line="${line#* }" # the time
    line="${line#* }" # the step
    line="${line# }"
    case "${line}" in
      'STOP: '*) what="${line#STOP: }" ;;
      '  expected: '*) expected="${line#*: }" ;;
      '  found: '*) found="${line#*: }" ;;
      '  do: '*) remedy="${line#*: }" ;;
      *) ;;
    esac
  done <"$1"
  printf '%s|%s|%s|%s\n' "${what}" "${expected# }" "${found#"${found%%[! ]*}"}" \
    "${remedy#"${remedy%%[! ]*}"}"
}

# triage_data: what names, sizes and times of the files say. The database is not opened.
triage_data() {
  local database="${ETCD_DIR}/member/snap/db" word text bytes at name index term
  local -a logs=("${ETCD_DIR}/member/wal/"*.wal) snaps=("${ETCD_DIR}/member/snap/"*.snap)
  word=$(file_word "${database}")
  fact data.database "${word}"
  if [[ "${word}" != 'file' ]]; then
    flag data.inUse false
    return
  fi
  text=$(stat -c '%s %Y' -- "${database}")
  read -r bytes at <<<"${text}"
  text=$(date -u -d "@${at}" +%FT%TZ)
  figure data.databaseBytes "${bytes}"
  fact data.lastWrite "${text}"
  bytes=$(du -sb -- "${ETCD_DIR}/member")
  figure data.bytes "${bytes%%[!0-9]*}"
  # SEQUENCE-INDEX.wal: the raft index of its first entry. TERM-INDEX.snap: that of a raft snapshot.
  if [[ -f "${logs[-1]}" ]]; then
    name="${logs[-1]##*/}"
    index="${name#*-}"
    index="$((16#${index%.wal}))"
    figure data.raftIndexAtLeast "$((index > 0 ? index - 1 : 0))"
    figure data.logFiles "${#logs[@]}"
    triage_log_head "${logs[-1]}"
  fi
  if [[ -f "${snaps[-1]}" ]]; then
    name="${snaps[-1]##*/}"
    term="${name%-*}"
    index="${name#*-}"
    figure data.snapTerm "$((16#${term}))"
    figure data.snapIndex "$((16#${index%.snap}))"
  fi
  if [[ -f "${ETCD_DIR}/${RESTORED_MARK}" ]]; then
    fact data.restoredBy "$(<"${ETCD_DIR}/${RESTORED_MARK}")"
  fi
  text=$(holders "${database}")
  word='true'
  [[ -n "${text}" ]] || word='false'
  flag data.inUse "${word}"
}

# file_word PATH: absent | file | directory | link | mount | other.
file_word() {
  if [[ -L "$1" ]]; then
    printf 'link\n'
  elif [[ ! -e "$1" ]]; then
    printf 'absent\n'
  elif [[ -f "$1" ]]; then
    printf 'file\n'
  elif [[ ! -d "$1" ]]; then
    printf 'other\n'
  else
    local inner outer
    inner=$(stat -c %d -- "$1")
    outer=$(stat -c %d -- "$1/..")
    if [[ "${inner}" == "${outer}" ]]; then printf 'directory\n'; else printf 'mount\n'; fi
  fi
}

# flag PATH true|false
flag() {
  printf 'b\t%s\t%s\n' "$1" "$2"
}

# triage_log_head FILE: the ids of the member and of its cluster. Each file of the log begins with a
# checksum record and a record of both ids: an 8-byte length, the type, the checksum, the ids.
triage_log_head() {
  local text at=0 length end
  local -a bytes=() ids=()
  text=$(od -An -v -tu1 -N 160 -- "$1")
  read -r -d '' -a bytes <<<"${text}" || true
  # The lower seven bytes are the length, the highest one the padding.
  length="${bytes[0]:-0}"
  at=$((8 + length + (bytes[7] & 7)))
  if ((at + 8 >= ${#bytes[@]} || bytes[at + 8] != 8 || bytes[at + 9] != 1)); then
    return 0
  fi
  at=$((at + 11)) # after the type and the tag of the checksum
  read_varint
  if ((bytes[at] != 26)); then
    return 0
  fi
  end=$((at + 2 + bytes[at + 1]))
  at=$((at + 2))
  while ((at < end && ${#ids[@]} < 2)); do
    at=$((at + 1))
    read_varint
    ids+=("${varint}")
  done
  if ((${#ids[@]} == 2)); then
    printf -v text '%x' "${ids[0]}"
    fact data.memberId "${text}"
    printf -v text '%x' "${ids[1]}"
    fact data.clusterId "${text}"
  fi
}

# read_varint: sets varint to the number at place at of bytes, and moves at behind it.
read_varint() {
  local shift=0
  varint=0
  while ((bytes[at] > 127)); do
    varint=$((varint | (bytes[at] & 127) << shift))
    shift=$((shift + 7))
    at=$((at + 1))
  done
  varint=$((varint | bytes[at] << shift))
  at=$((at + 1))
}

# holders PATH: the processes that have PATH open, one per line. /proc shows processes in containers
# too; fuser, lsof and ss may be missing, or do not. This script opens the file as well: if the
# search does not find that, it would not find others either.
holders() {
  local found fd pid name control="/proc/${BASHPID}/fd" own control_seen='no'
  if [[ ! -e "$1" ]]; then
    return
  fi
  exec {own}<"$1"
  found=$(
    exec {own}<&- # open in this process only, not in the search
    search_processes -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1"
  )
  exec {own}<&-
  while IFS= read -r fd; do
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    if [[ "${fd}" == "${control}/${own}" ]]; then
      control_seen='yes'
    elif [[ -n "${fd}" ]]; then
      name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
      printf '%s (pid %s) has %s open\n' "${name:-ended}" "${pid}" "$1"
    fi
  done <<<"${found}"
  [[ "${control_seen}" == 'yes' ]] || stop "${UNAVAILABLE}" \
    "cannot tell whether a process has $1 open" 'at least this script, which has it open' \
    "the search of /proc found ${found:-no process}" \
    'run this script as root on the machine itself, with /proc mounted without hidepid'
}

# search_processes PATH...: find below /proc, one file descriptor per line. Processes end during the
# search, so its exit status means nothing, except that of the time limit.
search_processes() {
  local status=0
  "${AT_MOST[@]}" 60 find "$@" 2>"${scratch}/find.err" || status=$?
  if ((status >= 124)); then
    stop "${BUSY}" 'cannot tell which processes use a file or a port' 'a reply from find in 60 s' \
      "status ${status}" \
      'check dmesg and mount (a file system may hang), then run this script again'
  fi
}

# The service mounts the data directory of the inventory. If Swarm does not answer, the newest
# container of the service on this machine is read, running or not.
service_uses_data() {
  local text='' ids status=0 complaint asked="the service ${SERVICE}" place
  local spec='.Spec.TaskTemplate.ContainerSpec' mounts environment
  mounts="{{range ${spec}.Mounts}}{{.Type}}|{{.Source}}|{{.Target}}{{\"\\n\"}}{{end}}"
  environment="{{range ${spec}.Env}}env|{{.}}{{\"\\n\"}}{{end}}"
  text=$("${AT_MOST[@]}" 20 docker service inspect --format "${mounts}${environment}" \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    status=0
    asked="the container of ${SERVICE}"
    ids=$("${AT_MOST[@]}" 20 docker ps --all --quiet --no-trunc \
      --filter "label=com.docker.swarm.service.name=${SERVICE}" 2>"${scratch}/docker.err") \
      || status=$?
    if ((status == 0)) && [[ -z "${ids}" ]]; then
      passed "${DATA_DIR} has the right contents; Swarm does not answer which directory \
${SERVICE} mounts, and it has no container here"
      return
    fi
    # The first one is the newest.
    if ((status == 0)); then
      mounts='{{range .Mounts}}{{.Type}}|{{.Source}}|{{.Destination}}{{"\n"}}{{end}}'
      environment='{{range .Config.Env}}env|{{.}}{{"\n"}}{{end}}'
      text=$("${AT_MOST[@]}" 20 docker inspect --type container \
        --format "${mounts}${environment}" -- "${ids%%$'\n'*}" 2>"${scratch}/docker.err") \
        || status=$?
    fi
    complaint=$(docker_complaint)
    ((status == 0)) || stop "${BUSY}" "Docker does not report which directory ${SERVICE} mounts" \
      'a reply from docker ps and docker inspect' "${complaint}" \
      'check docker ps --all, then run this script again'
  fi
  place=$(service_uses_data_place "${text}")
  if [[ "${place}" != "${DATA_DIR}" && ! "${place}" -ef "${DATA_DIR}" ]]; then
    stop "${MISMATCH}" "${SERVICE} uses another data directory than the inventory" \
      "${DATA_DIR}" "${place}" \
      "correct dataDirectory of ${HOST} in the inventory and compile again"
  fi
  passed "${DATA_DIR} is what ${asked} mounts"
}

# service_uses_data_place TEXT: the service's data directory on this machine. TEXT has its mounts as
# TYPE|SOURCE|TARGET and its environment as env|NAME=VALUE, one per line.
service_uses_data_place() {
  local kind from to inside='' place='' best='' status=0
  inside=$(sed -n 's/^env|PGEDGE_DATA_DIR=//p' <<<"$1")
  inside="${inside%/}"
  while IFS='|' read -r kind from to; do
    to="${to%/}"
    if [[ "${kind}" == 'env' || -z "${kind}" ]]; then
      continue
    fi
    if [[ "${inside:-${DATA_DIR}}/" == "${to}/"* && ${#to} -ge ${#best} ]]; then
      best="${to}"
      if [[ "${kind}" == 'volume' && "${from}" != /* ]]; then
        from=$("${AT_MOST[@]}" 20 docker volume inspect --format '{{.Mountpoint}}' -- "${from}" \
          2>"${scratch}/docker.err") || status=$?
        ((status == 0)) || from="the volume ${from}, which is not on this machine"
      fi
      place="${from%/}${inside:+${inside#"${to}"}}"
    fi
  done <<<"$1"
  printf '%s\n' "${place:-no mount at ${inside:-${DATA_DIR}}}"
}

# triage_snapshots: the newest ten.
triage_snapshots() {
  local text path number=0
  local -a places=("${DATA_DIR}/plan-recovery")
  local -a names=('(' -path '*/snapshots/*.db' -o -name 'salvaged*.db' -o -name 'snapshot*.db' ')')
  if [[ -n "${SNAPSHOT_FILE}" && -f "${SNAPSHOT_FILE}" ]]; then
    triage_snapshot "${number}" "${SNAPSHOT_FILE}"
    number=$((number + 1))
  fi
  if [[ ! -d "${places[0]}" ]]; then
    return
  fi
  # salvaged.db and snapshot.db may be one file with two names.
  text=$(find "${places[@]}" -maxdepth 2 -type f "${names[@]}" -printf '%T@ %i %p\n' \
    | sort -k 1,1nr -k 3 | awk '!seen[$2]++ { sub(/^[^ ]+ [^ ]+ /, ""); print }' | head -n 10)
  while IFS= read -r path; do
    if [[ -n "${path}" && ! "${path}" -ef "${SNAPSHOT_FILE:-/nonexistent}" ]]; then
      triage_snapshot "${number}" "${path}"
      number=$((number + 1))
    fi
  done <<<"${text}"
}

# triage_snapshot NUMBER PATH: its integrity, its revision, and whether it belongs to this CA.
triage_snapshot() {
  local text bytes at kind sum
  text=$(stat -L -c '%s %Y' -- "$2")
  read -r bytes at <<<"${text}"
  at=$(date -u -d "@${at}" +%FT%TZ)
  fact "snapshots.[$1].path" "$2"
  figure "snapshots.[$1].bytes" "${bytes}"
  fact "snapshots.[$1].written" "${at}"
  kind=$(snapshot_kind "$2")
  fact "snapshots.[$1].kind" "${kind}"
  if [[ "${kind}" == 'broken' ]]; then
    return
  fi
  # shellcheck disable=SC2310  # a file that cannot be read must not end the search
  text=$(snapshot_status "$2" 2>/dev/null || true)
  text=$(jq -r '"\(.revision) \(.totalKey) \(.version)"' <<<"${text}" 2>/dev/null) || text=''
  if [[ -n "${text}" ]]; then
    figure "snapshots.[$1].revision" "${text%% *}"
    sum="${text#* }"
    figure "snapshots.[$1].keys" "${sum%% *}"
    fact "snapshots.[$1].storage" "${text##* }"
  fi
  if [[ "${kind}" == 'saved' ]]; then
    sum=$(snapshot_sum_word "$2")
    fact "snapshots.[$1].checksum" "${sum}"
  fi
  if [[ ! -s "${CERTIFICATES}/ca.crt" ]]; then
    return
  fi
  sum=$(ca_sum)
  if grep -qaF -e "PGEDGE-${sum}" -- "$2"; then
    fact "snapshots.[$1].ca" "${sum}"
  fi
}

# snapshot_kind FILE: saved | raw | broken. A saved snapshot has pages of 512 bytes and a SHA-256 of
# 32 bytes; a copied database has no checksum.
snapshot_kind() {
  local size
  size=$(stat -L -c %s -- "$1")
  case "$((size > 0 ? size % 512 : 1))" in
    32) printf 'saved\n' ;;
    0) printf 'raw\n' ;;
    *) printf 'broken\n' ;;
  esac
}

# snapshot_status FILE: the fields of a snapshot as JSON. If a process has it open, the tool would
# wait without end.
snapshot_status() {
  local text
  text=$(holders "$1")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "$1 is in use" 'a file that no process uses' "${text}" \
    'stop that process, copy the file, then run this script again'
  "${AT_MOST[@]}" 300 etcdutl snapshot status -w json -- "$1"
}

# snapshot_sum_word FILE: good | bad: whether the last 32 bytes of a saved snapshot are its
# checksum.
snapshot_sum_word() {
  local kept counted
  kept=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  counted=$(head -c -32 -- "$1" | sha256sum)
  if [[ "${counted%% *}" == "${kept}" ]]; then printf 'good\n'; else printf 'bad\n'; fi
}

# ca_sum: the SHA-256 of the CA of this host, which is the same on every host of a cluster.
ca_sum() {
  local text
  text=$(openssl x509 -in "${CERTIFICATES}/ca.crt" -outform der | sha256sum)
  printf '%s\n' "${text%% *}"
}

# Certificates are checked before every request that uses them, so that a failure names the cause.
certificates_fit() {
  local name file text status=0
  openssl version >/dev/null 2>"${scratch}/complaint" || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" 'openssl does not work' 'a reply from openssl version' \
    "status ${status}, $(<"${scratch}/complaint")" 'repair or install openssl'
  for name in ca.crt etcd-user.crt etcd-user.key etcd-server.crt etcd-server.key; do
    file="${CERTIFICATES}/${name}"
    [[ -s "${file}" && -r "${file}" ]] || stop "${MISMATCH}" "${name} is missing or empty" \
      "a file ${file}" 'none' "restore certificates/ of ${HOST} from a backup"
  done
  for name in ca etcd-user etcd-server; do
    certificates_valid "${name}"
  done
  for name in etcd-user etcd-server; do
    certificates_signed "${name}"
    certificates_pair "${name}"
  done
  text=$(certificates_names "${HOST_ADDRESSES[0]}")
  [[ "${text}" == *'does match certificate'* ]] || stop "${MISMATCH}" \
    'the etcd certificate does not cover the address of this host' "${HOST_ADDRESSES[0]}" \
    "${text}" \
    "set the address that ${HOST} had when it was issued, or restore the right certificates/"
  passed "the certificates are valid, belong together and cover ${HOST_ADDRESSES[0]}"
}

# certificates_valid NAME: readable, and valid now by this machine's clock.
certificates_valid() {
  local text from until now clock status=0
  text=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -startdate -enddate 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not a readable certificate" 'PEM' \
    "${text%%$'\n'*}" "restore certificates/ of ${HOST} from a backup"
  text="${text/notBefore=/}"
  text="${text/notAfter=/}"
  from=$(date -u -d "${text%%$'\n'*}" +%s) || status=$?
  until=$(date -u -d "${text##*$'\n'}" +%s) || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" "cannot read the dates of $1.crt" 'two dates' "${text}" \
    "check openssl x509 -noout -dates -in '${CERTIFICATES}/$1.crt'"
  now=$(date -u +%s)
  clock=$(date -u '+%b %e %T %Y GMT')
  text="${text//$'\n'/ to }"
  if ((now < from)); then
    stop "${MISMATCH}" "$1.crt is not valid yet" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      'correct the clock of this machine (timedatectl), then run this script again'
  elif ((now >= until)); then
    stop "${MISMATCH}" "$1.crt has expired" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      "if the clock is wrong, correct it (timedatectl); otherwise restore a valid certificate of \
${HOST} from a backup, or have one issued by the same CA"
  fi
}

# certificates_signed NAME: signed by ca.crt, whatever its dates.
certificates_signed() {
  local text status=0
  text=$(openssl verify -no_check_time -CAfile "${CERTIFICATES}/ca.crt" -- \
    "${CERTIFICATES}/$1.crt" 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not signed by ca.crt" 'one CA' \
    "${text//$'\n'/ }" "restore all of certificates/ of ${HOST} from one backup"
}

# certificates_pair NAME: the key belongs to the certificate.
certificates_pair() {
  local of_key of_cert status=0
  of_key=$(openssl pkey -in "${CERTIFICATES}/$1.key" -pubout 2>/dev/null) || status=$?
  of_cert=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -pubkey 2>/dev/null) || status=$?
  if ((status != 0)) || [[ "${of_key}" != "${of_cert}" ]]; then
    stop "${MISMATCH}" "$1.key does not belong to $1.crt" 'a key and its certificate' \
      'the key of another certificate, or none' "restore certificates/ of ${HOST} from a backup"
  fi
}

# certificates_names ADDRESS: the answer of openssl; its exit status is 0 either way.
certificates_names() {
  local check='-checkhost'
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    check='-checkip'
  fi
  openssl x509 -in "${CERTIFICATES}/etcd-server.crt" -noout "${check}" "$1"
}

# triage_dates: until when each certificate is valid, and which CA it is (its SHA-256).
triage_dates() {
  local name text sum
  for name in ca etcd-user etcd-server; do
    text=$(openssl x509 -in "${CERTIFICATES}/${name}.crt" -noout -enddate -fingerprint -sha256)
    sum="${text##*Fingerprint=}"
    sum="${sum//:/}"
    [[ "${name}" != 'ca' ]] || fact certificates.ca "${sum,,}"
    text="${text#*notAfter=}"
    text=$(date -u -d "${text%%$'\n'*}" +%FT%TZ)
    fact "certificates.until.${name}" "${text}"
  done
}

# The configuration is this host's own. With the user of another host everything works until that
# host is removed, and these credentials with it.
own_state() {
  local text status=0
  [[ -f "${CONFIG}" ]] || stop "${MISMATCH}" "${CONFIG} does not exist" 'the file of this host' \
    'none' "if this is the right directory, restore generated.config.json and certificates/ of \
${HOST} from a backup"
  text=$(jq -er '"\(.etcd_username // "none") \((.etcd_password // "") != "")"' \
    "${CONFIG}" 2>"${scratch}/complaint") || status=$?
  ((status == 0)) || stop "${MISMATCH}" "${CONFIG} cannot be read" 'JSON of the Control Plane' \
    "$(<"${scratch}/complaint")" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text% *}" == "host-${HOST}" ]] || stop "${MISMATCH}" \
    'generated.config.json belongs to another host' "etcd_username host-${HOST}" \
    "${text% *}" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text##* }" == 'true' ]] || stop "${MISMATCH}" 'generated.config.json has no password' \
    'a value of etcd_password' 'none' "restore the file of ${HOST} from a backup"
  passed "the etcd user of this host is host-${HOST}"
}

# Every path that a script changes is a plain directory or file on one file system that can rename.
# With a symbolic link or a mount below the data directory, a rename would move only the link, or
# copy, and after a reboot other data would be in that place.
data_directory() {
  local name path want word
  local -a names=(etcd etcd/member etcd/member/snap etcd/member/snap/db etcd/member/wal certificates
    generated.config.json plan-recovery "${STATE#"${DATA_DIR}/"}" "${STATE#"${DATA_DIR}/"}/before")
  # The snapshot script writes to its own folder only.
  if [[ "${SCRIPT}" == before/* ]]; then
    names=(plan-recovery plan-recovery/snapshots)
  fi
  word=$(file_word "${DATA_DIR}")
  case "${word}" in
    absent)
      passed "${DATA_DIR} does not exist yet"
      return
      ;;
    directory | mount) ;;
    *) data_directory_refuse "${DATA_DIR}" directory "${word}" ;;
  esac
  for name in "${names[@]}"; do
    path="${DATA_DIR}/${name}"
    want='directory'
    if [[ "${name}" == */db || "${name}" == *.json ]]; then
      want='file'
    fi
    word=$(file_word "${path}")
    if [[ "${word}" != 'absent' && "${word}" != "${want}" ]]; then
      data_directory_refuse "${path}" "${want}" "${word}"
    fi
  done
  data_directory_mounts "${names[@]}"
  data_directory_system "${names[@]}"
  passed "${DATA_DIR} holds plain directories and files, on one file system"
}

# data_directory_refuse PATH WANT WORD
data_directory_refuse() {
  local found="$3" remedy="check ls -ld '$1', then run this script again"
  case "$3" in
    link)
      found=$(stat -c '%N' -- "$1")
      found="a symbolic link: ${found}"
      remedy="stop the Control Plane of ${HOST} and replace the link with the directory it points \
to; or use the real directory as dataDirectory in the inventory and in the service"
      ;;
    mount)
      found='another file system, mounted there'
      remedy="stop the Control Plane of ${HOST}, move the contents into ${DATA_DIR} itself and \
remove the mount (also from /etc/fstab), then run this script again"
      ;;
    *) ;;
  esac
  stop "${MISMATCH}" "$1 cannot be used" "a plain $2" "${found}" "${remedy}"
}

# data_directory_mounts NAME...: a bind mount has the same device number as its parent, so the list
# of mounts is read instead. It writes a space as \040.
data_directory_mounts() {
  local text real line place name
  text=$(cat -- /proc/self/mountinfo 2>/dev/null) || true
  [[ -n "${text}" ]] || stop "${UNAVAILABLE}" 'cannot tell what is mounted on this machine' \
    'a list in /proc/self/mountinfo' 'nothing' 'mount /proc, then run this script again'
  real=$(cd -P -- "${DATA_DIR}" && printf '%s\n' "${PWD}")
  while IFS= read -r line; do
    read -r _ _ _ _ place _ <<<"${line}"
    place="${place//\\040/ }"
    place="${place//\\011/$'\t'}"
    place="${place//\\134/\\}"
    for name in "$@"; do
      if [[ "${place}" == "${real}/${name}" || "${place}" == "${real}/${name}/"* ]]; then
        data_directory_refuse "${DATA_DIR}${place#"${real}"}" 'directory or file' 'mount'
      fi
    done
  done <<<"${text}"
}

# data_directory_system NAME...: all files are on one file system, which can rename directories.
data_directory_system() {
  local kind device name status=0 text
  local -a places=()
  kind=$(stat -f -c %T -- "${DATA_DIR}")
  [[ "${kind}" != 'overlayfs' ]] || stop "${MISMATCH}" \
    "${DATA_DIR} is on an overlay file system, which cannot rename directories" \
    'ext4, xfs or another disk file system' "${kind}" \
    "run this script on the machine, not in a container; otherwise move ${DATA_DIR} to a disk"
  device=$(stat -c %d -- "${DATA_DIR}")
  for name in "$@"; do
    if [[ "${name}" != */* && -e "${DATA_DIR}/${name}" ]]; then
      places+=("${DATA_DIR}/${name}")
    fi
  done
  if ((${#places[@]} == 0)); then
    return
  fi
  # Earlier recoveries are not changed, so of plan-recovery/ only the folders used here count.
  text=$("${AT_MOST[@]}" 60 find "${places[@]}" -ignore_readdir_race \
    -path "${DATA_DIR}/plan-recovery/*" -prune -o -printf '%y %D %p\n' 2>&1) || status=$?
  ((status == 0)) || stop "${BUSY}" "cannot list ${DATA_DIR}" 'a list of its files' \
    "status ${status}, ${text##*$'\n'}" 'check dmesg and mount, then run this script again'
  text=$(awk -v device="${device}" '$1 !~ /^[fd]$/ || $2 != device { $2 = ""; print; exit }' \
    <<<"${text}")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "${text#*  } cannot be used" \
    "a plain directory or file on the file system of ${DATA_DIR}" \
    "type ${text%% *} (l is a symbolic link), or another file system" \
    "stop the Control Plane of ${HOST}, put a plain file there, then run this script again"
}

# Before anything is stopped: there is space for all that phases 1 to 3 write: a copy of etcd/, the
# snapshot saved from it, the snapshot of the inventory, the restored directory, and new logs.
space_is_enough() {
  local word status=0 text own=0 database=0 file=0 wanted="$((2 * 64 * 1024 * 1024))"
  word=$(progress)
  if [[ "${word}" != 'fresh' ]]; then
    passed 'phase 1 of this recovery has ended, and its space is already used'
    return
  fi
  if [[ -d "${ETCD_DIR}" ]]; then
    text=$("${AT_MOST[@]}" 60 du -sb -- "${ETCD_DIR}" 2>"${scratch}/complaint") || status=$?
    own="${text%%[^0-9]*}"
    [[ -n "${own}" ]] || stop "${BUSY}" "cannot get the size of ${ETCD_DIR}" 'a reply from du' \
      "status ${status}, $(<"${scratch}/complaint")" 'check dmesg, then run this script again'
  fi
  if [[ -f "${ETCD_DIR}/member/snap/db" ]]; then
    database=$(stat -c %s -- "${ETCD_DIR}/member/snap/db")
  fi
  if [[ -n "${SNAPSHOT_FILE}" && -f "${SNAPSHOT_FILE}" ]]; then
    file=$(stat -L -c %s -- "${SNAPSHOT_FILE}")
  fi
  # The larger of the two is restored.
  wanted=$((wanted + (file > database ? file : database)))
  [[ -f "${STATE}/salvaged.db" ]] || wanted=$((wanted + own + database))
  [[ -f "${STATE}/snapshot.db" ]] || wanted=$((wanted + file))
  require_space "${wanted}"
  passed "${wanted} bytes are free at ${DATA_DIR}"
}

# progress: how far this recovery has changed the recovery host's disk. fresh: untouched; aside:
# etcd/ is set aside, complete; restored: phase 2 has ended; undoing: undo has begun; unclear: the
# disk does not match the records.
progress() {
  local kept placed
  if [[ -e "${STATE}/undone" ]]; then
    printf 'undoing\n'
    return
  elif [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
    return
  fi
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  case "${kept}:${placed}" in
    incomplete:*) printf 'unclear\n' ;;
    *:ours) if [[ -f "${STATE}/restored" ]]; then printf 'restored\n'; else printf 'aside\n'; fi ;;
    *:absent) if [[ -f "${STATE}/restored" ]]; then printf 'unclear\n'; else printf 'aside\n'; fi ;;
    *) printf 'unclear\n' ;;
  esac
}

# kept_word NAME: complete | incomplete | absent: whether STATE/before/NAME still has the recorded
# size.
kept_word() {
  local size
  if [[ ! -e "${STATE}/before/$1" ]]; then
    printf 'absent\n'
    return
  fi
  size=$(size_of "${STATE}/before/$1")
  if [[ -f "${STATE}/aside.$1" && "${size}" == "$(<"${STATE}/aside.$1")" ]]; then
    printf 'complete\n'
  else
    printf 'incomplete\n'
  fi
}

# size_of PATH: the number of files and bytes, for comparison.
size_of() {
  find "$1" -type f -printf '%s\n' \
    | awk '{ bytes += $1 } END { printf "%d files, %d bytes\n", NR, bytes }'
}

# restored_word DIRECTORY: ours | other | absent: whether this recovery restored it. The mark stays
# in it, even after the Control Plane has written to it.
restored_word() {
  if [[ ! -e "$1" && ! -L "$1" ]]; then
    printf 'absent\n'
  elif [[ -d "$1/member/wal" && -f "$1/${RESTORED_MARK}" &&
    "$(<"$1/${RESTORED_MARK}")" == "${CLUSTER_TOKEN}-${incident}" ]]; then
    printf 'ours\n'
  else
    printf 'other\n'
  fi
}

# require_space BYTES: the file system of the data directory has that much free space.
require_space() {
  local free status=0
  free=$("${AT_MOST[@]}" 20 df --output=avail -B1 -- "${DATA_DIR}" 2>"${scratch}/complaint") \
    || status=$?
  free=$(sed -n '2{s/[^0-9]//g;p}' <<<"${free}")
  if ((status != 0)) || [[ -z "${free}" ]]; then
    stop "${BUSY}" "cannot get the free space at ${DATA_DIR}" 'a reply from df' \
      "status ${status}, $(<"${scratch}/complaint")" \
      'check df and mount, then run this script again'
  fi
  ((free >= $1)) || stop "${MISMATCH}" "not enough free space at ${DATA_DIR}" "$1 bytes" \
    "${free} bytes" 'free space on that file system, then run this script again'
}

# triage_recoveries: what recoveries have left in the data directory, of this plan or another one.
triage_recoveries() {
  local folder word number=0
  for folder in "${DATA_DIR}/plan-recovery/"*-*; do
    if [[ ! -d "${folder}/log" ]]; then
      continue
    fi
    word='begun'
    [[ ! -e "${folder}/restored" ]] || word='restored'
    [[ ! -e "${folder}/started" ]] || word='started'
    [[ ! -e "${folder}/cleared" ]] || word='cleared'
    [[ ! -e "${folder}/closed" ]] || word='closed'
    [[ ! -e "${folder}/undone" ]] || word='undone'
    fact "recoveries.[${number}].folder" "${folder##*/}"
    fact "recoveries.[${number}].state" "${word}"
    number=$((number + 1))
  done
}

# await_answers SECONDS: asks, waits for the answers, and ends what is left.
await_answers() {
  local row word next status=0 waiting
  local -a names=() words=()
  for row in "${questions[@]}"; do
    next='yes'
    IFS=$'\t' read -ra words <<<"${row}"
    for word in "${words[@]}"; do
      [[ "${next}" == 'no' ]] || names+=("${word}")
      next='no'
      [[ "${word}" != '+' ]] || next='yes'
    done
  done
  install -d -m 0700 -- "${names[@]/#/${scratch}/}"
  # shellcheck disable=SC2312  # nothing fails with it
  exec {waiting}< <(put_questions)
  asking="$!"
  # Nothing is written there: it ends when the process has ended, or when the time is over.
  IFS= read -r -t "$1" -u "${waiting}" _ || status=$?
  if ((status > 128)); then
    end_process "${asking}"
  fi
  asking=''
  exec {waiting}<&-
  for word in "${names[@]}"; do
    take_answer "${word}"
  done
}

# put_questions: all of them, each row in the background.
put_questions() {
  local row
  local -a words=()
  for row in "${questions[@]}"; do
    IFS=$'\t' read -ra words <<<"${row}"
    put_in_turn "${words[@]}" &
  done
  wait
}

# put_in_turn NAME FUNCTION ARGUMENT... [+ NAME FUNCTION ARGUMENT...]...
put_in_turn() {
  local word
  local -a question=()
  for word in "$@" +; do
    if [[ "${word}" != '+' ]]; then
      question+=("${word}")
      continue
    fi
    # In the background, so that an error ends this question, and not those after it.
    put_question "${question[@]}" &
    wait "$!" || true
    question=()
  done
}

# put_question NAME FUNCTION ARGUMENT...: in a process of its own, with a scratch of its own.
put_question() {
  scratch="${scratch}/$1"
  trap 'printf "%s\n" "$?" >"${scratch}/status"' EXIT
  exec >"${scratch}/facts" 2>"${scratch}/words"
  "${@:2}"
}

# end_process PID: ends it and every process that it started. It is stopped first, so that it starts
# no other one meanwhile; a process that is just starting one stops a moment later.
end_process() {
  local child children='' text='' tries IFS=$' \t\n'
  kill -STOP "$1" 2>/dev/null || true
  for ((tries = 0; tries < 200; tries++)); do
    IFS= read -r text 2>/dev/null <"/proc/$1/stat" || break
    [[ "${text##*) }" == [RSD]* ]] || break
  done
  read -r children 2>/dev/null <"/proc/$1/task/$1/children" || true
  kill -KILL "$1" 2>/dev/null || true
  for child in ${children}; do
    end_process "${child}"
  done
}

# take_answer NAME: its facts, and its exit status.
take_answer() {
  local kind path value
  result_of["$1"]='none'
  if [[ -s "${scratch}/$1/status" ]]; then
    result_of["$1"]=$(<"${scratch}/$1/status")
  fi
  if [[ ! -s "${scratch}/$1/facts" ]]; then
    return
  fi
  while IFS=$'\t' read -r kind path value; do
    if [[ -n "${kind}" && -n "${path}" ]]; then
      seen["${path}"]="${value}"
      printf '%s\t%s\t%s\n' "${kind}" "${path}" "${value}" >>"${scratch}/evidence"
    fi
  done <"${scratch}/$1/facts"
}

# merge_hosts: of several addresses of a host, the most significant answer counts.
merge_hosts() {
  local row host mode field
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode _ <<<"${row}"
    note s "hosts.${host}.mode" "${mode}"
    merge_host "${host}" apiPort 'open closed unreachable'
    note s "hosts.${host}.apiPort" "${merged}"
    merge_host "${host}" api '200 409 timeout failed refused'
    note s "hosts.${host}.api" "${merged}"
    if [[ "${mode}" == 'server' ]]; then
      merge_host "${host}" etcd 'leader no-leader unsettled unasked broken mute closed silent'
      note s "hosts.${host}.etcd" "${merged:-none}"
      for field in clusterId memberId detail; do
        note s "hosts.${host}.${field}" "${seen["${merged_at}.${field}"]:-}"
      done
      for field in raftTerm revision raftIndex committed keys databaseBytes clockGap; do
        note n "hosts.${host}.${field}" "${seen["${merged_at}.${field}"]:-}"
      done
    fi
  done
}

# merge_host HOST FIELD WORDS: sets merged to the first of the words that one of its addresses has;
# otherwise to another one, or to nothing.
merge_host() {
  local number value word
  local -a addresses=() order=()
  merged=''
  merged_at="hosts.$1.addresses.[0]"
  IFS=' ' read -ra addresses <<<"${ADDRESSES["$1"]}"
  IFS=' ' read -ra order <<<"$3"
  for word in "${order[@]}"; do
    for number in "${!addresses[@]}"; do
      value="${seen["hosts.$1.addresses.[${number}].$2"]:-}"
      if [[ "${value}" == "${word}" ]]; then
        merged="${value}"
        merged_at="hosts.$1.addresses.[${number}]"
        return
      fi
      merged="${merged:-${value}}"
    done
  done
}

# judge: whether the quorum is lost, with the arithmetic.
judge() {
  local row host mode word votes more elsewhere=0 text='' clusters='' cluster
  local -a servers=() leaders=() running=() silent=() other=()
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode _ <<<"${row}"
    if [[ "${mode}" != 'server' ]]; then
      continue
    fi
    servers+=("${host}")
    word="${seen["hosts.${host}.etcd"]:-none}"
    case "${word}" in
      leader)
        leaders+=("${host}")
        cluster="${seen["hosts.${host}.clusterId"]:-unknown}"
        [[ " ${clusters} " == *" ${cluster} "* ]] || clusters="${clusters:+${clusters} }${cluster}"
        ;;
      no-leader) running+=("${host}") ;;
      closed | silent | mute | none)
        silent+=("${host}")
        # What does not listen here does not run elsewhere.
        [[ "${host}:${word}" == "${HOST}:closed" ]] || elsewhere=$((elsewhere + 1))
        ;;
      *) other+=("${host}") ;;
    esac
  done
  votes=$((${#servers[@]} / 2 + 1))
  more=$((votes - ${#running[@]}))
  ((${#leaders[@]} == 0)) || text="${text}; $(listed "${leaders[@]}") with a leader"
  ((${#running[@]} == 0)) || text="${text}; $(listed "${running[@]}") answering without a leader"
  ((${#other[@]} == 0)) || text="${text}; $(listed "${other[@]}") with no clear answer"
  ((${#silent[@]} == 0)) || text="${text}; $(listed "${silent[@]}") not answering"
  verdict_words="N=${#servers[@]}, quorum ${votes}: ${text#; }. "
  if [[ "${clusters}" == *' '* ]]; then
    verdict='split'
    verdict_words+="There are two clusters with a leader (${clusters}). Stop one of them."
  elif ((${#leaders[@]} > 0)); then
    verdict='kept'
    verdict_words+='The quorum is not lost. Repair single hosts with the Control Plane API.'
  elif ((${#running[@]} + ${#silent[@]} < ${#servers[@]})) \
    || [[ ! -r "${CERTIFICATES}/etcd-user.key" ]]; then
    verdict='unclear'
    verdict_words+='Whether the quorum is lost is not known.'
    [[ -r "${CERTIFICATES}/etcd-user.key" ]] || verdict_words+=" Members are asked with the \
certificates of this host, which only root can read."
  elif ((more <= 0)); then
    verdict='unclear'
    verdict_words+='Enough of them run, but they find no leader. Check that they reach each other '
    verdict_words+='at the peer port, and look again after 15 s.'
  else
    verdict='lost'
    verdict_words+='The quorum is lost'
    if ((elsewhere >= votes)); then
      verdict_words+=", unless ${votes} of those that do not answer run elsewhere"
      verdict_words+=' and reach each other'
    fi
    verdict_words+=". If ${more} more can start with their disks, it returns without a recovery."
  fi
  note s verdict.state "${verdict}"
  note s verdict.words "${verdict_words}"
  note n verdict.servers "${#servers[@]}"
  note n verdict.quorum "${votes}"
}

# listed WORD...: WORD, WORD, ...
listed() {
  local text="$*"
  printf '%s\n' "${text// /, }"
}

# triage_deep: reports the cost, copies, starts etcd on the copy, and asks it.
triage_deep() {
  local place="${deep}" bytes free word port url since now text
  word=$(deep_refusal)
  if [[ -n "${word}" ]]; then
    add_finding note data "Not looked deeper: ${word}"
    return
  fi
  place="${place:-${scratch}}"
  bytes="${seen[data.bytes]}"
  free=$(deep_free "${place}")
  tell "Copying ${bytes} bytes of ${ETCD_DIR} to ${place} (${free} bytes free there)"
  if ((free < bytes + bytes / 4 + 64 * 1024 * 1024)); then
    add_finding problem data "${place} has too little space for a copy" \
      "$((bytes + bytes / 4 + 64 * 1024 * 1024)) bytes" "${free} bytes" \
      'run triage.sh --deep DIRECTORY with a directory on a disk with enough space'
    return
  fi
  since=$(uptime_seconds)
  deep_copy=$(mktemp -d -- "${place}/plan-triage.XXXXXXXX")
  "${AT_MOST[@]}" 900 cp -aL --sparse=always -- "${ETCD_DIR}" "${deep_copy}/etcd"
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  word=$(loopback_port "$((port + 1))")
  exec {LOCK}</dev/null # launch_etcd closes the lock of the scripts
  launch_etcd "${deep_copy}/log" --name "${HOST}" --data-dir "${deep_copy}/etcd" \
    --force-new-cluster --listen-client-urls "${url}" --advertise-client-urls "${url}" \
    --listen-peer-urls "https://127.0.0.1:${word}" "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  word='none'
  while [[ "${word}" != 'leader' && -d "/proc/${etcd_pid}" ]]; do
    now=$(uptime_seconds)
    ((now - since < 900)) || break
    sleep 0.2
    word=$(member_health 127.0.0.1 "${port}")
  done
  if [[ "${word}" == 'leader' ]]; then
    deep_figures "${port}"
  else
    text=$(last_words "${deep_copy}/log")
    add_finding problem data 'etcd does not start on a copy of these data' '' "${text:-no output}" \
      'the database or its log may be damaged; compare with other hosts and saved snapshots'
  fi
  end_etcd
  now=$(uptime_seconds)
  note n data.deepSeconds "$((now - since))"
  rm -rf -- "${deep_copy:?}"
}

# deep_refusal: why there is nothing to copy, or nothing.
deep_refusal() {
  local row own
  row="${seen["hosts.${HOST}.etcd"]:-none}"
  own=$(cd -P -- "${deep:-/}" 2>/dev/null && printf '%s/' "${PWD}") || own=''
  if [[ "${root}" != 'yes' || "${mode_here}" != 'server' ]]; then
    printf 'only root on a server host can read the data of a member\n'
  elif [[ -n "${seen["hosts.${HOST}.revision"]:-}" ]]; then
    printf 'the etcd of this host runs and has reported what it holds (%s)\n' "${row}"
  elif [[ "${seen[data.database]:-none}" != 'file' || -z "${seen[data.bytes]:-}" ]]; then
    printf 'this host has no database that can be read\n'
  elif [[ "${seen[data.inUse]:-true}" != 'false' ]]; then
    printf 'a process has the database open, so a copy could be torn. A Control Plane that waits '
    printf 'for its quorum ends within a minute: run this again then\n'
  elif [[ -z "${own}" || "${own}" == "${DATA_DIR}/"* ]]; then
    printf '%s is not a directory outside of %s\n' "${deep}" "${DATA_DIR}"
  fi
}

# add_finding LEVEL ABOUT WHAT [EXPECTED FOUND REMEDY]
add_finding() {
  local part text=''
  for part in "$1" "$2" "$3" "${4:-}" "${5:-}" "${6:-}"; do
    text="${text}${text:+|}${part//[$'|\t\n']/ }"
    [[ -n "${text}" ]] || text='-'
  done
  findings+=("${text}")
}

# deep_free DIRECTORY: the bytes that a copy there may use: never more than half of the free memory.
deep_free() {
  local free kind memory
  free=$(df --output=avail -B1 -- "$1")
  free=$(sed -n '2{s/[^0-9]//g;p}' <<<"${free}")
  kind=$(stat -f -c %T -- "$1")
  if [[ "${kind}" == 'tmpfs' || "${kind}" == 'ramfs' ]]; then
    memory=$(awk '$1 == "MemAvailable:" { printf "%.0f", $2 * 512 }' /proc/meminfo)
    ((memory >= free)) || free="${memory}"
  fi
  printf '%s\n' "${free}"
}

# uptime_seconds: seconds since this machine started, on a clock that is never set.
uptime_seconds() {
  local up
  read -r up _ </proc/uptime
  printf '%s\n' "${up%%.*}"
}

# loopback_port FROM: the first port from FROM that no process listens on.
loopback_port() {
  local port="$1" hex text
  text=$(listening)
  printf -v hex ':%04X' "${port}"
  while [[ "${text}" == *"${hex} "* ]]; do
    port=$((port + 1))
    printf -v hex ':%04X' "${port}"
  done
  printf '%s\n' "${port}"
}

# listening: the local ports that something listens on, as /proc writes them, with the socket's
# inode.
listening() {
  local text=''
  local -a tables=(/proc/net/tcp)
  [[ ! -e /proc/net/tcp6 ]] || tables+=(/proc/net/tcp6)
  text=$(cat -- "${tables[@]}" 2>"${scratch}/complaint") || text=''
  [[ "${text}" == *local_address* ]] || stop "${UNAVAILABLE}" \
    'cannot tell which ports of this machine are in use' 'the table /proc/net/tcp' \
    "$(<"${scratch}/complaint")" 'run this script as root on the machine itself, with /proc mounted'
  awk '$4 == "0A" { print substr($2, length($2) - 4), $10 }' <<<"${text}"
}

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, through mutate. It does not
# inherit the lock. If this script is killed, the second process ends it.
launch_etcd() {
  etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
  {
    tail --pid="$$" -s 0.5 -f /dev/null
    kill -KILL "${etcd_pid}"
  } {LOCK}<&- >/dev/null 2>&1 &
  etcd_guard=$!
  disown "${etcd_guard}"
}

# deep_figures PORT: revision and keys of the copy. Its raft index says nothing: the start as a
# cluster of one has added entries.
deep_figures() {
  local kind path value loss
  triage_figures deep 127.0.0.1 "$1" >"${scratch}/deep"
  while IFS=$'\t' read -r kind path value; do
    case "${path}" in
      deep.revision | deep.keys) note "${kind}" "data.${path#deep.}" "${value}" ;;
      *) ;;
    esac
  done <"${scratch}/deep"
  loss=$(salvage_snapshot_loss "${deep_copy}/log")
  note s data.loss "${loss#loss: }"
}

# salvage_snapshot_loss LOG: the entries that etcd discarded, as a sentence.
salvage_snapshot_loss() {
  local text count
  text=$(grep -F -e 'discarding uncommitted WAL entries' -- "$1") || true
  if [[ -z "${text}" ]]; then
    printf 'loss: nothing that this host had received\n'
    return
  fi
  count=$(jq -r '.["number-of-discarded-entries"] // "uncommitted"' <<<"${text}")
  printf 'loss: the last %s log entries that this host had received, %s\n' "${count}" \
    'which may or may not have been committed'
}

# last_words FILE: the line that says why a tool ended, without Go stack traces.
last_words() {
  awk '/^goroutine [0-9]/ { exit }
    /^(panic|Error|fatal error|unexpected fault)/ || /"level":"(fatal|panic|error)"/ { cause = $0 }
    /[^ \t]/ { last = $0 }
    END {
      sub(/,"stacktrace":.*/, "}", cause)
      print substr(cause == "" ? last : cause, 1, 400)
    }' "$1"
}

# end_etcd: ends the etcd of this script, by its pid. etcd is crash-safe; with watchers connected
# TERM takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  # In the EXIT trap, a bare return would return the status from before the trap, and end it.
  if [[ -z "${etcd_pid}" ]]; then
    return 0
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  end_process "${etcd_guard}"
  etcd_pid=''
}

# find_out: a finding for everything that was looked at.
find_out() {
  find_hosts
  find_machine
  find_data
  find_snapshots
  find_checks
}

find_hosts() {
  local row host mode word who figures gap worst=0 asked='no'
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode _ <<<"${row}"
    who="${host} (${ADDRESSES["${host}"]%% *})"
    [[ "${host}" != "${HOST}" ]] || who="${host} (this host)"
    gap="${seen["hosts.${host}.clockGap"]:-}"
    if [[ -n "${gap}" && "${host}" != "${HOST}" ]]; then
      asked='yes'
      if ((gap > 30)); then
        add_finding problem clocks "the clocks of ${HOST} and ${host} differ" 'at most 30 s' \
          "${gap} s" 'set the clocks (chronyc makestep)'
      fi
      worst=$((gap > worst ? gap : worst))
    fi
    if [[ "${mode}" == 'client' ]]; then
      find_client "${host}" "${who}"
      continue
    fi
    word="${seen["hosts.${host}.etcd"]:-none}"
    figures="revision ${seen["hosts.${host}.revision"]:-unknown}, raft index \
${seen["hosts.${host}.raftIndex"]:-unknown}, cluster ${seen["hosts.${host}.clusterId"]:-unknown}"
    case "${word}" in
      leader) add_finding ok hosts "${who} has a leader: ${figures}" ;;
      no-leader) add_finding problem hosts "${who} runs without a leader: ${figures}" ;;
      closed)
        add_finding problem hosts "${who} is up, and its etcd does not listen" '' '' \
          'if its disk is good, start its Control Plane before you recover'
        ;;
      silent) add_finding problem hosts "${who} does not answer" ;;
      unasked)
        add_finding unknown hosts \
          "${who} has an open etcd port, and cannot be asked without certificates"
        ;;
      none) add_finding problem hosts "${who} gives no answer within ${limit} s" ;;
      mute)
        add_finding problem hosts "${who} accepts connections and gives no answer within ${limit} s"
        ;;
      broken)
        add_finding unknown hosts "${who} cannot be asked" '' \
          "${seen["hosts.${host}.detail"]:-}" 'check certificates and names on this host'
        ;;
      *) add_finding unknown hosts "${who} says ${seen["hosts.${host}.detail"]:-${word}}" ;;
    esac
    if [[ "${seen["hosts.${host}.api"]:-}" == 409 ]]; then
      add_finding problem hosts "the Control Plane of ${host} has no cluster (it answers 409)"
    fi
  done
  if [[ "${asked}" == 'yes' ]] && ((worst <= 30)); then
    add_finding ok clocks "the clocks of the hosts that answer differ by ${worst} s at most"
  fi
}

# find_client HOST WHO
find_client() {
  case "${seen["hosts.$1.api"]:-}:${seen["hosts.$1.apiPort"]:-none}" in
    200:*) add_finding ok hosts "$2, a client host, serves the API" ;;
    *:open) add_finding note hosts "$2, a client host, runs; its API gives no list of hosts" ;;
    *:closed)
      add_finding note hosts "$2, a client host, is up; its Control Plane does not listen"
      ;;
    *:unreachable) add_finding note hosts "$2, a client host, gives no answer within ${limit} s" ;;
    *) add_finding note hosts "$2, a client host, was not asked or gave no answer" ;;
  esac
}

# find_machine: Docker, Swarm, the service and the container of this host, and what recoveries left.
find_machine() {
  local word advice scale number=0
  word="${seen[swarm.state]:-none}"
  case "${word}" in
    manager) add_finding ok swarm 'Docker answers, and its Swarm has a leader' ;;
    worker)
      if [[ "${mode_here}" == 'client' ]]; then
        add_finding ok swarm 'Docker answers; this machine is a worker of a Swarm'
      else
        add_finding problem swarm 'this server host is a worker of its Swarm, not a manager'
      fi
      ;;
    down) ;; # the check of Docker says more
    none) add_finding unknown swarm "Docker gives no answer within ${limit} s" '' '' \
      'check systemctl status docker' ;;
    leaderless)
      add_finding problem swarm 'Docker answers, and its Swarm has no leader' '' '' \
        'phase 1 revives it if its quorum is lost'
      ;;
    *)
      advice=$(swarm_advice "${word}")
      add_finding problem swarm "the state of Swarm on this host is ${word}" '' \
        "${seen[swarm.complaint]:-}" "${advice}"
      ;;
  esac
  word="${seen[controlPlane.container]:-none}"
  scale="${seen["services.${SERVICE}"]:-unknown}"
  case "${word}" in
    running)
      add_finding ok controlPlane "the Control Plane of this host runs (${SERVICE} at ${scale})"
      ;;
    gone)
      add_finding problem controlPlane \
        "the Control Plane of this host does not run (${SERVICE} at ${scale})"
      ;;
    *)
      add_finding unknown controlPlane 'whether the Control Plane of this host runs is not known'
      ;;
  esac
  while [[ -n "${seen["recoveries.[${number}].folder"]:-}" ]]; do
    word="${seen["recoveries.[${number}].state"]}"
    scale='note'
    [[ "${word}" =~ ^(closed|undone)$ ]] || scale='problem'
    add_finding "${scale}" recoveries \
      "a recovery was begun on this host: ${seen["recoveries.[${number}].folder"]} is ${word}" \
      '' '' 'bash recover.sh --status of its bundle says how far it is'
    number=$((number + 1))
  done
}

# swarm_advice WORD: what to do about any word except manager and leaderless.
swarm_advice() {
  case "$1" in
    down) printf 'start Docker (systemctl start docker), then run this script again\n' ;;
    locked) printf 'run docker swarm unlock (it asks for the key), then run this script again\n' ;;
    error)
      printf 'check docker info and journalctl -u docker; if the error stays, run systemctl '
      printf 'restart docker (containers of this host restart), then run this script again\n'
      ;;
    inactive)
      printf 'if this is a new machine, declare it replaced in the inventory and compile again\n'
      ;;
    worker) printf \
      'run docker node promote on a manager of its Swarm, then run this script again\n' ;;
    *) printf 'check docker info, wait a minute, then run this script again\n' ;;
  esac
}

# find_data: what the data of this host hold.
find_data() {
  local how="run triage.sh --deep, which copies ${seen[data.bytes]:-unknown} bytes into memory, or \
--deep DIRECTORY" revision="${seen[data.revision]:-}"
  if [[ "${mode_here}" != 'server' ]]; then
    note s data.state 'client'
    return
  fi
  if [[ -n "${seen["hosts.${HOST}.revision"]:-}" ]]; then
    note s data.state 'running'
    data_runs
  elif [[ "${root}" != 'yes' || -z "${seen[data.inUse]:-}" ]]; then
    note s data.state 'unread'
    add_finding unknown data 'what the data of this host hold is not known' '' '' \
      'run triage.sh as root; check mount and dmesg if its disk does not answer'
  elif [[ "${seen["hosts.${HOST}.etcd"]:-}" =~ ^(leader|no-leader|unsettled)$ ]]; then
    note s data.state 'unread'
    add_finding unknown data \
      "the etcd of this host did not report what it holds within ${limit} s" '' '' \
      'run triage.sh again, with --limit 10'
  elif [[ "${seen[data.database]:-}" != 'file' ]]; then
    note s data.state 'absent'
    add_finding problem data "this host has no database (member/snap/db is ${seen[data.database]})"
  elif [[ -n "${revision}" ]]; then
    note s data.state 'copy'
    add_finding ok data "the data of this host hold revision ${revision}, \
${seen[data.keys]:-unknown} keys, last written ${seen[data.lastWrite]}. A salvage loses \
${seen[data.loss]:-nothing}"
  else
    note s data.state 'stopped'
    [[ "${seen[data.inUse]}" == 'false' ]] \
      || how='a process has the database open; when it has ended, run triage.sh --deep'
    add_finding note data "the data of this host hold raft index \
${seen[data.raftIndexAtLeast]:-unknown} or more; ${seen[data.databaseBytes]} bytes, last written \
${seen[data.lastWrite]}" '' '' "for the revision, ${how}"
  fi
  if [[ -n "${seen[data.restoredBy]:-}" ]]; then
    add_finding note data "these data were restored by the recovery ${seen[data.restoredBy]}"
  fi
}

# data_runs: the etcd of this host runs, so its own figures count.
data_runs() {
  local field
  for field in revision raftIndex committed keys raftTerm databaseBytes; do
    note n "data.${field}" "${seen["hosts.${HOST}.${field}"]:-}"
  done
  note s data.clusterId "${seen["hosts.${HOST}.clusterId"]:-}"
  note s data.memberId "${seen["hosts.${HOST}.memberId"]:-}"
  add_finding ok data "the data of this host hold revision ${seen[data.revision]}, \
${seen[data.keys]:-unknown} keys, ${seen[data.databaseBytes]:-unknown} bytes, last written \
${seen[data.lastWrite]:-unknown}"
}

find_snapshots() {
  local number=0 at path level text
  while [[ -n "${seen["snapshots.[${number}].path"]:-}" ]]; do
    at="snapshots.[${number}]"
    path="${seen["${at}.path"]}"
    level='note'
    text="of ${seen["${at}.written"]}, revision ${seen["${at}.revision"]:-unknown}"
    case "${seen["${at}.kind"]:-}:${seen["${at}.checksum"]:-}:${seen["${at}.ca"]:+ours}" in
      saved:good:ours) text="${text}, complete" ;;
      saved:bad:*) level='problem' text="${text}, damaged: its checksum does not match" ;;
      broken:*) level='problem' text="${text}, incomplete" ;;
      raw:*:ours) text="${text}, a copy without a checksum" ;;
      *:none) text="${text}, not checked" ;;
      *) text="${text}, not found to belong to the CA of this host, or not checked in time" ;;
    esac
    add_finding "${level}" snapshots "snapshot ${path} ${text}"
    number=$((number + 1))
  done
  if [[ "${result_of[snapshots]:-0}" == 'none' ]]; then
    add_finding unknown snapshots "not all snapshots were read within ${limit} s" '' '' \
      'run triage.sh with --limit 60'
  fi
}

# find_checks: the checks of the guards of the scripts, by their own functions.
find_checks() {
  if [[ "${root}" != 'yes' ]]; then
    add_finding unknown root \
      'not root, so members, data, certificates and snapshots were not looked at' '' '' \
      'run it as root, for example with sudo'
  fi
  find_check docker 'whether Docker is that of this machine'
  find_check user 'the etcd user of this host'
  find_check directory 'the data directory'
  find_check service 'which directory the service mounts'
  find_check certificates 'the certificates'
  find_check space 'the free space'
  find_tools
}

# find_check NAME WHAT: what a guard has said.
find_check() {
  local what expected found remedy line level='problem' text
  case "${result_of["$1"]:-unasked}" in
    unasked) return 0 ;;
    none)
      add_finding unknown "$1" "$2 was not checked within ${limit} s"
      return
      ;;
    0)
      while IFS= read -r line; do
        [[ "${line}" != *'Check passed: '* ]] || add_finding ok "$1" "${line#*Check passed: }"
      done <"${scratch}/$1/words"
      return
      ;;
    "${BUSY}") level='unknown' ;;
    *) ;;
  esac
  text=$(complaint_of "${scratch}/$1/words")
  IFS='|' read -r what expected found remedy <<<"${text}"
  if [[ -z "${what}" ]]; then
    level='unknown'
    what="cannot check $2"
    found=$(tail -n 1 -- "${scratch}/$1/words")
  fi
  add_finding "${level}" "$1" "${what}" "${expected}" "${found}" "${remedy}"
}

# find_tools: the tools that the scripts need on this host.
find_tools() {
  local tool missing='' usable='yes' what expected found remedy
  local -a tools=("${SERVER_TOOLS[@]}")
  [[ "${mode_here}" == 'server' ]] || tools=("${CLIENT_TOOLS[@]}")
  for tool in "${tools[@]}"; do
    case "${seen["tools.${tool}.state"]:-none}" in
      ok) ;;
      missing) missing="${missing} ${tool}" ;;
      none) usable='unknown' ;;
      *)
        usable='no'
        IFS='|' read -r what expected found remedy <<<"${seen["tools.${tool}.complaint"]:-}"
        add_finding problem tools "${what:-${tool} does not work}" "${expected}" "${found}" \
          "${remedy}"
        ;;
    esac
  done
  if [[ -n "${missing}" ]]; then
    add_finding problem tools "required tools are missing (${missing# })" '' '' \
      'install them (etcd, etcdctl, etcdutl: release 3.6)'
  elif [[ "${usable}" == 'unknown' ]]; then
    add_finding unknown tools "not all tools were checked within ${limit} s"
  elif [[ "${usable}" == 'yes' ]]; then
    add_finding ok tools "the ${#tools[@]} tools that the scripts need are there and usable"
  fi
}

# show_json: the evidence as one JSON object on standard output.
show_json() {
  local number=0 finding line about what expected found remedy name
  for finding in "${findings[@]}"; do
    IFS='|' read -r line about what expected found remedy <<<"${finding}"
    note s "findings.[${number}].level" "${line}"
    note s "findings.[${number}].about" "${about}"
    note s "findings.[${number}].what" "${what}"
    note s "findings.[${number}].expected" "${expected}"
    note s "findings.[${number}].found" "${found}"
    note s "findings.[${number}].remedy" "${remedy}"
    number=$((number + 1))
  done
  number=0
  for name in "${!result_of[@]}"; do
    if [[ "${result_of["${name}"]}" == 'none' ]]; then
      printf '%s\n' "${name}"
    fi
  done | sort >"${scratch}/unanswered"
  while IFS= read -r name; do
    note s "unanswered.[${number}]" "${name}"
    number=$((number + 1))
  done <"${scratch}/unanswered"
  jq -n --rawfile lines "${scratch}/evidence" "${EVIDENCE_JQ}"
}

# A trace would print passwords. PLAN_FLAGS has the flags of the shell that was started first.
refuse_xtrace() {
  if [[ "${PLAN_FLAGS:-}$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'shell tracing (set -x) is on and would print passwords' '' '' \
      'run this script without -x'
  fi
}

# find_host SECONDS: sets HOST by the machine id or by an address of this machine. Names in the plan
# are resolved at once, each within the limit. If several hosts of the plan run on this machine,
# HOST must already be one of them (--host).
find_host() {
  local own machine='' host address found='' resolved asked="${HOST}"
  local -a names=() addresses=()
  own=$(own_addresses)
  machine=$(cat /etc/machine-id 2>/dev/null) || true
  for host in "${!ADDRESSES[@]}"; do
    if [[ -n "${MACHINE_IDS["${host}"]:-}" ]]; then
      [[ "${machine}" != "${MACHINE_IDS["${host}"]}" ]] || found="${found} ${host}"
      continue
    fi
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    for address in "${addresses[@]}"; do
      if [[ ! "${address}" =~ ^[0-9.]+$|: ]]; then
        names+=("${host}" "${address}")
      elif [[ " ${own} " == *" ${address} "* ]]; then
        found="${found} ${host}"
      fi
    done
  done
  if [[ -z "${found}" && ${#names[@]} -gt 0 ]]; then
    resolved=$(find_host_resolve "$1" "${names[@]}")
    while read -r host address; do
      [[ " ${own} " != *" ${address:-none} "* ]] || found="${found} ${host}"
    done <<<"${resolved}"
  fi
  found=$(tr ' ' '\n' <<<"${found}" | sort -u | tr '\n' ' ')
  found="${found# }"
  found="${found% }"
  [[ -n "${found}" ]] || stop "${MISMATCH}" 'this machine is no host of this plan' \
    "one of ${!ADDRESSES[*]}" "addresses ${own}" "run ${0##*/} on a host of the plan"
  HOST="${asked:-${found}}"
  [[ " ${found} " == *" ${HOST} "* ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
    "${HOST}" "${found}" "run ${0##*/} on ${HOST}"
  [[ "${HOST}" != *' '* ]] || stop "${USAGE}" 'several hosts of this plan run on this machine' \
    'one of them, given with --host' "${found}" "run ${0##*/} --host HOST for each of them"
}

# find_host_resolve SECONDS HOST NAME [HOST NAME]...: `HOST ADDRESS` for each address of each name.
find_host_resolve() {
  local limit="$1"
  shift
  while (($# > 0)); do
    {
      "${AT_MOST[@]}" "${limit}" getent ahosts "$2" | awk -v host="$1" \
        '!seen[$1]++ { print host, $1 }' || true
    } &
    shift 2
  done
  wait
}

# take_scratch: a private directory in memory. Tokens, passwords and answers never reach a disk,
# even if this script is killed. bash keeps long here-strings there, too.
take_scratch() {
  local place kind left pid
  for place in /dev/shm /run; do
    kind=$(stat -f -c %T "${place}" 2>/dev/null) || kind='none'
    if [[ "${kind}" == 'tmpfs' || "${kind}" == 'ramfs' ]] && [[ -w "${place}" ]]; then
      # Left by a killed script; the name contains its process id.
      for left in "${place}"/plan-recovery.*.*; do
        pid="${left#"${place}"/plan-recovery.}"
        if [[ -O "${left}" && -d "${left}" && ! -L "${left}" && ! -e "/proc/${pid%%.*}" ]]; then
          rm -rf -- "${left:?}"
        fi
      done
      scratch=$(mktemp -d "${place}/plan-recovery.$$.XXXXXXXX")
      export TMPDIR="${scratch}"
      return
    fi
  done
  stop "${UNAVAILABLE}" 'no in-memory file system for temporary files' \
    'a tmpfs at /dev/shm or /run' "${kind}" \
    'run mount -t tmpfs tmpfs /dev/shm, then run this script again'
}

# compare FILE...: the ranking, then the bundle and the first command.
compare() {
  local file text status=0 host
  : >"${scratch}/files"
  for file in "$@"; do
    text=$(jq -c --arg file "${file}" '{file: $file, evidence: .}' \
      -- "${file}" 2>"${scratch}/err") || status=$?
    # More than one value in a file, or none, is no evidence either.
    if ((status != 0)) || [[ -z "${text}" || "${text}" == *$'\n'* ]]; then
      text=$(jq -nc --arg file "${file}" '{file: $file, problem: "it is not one JSON object"}')
      status=0
    fi
    printf '%s\n' "${text}" >>"${scratch}/files"
  done
  text=$(compare_evidence)
  if [[ "${action}" == 'json' ]]; then
    printf '%s\n' "${text}"
  else
    jq -r '.lines[]' <<<"${text}"
  fi
  host=$(jq -r '.host // ""' <<<"${text}")
  [[ -n "${host}" ]] || exit "${MISMATCH}"
  text=$(jq -r '.snapshot.path // ""' <<<"${text}")
  compare_next "${host}" "${text}"
}

# compare_evidence: the result of the program, as JSON.
compare_evidence() {
  local now left preferred
  printf -v now '%(%s)T' -1
  left=$(jq -nc --args '$ARGS.positional' -- "${without[@]}")
  preferred=$(recovery_host_of "${0%/*}")
  jq -s --argjson now "${now}" --argjson without "${left}" --arg preferred "${preferred}" \
    "${COMPARE_JQ}" "${scratch}/files"
}

# recovery_host_of FOLDER: the recovery host of the bundle there, or nothing.
recovery_host_of() {
  if [[ -r "$1/plan.json" ]]; then
    jq -r '.recovery.host // ""' -- "$1/plan.json" 2>/dev/null || true
  fi
}

# compare_next HOST SNAPSHOT: the bundle whose recovery host it is, and the first command.
compare_next() {
  local place folder='' host text=''
  for place in "${0%/*}" "${0%/*}/$1" "${0%/*}/../$1"; do
    host=$(recovery_host_of "${place}")
    if [[ -z "${folder}" && "${host}" == "$1" ]]; then
      folder="${place}"
    fi
  done
  if [[ -n "$2" && "$2" != "${SNAPSHOT_FILE}" ]]; then
    tell "The bundle restores no such snapshot. At a workstation, run plan choose with the same \
files, or set recovery.host to $1 and recovery.snapshot.path to $2, and compile again."
    return
  elif [[ -z "${folder}" ]]; then
    tell "No bundle here has the recovery host $1. At a workstation, run plan choose with the same \
files, or set recovery.host to $1 and compile again."
    return
  fi
  [[ -z "${ADDRESSES["$1"]:-}" ]] || text=" (${ADDRESSES["$1"]%% *})"
  tell "Bundle: ${folder}"
  tell "First command: log in to $1${text}, change to this folder there, and run: bash recover.sh"
}

# end_children: ends the background processes of this script.
end_children() {
  # A trap may run within IFS= read.
  local pid pids IFS=$' \t\n'
  pids=$(jobs -p)
  for pid in ${pids}; do
    end_process "${pid}"
  done
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  prepare "$@"

  readonly ETCD_DIR="${DATA_DIR}/etcd"

  readonly CONFIG="${DATA_DIR}/generated.config.json"

  readonly CERTIFICATES="${DATA_DIR}/certificates"

  # For health and metrics of an etcd, which are served over HTTP without a login.
  readonly -a ETCD_CURL=(-q --silent --noproxy '*' --globoff --cacert "${CERTIFICATES}/ca.crt"
    --cert "${CERTIFICATES}/etcd-user.crt" --key "${CERTIFICATES}/etcd-user.key")

  # As in the Control Plane: the trusted CA alone requires a client certificate. With
  # --client-cert-auth the certificate's name would count as a login.
  readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
    --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
    --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
    --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
    --peer-key-file "${CERTIFICATES}/etcd-server.key")

  main
fi
