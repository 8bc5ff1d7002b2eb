# Guide 4.4, an addition: a snapshot brings back alarms, and tasks that were pending or running when
# it was taken; the Control Plane resumes those. They are only reported.
show_leftovers() {
  local text word release ids id line
  if ((work > 0)); then
    cannot_know 'which alarms and tasks came back with the snapshot'
    return
  fi
  word=$(etcdctl_word "${RECOVERY_ENDPOINT}" alarm list)
  text=$(tr '\n' ' ' <"${scratch}/etcdctl.out")
  if [[ "${word}" != 'ok' ]]; then
    text=$(tail -n 1 -- "${scratch}/etcdctl.err")
    say "etcd does not report its alarms (${text})"
  elif [[ -n "${text}" ]]; then
    say "ALARM: ${text}(with NOSPACE etcd refuses writes; compact, defragment and disarm it)"
  else
    say 'No alarms'
  fi
  release=$(generation)
  : >"${scratch}/tasks"
  if [[ "${release}" == '0.6' ]]; then
    # 0.6 has no list of all tasks.
    api_must 200 GET "${RECOVERY_API}/v1/databases"
    ids=$(answer '.databases // [] | .[].id')
    for id in ${ids}; do
      api_must 200 GET "${RECOVERY_API}/v1/databases/${id}/tasks"
      cat -- "${scratch}/answer" >>"${scratch}/tasks"
    done
  else
    api_must 200 GET "${RECOVERY_API}/v1/tasks"
    cat -- "${scratch}/answer" >>"${scratch}/tasks"
  fi
  text=$(jq -r '.tasks // [] | .[]
    | select(.status | IN("completed", "failed", "canceled") | not)
    | "\(.type) of \(.scope // "database") \(.entity_id // .database_id): \(.status)"' \
    -- "${scratch}/tasks")
  if [[ -z "${text}" ]]; then
    say 'No tasks came back with the snapshot'
    return
  fi
  while IFS= read -r line; do
    say "Task resumed with the snapshot: ${line}"
  done <<<"${text}"
}
