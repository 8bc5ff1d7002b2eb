# Guide 8.1 as the guide has it, by the inventory's own choice: every host at once. A total outage
# of the Control Plane, not of Postgres. What the guide leaves to `sleep 30` is waited for.
restart_all() {
  local list seen='' since service text
  local record="${STATE}/restarted/all" stopped="${STATE}/restarted/stopped"
  local -a services=() down=() up=()
  local diagnose='docker service ls'
  if [[ -f "${STATE}/closed" ]]; then
    already 'this recovery is closed'
    return
  fi
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  if [[ "${list}" != 'unanswered' && "${seen}" == "${list}" ]]; then
    already 'all were restarted with the members of today'
    return
  fi
  if [[ "${stopped}" -nt "${record}" ]]; then
    # This script was killed between the stop and the start.
    mapfile -t services <"${stopped}"
  else
    text=$(restart_all_running "$@")
    mapfile -t services <<<"${text}"
    mutate install -d -m 0700 -- "${STATE}/restarted"
    mutate put_file "${stopped}" 0600 text
  fi
  for service in "${services[@]}"; do
    down+=("${service}=0")
    up+=("${service}=1")
  done
  mutate docker_patiently service scale --detach "${down[@]}"
  wait_until "${DEADLINE_STOP}" gone 'no task of these services runs' \
    restart_all_word "${services[@]}"
  wait_until "${DEADLINE_STOP}" gone "the container of ${RECOVERY_SERVICE} is gone" \
    container_word "${RECOVERY_SERVICE}"
  for service in "${services[@]}"; do
    restart_all_clear_env "${service}"
  done
  since=$(date +%s)
  mutate docker_patiently service scale --detach "${up[@]}"
  wait_until "${DEADLINE_API}" 200 "the API of ${RECOVERY_HOST} answers" \
    api_word "${RECOVERY_API}/v1/hosts"
  wait_until "${DEADLINE_FRESH}" fresh 'every server host shows a status of after its restart' \
    hosts_word "${since}" "${SERVERS[@]}"
  list=$(membership "${RECOVERY_ENDPOINT}")
  mutate put_file "${record}" 0600 list
}

# restart_all_running SERVICE...: those at 1, one a line. One at 0 stays there: its host has not
# come back and may hold the old membership.
restart_all_running() {
  local service scale
  for service in "$@"; do
    scale=$(service_scale "${service}")
    case "${scale}" in
      1) printf '%s\n' "${service}" ;;
      unknown)
        stop "${BUSY}" "Docker does not tell the scale of ${service}" '' '' \
          'see: docker node ls; run the script again'
        ;;
      *) say "left alone: ${service} has no replica to restart (${scale})" ;;
    esac
  done
}

# restart_all_clear_env SERVICE: phase 6 added the variable for one start; the service ends as it
# was.
restart_all_clear_env() {
  local labelled
  labelled=$(timeout 20 docker service inspect --format \
    '{{index .Spec.Labels "plan.recovery.env"}}' -- "$1" 2>/dev/null || true)
  if [[ "${labelled}" == 1 ]]; then
    mutate docker_patiently service update --detach --env-rm PGEDGE_ETCD_MODE \
      --label-rm plan.recovery.env "$1"
  fi
}

# restart_all_word SERVICE...: gone | unknown, or how many tasks of them still run on nodes that are
# up. Tasks of a node that is down are said to run for ever.
restart_all_word() {
  local nodes text count status=0
  local -a ids=()
  nodes=$(timeout 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || status=$?
  if ((status == 0)); then
    text=$(timeout 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  fi
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'gone\n'
    return
  fi
  if ((status == 0)); then
    mapfile -t ids <<<"${text}"
    text=$(timeout 20 docker inspect --type task "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown\n'
    return
  fi
  count=$(jq -r --arg nodes "${nodes}" '($nodes | split("\n") | map(select(endswith(" Ready"))
      | split(" ")[0])) as $up
    | [.[] | select(.Status.State == "running" and (.NodeID | IN($up[])))] | length' <<<"${text}")
  if ((count == 0)); then printf 'gone\n'; else printf '%s running\n' "${count}"; fi
}
