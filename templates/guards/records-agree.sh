# The data that this recovery set aside and restored here match its own records.
records_agree() {
  local word found
  word=$(progress)
  case "${word}" in
    undoing)
      stop "${MISMATCH}" "an undo of this recovery has begun on ${HOST} and has not ended" \
        'a recovery that is under way' "${STATE}/undone" "run ${UNDO_SCRIPT} --apply again first"
      ;;
    unclear)
      found=$(records_agree_found)
      stop "${MISMATCH}" "the data of ${HOST} do not match the records of this recovery" \
        "${ETCD_DIR} as phase 2 restored it, and ${STATE}/before/etcd complete" \
        "${found}" \
        "check with ls -lR which of ${ETCD_DIR} and ${STATE}/before/etcd is complete; move the \
wrong one out of ${DATA_DIR}; to use the old one again, run ${UNDO_SCRIPT}"
      ;;
    *) passed "the records of this recovery agree with what is on this disk" ;;
  esac
}

records_agree_found() {
  local kept placed
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  [[ "${placed}" != 'ours' ]] || placed='restored by this recovery'
  printf 'before/etcd is %s, etcd/ is %s\n' "${kept}" "${placed}"
}
