# Guide 2.1: the files must be this host's own, which the guards have checked. Whether the snapshot
# belongs to them is known only now.
check_recovery_host() {
  local word size
  word=$(restored_word "${ETCD_DIR}")
  if [[ "${word}" == 'ours' ]]; then
    already "${HOST} has a restored etcd"
    return
  fi
  require_snapshot_ca "${STATE}/snapshot.db"
  size=$(stat -c %s -- "${STATE}/snapshot.db")
  require_space "$((size + 2 * 64 * 1024 * 1024))"
  say "Check passed: there is space for the snapshot (${size} bytes) and its log at ${DATA_DIR}"
}
