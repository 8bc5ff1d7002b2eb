# Guide 5.1: the quorum threshold. The guide takes it for a condition of writing; it is the target
# of redundancy: the restored cluster has one voter and with it quorum, and phase 5 itself writes.
state_threshold() {
  local servers="$1" threshold="$2" names count
  names=$(voter_names "${RECOVERY_ENDPOINT}")
  count=$(grep -c . <<<"${names}" || true)
  say "N=${servers} server hosts, quorum floor(${servers}/2)+1 = ${threshold}"
  if [[ "${names}" == 'unanswered' ]]; then
    say "started voters now: ${RECOVERY_ENDPOINT} does not tell"
  else
    say "started voters now: ${count} (${names//$'\n'/, })"
  fi
}
