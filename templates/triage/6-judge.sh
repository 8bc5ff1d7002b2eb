# The verdict, and one finding for each thing that was looked at.
findings=() # LEVEL|ABOUT|WHAT|EXPECTED|FOUND|REMEDY; LEVEL is problem, unknown, note or ok

# add_finding LEVEL ABOUT WHAT [EXPECTED FOUND REMEDY]
add_finding() {
  local part text=''
  for part in "$1" "$2" "$3" "${4:-}" "${5:-}" "${6:-}"; do
    text="${text}${text:+|}${part//[$'|\t\n']/ }"
    [[ -n "${text}" ]] || text='-'
  done
  findings+=("${text}")
}

# listed WORD...: WORD, WORD, ...
listed() {
  local text="$*"
  printf '%s\n' "${text// /, }"
}

verdict='' # kept | lost | unclear | split

verdict_words=''

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
