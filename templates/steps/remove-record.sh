# Guide 5.2: removes the host's record, with its etcd user. Without `force`, which only skips the
# check for instances: there are none left. 0.7 and newer have a task of the host, which can fail;
# on 0.6 its id leaves the list.
remove_record() {
  local target="$1" url="${RECOVERY_API}/v1/hosts/$1" release task='' text proof
  proof="${STATE}/removed/${target}"
  text=$(record_word "${target}")
  if [[ "${text}" == 'present' && -f "${proof}" ]]; then
    already "${target} was removed and has joined again"
    return
  fi
  if [[ "${removal_needed}" == 'yes' ]]; then
    release=$(generation)
    if [[ "${release}" != '0.6' ]]; then
      task=$(remove_record_task "${target}")
    fi
    if [[ -n "${task}" ]]; then
      already "the removal of ${target} is under way"
    else
      mutate api_send DELETE "${url}" '' 60
      if ((work == 0)); then
        remove_record_judge "${target}" "${release}"
        task=$(answer '.task.task_id // empty')
      fi
    fi
    if [[ -n "${task}" ]]; then
      await_task "${url}/tasks/${task}" "the removal of ${target}"
    fi
    local check="curl '${RECOVERY_API}/v1/hosts'"
    wait_until "${DEADLINE_TASK}" absent "${target} has left the host list" \
      "${check}" remove_record_word "${target}"
  fi
  remove_record_members "${target}"
  # A later join has the same id; this record shows a later run that it is not the old host.
  if [[ ! -f "${proof}" ]]; then
    text="${target} was removed"
    mutate install -d -m 0700 -- "${STATE}/removed"
    mutate write_file "${proof}" 0600 "${text}"
  fi
}

# remove_record_task HOST: the id of a removal that still runs, or nothing. A second DELETE during a
# removal would return an unclear error.
remove_record_task() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts/$1/tasks"
  answer '[.tasks[]? | select(.type == "remove_host" and
    (.status | IN("completed", "failed", "canceled") | not))] | max_by(.created_at)
    | .task_id // empty'
}

# remove_record_judge HOST RELEASE: evaluates the answer to DELETE.
remove_record_judge() {
  local text
  text=$(answer_text)
  case "${http_status}" in
    200) ;;
    404) already "$1 has no record" ;;
    400)
      stop "${FAILED}" "the removal of $1 was refused" '200' "400, ${text}" \
        'if it has running instances, run this script again; it updates their databases first'
      ;;
    409)
      stop "${BUSY}" "the removal of $1 was refused" '200' "409, ${text}" \
        'wait until the other change in /v1/tasks has ended, then run this script again'
      ;;
    500)
      stop "${FAILED}" "the removal of $1 was refused" '200' "500, ${text}" \
        'check /v1/databases for one that is being changed, and its log, then run this script again'
      ;;
    timeout | failed | refused)
      stop "${BUSY}" "no answer to the removal of $1" '200' "${http_status}" \
        'run this script again; it checks whether the removal has begun'
      ;;
    *)
      stop "${FAILED}" "the removal of $1 was refused" '200' "${http_status}, ${text}" \
        'check the Control Plane log, then run this script again'
      ;;
  esac
}

# remove_record_word HOST: present | absent | the failed request.
remove_record_word() {
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  answer 'if any(.hosts[]; .id == $id) then "present" else "absent" end' --arg id "$1"
}

# remove_record_members HOST: an entry left by an incomplete join would make the next join fail
# ("Peer URLs already exists"). A started voter is never removed here.
remove_record_members() {
  local target="$1" word list id
  word=$(member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}")
  case "${word}" in
    absent) say "Check passed: etcd has no member of ${target}" ;;
    unstarted | learner)
      list=$(members "${RECOVERY_ENDPOINT}")
      id=$(pick_member "${target}" "${removal_peer_url}" <<<"${list}" | cut -d '|' -f 1)
      mutate as_host etcdctl --endpoints "${RECOVERY_ENDPOINT}" "${ETCDCTL_TLS[@]}" \
        member remove "${id}"
      prove absent "etcd has no member of ${target}" \
        'check etcdctl member list, then run this again' \
        member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}"
      ;;
    *)
      if ((work > 0)); then
        cannot_know "whether etcd has a member of ${target} afterwards"
      else
        stop "${FAILED}" "${target} is a voter without a record" 'no member of that name' \
          "${word}" 'its join did not finish; start its service, then run its join script again'
      fi
      ;;
  esac
}
