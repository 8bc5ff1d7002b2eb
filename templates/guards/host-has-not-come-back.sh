# Data that were set aside are put back only if this host is not a member of the recovered cluster:
# old data under a member's name would be a second history.
host_has_not_come_back() {
  local word advice complaint
  if [[ ! -e "${STATE}/before" && ! -e "${STATE}/cleared" && ! -e "${STATE}/undone" ]]; then
    passed 'nothing has been set aside on this host'
    return
  fi
  if [[ -e "${STATE}/returned" ]]; then
    stop "${MISMATCH}" "${HOST} has come back in incident ${incident}; there is nothing to undo" \
      'a host that has not come back' "$(<"${STATE}/returned")" \
      "leave it as it is; if it is down again, run its script again. Its earlier data are in \
${STATE}/before"
  fi
  word=$(host_has_not_come_back_word)
  case "${word}" in
    absent | rejected | missing) ;;
    learner | unstarted)
      say "Its ${word} entry stays in the member list. The next attempt to bring it back removes it"
      ;;
    voter | present)
      stop "${MISMATCH}" "${HOST} has come back; there is nothing to undo" \
        'a host that is not a member of the recovered cluster' "${word}" \
        'leave it as it is; to take it out again, remove it (phase 5)'
      ;;
    certificate)
      complaint=$(kept_complaint)
      advice=$(certificate_advice "${DATA_DIR}")
      stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
        'a valid certificate from the same CA' "${complaint}" "${advice}"
      ;;
    *)
      stop "${BUSY}" "cannot tell whether ${HOST} has come back" "a reply from ${RECOVERY_HOST}" \
        "${word}" "start ${RECOVERY_HOST} or repair the network, then run this script again"
      ;;
  esac
  passed "${HOST} has not come back (${word})"
}

# This host's part in the recovered cluster: a word of entry_word; for a client host absent or
# present. With data of its own, the cluster must report it; without data it has no part.
host_has_not_come_back_word() {
  local word='absent'
  if [[ -e "${STATE}/undone" && ! -e "${STATE}/before/etcd" ]]; then
    : # an earlier run already put the old etcd/ back
  elif [[ -e "${ETCD_DIR}/member/wal" ]]; then
    word=$(entry_word "${DATA_DIR}")
  elif [[ -e "${STATE}/before/certificates" && -e "${CONFIG}" ]]; then
    # Cleared for a join, and it has a configuration again: only the host list shows the result.
    word=$(host_word "${HOST}")
    if [[ "${word}" != 'absent' && ! "${word}" =~ ${NO_ANSWER} ]]; then
      word='present'
    fi
  fi
  printf '%s\n' "${word}"
}
