# Guide 4.4: exactly one member, started, voting, with the recovery host's name. The member list is
# read, because endpoint status of one endpoint always has one row.
prove_alone() {
  local list count strangers word
  if ((work > 0)); then
    cannot_know "whether ${RECOVERY_HOST} is the only member"
    return
  fi
  list=$(members "${RECOVERY_ENDPOINT}")
  count=$(wc -l <<<"${list}")
  word=$(pick_member "${RECOVERY_HOST}" "${PEER_URL}" <<<"${list}" | member_state)
  strangers=$(prove_alone_strangers "${list}")
  say "Members: ${list//$'\n'/; }"
  if [[ "${word}" != 'voter' || -n "${strangers}" ]]; then
    stop "${FAILED}" "the member list is not that of a restored ${RECOVERY_HOST}" \
      "${RECOVERY_HOST} as a started voter, and no member of another cluster" \
      "${RECOVERY_HOST} is ${word}; other members are ${strangers:-none}" \
      "stop every other server host's service, run ${UNDO_SCRIPT}, then start over with \
${FIRST_SCRIPT}"
  fi
  if ((count > 1)); then
    # A restored directory starts with one member; more members have joined in phase 6.
    word=$(progress)
    [[ "${word}" == 'restored' ]] || stop "${FAILED}" 'more than one member, but no restored etcd' \
      "an etcd restored by this plan on ${RECOVERY_HOST}" "${word}; ${count} members" \
      "run ${FIRST_SCRIPT} first, then the scripts after it"
    already "${count} members, so a later step of this recovery has run"
    return
  fi
  say "Check passed: ${RECOVERY_HOST} is the only member, started and voting"
  say 'This one voter is a quorum. It accepts writes and tolerates no loss.'
  if ((QUORUM_TARGET == 1)); then
    say 'No other server host is expected back. The next loss is total, so add server hosts.'
  else
    say "The target of this plan is ${QUORUM_TARGET} voters of ${#SERVERS[@]} server hosts."
  fi
}

# prove_alone_strangers LIST: member names that are not server hosts of the plan. An entry without a
# name is a member that is joining.
prove_alone_strangers() {
  local name text=''
  while IFS='|' read -r _ _ name _; do
    if [[ -n "${name}" && " ${SERVERS[*]} " != *" ${name} "* ]]; then
      text="${text} ${name}"
    fi
  done <<<"$1"
  printf '%s\n' "${text# }"
}
