# Whether the Swarm's own quorum is lost. Watched over time, because a revival cannot be undone.
swarm_seen='' # the result of watch_swarm: revive | manager | another word of swarm_word, and why

# watch_swarm: one line. manager: it has a leader. revive WHY: its quorum is lost: no leader for 15
# s, or a manager has waited for its quorum for 30 s, or most managers cannot be reached for 30 s
# and a harmless write is refused. Otherwise a word of swarm_word.
watch_swarm() {
  local word start now since seen='' reached
  start=$(uptime_seconds)
  since="${start}"
  while true; do
    word=$(leader_word)
    now=$(uptime_seconds)
    if [[ "${word}" != "${seen}" ]]; then
      since="${now}"
    fi
    # The first probe may have hung: count from its start.
    if [[ -z "${seen}" ]]; then
      since="${start}"
    fi
    seen="${word}"
    case "${word}" in
      manager | leaderless)
        reached=$(managers_reached)
        if [[ "${word}" == 'manager' && "${reached%% *}" != 'lost' ]]; then
          printf 'manager\n'
          return
        elif [[ "${word}:${reached%% *}" == 'leaderless:lost' ]] && ((now - since >= 15)); then
          printf 'revive no leader for %s s, %s\n' "$((now - since))" "${reached#* }"
          return
        elif [[ "${word}" == 'manager' ]] && ((now - since >= 30)); then
          word=$(harmless_write)
          if [[ "${word}" == 'refused' ]]; then
            printf 'revive %s for %s s, and no write\n' "${reached#* }" "$((now - since))"
          else
            printf 'manager\n'
          fi
          return
        fi
        ;;
      recovering)
        if ((now - since >= 30)); then
          printf 'revive a manager has waited for its quorum for %s s\n' "$((now - since))"
          return
        fi
        ;;
      pending | error | down)
        if ((now - since >= 30)); then
          printf '%s\n' "${word}"
          return
        fi
        ;;
      *)
        printf '%s\n' "${word}"
        return
        ;;
    esac
    if ((now - start >= DEADLINE_SWARM)); then
      printf '%s for %s s\n' "${word}" "$((now - start))"
      return
    fi
    sleep 2
  done
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

# managers_reached: reached | lost | unknown, and the count: whether a majority of the managers that
# this machine knows, including itself, accepts a connection.
managers_reached() {
  local text manager host word known=0 up=0
  local -a ports=()
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{range .Swarm.RemoteManagers}}{{println .Addr}}{{end}}' 2>/dev/null) || text=''
  while IFS= read -r manager; do
    if [[ -z "${manager}" ]]; then
      continue
    fi
    known=$((known + 1))
    host="${manager%:*}"
    host="${host#\[}"
    host="${host%\]}"
    if [[ " ${HOST_ADDRESSES[*]} " == *" ${host} "* ]]; then
      up=$((up + 1))
    else
      ports+=("${host}" "${manager##*:}")
    fi
  done <<<"${text}"
  text=$(port_words "${ports[@]}")
  while IFS= read -r word; do
    if [[ "${word}" == 'open' ]]; then
      up=$((up + 1))
    fi
  done <<<"${text}"
  if ((known == 0)); then
    printf 'unknown no managers known\n'
  elif ((up > known / 2)); then
    printf 'reached %s of %s managers reached\n' "${up}" "${known}"
  else
    printf 'lost %s of %s managers reached\n' "${up}" "${known}"
  fi
}

# harmless_write: accepted | refused: sets this node's availability to its present value.
harmless_write() {
  local node word status=0
  node=$(own_node)
  word=$(availability_of "${node}")
  if [[ "${word}" == 'unknown' ]]; then
    status=1
  else
    "${AT_MOST[@]}" 20 docker node update --availability "${word}" "${node}" >/dev/null 2>&1 \
      || status=$?
  fi
  if ((status == 0)); then printf 'accepted\n'; else printf 'refused\n'; fi
}

# recovery_marks: `NODE_ID HOSTNAME MARK` of each node of this Swarm that a recovery has marked. The
# script stops if Docker does not report them.
recovery_marks() {
  local ids text='' complaint status=0
  local -a nodes=()
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    mapfile -t nodes <<<"${ids}"
    text=$("${AT_MOST[@]}" 20 docker node inspect --format \
      '{{.ID}} {{.Description.Hostname}} {{index .Spec.Labels "plan.recovery"}}' \
      -- "${nodes[@]}" 2>"${scratch}/docker.err") || status=$?
  fi
  complaint=$(docker_complaint)
  ((status == 0)) || stop "${BUSY}" 'Docker does not report whether a recovery has been started' \
    'the labels of the nodes of this Swarm' "${complaint}" \
    'check docker node ls, then run this script again'
  awk 'NF == 3 && $3 != "<no" { print }' <<<"${text}"
}
