# Guide 8.1, one server host after another instead of all at once, which would be a second total
# outage. Never one of two voters: stopping it halts the other. A host that was started after the
# last change of the membership is left alone.
restart_host() {
  local target="$1" service="$2" list labelled before since word
  local record="${STATE}/restarted/$1" diagnose="docker service ps --no-trunc '$2'"
  local -a others=()
  list=$(membership "${RECOVERY_ENDPOINT}")
  labelled=$(timeout 20 docker service inspect --format \
    '{{index .Spec.Labels "plan.recovery.env"}}' -- "${service}" 2>/dev/null || true)
  word=$(restart_host_word "${target}" "${service}" "${list}" "${labelled}")
  case "${word}" in
    restart) ;;
    unanswered)
      stop "${BUSY}" "etcd at ${RECOVERY_ENDPOINT} or Docker does not answer" '' '' \
        'wait a minute, then run the script again'
      ;;
    *)
      already "${target} is left alone: ${word}"
      return
      ;;
  esac
  word=$(awk -F '|' '$2 == "started" && $5 == "false" { print $3 }' <<<"${list}")
  mapfile -t others <<<"${word}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy before the next restart' \
    hosts_word '' "${others[@]}"
  before=$(replaced_task "${service}")
  if [[ "${labelled}" == 1 ]]; then
    # Phase 6 added the variable for one start; the service ends as it was.
    mutate docker_patiently service update --force --detach --env-rm PGEDGE_ETCD_MODE \
      --label-rm plan.recovery.env "${service}"
  else
    mutate docker_patiently service update --force --detach "${service}"
  fi
  wait_until "${DEADLINE_API}" running "a new task of ${service} runs" \
    task_word "${service}" '' "${before}"
  # A Control Plane writes its status as it starts, and then every 15 s.
  since=$(running_since "${service}")
  wait_until "${DEADLINE_FRESH}" fresh "${target} shows a status written after its restart" \
    hosts_word "${since}" "${target}"
  # The leader's restart can end another host's process; Swarm starts it again within 10 s.
  wait_until "${DEADLINE_FRESH}" whole 'the member list is what it was' \
    restart_host_members_word "${list}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy' hosts_word '' "${others[@]}"
  mutate install -d -m 0700 -- "${STATE}/restarted"
  mutate put_file "${record}" 0600 list
}

# restart_host_word HOST SERVICE MEMBERS LABELLED: restart | unanswered | why it is left alone.
restart_host_word() {
  local target="$1" service="$2" list="$3" labelled="$4" seen='' scale word voters created last
  local record="${STATE}/restarted/$1"
  if [[ -f "${STATE}/closed" ]]; then
    printf 'this recovery is closed\n'
    return
  fi
  if [[ "${list}" == 'unanswered' ]]; then
    printf 'unanswered\n'
    return
  fi
  scale=$(service_scale "${service}")
  if [[ "${scale}" == 'unknown' ]]; then
    printf 'unanswered\n'
    return
  fi
  if [[ "${scale}" != 1 ]]; then
    printf '%s has no replica to restart (%s)\n' "${service}" "${scale}"
    return
  fi
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  if [[ "${seen}" == "${list}" && "${labelled}" != 1 ]]; then
    printf 'it was restarted with the members of today\n'
    return
  fi
  voters=$(awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l)
  word=$(pick_member "${target}" '' <<<"${list}" | member_state)
  if [[ "${word}" != 'voter' ]]; then
    printf 'it is no started voter (%s)\n' "${word}"
    return
  fi
  if ((voters == 2)); then
    printf 'there are two voters only, and stopping one halts the other\n'
    return
  fi
  created=$(started_at "${service}")
  last=$(last_start "${target}")
  if ((created > last)) && [[ "${labelled}" != 1 ]]; then
    printf 'it was started after every other server host\n'
    return
  fi
  printf 'restart\n'
}

# restart_host_members_word MEMBERS: whole | changed | unanswered.
restart_host_members_word() {
  local list
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == "$1" ]]; then
    printf 'whole\n'
  elif [[ "${list}" == 'unanswered' ]]; then
    printf 'unanswered\n'
  else
    printf 'changed\n'
  fi
}
