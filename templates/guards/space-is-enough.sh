# Before anything is stopped: there is space for all that phases 1 to 3 write: a copy of etcd/, the
# snapshot saved from it, the snapshot of the inventory, the restored directory, and new logs.
space_is_enough() {
  local word status=0 text own=0 database=0 file=0 wanted="$((2 * 64 * 1024 * 1024))"
  word=$(progress)
  if [[ "${word}" != 'fresh' ]]; then
    passed 'phase 1 of this recovery has ended, and its space is already used'
    return
  fi
  if [[ -d "${ETCD_DIR}" ]]; then
    text=$("${AT_MOST[@]}" 60 du -sb -- "${ETCD_DIR}" 2>"${scratch}/complaint") || status=$?
    own="${text%%[^0-9]*}"
    [[ -n "${own}" ]] || stop "${BUSY}" "cannot get the size of ${ETCD_DIR}" 'a reply from du' \
      "status ${status}, $(<"${scratch}/complaint")" 'check dmesg, then run this script again'
  fi
  if [[ -f "${ETCD_DIR}/member/snap/db" ]]; then
    database=$(stat -c %s -- "${ETCD_DIR}/member/snap/db")
  fi
  if [[ -n "${SNAPSHOT_FILE}" && -f "${SNAPSHOT_FILE}" ]]; then
    file=$(stat -L -c %s -- "${SNAPSHOT_FILE}")
  fi
  # The larger of the two is restored.
  wanted=$((wanted + (file > database ? file : database)))
  [[ -f "${STATE}/salvaged.db" ]] || wanted=$((wanted + own + database))
  [[ -f "${STATE}/snapshot.db" ]] || wanted=$((wanted + file))
  require_space "${wanted}"
  passed "${wanted} bytes are free at ${DATA_DIR}"
}
