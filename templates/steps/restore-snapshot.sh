# Guide 2.3: restored next to the target and renamed later, because a failed restore leaves a
# database without a write-ahead log, with which the Control Plane starts uninitialised. With the
# default token, members of two recoveries would connect. Arguments: the revision bump and its
# options.
restore_snapshot() {
  local staging kind word placed revision bump expected
  local token="${CLUSTER_TOKEN}-${incident}" mark="${CLUSTER_TOKEN}-${incident}"
  local -a flags=("$@") undone=("${STATE}".undone-*)
  staging=$(staging)
  word=$(restored_word "${staging}")
  placed=$(restored_word "${ETCD_DIR}")
  if [[ "${placed}" == 'ours' || "${word}" == 'ours' ]]; then
    already "the snapshot is restored"
    return
  fi
  if [[ -d "${undone[-1]}" ]]; then
    token="${token}-${#undone[@]}"
  fi
  if [[ "${word}" != 'absent' ]]; then
    word=$(first_free "${STATE}/failed-restore")
    mutate rename_only "${staging}" "${word}"
  fi
  kind=$(snapshot_kind "${STATE}/snapshot.db")
  if [[ "${kind}" == 'raw' ]]; then
    say 'WARNING: a raw copy has no checksum; the check is skipped (--skip-hash-check)'
    flags+=(--skip-hash-check)
  fi
  mutate noted restore etcdutl snapshot restore "${STATE}/snapshot.db" --data-dir "${staging}" \
    --name "${HOST}" --initial-cluster "${HOST}=${PEER_URL}" \
    --initial-advertise-peer-urls "${PEER_URL}" --initial-cluster-token "${token}" "${flags[@]}"
  prove 'directory' 'the write-ahead log exists' "check ${STATE}/log/restore.log" \
    file_word "${staging}/member/wal"
  prove 'file' 'the database exists' "check ${STATE}/log/restore.log" \
    file_word "${staging}/member/snap/db"
  revision=$(snapshot_field "${STATE}/snapshot.db" revision)
  bump=$(restore_snapshot_bump "${flags[@]}")
  expected=$((revision + bump))
  say "The restored etcd starts at revision ${expected} (the snapshot has ${revision})"
  mutate write_file "${STATE}/expected" 0600 "${expected}"
  mutate write_file "${staging}/${RESTORED_MARK}" 0600 "${mark}"
}

# restore_snapshot_bump FLAG...: by how much the options raise the revision.
restore_snapshot_bump() {
  local bump=0
  while (($# > 0)); do
    case "$1" in
      --bump-revision)
        bump="$2"
        shift
        ;;
      --bump-revision=*) bump="${1#*=}" ;;
      *) ;;
    esac
    shift
  done
  printf '%s\n' "${bump}"
}
