# Phases 2 to 4 run in order: the script names the first one that is missing. A later run changes
# nothing. If the quorum has been lost again since then, phase 1 begins the next incident first.
recovery_is_current() {
  local before word what waits first="${CHAIN[0]}"
  before=$(recovery_word)
  what="the recovery of incident ${incident} is ${before}"
  if [[ "${before}" == 'new' || "${before}" == 'under way' ]]; then
    word=$(need_first "${SCRIPT}")
    [[ "${word%%|*}" == "${SCRIPT}" ]] || stop "${MISMATCH}" 'Earlier step missing' \
      "the scripts before ${SCRIPT} have been run" "${what}" \
      "run ${word%%|*} first${word#*|}; then run this script again"
    passed "${what}, and the scripts before this one have been run"
    return
  fi
  word=$(watch_member 15 "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}" "${API_PORT}")
  if [[ "${word%% *}" =~ ^(mute|changing)$ ]]; then
    waits=$(own_waits)
    [[ "${waits}" == 'no' ]] || word='no-leader since its start'
  fi
  case "${before}:${word%% *}" in
    *:leader) passed "${what}, and its etcd has a leader" ;;
    *:no-leader | closed:closed | closed:silent)
      stop "${MISMATCH}" "${what}, and its etcd has no leader" 'a leader' "${word}" \
        "run ${first}, which checks whether the quorum is lost again and begins the next incident"
      ;;
    started:closed | started:silent | started:running)
      passed "the recovery of incident ${incident} has started ${HOST}, which does not run now"
      ;;
    *:broken)
      stop "${UNAVAILABLE}" 'cannot ask etcd whether it has a leader' \
        'a reply from etcd at its client port' "${word#broken }" \
        'fix the certificates, names or curl as shown above, then run this script again'
      ;;
    *)
      stop "${BUSY}" "cannot tell whether the etcd of ${HOST} has a leader" \
        'a leader, or no leader for 15 s' "${word}" 'wait a minute, then run this script again'
      ;;
  esac
}
