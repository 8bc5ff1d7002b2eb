# Guide 4.4: exactly one member, started, voting, named as the recovery host. The guide's `endpoint
# status` of one endpoint has one row whatever the cluster looks like, so the member list is asked.
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
  say "members: ${list//$'\n'/; }"
  if [[ "${word}" != 'voter' || -n "${strangers}" ]]; then
    stop "${FAILED}" "the member list is not that of a restored ${RECOVERY_HOST}" \
      "${RECOVERY_HOST} as a started voter, and no member of another cluster" \
      "${RECOVERY_HOST}: ${word}; strangers: ${strangers:-none}" \
      "stop every other server host's service, undo/${RECOVERY_HOST}.sh, then phases 1 to 3 again"
  fi
  if ((count > 1)); then
    # Only a restored directory begins with one member: more of them came by phase 6.
    word=$(progress)
    [[ "${word}" == 'restored' ]] || stop "${FAILED}" 'more than one member, and nothing restored' \
      "etcd restored by this plan on ${RECOVERY_HOST}" "${word}; ${count} members" \
      'run phases 1 to 3 first'
    already "${count} members: this recovery has come further since"
    return
  fi
  say "proved: ${RECOVERY_HOST} is the only member, started and voting"
  say 'This one voter has quorum: it accepts writes and tolerates no loss.'
}

# prove_alone_strangers LIST: names in the member list that the plan does not know as server hosts.
# An entry without a name is a member that is about to join.
prove_alone_strangers() {
  local name text=''
  while IFS='|' read -r _ _ name _; do
    if [[ -n "${name}" && " ${SERVERS[*]} " != *" ${name} "* ]]; then
      text="${text} ${name}"
    fi
  done <<<"$1"
  printf '%s\n' "${text# }"
}
