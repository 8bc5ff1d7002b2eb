# guide 3.2, first part. The guide starts an etcd with --force-new-cluster on all addresses, sleeps
# for 30 s and ends every etcd by name. A restored directory has one member already, so this is a
# trial start that proves it: on loopback and ports of its own, where no client and no old member
# gets in, until it answers, with this host's own credentials; then it is ended by its own pid.
rewrite_membership() {
  local evidence="${STATE}/rewritten" port url expected line='' revision='' id='' text=''
  if [[ -f "${evidence}" ]]; then
    already "proved before: $(<"${evidence}")"
    return
  fi
  require_minor etcd etcdctl
  refuse_holders
  expected=$(<"${STATE}/expected")
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  port=$(loopback_port "$((port + 1))")
  start_etcd rewrite "${ETCD_DIR}" "${url}" --force-new-cluster --listen-client-urls "${url}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${port}"
  prove '1' 'there is exactly one member' 'undo/ of this host leads back; restore again' \
    rewrite_membership_count "${url}"
  prove 'voter' "it is ${HOST} at ${PEER_URL}, started and voting" \
    'undo/ of this host leads back; restore again' member_word "${url}" "${HOST}" "${PEER_URL}"
  if ((work == 0)); then
    revision=$(endpoint_field "${url}" Revision)
    ((revision >= expected)) || stop "${FAILED}" 'the revision is lower than the restore promised' \
      "${expected} or more" "${revision}" 'undo/ of this host leads back; restore again'
    say "proved: revision ${revision}, ${expected} or more"
    line=$(members "${url}")
    id=$(endpoint_field "${url}" ClusterID)
    text="member ${line}, revision ${revision}, cluster id ${id}"
  fi
  mutate end_etcd
  mutate put_file "${evidence}" 0600 text
}

# rewrite_membership_count ENDPOINT: how many members there are, of any kind.
rewrite_membership_count() {
  local list
  list=$(members "$1")
  wc -l <<<"${list}"
}
