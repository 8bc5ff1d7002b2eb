# Guide 6.1c: started as a server, the Control Plane logs in with its own password and joins etcd as
# a learner. If the join fails, it has already recorded "server", and its next start is
# uninitialised (409): stop, clear, drop the entry, start; at most twice.
start_reattached() {
  local scale attempts=0
  local check="docker service ps --no-trunc ${SERVICE}; docker service logs ${SERVICE}"
  if [[ "${way}" == 'done' ]]; then
    scale=$(own_scale)
    if [[ "${scale}" == 0 ]]; then
      mutate docker_patiently service scale --detach "${SERVICE}=1"
    else
      already "service ${SERVICE} is at ${scale}"
    fi
    wait_until "${DEADLINE_API}" 200 "${API} serves the cluster" \
      "${check}" api_word "${API}/v1/hosts"
    return
  fi
  start_reattached_update
  while true; do
    wait_until "${DEADLINE_API}" settled "${API} reports the result" \
      "${check}" start_reattached_word
    if ((work > 0)); then
      return
    fi
    api GET "${API}/v1/hosts"
    if [[ "${http_status}" == 200 ]]; then
      say "${HOST} serves the cluster again"
      return
    fi
    attempts=$((attempts + 1))
    ((attempts <= 2)) \
      || stop "${FAILED}" "${HOST} did not join etcd in ${attempts} attempts" 200 \
        "${http_status}, an incomplete join" "check ${check}, then run this script again"
    say "The join is incomplete. ${HOST} has mode server, but is no member. Repair ${attempts} of 2"
    stop_own
    clear_for_reattach
    drop_stale_member
    start_reattached_update
  done
}

# settled (200 or 409), or the present answer of the API.
start_reattached_word() {
  api GET "${API}/v1/hosts"
  case "${http_status}" in
    200 | 409) printf 'settled\n' ;;
    *) printf '%s\n' "${http_status}" ;;
  esac
}

# The label shows phase 8 that this recovery added the variable.
start_reattached_update() {
  local mode_word
  mode_word=$(start_reattached_mode)
  case "${mode_word}" in
    none | unknown)
      mutate docker_patiently service update --detach --env-add PGEDGE_ETCD_MODE=server \
        --label-add plan.recovery.env=1 --replicas 1 "${SERVICE}"
      ;;
    server) mutate docker_patiently service update --detach --replicas 1 "${SERVICE}" ;;
    *)
      stop "${MISMATCH}" "${SERVICE} sets PGEDGE_ETCD_MODE=${mode_word}" \
        'server or not set, as it is a server host in the inventory' "${mode_word}" \
        'correct the inventory or the service'
      ;;
  esac
}

# The value of PGEDGE_ETCD_MODE in the service: none | server | another | unknown.
start_reattached_mode() {
  local text status=0
  text=$("${AT_MOST[@]}" 20 docker service inspect \
    --format '{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}' \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    ((work > 0)) || stop "${BUSY}" "Docker does not report the settings of ${SERVICE}" 'a reply' \
      "$(<"${scratch}/docker.err")" 'check docker node ls, then run this script again'
    printf 'unknown\n'
    return
  fi
  text=$(sed -n 's/^PGEDGE_ETCD_MODE=//p' <<<"${text}")
  printf '%s\n' "${text:-none}"
}
