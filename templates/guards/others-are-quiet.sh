# Before a script restores or starts something: no other server host has a leader or serves a
# cluster. One that runs without a leader is no danger. One that is silent must have been stopped by
# this Swarm or confirmed in phase 1: it may be under recovery by another person.
others_are_quiet() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'closed' || "${word}" == 'started' ]]; then
    passed "this recovery is ${word}, and ${HOST} serves it"
    return
  fi
  if ((${#OTHERS[@]} == 0)); then
    passed 'there is no other server host'
    return
  fi
  wait_quietly "${DEADLINE_SWARM}"
}

# wait_quietly SECONDS: until others_word is quiet. The script stops if it is another recovery.
wait_quietly() {
  local limit="$1" word start now reported=0
  start=$(uptime_seconds)
  while true; do
    word=$(others_word)
    case "${word%% *}" in
      quiet)
        passed "no other server host has a leader or serves a cluster (${word#* })"
        return
        ;;
      leader)
        stop "${MISMATCH}" "${word#* } has a leader or serves a cluster" \
          'no other server host that does' "${word}" \
          "never run two clusters; if that one is right, undo this recovery (${UNDO_SCRIPT}) and \
bring ${HOST} back to it; otherwise stop it, then run ${FIRST_SCRIPT} with --fenced ${word#* }"
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= limit)); then
      stop "${BUSY}" "cannot tell whether another person is recovering ${word#* }" \
        'no leader, or stopped by this Swarm, or confirmed as fenced' "${word}" \
        "ask who works on it; stop it, then run ${FIRST_SCRIPT} again with --fenced ${word#* }"
    elif ((now - start >= reported)); then
      say "Waiting until other server hosts are accounted for \
($((now - start)) s of ${limit} s): currently ${word}"
      reported=$((now - start + 10))
    fi
    sleep 2
  done
}

# others_word: quiet HOSTS | leader HOST | WORD HOST: the first other server host that is not
# accounted for.
others_word() {
  local host word answers ended fenced_hosts='' seen='' open=''
  if [[ -e "${STATE}/fenced" ]]; then
    fenced_hosts=$(<"${STATE}/fenced")
  fi
  answers=$(ask_others)
  while read -r host word _; do
    case "${word}" in
      leader)
        printf 'leader %s\n' "${host}"
        return
        ;;
      no-leader) ;;
      closed | silent)
        ended='yes'
        if [[ " ${fenced_hosts} " != *" ${host} "* ]]; then
          ended=$(ended_by_swarm "${host}")
        fi
        [[ "${ended}" == 'yes' ]] || open="${open:-${word} ${host}}"
        ;;
      *) open="${open:-${word} ${host}}" ;;
    esac
    seen="${seen}, ${host} ${word}"
  done <<<"${answers}"
  printf '%s\n' "${open:-quiet ${seen#, }}"
}
