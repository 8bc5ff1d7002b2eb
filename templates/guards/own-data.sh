# This host has its own database and write-ahead log.
own_data() {
  local word path
  local -a logs=("${ETCD_DIR}/member/wal/"*.wal)
  word=$(progress)
  if [[ "${word}" != 'fresh' && "${word}" != 'restored' ]]; then
    passed "the etcd of ${HOST} is already set aside"
    return
  fi
  for path in "${ETCD_DIR}/member/snap/db" "${logs[0]}"; do
    [[ -s "${path}" ]] || stop "${MISMATCH}" "${HOST} has no complete etcd of its own" \
      "a file ${path}" 'no file, or an empty one' \
      "if the data directory is right, use the bundle of another surviving server host, or set \
recovery.snapshot to a saved snapshot in the inventory and compile again"
  done
  passed "${ETCD_DIR} has a database and its log"
}
