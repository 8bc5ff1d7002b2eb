# Guide 1.3, 5.2, 6.1a: waits until no reachable machine runs a task of them. Docker reports
# "converged" 8 to 13 s before containers end, and a data directory moved under them is destroyed.
# The container of this host is the next step's.
stop_services() {
  local service scale line
  local -a present=() changes=() absent=()
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ "${step}" == 2.* && -d "${STATE}/before" ]]; then
    stop_services_undo
  fi
  if [[ "${swarm_after}" == 'made' ]]; then
    say 'The services are deployed at 0'
    return
  fi
  for service in "$@"; do
    # A Swarm that is not revived yet reports nothing: assume that they are up.
    if [[ -n "${swarm_after}" ]] && ((work > 0)); then
      scale=1
    else
      scale=$(stop_services_scale "${service}")
    fi
    case "${scale}" in
      absent) absent+=("${service}") ;;
      0) present+=("${service}") ;;
      *)
        present+=("${service}")
        changes+=("${service}=0")
        ;;
    esac
  done
  if ((${#absent[@]} > 0)); then
    stop "${MISMATCH}" "services of this plan are not in this Swarm (${absent[*]})" \
      "each of $*" 'they may run under other names, and would start with old data' \
      'check docker service ls; correct swarm.stack or service in the inventory and compile again'
  fi
  if ((${#changes[@]} == 0)); then
    already "these services are at 0: ${present[*]}"
  else
    mutate docker_patiently service scale --detach "${changes[@]}"
  fi
  : >"${scratch}/unreachable"
  local check="docker service ps ${present[*]}"
  wait_until "${DEADLINE_STOP}" 'stopped' 'no other reachable machine runs them' \
    "${check}" stop_services_word "${present[@]}"
  while IFS= read -r line; do
    say "Swarm cannot reach ${line}"
  done <"${scratch}/unreachable"
}

# stop_services_scale SERVICE: its replicas, or absent. The script stops if Docker does not report
# it.
stop_services_scale() {
  local scale complaint
  scale=$(service_scale "$1")
  complaint=$(docker_complaint)
  [[ "${scale}" != 'unknown' ]] || stop "${BUSY}" "Docker does not report the scale of $1" \
    'a number' "${complaint}" 'check docker node ls, then run this script again'
  printf '%s\n' "${scale}"
}

# stop_services_word SERVICE...: stopped | running | unknown, on machines other than this one.
stop_services_word() {
  local tasks nodes own status=0
  local -a ids=()
  tasks=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  own=$(own_node)
  nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}} {{.Hostname}}' \
    2>/dev/null) || status=$?
  if ((status == 0)) && [[ -n "${tasks}" ]]; then
    mapfile -t ids <<<"${tasks}"
    tasks=$("${AT_MOST[@]}" 20 docker inspect --type task --format '{{.NodeID}} {{.Status.State}}' \
      -- "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)) || [[ -z "${own}" ]]; then
    printf 'unknown\n'
    return
  fi
  awk -v own="${own}" -v away="${scratch}/unreachable" '
    NR == FNR { ready[$1] = $2; name[$1] = $3; next }
    $2 !~ /^(running|starting|preparing|ready|accepted|assigned)$/ || $1 == own { next }
    ready[$1] == "Ready" { word = "running"; next }
    { print name[$1] " (node " $1 " is " (ready[$1] == "" ? "unknown" : ready[$1]) ")" >away }
    END { print (word == "" ? "stopped" : word) }' <(printf '%s\n' "${nodes}") - <<<"${tasks}"
}

# stop_services_undo: undo is no longer possible after other hosts have joined this one.
stop_services_undo() {
  local word list
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  if [[ "${word}" != 'intact' ]]; then
    return
  fi
  list=$(members "${CLIENT_URL}")
  list=$(awk -F '|' '{ printf "%s ", $3 }' <<<"${list}")
  [[ "${list}" == "${HOST} " ]] || stop "${MISMATCH}" \
    'other hosts have joined the recovered cluster, and an undo here would strand them' \
    "one member, ${HOST}" "${list% }" 'continue with the plan instead'
}
