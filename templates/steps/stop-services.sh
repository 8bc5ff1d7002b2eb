# guide 1.3, 5.2, 6.1a. The guide scales one service after another and goes on at once. Here it is
# one call, then a wait until no reachable machine runs a task of them: "converged" is said while
# containers run on for 8 to 13 s, and a data directory moved under them is destroyed. This host's
# own container is the next step's. A machine that is down shows its task as running for ever.
stop_services() {
  local service scale line
  local -a present=() changes=()
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ "${step}" == 1.* ]]; then
    refuse_quorum
  elif [[ "${step}" == 2.* && -d "${STATE}/before" ]]; then
    stop_services_undo
  fi
  if [[ "${swarm_after}" == 'made' ]]; then
    say 'the services are deployed at 0'
    return
  fi
  for service in "$@"; do
    # A Swarm still to be revived tells nothing: the normal case is that they are up.
    if [[ -n "${swarm_after}" ]] && ((work > 0)); then
      scale=1
    else
      scale=$(service_scale "${service}")
    fi
    case "${scale}" in
      absent) say "no service ${service} in this Swarm" ;;
      0) present+=("${service}") ;;
      *)
        present+=("${service}")
        changes+=("${service}=0")
        ;;
    esac
  done
  if ((${#present[@]} == 0)); then
    already 'there is no such service'
    return
  fi
  if ((${#changes[@]} == 0)); then
    already "at 0: ${present[*]}"
  else
    mutate docker_patiently service scale --detach "${changes[@]}"
  fi
  : >"${scratch}/unreachable"
  diagnose="docker service ps ${present[*]}"
  wait_until "${DEADLINE_STOP}" 'stopped' 'no other reachable machine runs them' \
    stop_services_word "${present[@]}"
  while IFS= read -r line; do
    say "cannot be told to stop, and must be fenced: ${line}"
  done <"${scratch}/unreachable"
}

# stop_services_word SERVICE...: stopped | running | unknown, of machines other than this one.
stop_services_word() {
  local tasks nodes own status=0
  local -a ids=()
  tasks=$(timeout 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  own=$(own_node)
  nodes=$(timeout 20 docker node ls --format '{{.ID}} {{.Status}} {{.Hostname}}' 2>/dev/null) \
    || status=$?
  if ((status == 0)) && [[ -n "${tasks}" ]]; then
    mapfile -t ids <<<"${tasks}"
    tasks=$(timeout 20 docker inspect --type task --format '{{.NodeID}} {{.Status.State}}' \
      -- "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)); then
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

# stop_services_undo: a way back is no longer one when other hosts have come back to this one.
stop_services_undo() {
  local word list
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  if [[ "${word}" != 'intact' ]]; then
    return
  fi
  list=$(members "${CLIENT_URL}")
  list=$(awk -F '|' '{ printf "%s ", $3 }' <<<"${list}")
  [[ "${list}" == "${HOST} " ]] || stop "${MISMATCH}" \
    'other hosts have joined the recovered cluster: undoing it here would strand them' \
    "one member, ${HOST}" "${list% }" 'go on with the plan instead; nothing was changed'
}
