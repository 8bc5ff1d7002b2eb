# Guide 6.1c, an addition: an unstarted or learner entry of this host, left by a failed attempt,
# makes every further one fail ("Peer URLs already exists"). So does a learner of another host,
# because etcd allows one. Voters are never removed here.
drop_stale_member() {
  local place lines
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter and has no stale entry"
    return
  fi
  place=$(drop_stale_member_place own)
  if [[ -n "${place}" ]]; then
    drop_stale_member_entries "${place}"
    return
  fi
  # After the removal of its record this host has no user, but the certificate is enough to read.
  place=$(drop_stale_member_place nobody)
  if [[ -z "${place}" ]]; then
    say 'This machine has no certificate of the cluster. The join will show stale entries'
    return
  fi
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  [[ -z "${lines}" ]] \
    || stop "${MISMATCH}" "a stale entry of ${HOST} is in the member list" 'none' "${lines}" \
      "run etcdctl member remove ID on ${RECOVERY_HOST}, with ETCDCTL_USER and ETCDCTL_PASSWORD \
from its generated.config.json in the environment; then run this script again"
  already "the member list has no entry of ${HOST}"
}

# The first folder with credentials (own) or a certificate (nobody) that the recovery host's etcd
# accepts; nothing if there is none. The members are in scratch/members.
drop_stale_member_place() {
  local user="$1" places place word files
  places=$(kept_places)
  while IFS= read -r place; do
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
  done <<<"${places}"
}

# Removes stale entries of this host, then waits for other hosts that are joining.
drop_stale_member_entries() {
  local place="$1" lines id status name learner count=0
  lines=$(pick_member "${HOST}" "${PEER_URL}" <"${scratch}/members")
  while IFS='|' read -r id status name _ learner; do
    if [[ -n "${id}" ]]; then
      if [[ "${status}" == 'started' && "${learner}" == 'false' ]]; then
        stop "${MISMATCH}" "${name} is a voter with the name or peer URL of ${HOST}" \
          'an unstarted or learner entry, or none' "${id} ${name}" \
          'check etcdctl member list; a voter is removed only with its record (phase 5)'
      fi
      count=$((count + 1))
      mutate as_kept "${place}" etcdctl --endpoints "${RECOVERY_ENDPOINT}" member remove "${id}"
    fi
  done <<<"${lines}"
  if ((count == 0)); then
    already "the member list has no entry of ${HOST}"
  fi
  wait_until "${DEADLINE_JOIN}" none 'no host is joining' \
    'docker ps' drop_stale_member_learner "${place}"
}

# none, or the learner that blocks this host: etcd allows one at a time.
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
