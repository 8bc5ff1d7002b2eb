# Guide 8.1, one server host at a time, because all at once would be a second total outage. Never
# one of two voters: stopping it stops the other. A host that was started after the last change of
# the membership is not restarted.
restart_host() {
  local target="$1" service="$2" list labelled before since word
  local record="${STATE}/restarted/$1" check="docker service ps --no-trunc '$2'"
  local -a others=()
  list=$(membership "${RECOVERY_ENDPOINT}")
  labelled=$(env_label "${service}")
  word=$(restart_host_word "${target}" "${service}" "${list}" "${labelled}")
  case "${word}" in
    restart) ;;
    unanswered\ *)
      stop "${BUSY}" "cannot tell whether ${target} needs a restart" 'a reply' \
        "${word#unanswered }" 'wait a minute, then run this script again'
      ;;
    *)
      already "${target} is not restarted, because ${word}"
      return
      ;;
  esac
  word=$(awk -F '|' '$2 == "started" && $5 == "false" { print $3 }' <<<"${list}")
  mapfile -t others <<<"${word}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy before the next restart' \
    "${check}" hosts_word '' "${others[@]}"
  before=$(replaced_task "${service}")
  if [[ "${labelled}" == 'ours' ]]; then
    # Phase 6 added the variable for one start; the service ends without it.
    mutate docker_patiently service update --force --detach --env-rm PGEDGE_ETCD_MODE \
      --label-rm plan.recovery.env "${service}"
  else
    mutate docker_patiently service update --force --detach "${service}"
  fi
  wait_until "${DEADLINE_API}" running "a new task of ${service} runs" \
    "${check}" task_word "${service}" '' "${before}"
  # A Control Plane writes its status as it starts, and then every 15 s.
  since=$(running_since "${service}")
  wait_until "${DEADLINE_FRESH}" fresh "${target} has a status from after its restart" \
    "${check}" hosts_word "${since}" "${target}"
  # The leader's restart can end another host's process; Swarm starts it again within 10 s.
  wait_until "${DEADLINE_FRESH}" complete 'the member list is as before' \
    "${check}" restart_host_members_word "${list}"
  wait_until "${DEADLINE_FRESH}" fresh 'every voter is healthy' \
    "${check}" hosts_word '' "${others[@]}"
  mutate install -d -m 0700 -- "${STATE}/restarted"
  mutate write_file "${record}" 0600 "${list}"
}

# restart_host_word HOST SERVICE MEMBERS LABELLED: restart | unanswered WHY | why it is not
# restarted. A host that came back after the end still has the variable of phase 6.
restart_host_word() {
  local target="$1" service="$2" list="$3" labelled="$4" seen='' scale word voters created last
  local record="${STATE}/restarted/$1"
  if [[ -f "${STATE}/closed" && "${labelled}" == 'none' ]]; then
    printf 'this recovery is closed\n'
    return
  fi
  if [[ "${list}" == 'unanswered' ]]; then
    word=$(tail -n 1 -- "${scratch}/etcdctl.err")
    printf 'unanswered etcd at %s, %s\n' "${RECOVERY_ENDPOINT}" "${word}"
    return
  fi
  scale=$(service_scale "${service}")
  if [[ "${scale}" == 'unknown' || "${labelled}" == 'unknown' ]]; then
    word=$(docker_complaint)
    printf 'unanswered Docker, %s\n' "${word}"
    return
  fi
  if [[ "${scale}" != 1 ]]; then
    printf '%s has no replica (%s)\n' "${service}" "${scale}"
    return
  fi
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  if [[ "${seen}" == "${list}" && "${labelled}" != 'ours' ]]; then
    printf 'it was restarted with the present members\n'
    return
  fi
  voters=$(awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l)
  word=$(pick_member "${target}" '' <<<"${list}" | member_state)
  if [[ "${word}" != 'voter' ]]; then
    printf 'it is not a started voter (%s)\n' "${word}"
    return
  fi
  if ((voters == 2)); then
    printf 'there are only two voters, and stopping one stops the other\n'
    return
  fi
  created=$(started_at "${service}")
  last=$(last_start "${target}")
  if [[ "${last}" == 'unknown' ]]; then
    word=$(docker_complaint)
    printf 'unanswered Docker, %s\n' "${word}"
    return
  elif ((created > last)) && [[ "${labelled}" != 'ours' ]]; then
    printf 'it was started after every other server host\n'
    return
  fi
  printf 'restart\n'
}

# restart_host_members_word MEMBERS: complete | changed | unanswered.
restart_host_members_word() {
  local list
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == "$1" ]]; then
    printf 'complete\n'
  elif [[ "${list}" == 'unanswered' ]]; then
    printf 'unanswered\n'
  else
    printf 'changed\n'
  fi
}
