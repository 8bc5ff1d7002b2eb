# guide 2.3. The guide restores straight into place. A restore that fails leaves a database without
# a write-ahead log, with which the Control Plane starts uninitialised; so it is restored beside the
# place and renamed when it is whole. The default cluster token gives a second recovery the id of
# the first, and their members would talk: this one is the plan's own.
# restore_snapshot FLAG...: the revision bump and what goes with it.
restore_snapshot() {
  local staging="${ETCD_DIR}.restoring-${PLAN}-${incident}" kind word revision bump expected
  local token="${CLUSTER_TOKEN}-${incident}"
  local -a flags=("$@") undone=("${STATE}".undone-*)
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    already "${ETCD_DIR} is restored"
    return
  fi
  if [[ -d "${undone[-1]}" ]]; then
    token="${token}-${#undone[@]}"
  fi
  if [[ -e "${staging}" ]]; then
    word=$(first_free "${STATE}/failed-restore")
    mutate mv -T -- "${staging}" "${word}"
  fi
  kind=$(snapshot_kind "${STATE}/snapshot.db")
  if [[ "${kind}" == 'raw' ]]; then
    say 'WARNING: a raw copy carries no sum; its check is skipped (--skip-hash-check)'
    flags+=(--skip-hash-check)
  fi
  mutate noted restore etcdutl snapshot restore "${STATE}/snapshot.db" --data-dir "${staging}" \
    --name "${HOST}" --initial-cluster "${HOST}=${PEER_URL}" \
    --initial-advertise-peer-urls "${PEER_URL}" --initial-cluster-token "${token}" "${flags[@]}"
  prove 'directory' 'the restore has made a write-ahead log' "see ${STATE}/log/restore.log" \
    file_word "${staging}/member/wal"
  prove 'file' 'the restore has made a database' "see ${STATE}/log/restore.log" \
    file_word "${staging}/member/snap/db"
  revision=$(snapshot_field "${STATE}/snapshot.db" revision)
  bump=$(restore_snapshot_bump "${flags[@]}")
  expected=$((revision + bump))
  say "the restored etcd begins at revision ${expected} (the snapshot's is ${revision})"
  mutate put_file "${STATE}/expected" 0600 expected
  mutate sync -f -- "${staging}"
  mutate mv -T -- "${staging}" "${ETCD_DIR}"
  prove 'restored' "${ETCD_DIR} is restored" 'look at it, then run the script again' progress
}

# restore_snapshot_bump FLAG...: by how much the flags raise the revision.
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
