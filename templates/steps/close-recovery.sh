# Guide 8.4, the end: removes what the recovery added to Docker and closes the recovery; if the
# quorum is lost later, that is a new incident. The last lines report problems, what the cluster
# tolerates, and which machines must stay off. A later run reports them again.
close_recovery() {
  local word text list voters
  local -a away=()
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == 'unanswered' ]]; then
    text=$(tail -n 1 -- "${scratch}/etcdctl.err")
    ((work > 0)) || stop "${BUSY}" 'etcd does not report its members' 'a member list' "${text}" \
      'wait a minute, then run this script again'
  fi
  if ((work == 0)); then
    voters=$(awk -F '|' '$2 == "started" && $5 == "false" { print $3 }' <<<"${list}")
    text=$(close_recovery_away "${voters}")
    [[ -z "${text}" ]] || mapfile -t away <<<"${text}"
    close_recovery_rivals "${away[@]}"
  fi
  word=$(file_word "${STATE}/closed")
  if [[ "${word}" == 'file' ]]; then
    already 'this recovery is closed'
  else
    printf -v text 'plan %s, incident %s, closed %(%FT%T%z)T\n%s' \
      "${PLAN}" "${incident}" -1 "${list}"
    mutate write_file "${STATE}/closed" 0600 "${text}"
  fi
  close_recovery_mark
  if [[ "${list}" == 'unanswered' ]] || ((work > 0 && ${#away[@]} == 0)); then
    cannot_know 'what is left of the recovery, and what the cluster tolerates'
    return
  fi
  close_recovery_ours
  for text in "${away[@]}"; do
    close_recovery_old "${text}"
  done
  close_recovery_sum "${voters}"
}

# close_recovery_mark: removes the mark with which phase 1 prevents a second recovery.
close_recovery_mark() {
  local node mark='' status=0
  node=$("${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}' 2>"${scratch}/docker.err") \
    || status=$?
  if ((status == 0)); then
    mark=$("${AT_MOST[@]}" 20 docker node inspect \
      --format '{{index .Spec.Labels "plan.recovery"}}' -- "${node}" 2>"${scratch}/docker.err") \
      || status=$?
  fi
  if ((status != 0)); then
    mark=$(docker_complaint)
    stop "${BUSY}" 'Docker does not report the labels of this node' 'a reply' "${mark}" \
      'check docker node ls, then run this script again'
  fi
  case "${mark}" in
    "${CLUSTER_TOKEN}-"*) mutate docker_patiently node update --label-rm plan.recovery "${node}" ;;
    '' | '<no value>') already 'this node has no mark of a recovery' ;;
    *) say "This node keeps the mark of another plan, plan.recovery=${mark}" ;;
  esac
}

# close_recovery_away VOTERS: the other server hosts that are not started voters, one per line.
close_recovery_away() {
  local host
  for host in "${SERVERS[@]}"; do
    if [[ $'\n'"$1"$'\n' != *$'\n'"${host}"$'\n'* ]]; then
      printf '%s\n' "${host}"
    fi
  done
}

# close_recovery_asked HOST: the most significant answer of its addresses, as asked_word.
close_recovery_asked() {
  local line
  local -a lines=()
  for line in "${OTHERS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      lines+=("${line}")
    fi
  done
  line=$(ask_all asked_word -- "${lines[@]}")
  line="${line#* }"
  printf '%s\n' "${line:-silent}"
}

# close_recovery_rivals HOST...: the script stops if one of them has a leader: a second cluster.
close_recovery_rivals() {
  local host word
  for host in "$@"; do
    word=$(close_recovery_asked "${host}")
    [[ "${word}" != 'leader' ]] || stop "${MISMATCH}" \
      "${host} has a leader and does not vote here, so there are two clusters" \
      "${host} off, or a voter of this cluster" \
      'its etcd has a leader, or its API serves a cluster' \
      "stop its Control Plane or power it off now, keep its data, then run this script again"
  done
}

# close_recovery_old HOST: reports a machine that may still have its old data, and its present
# state.
close_recovery_old() {
  local host="$1" ways join word seen='' service node scale nodes status=0
  ways=$(ways_of "${host}")
  read -r _ _ join <<<"${ways}"
  say "${host} does not vote. Its old data must never start next to this cluster. Leave it off,"
  if [[ "${join}" != '-' ]]; then
    say "  or join it with ${join} on ${host}, then run this script again"
  else
    say "  and erase its data directory before it is used for anything else"
  fi
  word=$(close_recovery_asked "${host}")
  case "${word%% *}" in
    silent | closed) ;;
    *) seen="; it answers on its ports (${word})" ;;
  esac
  service=$(service_of_host "${host}")
  scale=$(service_scale "${service}")
  if [[ "${scale}" =~ ^[1-9]|^unknown$ ]]; then
    seen="${seen}; its service ${service} is at ${scale}"
  fi
  if [[ "${scale}" != 'absent' && "${scale}" != 'unknown' ]]; then
    node=$(node_of "${service}")
    nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' \
      2>"${scratch}/docker.err") || status=$?
    if ((status != 0)); then
      seen="${seen}; Docker does not report whether its node is ready"
    elif [[ -n "${node}" && $'\n'"${nodes}"$'\n' == *$'\n'"${node} Ready"$'\n'* ]]; then
      word=$("${AT_MOST[@]}" 20 docker node inspect \
        --format '{{if .ManagerStatus}}manager{{else}}worker{{end}}' -- "${node}") || word='unknown'
      seen="${seen}; its Swarm node is ready (${word})"
    fi
  fi
  if [[ -n "${seen}" ]]; then
    say "  WARNING: ${host} is on (${seen#; })"
  fi
}

# close_recovery_ours: what is left of this recovery.
close_recovery_ours() {
  local folder size line word
  for folder in "${DATA_DIR}"/plan-recovery/*; do
    if [[ -e "${folder}" ]]; then
      size=$("${AT_MOST[@]}" 30 du -sh -- "${folder}") || size='?'
      say "Left on this host: ${folder} (${size%%[[:space:]]*})"
    fi
  done
  say 'Every host that was cleared has the same folder. Remove them when you are sure.'
  for line in "${SERVICES[@]}"; do
    if [[ " ${SERVERS[*]} " != *" ${line%% *} "* ]]; then
      continue
    fi
    word=$(env_label "${line#* }")
    case "${word}" in
      none) ;;
      ours)
        say "Left on ${line#* }: PGEDGE_ETCD_MODE and the label plan.recovery.env"
        say '  This script removes them when more than two vote. To do it now, which restarts it:'
        word="${line#* }"
        line='docker service update --detach --env-rm PGEDGE_ETCD_MODE'
        say "  ${line} --label-rm plan.recovery.env ${word}"
        ;;
      *) say "Docker does not report the labels of ${line#* }" ;;
    esac
  done
}

# close_recovery_sum VOTERS: the last lines.
close_recovery_sum() {
  local count line
  if [[ -n "${unwell}" ]]; then
    while IFS= read -r line; do
      say "NOT AVAILABLE: ${line}"
    done <<<"${unwell}"
  else
    say 'Every database and instance is available.'
  fi
  count=$(grep -c . <<<"$1")
  line=$(arithmetic "${count}" "${#SERVERS[@]}")
  say "${line}"
  case "${count}" in
    1) say 'ONE VOTER: the next loss is total. Add server hosts.' ;;
    2) say 'TWO VOTERS: the loss of either stops both. Bring back or add a server host.' ;;
    *) ;;
  esac
}
