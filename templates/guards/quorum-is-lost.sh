# The quorum is lost only if every server host reports for 15 s that it has no leader, or is down
# and a person confirms that it stays so. Anything else stops the script. If a closed or started
# recovery has lost its quorum again, the next incident begins, from the present data.
quorum_is_lost() {
  local answers word before
  before=$(recovery_word)
  if [[ "${before}" == 'under way' ]]; then
    passed "${HOST} has passed phase 1 of this recovery"
    return
  fi
  say 'Asking every server host for at least 15 s whether its etcd has a leader'
  # Swarm is watched at the same time, for the next guard and for hosts that are silent.
  watch_swarm >"${scratch}/swarm" &
  # Both run in this shell, so that Ctrl-C ends them too.
  watch_members 15 >"${scratch}/answers"
  wait
  answers=$(<"${scratch}/answers")
  swarm_seen=$(<"${scratch}/swarm")
  quorum_is_lost_judge "${answers}" "${before}"
  word=$(quorum_is_lost_own "${answers}")
  case "${before}:${word}" in
    new:*) ;;
    *:kept) return ;;
    *)
      say "The recovery of incident ${incident} is ${before}, and the quorum is lost again."
      use_incident "$((incident + 1))"
      say "This is incident ${incident}. It starts from the data that are here now."
      ;;
  esac
  passed 'the quorum is lost'
}

# quorum_is_lost_judge ANSWERS RECOVERY: stops the script unless every host is accounted for.
quorum_is_lost_judge() {
  local host word text leaders='' unknown='' broken='' lied=''
  local -a to_ask=()
  while read -r host word text; do
    case "${word}" in
      leader) leaders="${leaders} ${host}" ;;
      no-leader)
        say "${host} runs and reports that it has no leader"
        [[ "${option["--fenced ${host}"]:-no}" == 'no' ]] || lied="${lied} ${host}"
        ;;
      broken) broken="${broken:-${host}: ${text}}" ;;
      closed | silent)
        if [[ "${host}" == "${HOST}" ]]; then
          quorum_is_lost_down
        else
          word=$(quorum_is_lost_absent "${host}")
          [[ "${word}" == 'known' ]] || to_ask+=("${host}")
        fi
        ;;
      *)
        text="${word} ${text}"
        if [[ "${host}" == "${HOST}" && "${word}" =~ ^(mute|changing)$ ]]; then
          word=$(own_waits)
        fi
        if [[ "${word}" == 'yes' ]]; then
          say "${HOST} runs its Control Plane, and its etcd has had no leader since it started"
        else
          unknown="${unknown}; ${host}: ${text}"
        fi
        ;;
    esac
  done <<<"$1"
  if [[ -n "${leaders}" ]]; then
    if [[ "$2" != 'new' && "${leaders}" == *" ${HOST}"* ]]; then
      passed "${HOST} has a leader, so this recovery needs no new incident"
      return
    fi
    quorum_is_lost_intact "${leaders# }"
  fi
  [[ -z "${broken}" ]] || stop "${UNAVAILABLE}" 'cannot ask etcd whether it has a leader' \
    'a reply from etcd at its client port' "${broken}" \
    'fix the certificates, names or curl as shown above, then run this script again'
  [[ -z "${unknown}" ]] || stop "${BUSY}" 'cannot tell whether the quorum is lost' \
    'from each server host no leader for 15 s, or no answer at all' "${unknown#; }" \
    'wait until they answer or stop their Control Plane, then run this script again'
  [[ -z "${lied}" ]] || stop "${MISMATCH}" "confirmed as stopped, but still running (${lied# })" \
    'no answer from a host in --fenced' 'its etcd answers' \
    'find out which machine answers; if it may keep running, remove it from --fenced'
  if ((${#to_ask[@]} > 0)); then
    quorum_is_lost_ask "${to_ask[@]}"
  fi
}

# quorum_is_lost_own ANSWERS: kept if this host has a leader, otherwise lost.
quorum_is_lost_own() {
  if [[ $'\n'"$1" == *$'\n'"${HOST} leader"* ]]; then printf 'kept\n'; else printf 'lost\n'; fi
}

# quorum_is_lost_intact HOSTS: this tool does not apply, or another host has been recovered.
quorum_is_lost_intact() {
  if [[ " $1 " == *" ${HOST} "* ]]; then
    stop "${MISMATCH}" 'etcd has its quorum, and this plan is for a lost quorum' \
      'no leader on any server host' "a leader on $1" \
      'recover single hosts with the Control Plane API (remove the host, then join it again)'
  fi
  stop "${MISMATCH}" "the etcd of $1 has a quorum" 'no leader on any server host' \
    "a leader on $1, so the quorum is not lost, or another host is already recovered" \
    "bring ${HOST} back to the cluster of $1; never recover a second host"
}

# quorum_is_lost_down: this host's own etcd does not answer. Its container may wait for a quorum or
# be gone. A closed port while another process uses the database is neither.
quorum_is_lost_down() {
  local word
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'running' ]]; then
    say "${HOST} runs its Control Plane, which does not listen because it waits for a quorum"
  else
    refuse_holders
    say "${HOST} has stopped its Control Plane"
  fi
}

# quorum_is_lost_absent HOST: known | ask, for a host that does not answer.
quorum_is_lost_absent() {
  local word='no' remembered=''
  if [[ -e "${STATE}/fenced" && ! -e "${STATE}/closed" ]]; then
    remembered=$(<"${STATE}/fenced")
  fi
  if [[ "${option["--fenced $1"]:-no}" == 'yes' ]]; then
    say "$1 does not answer. You confirmed that it is stopped and stays so"
    printf 'known\n'
    return
  elif [[ " ${remembered} " == *" $1 "* ]]; then
    say "$1 does not answer. It was confirmed as stopped earlier in this recovery"
    printf 'known\n'
    return
  fi
  if [[ "${swarm_seen%% *}" == 'manager' ]]; then
    word=$(ended_by_swarm "$1")
  fi
  if [[ "${word}" == 'yes' ]]; then
    say "$1 has closed ports, and Swarm shows its node as ready and its task as ended"
  else
    printf 'ask\n'
    return
  fi
  printf 'known\n'
}

# quorum_is_lost_ask HOST...: a person confirms each of them; otherwise the script stops and names
# all of them.
quorum_is_lost_ask() {
  local host typed list
  list="$*"
  list="${list// /,}"
  if [[ "${mode}" == 'look' ]]; then
    say "Would ask you to confirm ${list} (with --apply, use --fenced ${list})"
    return
  elif [[ ! -t 0 ]]; then
    stop "${MISMATCH}" "${list} not confirmed as fenced" "--fenced ${list}" \
      'no answer from there, and no terminal to ask you' \
      "make sure that each is powered off, disconnected or stopped, that nobody has started a \
recovery on it, and that this stays so; then add --fenced ${list}"
  fi
  for host in "$@"; do
    say "${host} does not answer. If it and another old host start again, they can form the old"
    say 'cluster and accept writes. If another person recovers it too, there are two clusters.'
    say "Type ${host} to confirm that it is powered off, disconnected or stopped, that nobody has"
    say 'started a recovery on it, and that this stays so until you run its script:'
    IFS= read -r typed || true
    [[ "${typed}" == "${host}" ]] || stop "${MISMATCH}" "${host} is not confirmed as fenced" \
      "${host}" "${typed}" 'power it off or disconnect it, then run this script again'
    option["--fenced ${host}"]='yes'
  done
}
