# The clocks are checked before certificates and passwords, because a wrong clock makes good ones
# fail. Hosts whose clocks differ by more than 30 s also report each other as unreachable.
clocks_agree() {
  local gap
  # Not in a subshell, because it sets http_status.
  clocks_agree_gap
  gap=$(<"${scratch}/gap")
  [[ "${gap}" != 'unknown' ]] \
    || stop "${BUSY}" "cannot read the clock of ${RECOVERY_HOST}" \
      "a Date header from ${RECOVERY_API}/v1/version" "${http_status}, no Date header" \
      "if ${START_SCRIPT} has not run yet, run it first; otherwise check that ${RECOVERY_HOST} \
is up and reachable, then run this script again"
  ((gap <= 30)) \
    || stop "${MISMATCH}" "the clocks of ${HOST} and ${RECOVERY_HOST} differ" 'at most 30 s' \
      "${gap} s" 'set the clocks (chronyc makestep), then run this script again'
  passed "the clocks differ by ${gap} s"
}

# clocks_agree_gap: the difference in seconds between this clock and the recovery host's (the Date
# header of its API), or unknown; into scratch/gap.
clocks_agree_gap() {
  api GET "${RECOVERY_API}/v1/version"
  clock_gap "${scratch}/headers" >"${scratch}/gap"
}
