# What this machine says: Docker, the Control Plane of this host, its data, certificates and tools.

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

triage_swarm() {
  local word complaint
  word=$(leader_word)
  fact swarm.state "${word}"
  if [[ "${word}" == 'down' ]]; then
    complaint=$(docker_complaint)
    fact swarm.complaint "${complaint}"
  fi
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

varint=0 # the number that read_varint has read

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
