# On other hosts: the recovery host serves the cluster that this plan restored. The cluster id
# follows from its peer URL and token, and the token contains the incident number. So the id proves
# the recovery, and a person need not know that number.
recovery_is_under_way() {
  local word rest
  recovery_is_under_way_served
  recovery_is_under_way_ask >"${scratch}/recovered"
  read -r word rest <"${scratch}/recovered"
  case "${word}" in
    incident) ;;
    other)
      stop "${MISMATCH}" 'no recovery with this plan is under way' \
        "a cluster on ${RECOVERY_HOST} that this plan restored" \
        "cluster id ${rest}, which is not from a restore of this plan" \
        "if the quorum was not lost, recover single hosts with the Control Plane API; if another \
host was recovered, use the bundle of that host"
      ;;
    unreachable)
      stop "${BUSY}" "cannot read the cluster id from etcd at ${RECOVERY_ENDPOINT}" 'a reply' \
        "${rest}" "check the network to ${RECOVERY_HOST}, then run this script again"
      ;;
    *)
      recovery_is_under_way_otherwise "${word}" "${rest}"
      return
      ;;
  esac
  recovery_is_under_way_as "${rest}"
}

# recovery_is_under_way_served: waits up to 30 s until the recovery host serves a cluster.
recovery_is_under_way_served() {
  local word start now left=''
  start=$(uptime_seconds)
  while true; do
    word=$(api_word "${RECOVERY_API}/v1/hosts")
    now=$(uptime_seconds)
    if [[ "${word}" == 200 ]]; then
      return
    elif ((now - start >= 30)); then
      break
    fi
    sleep 2
  done
  if [[ -e "${STATE}/cleared" && -d "${ETCD_DIR}/member/wal" ]]; then
    left="; if ${SERVICE} was stopped while ${HOST} was one of two voters, start it with docker \
service scale --detach ${SERVICE}=1"
  fi
  stop "${BUSY}" "${RECOVERY_HOST} does not serve a cluster" "200 from ${RECOVERY_API}/v1/hosts" \
    "${word} for $((now - start)) s" \
    "run ${FIRST_SCRIPT} to ${START_SCRIPT} on ${RECOVERY_HOST} first; if they have been run, \
check the log of its Control Plane${left}"
}

# recovery_is_under_way_ask: incident N | other ID | certificate TEXT | unreachable TEXT | missing:
# which cluster the recovery host's etcd is. Tries every certificate of this host, for up to 30 s.
recovery_is_under_way_ask() {
  local word start now
  start=$(uptime_seconds)
  while true; do
    word=$(recovery_is_under_way_try)
    now=$(uptime_seconds)
    if [[ "${word}" != 'unreachable '* ]] || ((now - start >= 30)); then
      printf '%s\n' "${word}"
      return
    fi
    sleep 2
  done
}

recovery_is_under_way_try() {
  local places place files status id text word='missing'
  places=$(kept_places)
  while IFS= read -r place; do
    files=$(certificates_word "${place}")
    if [[ "${files}" == 'missing' ]]; then
      continue
    fi
    status=$(kept_try "${place}" nobody fields)
    if [[ "${status}" == 0 ]]; then
      id=$(sed -n 's/^"ClusterID" : //p' -- "${scratch}/etcd.out")
      incident_of_cluster "${id:-none}"
      return
    fi
    word=$(kept_refusal)
    text=$(kept_complaint)
    word="${word} ${text}"
  done <<<"${places}"
  printf '%s\n' "${word}"
}

# recovery_is_under_way_otherwise WORD TEXT: if etcd accepts no certificate, a mark in the Swarm
# proves the recovery as well. A machine that holds nothing of a cluster has nothing to lose.
recovery_is_under_way_otherwise() {
  local marked advice
  marked=$(recovery_is_under_way_marked)
  if [[ -n "${marked}" ]]; then
    recovery_is_under_way_as "${marked}"
  elif [[ -e "${STATE}/cleared" ]]; then
    passed "${HOST} was cleared in incident ${incident}, and ${RECOVERY_HOST} serves a cluster"
  elif [[ "$1" == 'missing' && ! -e "${ETCD_DIR}" ]]; then
    passed "${HOST} holds nothing of a cluster, and ${RECOVERY_HOST} serves one"
  elif [[ "$1" == 'missing' ]]; then
    stop "${MISMATCH}" "${HOST} has etcd data, but no certificates to connect with" \
      "ca.crt, etcd-user.crt and etcd-user.key in ${CERTIFICATES}" 'missing' \
      'restore certificates/ from a backup, then run this script again'
  else
    advice=$(certificate_advice "${DATA_DIR}")
    stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
      'a valid certificate from the same CA' "$2" "${advice}"
  fi
}

# recovery_is_under_way_marked: the incident number in the mark of a node of this Swarm, or nothing.
recovery_is_under_way_marked() {
  local word marks mark
  word=$(swarm_word)
  if [[ "${word}" == 'manager' ]]; then
    marks=$(recovery_marks)
    while read -r _ _ mark; do
      if [[ "${mark}" =~ ^"${CLUSTER_TOKEN}"-([1-9][0-9]{0,3})$ ]]; then
        printf '%s\n' "${BASH_REMATCH[1]}"
        return
      fi
    done <<<"${marks}"
  fi
}

# recovery_is_under_way_as INCIDENT: this host takes part in that incident.
recovery_is_under_way_as() {
  [[ "${option["--incident"]:-$1}" == "$1" ]] \
    || stop "${MISMATCH}" "the cluster of ${RECOVERY_HOST} is from another incident" \
      "incident ${option["--incident"]}, as --incident says" "incident $1" 'leave --incident out'
  if [[ "$1" != "${incident}" ]]; then
    say "${RECOVERY_HOST} was recovered in incident $1, so this is no longer incident ${incident}."
    use_incident "$1"
  fi
  passed "the cluster of ${RECOVERY_HOST} is the one that was restored in incident $1"
}

# incident_of_cluster ID: incident N if the restore of incident N results in that id, otherwise
# other ID.
incident_of_cluster() {
  local number suffix id
  for ((number = 1; number <= incident + 9; number++)); do
    # A restore after an undo has its own token.
    for suffix in '' -1 -2 -3 -4 -5 -6 -7 -8 -9; do
      id=$(restored_cluster_id "${number}${suffix}")
      if [[ "${id}" == "$1" ]]; then
        printf 'incident %s\n' "${number}"
        return
      fi
    done
  done
  printf 'other %s\n' "$1"
}

# restored_cluster_id NUMBER: as etcd computes it, in decimal. A member's id is the start of the
# SHA-1 of its peer URL and the token; a new cluster's id is the start of the SHA-1 of its member
# ids.
restored_cluster_id() {
  local sum bytes='' k
  sum=$(printf '%s' "${RECOVERY_PEER_URL}${CLUSTER_TOKEN}-$1" | sha1sum)
  for ((k = 0; k < 16; k += 2)); do
    bytes="${bytes}\\x${sum:k:2}"
  done
  sum=$(printf '%b' "${bytes}" | sha1sum)
  printf '%u\n' "$((16#${sum:0:16}))"
}
