# guide 6.1a: not in the guide, which removes and joins every host. A server host that still has its
# record, certificates and password keeps them and its databases: only its membership is made anew.
# Everything that needs is proved here, from this host, before anything is stopped.
check_reattachable() {
  local removal="$1" join="$2" entry record age complaint
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  entry=$(entry_word "${DATA_DIR}")
  entry=$(let_finish "${entry}")
  record=$(record_word "${HOST}")
  if [[ "${entry}" == 'voter' && "${record}" == 'present' ]]; then
    [[ -d "${ETCD_DIR}/member/wal" ]] \
      || stop "${MISMATCH}" "${HOST} is a voter of the cluster, but its data are not here" \
        "${ETCD_DIR}/member/wal" 'nothing' "run ${removal} on ${RECOVERY_HOST}, then ${join} here"
    way='done'
    already "${HOST} is a started voter of the recovered cluster"
    return
  fi
  age=$(generation)
  [[ "${age}" == '0.7' ]] || check_reattachable_refuse 'Control Plane 0.7 or newer' '0.6'
  if [[ "${record}" != 'present' ]]; then
    stop "${MISMATCH}" "${HOST} cannot be reattached: its record has been removed" \
      "${HOST} in the host list of ${RECOVERY_HOST}" 'absent' "run ${join} instead"
  fi
  check_reattachable_identity
  case "${entry}" in
    voter | learner | unstarted | absent) say 'its credentials are accepted by the cluster' ;;
    unreachable)
      complaint=$(tail -n 1 -- "${scratch}/etcd.err")
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'an answer' "${complaint}" \
        'mend the network between them; run it again'
      ;;
    *)
      check_reattachable_refuse "credentials that ${RECOVERY_ENDPOINT} accepts" "${entry}"
      ;;
  esac
  check_images
  check_clock
  say "${HOST} can be reattached: record, credentials and generation are as needed"
}

# The disk is there, and it is this host's: config and certificates.
check_reattachable_identity() {
  local files user
  files=$(certificates_word "${DATA_DIR}")
  [[ "${files}" == 'complete' ]] \
    || check_reattachable_refuse "certificates in ${CERTIFICATES}" "${files}"
  user=$(jq -r '.etcd_username // empty' -- "${CONFIG}" 2>/dev/null) || user=''
  [[ "${user}" == "host-${HOST}" ]] \
    || check_reattachable_refuse "user host-${HOST} in ${CONFIG}" "${user:-no user}"
}

# Uses the script names of its caller.
check_reattachable_refuse() {
  stop "${MISMATCH}" "${HOST} cannot be reattached" "$1" "$2" \
    "run ${removal} on ${RECOVERY_HOST} (it says what that costs), then ${join} on ${HOST}"
}
