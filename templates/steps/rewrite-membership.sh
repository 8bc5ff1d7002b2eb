# Guide 3.2, first part: a restored directory already has one member. This trial start proves it, on
# loopback and unused ports, where no client and no old member can connect. etcd answers with this
# host's own credentials and is then ended by its pid.
rewrite_membership() {
  local evidence="${STATE}/rewritten" port url expected line='' revision='' id='' text='' again
  again="run ${UNDO_SCRIPT}, then start over with ${FIRST_SCRIPT}"
  if [[ -f "${evidence}" ]]; then
    already "the membership is checked ($(<"${evidence}"))"
    return
  fi
  refuse_holders
  expected=$(<"${STATE}/expected")
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  port=$(loopback_port "$((port + 1))")
  start_etcd rewrite "${ETCD_DIR}" "${url}" --force-new-cluster --listen-client-urls "${url}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${port}"
  prove '1' 'there is exactly one member' "${again}" rewrite_membership_count "${url}"
  prove 'voter' "it is ${HOST} at ${PEER_URL}, started and voting" \
    "${again}" member_word "${url}" "${HOST}" "${PEER_URL}"
  if ((work == 0)); then
    revision=$(endpoint_field "${url}" Revision)
    ((revision >= expected)) || stop "${FAILED}" 'the revision is lower than the restored one' \
      "${expected} or later" "${revision}" "${again}"
    say "Check passed: revision ${revision} is ${expected} or later"
    line=$(members "${url}")
    id=$(endpoint_field "${url}" ClusterID)
    text="member ${line}, revision ${revision}, cluster id ${id}"
  fi
  mutate end_etcd
  mutate write_file "${evidence}" 0600 "${text}"
}

# rewrite_membership_count ENDPOINT: the number of members, of any kind.
rewrite_membership_count() {
  local list
  list=$(members "$1")
  wc -l <<<"${list}"
}
