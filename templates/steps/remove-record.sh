# Guide 5.2: the host's record, with its etcd user. Without `force`, which only skips the check that
# no instance is left: by now there is none. The guide polls /v1/tasks/ID, which no release has, and
# takes `failed` for done. 0.7 and newer have a task of the host; on 0.6 its id leaves the list.
remove_record() {
  local target="$1" url="${RECOVERY_API}/v1/hosts/$1" release task='' text proof
  proof="${STATE}/removed/${target}"
  text=$(record_word "${target}")
  if [[ "${text}" == 'present' && -f "${proof}" ]]; then
    already "${target} was removed, and has joined anew"
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
      mutate api DELETE "${url}" '' 60
      if ((work == 0)); then
        remove_record_judge "${target}" "${release}"
        task=$(answer '.task.task_id // empty')
      fi
    fi
    if [[ -n "${task}" ]]; then
      await_task "${url}/tasks/${task}" "the removal of ${target}"
    fi
    local diagnose="curl '${RECOVERY_API}/v1/hosts'"
    wait_until "${DEADLINE_TASK}" absent "${target} has left the list of hosts" \
      remove_record_word "${target}"
  fi
  remove_record_members "${target}"
  # The host joins anew under the same id: only this tells a later run that it is not the old one.
  if [[ ! -f "${proof}" ]]; then
    text="${target} was removed"
    mutate install -d -m 0700 -- "${STATE}/removed"
    mutate put_file "${proof}" 0600 text
  fi
}

# remove_record_task HOST: the id of a removal that still runs, or nothing: a second DELETE while
# one runs would be answered with an error that says nothing.
remove_record_task() {
  api_must 200 GET "${RECOVERY_API}/v1/hosts/$1/tasks"
  answer '[.tasks[]? | select(.type == "remove_host" and
    (.status | IN("completed", "failed", "canceled") | not))] | max_by(.created_at)
    | .task_id // empty'
}

# remove_record_judge HOST RELEASE: what the API said to DELETE.
remove_record_judge() {
  local text
  text=$(answer_text)
  case "${http_status}" in
    200) ;;
    404) already "there is no record of $1" ;;
    400)
      stop "${FAILED}" "the removal of $1 was refused" '200' "400: ${text}" \
        '"running instances": run this script again, it updates their databases first'
      ;;
    409)
      stop "${BUSY}" "the removal of $1 was refused" '200' "409: ${text}" \
        'another change is under way; see /v1/tasks, wait for its end, run this script again'
      ;;
    500)
      stop "${FAILED}" "the removal of $1 was refused" '200' "500: ${text}" \
        'see /v1/databases (one that is being changed?) and its log; run this script again'
      ;;
    timeout | failed | refused)
      stop "${BUSY}" "no answer to the removal of $1" '200' "${http_status}" \
        'run this script again: it looks whether the removal has begun'
      ;;
    *)
      stop "${FAILED}" "the removal of $1 was refused" '200' "${http_status}: ${text}" \
        'see the Control Plane log'
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

# remove_record_members HOST: an entry that a half-done join has left in the member list would make
# the next join fail ("Peer URLs already exists"). A started voter is never taken out here.
remove_record_members() {
  local target="$1" word list id
  word=$(member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}")
  case "${word}" in
    absent) say "proved: etcd has no member of ${target}" ;;
    unstarted | learner)
      list=$(members "${RECOVERY_ENDPOINT}")
      id=$(pick_member "${target}" "${removal_peer_url}" <<<"${list}" | cut -d '|' -f 1)
      mutate as_host etcdctl --endpoints "${RECOVERY_ENDPOINT}" "${ETCDCTL_TLS[@]}" \
        member remove "${id}"
      prove absent "etcd has no member of ${target}" 'see: etcdctl member list' \
        member_word "${RECOVERY_ENDPOINT}" "${target}" "${removal_peer_url}"
      ;;
    *)
      if ((work > 0)); then
        cannot_know "whether etcd has a member of ${target} afterwards"
      else
        stop "${FAILED}" "${target} is a voter without a record" 'no member of that name' \
          "${word}" 'its join was not finished: start its service, and run its join script again'
      fi
      ;;
  esac
}
