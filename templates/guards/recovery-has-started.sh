# On the recovery host: the files on this disk show that this plan's recovery has been started here.
recovery_has_started() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'new' && -e "${STATE}/snapshot.db" ]]; then
    word='under way'
  fi
  [[ "${word}" != 'new' ]] \
    || stop "${MISMATCH}" 'no recovery with this plan is under way' \
      "a recovery that was started on ${HOST}" "nothing of incident ${incident} in ${STATE%/*}" \
      "if the quorum is lost, start with ${FIRST_SCRIPT}; otherwise remove and join single hosts \
with the Control Plane API"
  passed "the recovery of incident ${incident} is ${word}"
}
