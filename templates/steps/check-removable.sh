removal_needed='yes' # no: the record is already gone, so the next steps have little to do

removal_peer_url='' # identifies an unstarted member of the host, which has no name yet

# Guide 5.2: only a host that is really down is removed, and never the recovery host. DELETE also
# removes a host that runs, and stops its Postgres.
check_removable() {
  local target="$1" address="$2" name port word release ids
  local -a also=() ports=(API "$3" 'etcd client' "$4" 'etcd peer' "$5")
  name=$(hosts_named --also)
  [[ -z "${name}" ]] || mapfile -t also <<<"${name}"
  if [[ "${address}" == *:* ]]; then
    removal_peer_url="https://[${address}]:$5"
  else
    removal_peer_url="https://${address}:$5"
  fi
  [[ "${target}" != "${RECOVERY_HOST}" ]] || stop "${MISMATCH}" \
    "${target} is the recovery host" 'another host' "${target}" 'do not remove it'
  word=$(record_word "${target}")
  if [[ "${word}" == 'absent' ]]; then
    removal_needed='no'
    already "${target} has no record"
    return
  fi
  if [[ -f "${STATE}/removed/${target}" ]]; then
    removal_needed='no'
    already "${target} was removed, and its record is from its new join"
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
        'do not remove a running host; reattach it (phase 6), or stop its service first'
    else
      say "${target} ${name} port ${port} at ${address} is ${word}"
    fi
  done
  local check="curl '${RECOVERY_API}/v1/hosts'"
  wait_until "$((DEADLINE_FRESH + 45))" away "the last status of ${target} is old" \
    "${check}" away_word "${target}"
  for name in "${also[@]}"; do
    removable_must "${name}"
  done
  release=$(generation)
  read_databases
  ids=$(databases_on "${target}")
  ids="${ids:-none}"
  say "Databases on ${target}: ${ids//$'\n'/ }"
  if [[ "${release}" == '0.6' && "${ids}" != 'none' ]]; then
    say 'Before 0.7 there is no remove_host. An update waits for every host of the database. A'
    say 'forced removal waits for all of them except the removed one, without end if one is down.'
    stop "${MISMATCH}" "Control Plane 0.6 cannot remove ${target} safely" \
      'no database on it' "${ids//$'\n'/ }" \
      "bring back all other hosts of them, then send DELETE /v1/hosts/${target}?force=true yourself"
  fi
}

# removable_must HOST: it is down, not the recovery host, and has a record or had one.
removable_must() {
  local word
  [[ "$1" != "${RECOVERY_HOST}" ]] || stop "${USAGE}" 'the recovery host cannot be removed' \
    "a host other than ${RECOVERY_HOST}" "$1" 'correct the id in --also'
  word=$(record_word "$1")
  [[ "${word}" == 'present' || -f "${STATE}/removed/$1" ]] || stop "${USAGE}" \
    "there is no host $1 in this cluster" 'a host with a record' "no record of $1" \
    "correct the id in --also; curl '${RECOVERY_API}/v1/hosts' lists the hosts"
  word=$(away_must "$1")
  if [[ "${word}" == 'back' ]] && ((work > 0)); then
    cannot_know "whether $1 is down"
  elif [[ "${word}" != 'away' ]]; then
    stop "${MISMATCH}" "$1 is to be removed, but is not down" 'an old status' "${word}" \
      'do not remove a host that is back; leave it out, or stop it and wait 30 s'
  fi
}
