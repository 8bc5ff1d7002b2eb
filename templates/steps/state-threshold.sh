# Guide 5.1: the quorum threshold. A write needs the quorum of the present members, and the restored
# cluster has one. The quorum of all server hosts is the goal, and the target of this plan is how
# much of it the plan can reach.
state_threshold() {
  local total="$1" quorum="$2" target="$3" names count
  names=$(voter_names "${RECOVERY_ENDPOINT}")
  say "Quorum of ${total} server hosts: floor(${total}/2)+1 = ${quorum}"
  if ((target < quorum)); then
    say "Target of this plan: ${target}, because no more server hosts are expected back"
  else
    say "Target of this plan: ${target} voters"
  fi
  if [[ "${names}" == 'unanswered' ]]; then
    say "Voters now: ${RECOVERY_ENDPOINT} does not report them"
  else
    count=$(grep -c . <<<"${names}")
    say "Voters now: ${names//$'\n'/, }"
    names=$(arithmetic "${count}" "${total}")
    say "${names}"
  fi
}
