# Guide 2.4, its end: one rename puts the restored directory in place, complete and with its owner,
# mode and label. The record that phase 2 has ended is written last.
place_etcd() {
  local staging word text
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    already "${ETCD_DIR} is restored"
    return
  fi
  staging=$(staging)
  word=$(restored_word "${ETCD_DIR}")
  if [[ "${word}" == 'ours' ]]; then
    already "${ETCD_DIR} is in place"
  else
    mutate sync -f -- "${staging}"
    mutate rename_only "${staging}" "${ETCD_DIR}"
  fi
  text="${ETCD_DIR} restored by ${CLUSTER_TOKEN}-${incident}"
  mutate write_file "${STATE}/restored" 0600 "${text}"
  prove 'restored' "${ETCD_DIR} is restored" 'check it with ls -lR, then run this again' progress
}
