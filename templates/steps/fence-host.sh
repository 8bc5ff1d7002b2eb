# guide 1.3. The guide stops what it can reach. A lost host that is only cut off, with one partner,
# is the old quorum: it would take writes beside the restored cluster. So each other server host is
# looked at, and where nothing answers a person says that it stays away.
fence_host() {
  local target="$1" address="$2" word quorum url
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(fence_host_word "$@")
  if [[ "${word}" == 'open' ]]; then
    url=$(url_host "${address}")
    quorum=$(quorum_word "https://${url}:$3" "${address}" "$3")
    [[ "${quorum}" != 'intact' ]] || stop "${MISMATCH}" \
      "the etcd of ${target} has a quorum: this plan is for a quorum that is lost" \
      'no answer to an authenticated read' "https://${url}:$3 answers" \
      'start the other services again and look at what runs on that host'
    # A surviving manager obeys the revived Swarm only after about a minute.
    diagnose="on ${target}: docker ps; or docker kill its Control Plane container there"
    wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'quiet' \
      "nothing listens on ports $2, $3, $4 of ${target}" fence_host_quiet "$@"
    if ((work > 0)); then
      return
    fi
    word=$(fence_host_word "$@")
  fi
  case "${word}" in
    closed) say "proved: ${target} is up, its ports $2, $3, $4 are closed, its service is at 0" ;;
    unreachable)
      if [[ "${fenced["${target}"]:-no}" == 'yes' ]]; then
        say "you vouch that ${target} is off or cut off and stays so; nothing answers at ${address}"
      else
        mutate ask_fenced "${target}" "${address}"
      fi
      ;;
    *)
      stop "${MISMATCH}" "${target} is running again" 'closed ports' "${word}" \
        'run the script again'
      ;;
  esac
}

# fence_host_word ADDRESS PORT...: open | closed | unreachable, all ports asked at once.
fence_host_word() {
  local address="$1" port word seen='closed' text
  local -a pids=()
  shift
  for port in "$@"; do
    port_word "${address}" "${port}" 2 >"${scratch}/port.${port}" &
    pids+=("$!")
  done
  wait "${pids[@]}"
  for port in "$@"; do
    text=$(<"${scratch}/port.${port}")
    word="${text}"
    if [[ "${word}" == 'open' ]]; then
      seen='open'
    elif [[ "${word}" != 'closed' && "${seen}" != 'open' ]]; then
      seen='unreachable'
    fi
  done
  printf '%s\n' "${seen}"
}

# fence_host_quiet ADDRESS PORT...: open | quiet.
fence_host_quiet() {
  local word
  word=$(fence_host_word "$@")
  if [[ "${word}" == 'open' ]]; then printf 'open\n'; else printf 'quiet\n'; fi
}

# ask_fenced HOST ADDRESS: the person at the terminal vouches for HOST by typing its id. Through
# mutate only: looking says that it will be asked.
ask_fenced() {
  local typed=''
  if [[ ! -t 0 ]]; then
    stop "${MISMATCH}" "nobody has said that $1 cannot come back by itself" "--fenced $1" \
      "nothing answers at $2, and no terminal to ask at" \
      "see that $1 is off or cut off from the network and stays so, then add: --fenced $1"
  fi
  say "Nothing answers at $2. If $1 comes back with a partner, the old quorum takes writes again."
  say "Type its id ($1) if it is off, or cut off, and stays so until its own script is run:"
  IFS= read -r typed || true
  [[ "${typed}" == "$1" ]] || stop "${MISMATCH}" "$1 is not vouched for" "$1" "${typed}" \
    'switch it off or cut its network, then run the script again'
}
