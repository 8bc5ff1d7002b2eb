# Guide 6.1f: counts started members that are not learners, because endpoint status of one endpoint
# always has one row. The threshold is the target for redundancy.
# prove_voter TARGET HOST...: the other server hosts that this plan brings back.
prove_voter() {
  local threshold="$1" count names left='' host total="${#SERVERS[@]}"
  local check="docker service logs ${SERVICE}; on ${RECOVERY_HOST}: etcdctl member list"
  wait_until "${DEADLINE_JOIN}" voter "${HOST} is a started voting member" \
    "${check}" entry_word "${DATA_DIR}"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} is healthy and has a fresh status" \
    "${check}" host_word "${HOST}"
  if ((work > 0)); then
    cannot_know 'the number of voters'
    return
  fi
  entry_word "${DATA_DIR}" >"${scratch}/word"
  names=$(member_lines <"${scratch}/etcd.out" \
    | awk -F '|' '$2 == "started" && $5 == "false" { print $3 }')
  count=$(grep -c . <<<"${names}" || true)
  for host in "${@:2}"; do
    if [[ $'\n'"${names}"$'\n' != *$'\n'"${host}"$'\n'* ]]; then
      left="${left}${left:+, }${host}"
    fi
  done
  if ((count >= threshold)); then
    say "${count} of ${total} server hosts vote; the target of ${threshold} is reached"
  elif [[ -n "${left}" ]]; then
    say "${count} of ${total} server hosts vote; the target is ${threshold}. Bring back the next"
  else
    say "${count} of ${total} server hosts vote; the target of ${threshold} is not reached, and"
    say 'this plan brings back no other server host'
  fi
  if ((count == 2)); then
    say 'TWO VOTERS: the loss of either stops both. Do not stop, restart or rescale either of them'
    if [[ -n "${left}" ]]; then
      say "until a third votes. Continue with the next host now (${left})"
    else
      say 'until a third votes. They tolerate no loss, and this plan has no other server host.'
      say 'To add one, start a Control Plane on a new machine, GET /v1/cluster/join-token here, and'
      say 'POST it to /v1/cluster/join there'
    fi
  fi
  prove_voter_note
  prove_voter_tidy "${names}"
}

# For undo: from here on this host takes part, and its old data are no longer a way back.
prove_voter_note() {
  local note="${HOST} is a voter of the cluster that was restored in incident ${incident}"
  if [[ -e "${STATE}/cleared" && ! -e "${STATE}/returned" ]]; then
    mutate write_file "${STATE}/returned" 0600 "${note}"
  fi
}

# prove_voter_tidy VOTER_NAMES: removes the variable of the reattachment if phase 8 has already
# closed the recovery (no node of the Swarm is marked), but never by restarting one of two voters.
prove_voter_tidy() {
  local mine marks before since word
  local -a voters=()
  mapfile -t voters <<<"$1"
  mine=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{index .Spec.Labels "plan.recovery.env"}}' -- "${SERVICE}" 2>"${scratch}/docker.err") \
    || mine=''
  if [[ "${mine}" != 1 ]]; then
    return
  fi
  marks=$(prove_voter_marks)
  if [[ "${marks}" != 'none' ]]; then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE} until phase 8 has run"
    return
  elif ((${#voters[@]} < 3)); then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE}. Removing it would restart one of two voters."
    say 'When three vote, run this script again'
    return
  fi
  word=$(hosts_word '' "${voters[@]}")
  if [[ "${word}" != 'fresh' ]]; then
    say "PGEDGE_ETCD_MODE=server stays on ${SERVICE}. Removing it would restart a voter while"
    say "another is not healthy (${word}). When all are healthy, run this script again"
    return
  fi
  say 'This recovery is closed, so this script removes PGEDGE_ETCD_MODE'
  before=$(replaced_task "${SERVICE}")
  mutate docker_patiently service update --force --detach --env-rm PGEDGE_ETCD_MODE \
    --label-rm plan.recovery.env "${SERVICE}"
  wait_until "${DEADLINE_API}" running "a new task of ${SERVICE} runs" \
    'docker ps' task_word "${SERVICE}" '' "${before}"
  since=$(running_since "${SERVICE}")
  wait_until "${DEADLINE_API}" 200 "${API} serves the cluster" \
    'docker ps' api_word "${API}/v1/hosts"
  wait_until "${DEADLINE_FRESH}" fresh "${HOST} has a status from after its restart" \
    'docker ps' host_word "${HOST}" "${since}"
}

# prove_voter_marks: marked | none | unknown: whether a node of the Swarm has the mark of this
# recovery, which phase 1 sets and phase 8 removes.
prove_voter_marks() {
  local marks mark ids
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet 2>"${scratch}/docker.err") || ids=''
  if [[ -z "${ids}" ]]; then
    printf 'unknown\n'
    return
  fi
  marks=$(recovery_marks)
  while read -r _ _ mark; do
    if [[ "${mark}" == "${CLUSTER_TOKEN}-${incident}" ]]; then
      printf 'marked\n'
      return
    fi
  done <<<"${marks}"
  printf 'none\n'
}
