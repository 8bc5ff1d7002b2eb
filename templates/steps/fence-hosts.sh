# Guide 1.3: hosts that are only disconnected may form the old quorum and accept writes. This
# records the hosts confirmed as stopped. A surviving manager stops its service about a minute after
# the revival; the script waits only if it could complete a quorum, because databases are read-only.
# fence_hosts QUORUM
fence_hosts() {
  local quorum="$1" host confirmed=''
  # Also after phase 1: a later script may have asked for it.
  for host in "${SERVERS[@]}"; do
    if [[ "${option["--fenced ${host}"]:-no}" == 'yes' ]]; then
      confirmed="${confirmed} ${host}"
    fi
  done
  if [[ ! -e "${STATE}/closed" ]]; then
    fence_hosts_remember "${confirmed# }"
  fi
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if ((${#OTHERS[@]} == 0)) || ((work > 0)); then
    return
  fi
  local check='docker ps on each running host, and docker kill its Control Plane container there'
  wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'safe' \
    "the server hosts that still run cannot form a quorum of ${quorum}" \
    "${check}" fence_hosts_word "${quorum}"
}

# fence_hosts_remember HOSTS: records them in addition to the earlier ones.
fence_hosts_remember() {
  local before='' all
  local -a hosts=()
  if [[ -e "${STATE}/fenced" ]]; then
    before=$(<"${STATE}/fenced")
  fi
  read -ra hosts <<<"${before} $1"
  all=$(printf '%s\n' "${hosts[@]}" | sort -u | tr '\n' ' ')
  all="${all% }"
  if [[ "${all}" == "${before}" ]]; then
    already "hosts confirmed as stopped: ${all:-none needed}"
  else
    mutate write_file "${STATE}/fenced" 0600 "${all}"
  fi
}

# fence_hosts_word QUORUM: safe, or the hosts that could be the old quorum: running hosts alone, or
# running hosts together with silent ones. If the silent ones suffice alone, only the confirmation
# protects, and running hosts change nothing.
fence_hosts_word() {
  local host word answers running='' away=''
  local -a on=() off=()
  answers=$(ask_others)
  while read -r host word _; do
    case "${word}" in
      leader)
        stop "${MISMATCH}" "the etcd of ${host} has a quorum" 'no leader on any other server host' \
          "${word}" 'find out who started it; the services of this plan are at 0'
        ;;
      closed) ;;
      silent) away="${away} ${host}" ;;
      *) running="${running} ${host}" ;;
    esac
  done <<<"${answers}"
  read -ra on <<<"${running}"
  read -ra off <<<"${away}"
  if ((${#on[@]} >= $1 || ${#off[@]} < $1 && ${#on[@]} + ${#off[@]} >= $1)); then
    printf '%s running (%s), %s unreachable\n' "${#on[@]}" "${running# }" "${#off[@]}"
  else
    printf 'safe\n'
  fi
}
