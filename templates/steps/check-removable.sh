removal_needed='yes' # no: the record is gone already, which leaves little to the steps after this
removal_peer_url=''  # by which an unstarted member of the host is known: it has no name yet

# Guide 5.2, before anything is changed: only a host that is really away is removed, never the
# recovery host. DELETE removes a living host just as readily, and stops its Postgres.
check_removable() {
  local target="$1" address="$2" name port word release ids
  local -a ports=(API "$3" 'etcd client' "$4" 'etcd peer' "$5")
  if [[ "${address}" == *:* ]]; then
    removal_peer_url="https://[${address}]:$5"
  else
    removal_peer_url="https://${address}:$5"
  fi
  [[ "${target}" != "${RECOVERY_HOST}" ]] || stop "${MISMATCH}" \
    "${target} is the recovery host" 'another host' "${target}" 'it is never removed'
  word=$(record_word "${target}")
  if [[ "${word}" == 'absent' ]]; then
    removal_needed='no'
    already "there is no record of ${target}"
    return
  fi
  if [[ -f "${STATE}/removed/${target}" ]]; then
    removal_needed='no'
    already "${target} was removed; its record is the one of its new join"
    return
  fi
  while ((${#ports[@]} > 0)); do
    name="${ports[0]}" port="${ports[1]}"
    ports=("${ports[@]:2}")
    word=$(port_word "${address}" "${port}")
    if [[ "${word}" == 'open' ]] && ((work > 0)); then
      cannot_know "whether ${target} still answers on its ${name} port ${port}"
    elif [[ "${word}" == 'open' ]]; then
      stop "${MISMATCH}" "${target} answers on its ${name} port" 'closed or unreachable' \
        "${address}:${port} is open" \
        'a host that runs is reattached (phase 6) or left alone; else stop its service first'
    else
      say "${target} ${address}:${port} (${name}): ${word}"
    fi
  done
  local diagnose="curl '${RECOVERY_API}/v1/hosts'"
  wait_until $((DEADLINE_FRESH + 45)) away "the last status of ${target} is old" \
    away_word "${target}"
  release=$(generation)
  read_databases
  ids=$(databases_on "${target}")
  ids="${ids:-none}"
  say "databases on ${target}: ${ids//$'\n'/ }"
  if [[ "${release}" == '0.6' && "${ids}" != 'none' ]]; then
    say 'Before 0.7 there is no remove_host: an update waits for every host of the database, and a'
    say 'forced removal for all of them but the removed one: for ever where another one is down.'
    stop "${MISMATCH}" "Control Plane 0.6 does not let go of ${target} safely" \
      'no database on it' "${ids//$'\n'/ }" \
      "when all other hosts of them are back: DELETE /v1/hosts/${target}?force=true, by hand"
  fi
}
