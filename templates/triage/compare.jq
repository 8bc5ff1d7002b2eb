# Evidence of several hosts -> which one holds the most, and what each other one would lose.
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
  }
