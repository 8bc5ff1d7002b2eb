# Guide 6.1a, an addition: a server host that still has its record, certificates and password keeps
# them and its databases, and only its membership is renewed. Everything that this needs is checked
# here, before anything is stopped.
check_reattachable() {
  local removal="$1" join="$2" entry record age complaint advice
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  entry=$(entry_word "${DATA_DIR}")
  entry=$(let_finish "${entry}")
  record=$(record_word "${HOST}")
  if [[ "${entry}" == 'voter' && "${record}" == 'present' ]]; then
    [[ -d "${ETCD_DIR}/member/wal" ]] \
      || stop "${MISMATCH}" "${HOST} is a voter of the cluster, but its data are missing here" \
        "${ETCD_DIR}/member/wal" 'nothing' "run ${removal} on ${RECOVERY_HOST}, then ${join} here"
    way='done'
    already "${HOST} is a started voter of the recovered cluster"
    return
  fi
  age=$(generation)
  [[ "${age}" == '0.7' ]] || check_reattachable_refuse 'Control Plane 0.7 or newer' '0.6'
  if [[ "${record}" != 'present' ]]; then
    stop "${MISMATCH}" "${HOST} cannot be reattached, because its record has been removed" \
      "${HOST} in the host list of ${RECOVERY_HOST}" 'absent' "run ${join} instead"
  fi
  check_reattachable_identity
  case "${entry}" in
    voter | learner | unstarted | absent) say 'The cluster accepts the credentials of this host' ;;
    unreachable)
      complaint=$(kept_complaint)
      stop "${BUSY}" "cannot reach etcd at ${RECOVERY_ENDPOINT}" 'a reply' "${complaint}" \
        'repair the network between them, then run this script again'
      ;;
    certificate)
      complaint=$(kept_complaint)
      advice=$(certificate_advice "${DATA_DIR}")
      stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
        'a valid certificate from the same CA' "${complaint}" "${advice}"
      ;;
    *)
      check_reattachable_refuse "credentials that ${RECOVERY_ENDPOINT} accepts" "${entry}"
      ;;
  esac
  check_images
  check_place
  say "${HOST} can be reattached. Its record, credentials and release are as required"
}

# The disk has this host's configuration and certificates.
check_reattachable_identity() {
  local files user
  files=$(certificates_word "${DATA_DIR}")
  [[ "${files}" == 'complete' ]] \
    || check_reattachable_refuse "certificates in ${CERTIFICATES}" "${files}"
  user=$(jq -r '.etcd_username // empty' "${CONFIG}" 2>/dev/null) || user=''
  [[ "${user}" == "host-${HOST}" ]] \
    || check_reattachable_refuse "user host-${HOST} in ${CONFIG}" "${user:-no user}"
}

# Uses the script names in its caller.
check_reattachable_refuse() {
  stop "${MISMATCH}" "${HOST} cannot be reattached" "$1" "$2" \
    "run ${removal} on ${RECOVERY_HOST} (it reports what is lost), then ${join} on ${HOST}"
}
