# Guide 1.1, before an incident: etcd can save a snapshot while it has its quorum. One file for each
# revision; earlier ones are kept.
save_snapshot() {
  local place="${DATA_DIR}/plan-recovery/snapshots" word revision file sum
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  [[ "${word}" == 'intact' ]] || stop "${UNAVAILABLE}" 'etcd does not answer with a quorum' \
    'intact' "${word}" "if the quorum is lost, run ${FIRST_SCRIPT}, which salvages the data"
  revision=$(endpoint_field "${CLIENT_URL}" Revision)
  file="${place}/${HOST}-revision-${revision}.db"
  word=$(file_word "${file}")
  if [[ "${word}" == 'file' ]]; then
    already "${file} exists"
  else
    mutate install -d -m 0700 -- "${place}"
    mutate rm -f -- "${file}.partial"
    mutate noted save-snapshot as_host etcdctl --endpoints "${CLIENT_URL}" "${ETCDCTL_TLS[@]}" \
      snapshot save "${file}.partial"
    prove 'good' 'the snapshot matches its checksum' 'run this script again' \
      snapshot_sum_word "${file}.partial"
    mutate sync -- "${file}.partial"
    mutate rename_only "${file}.partial" "${file}"
  fi
  if ((work == 0)); then
    sum=$(sha256sum <"${file}")
    say "snapshot: ${file}, revision ${revision} or later"
    say "sha256:   ${sum%% *}"
    say 'Keep a copy on another machine, with certificates/ and generated.config.json of this host'
  fi
}
