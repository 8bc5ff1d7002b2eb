# Guide 8.1, restart.mode of the inventory: every host at once. A total outage of the Control Plane,
# not of Postgres. The script waits for each result.
restart_all() {
  local list seen='' since service text
  local record="${STATE}/restarted/all" stopped="${STATE}/restarted/stopped"
  local -a services=() down=() up=()
  local check='docker service ls'
  if [[ -f "${STATE}/closed" ]]; then
    # A host that came back after the end still has the variable that phase 6 gave it.
    text=$(restart_all_labelled "$@")
    if [[ -z "${text}" ]]; then
      already 'this recovery is closed'
      return
    fi
    mapfile -t services <<<"${text}"
    set -- "${services[@]}"
  fi
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ -f "${record}" ]]; then
    seen=$(<"${record}")
  fi
  if [[ ! -f "${STATE}/closed" && "${list}" != 'unanswered' && "${seen}" == "${list}" ]]; then
    already 'all were restarted with the present members'
    return
  fi
  if [[ "${stopped}" -nt "${record}" ]]; then
    # An earlier run was killed between the stop and the start.
    mapfile -t services <"${stopped}"
  else
    text=$(restart_all_running "$@")
    mapfile -t services <<<"${text}"
    mutate install -d -m 0700 -- "${STATE}/restarted"
    mutate write_file "${stopped}" 0600 "${text}"
  fi
  for service in "${services[@]}"; do
    down+=("${service}=0")
    up+=("${service}=1")
  done
  mutate docker_patiently service scale --detach "${down[@]}"
  wait_until "${DEADLINE_STOP}" gone 'no task of these services runs' \
    "${check}" restart_all_word "${services[@]}"
  wait_until "${DEADLINE_STOP}" gone "the container of ${RECOVERY_SERVICE} is gone" \
    "${check}" container_word "${RECOVERY_SERVICE}"
  for service in "${services[@]}"; do
    restart_all_clear_env "${service}"
  done
  since=$(date +%s)
  mutate docker_patiently service scale --detach "${up[@]}"
  wait_until "${DEADLINE_API}" 200 "the API of ${RECOVERY_HOST} answers" \
    "${check}" api_word "${RECOVERY_API}/v1/hosts"
  if ((work == 0)); then
    restart_all_fresh "${since}"
  fi
  list=$(membership "${RECOVERY_ENDPOINT}")
  mutate write_file "${record}" 0600 "${list}"
}

# restart_all_fresh SINCE: waits for every server host that was restarted. A removed host, or one
# with its service at 0, has no fresh status.
restart_all_fresh() {
  local since="$1" text line
  local -a known=() hosts=()
  text=$(with_record "${SERVERS[@]}")
  mapfile -t known <<<"${text}"
  for line in "${SERVICES[@]}"; do
    if [[ " ${known[*]} " == *" ${line%% *} "* && " ${services[*]} " == *" ${line#* } "* ]]; then
      hosts+=("${line%% *}")
    fi
  done
  wait_until "${DEADLINE_FRESH}" fresh 'every server host has a status from after its restart' \
    'docker ps' hosts_word "${since}" "${hosts[@]}"
}

# restart_all_labelled SERVICE...: those that still have the variable of phase 6, one per line.
restart_all_labelled() {
  local service word
  for service in "$@"; do
    word=$(env_label "${service}")
    case "${word}" in
      ours) printf '%s\n' "${service}" ;;
      none) ;;
      *)
        word=$(docker_complaint)
        stop "${BUSY}" "Docker does not report the labels of ${service}" 'a reply' "${word}" \
          'check docker node ls, then run this script again'
        ;;
    esac
  done
}

# restart_all_running SERVICE...: those at 1, one per line. One at 0 stays there: its host has not
# come back and may have the old membership.
restart_all_running() {
  local service scale complaint
  for service in "$@"; do
    scale=$(service_scale "${service}")
    case "${scale}" in
      1) printf '%s\n' "${service}" ;;
      unknown)
        complaint=$(docker_complaint)
        stop "${BUSY}" "Docker does not report the scale of ${service}" '' "${complaint}" \
          'check docker node ls, then run this script again'
        ;;
      *) say "Not restarted: ${service} has no replica (${scale})" ;;
    esac
  done
}

# restart_all_clear_env SERVICE: phase 6 added the variable for one start; the service ends without.
restart_all_clear_env() {
  local labelled
  labelled=$(restart_all_labelled "$1")
  if [[ -n "${labelled}" ]]; then
    mutate docker_patiently service update --detach --env-rm PGEDGE_ETCD_MODE \
      --label-rm plan.recovery.env "$1"
  fi
}

# restart_all_word SERVICE...: gone | unknown, or how many of their tasks still run on nodes that
# are up. Swarm reports tasks of a node that is down as running without end.
restart_all_word() {
  local nodes text count status=0
  local -a ids=()
  nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || status=$?
  if ((status == 0)); then
    text=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  fi
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'gone\n'
    return
  fi
  if ((status == 0)); then
    mapfile -t ids <<<"${text}"
    text=$("${AT_MOST[@]}" 20 docker inspect --type task "${ids[@]}" 2>/dev/null) || status=$?
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
