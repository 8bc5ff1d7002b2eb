# guide 6.1c: not in the guide. An unstarted or learner entry of this host, left by a failed
# attempt, makes every further one fail ("Peer URLs already exists"), and a learner of another host
# does as well: etcd allows one. Voters are never removed here.
drop_stale_member() {
  local place lines
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter: no entry of it is stale"
    return
  fi
  place=$(drop_stale_member_place own)
  if [[ -n "${place}" ]]; then
    drop_stale_member_entries "${place}"
    return
  fi
  # Once its record is removed the user of this host is gone too; to look, the certificate suffices.
  place=$(drop_stale_member_place nobody)
  if [[ -z "${place}" ]]; then
    say 'this machine holds no certificate of the cluster: the join itself will tell'
    return
  fi
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  [[ -z "${lines}" ]] \
    || stop "${MISMATCH}" "a stale entry of ${HOST} is in the member list" 'none' "${lines}" \
      "on ${RECOVERY_HOST}: etcdctl member remove ID, with ETCDCTL_USER and ETCDCTL_PASSWORD of \
its generated.config.json in the environment; then run this script again"
  already "no entry of ${HOST} is in the member list"
}

# The first folder whose credentials (own) or certificate (nobody) the recovery host's etcd accepts;
# nothing if none. Leaves the members in scratch/members.
drop_stale_member_place() {
  local user="$1" place word files k=1
  local -a places=("${DATA_DIR}")
  while [[ -d "${STATE}/half-done-${k}" ]]; do
    places=("${STATE}/half-done-${k}" "${places[@]}")
    k=$((k + 1))
  done
  places+=("${STATE}/before")
  for place in "${places[@]}"; do
    word='missing'
    if [[ "${user}" == 'own' ]]; then
      word=$(credentials_word "${place}")
    else
      files=$(certificates_word "${place}")
      if [[ "${files}" == 'complete' ]]; then
        word=$(kept_try "${place}" nobody)
      fi
    fi
    if [[ "${word}" == 'accepted' || "${word}" == 0 ]]; then
      member_lines <"${scratch}/etcd.out" >"${scratch}/members"
      printf '%s\n' "${place}"
      return
    fi
  done
}

# Removes what is stale of this host, then waits for other hosts that are joining.
drop_stale_member_entries() {
  local place="$1" lines id status name learner count=0
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  while IFS='|' read -r id status name _ learner; do
    if [[ -n "${id}" ]]; then
      if [[ "${status}" == 'started' && "${learner}" == 'false' ]]; then
        stop "${MISMATCH}" "${name} is a voter with the name or peer URL of ${HOST}" \
          'an unstarted or learner entry, or none' "${id} ${name}" \
          'look at member list; a voter is removed with its record only (phase 5)'
      fi
      count=$((count + 1))
      mutate as_kept "${place}" etcdctl --endpoints "${RECOVERY_ENDPOINT}" member remove "${id}"
    fi
  done <<<"${lines}"
  if ((count == 0)); then
    already "no entry of ${HOST} is in the member list"
  fi
  wait_until "${DEADLINE_JOIN}" none 'no host is half way through a join' \
    drop_stale_member_learner "${place}"
}

# none, or the learner that is in the way: etcd allows one at a time.
drop_stale_member_learner() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" != 'accepted' ]]; then
    printf '%s\n' "${word}"
    return
  fi
  member_lines <"${scratch}/etcd.out" | awk -F '|' '$2 != "started" || $5 == "true" {
      name = ($3 == "") ? $4 : $3 }
    END { print (name == "" ? "none" : name) }'
}
