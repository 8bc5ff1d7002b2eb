# guide 6.1f: the guide counts the rows of endpoint status for one endpoint, which is always one.
# Counted are started members that are no learners; the threshold is the target for redundancy.
prove_voter() {
  local threshold="$1" count total="${#SERVERS[@]}"
  # shellcheck disable=SC2034  # wait_until prints it
  local diagnose="docker service logs ${SERVICE}; on ${RECOVERY_HOST}: etcdctl member list"
  wait_until "${DEADLINE_JOIN}" voter "${HOST} is a started voting member" \
    entry_word "${DATA_DIR}"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} is healthy, by a status written now" \
    host_word "${HOST}"
  if ((work > 0)); then
    cannot_know 'how many voters there are'
    return
  fi
  entry_word "${DATA_DIR}" >"${scratch}/word"
  count=$(member_lines <"${scratch}/etcd.out" \
    | awk -F '|' '$2 == "started" && $5 == "false" { n++ } END { print n + 0 }')
  if ((count >= threshold)); then
    say "${count} of ${total} server hosts vote; the target of ${threshold} is reached"
  else
    say "${count} of ${total} server hosts vote; the target is ${threshold}: bring back the next"
  fi
  if ((count == 2)); then
    say 'TWO VOTERS: the loss of either halts both. Stop, restart or rescale neither of them'
    if ((total > 2)); then
      say 'until a third votes: go on with the next host now'
    fi
  fi
}
