# guide 6.1c: one update makes it a server and starts it. At its start the Control Plane sees client
# become server, logs in with its own password, joins etcd as a learner and is promoted. If the join
# fails it has already noted "server", and its next start is uninitialised (409): the way back is
# stop, clear, drop the entry, start; at most twice.
start_reattached() {
  local scale attempts=0
  # shellcheck disable=SC2034  # wait_until prints it
  local diagnose="docker service ps --no-trunc ${SERVICE}; docker service logs ${SERVICE}"
  if [[ "${way}" == 'done' ]]; then
    scale=$(service_scale "${SERVICE}")
    if [[ "${scale}" == 0 ]]; then
      mutate docker_patiently service scale --detach "${SERVICE}=1"
    else
      already "service ${SERVICE} is at ${scale}"
    fi
    wait_until "${DEADLINE_API}" 200 "${API} serves the cluster" api_word "${API}/v1/hosts"
    return
  fi
  start_reattached_update
  while true; do
    wait_until "${DEADLINE_API}" settled "${API} shows how it went" start_reattached_word
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
        "${http_status}: half done" "${diagnose}; mend the cause and run this script again"
    say "half done: it has noted server without having joined; attempt ${attempts} to mend it"
    stop_own
    clear_for_reattach
    drop_stale_member
    start_reattached_update
  done
}

# settled (200 or 409), or what the API answers meanwhile.
start_reattached_word() {
  api GET "${API}/v1/hosts"
  case "${http_status}" in
    200 | 409) printf 'settled\n' ;;
    *) printf '%s\n' "${http_status}" ;;
  esac
}

# The label tells phase 8 that the variable is ours to take away again.
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
        'server, or not set: the inventory calls it a server host' "${mode_word}" \
        'mend the inventory or the service'
      ;;
  esac
}

# What the service sets PGEDGE_ETCD_MODE to: none | server | another | unknown.
start_reattached_mode() {
  local text status=0
  text=$(timeout 20 docker service inspect \
    --format '{{range .Spec.TaskTemplate.ContainerSpec.Env}}{{println .}}{{end}}' \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    ((work > 0)) || stop "${UNAVAILABLE}" "cannot ask Swarm for ${SERVICE}" '' \
      "$(<"${scratch}/docker.err")" 'see: docker node ls; run the script again'
    printf 'unknown\n'
    return
  fi
  text=$(sed -n 's/^PGEDGE_ETCD_MODE=//p' <<<"${text}")
  printf '%s\n' "${text:-none}"
}
