# Before anything is stopped: the snapshot in the inventory exists, is complete, belongs to this
# cluster, and has the pinned checksum.
named_snapshot() {
  local word
  word=$(progress)
  if [[ -z "${SNAPSHOT_FILE}" ]]; then
    passed 'the inventory names no snapshot'
    return
  elif [[ "${word}" != 'fresh' || -f "${STATE}/snapshot.db" ]]; then
    passed 'the snapshot is already chosen'
    return
  fi
  choose_snapshot_file "${SNAPSHOT_FILE}" "${SNAPSHOT_SUM}"
  word=$(snapshot_kind "${SNAPSHOT_FILE}")
  if [[ "${word}" == 'saved' ]]; then
    word=$(snapshot_sum_word "${SNAPSHOT_FILE}")
    [[ "${word}" == 'good' ]] || stop "${MISMATCH}" "${SNAPSHOT_FILE} is damaged" \
      'its own checksum' 'another checksum' 'copy the file again from its source, or use another'
  fi
  require_storage "${SNAPSHOT_FILE}"
  require_snapshot_ca "${SNAPSHOT_FILE}"
  passed "${SNAPSHOT_FILE} is complete and belongs to this cluster"
}
