# guide 1.3. The guide stops what it can reach. Lost hosts that are only cut off may be the old
# quorum: it would take writes beside the restored cluster. So every other server host is looked at,
# all at once, and where nothing answers a person says that it stays away. Fewer hosts than QUORUM
# that run on are no quorum, and a surviving manager obeys the revived Swarm only after about a
# minute: databases do not wait for that, for each of them is ended by its own script.
# fence_hosts QUORUM [HOST ADDRESS API CLIENT PEER]...
fence_hosts() {
  local quorum="$1" running
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  fence_hosts_ask "$@"
  fence_hosts_refuse_quorum "$@"
  running=$(fence_hosts_running)
  if ((running >= quorum)); then
    diagnose='on each host that runs: docker ps; or docker kill its Control Plane container there'
    wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'quiet' \
      "fewer than ${quorum} other server hosts run" fence_hosts_word "${quorum}" "$@"
    if ((work > 0)); then
      return
    fi
    running=$(fence_hosts_running)
  fi
  fence_hosts_tell "${running}" "${quorum}" "$@"
}

# fence_hosts_ask [HOST ADDRESS PORT PORT PORT]...: leaves in scratch/fence, for each host, a line
# HOST open | closed | unreachable. Open is one open port; closed is three refusals by a machine
# that is up.
fence_hosts_ask() {
  local host text word
  local -a hosts=() ports=() words=()
  while (($# > 0)); do
    hosts+=("$1")
    ports+=("$2" "$3" "$2" "$4" "$2" "$5")
    shift 5
  done
  text=$(port_words "${ports[@]}")
  mapfile -t words <<<"${text}"
  for host in "${hosts[@]}"; do
    case " ${words[*]:0:3} " in
      *' open '*) word='open' ;;
      ' closed closed closed ') word='closed' ;;
      *) word='unreachable' ;;
    esac
    printf '%s %s\n' "${host}" "${word}"
    words=("${words[@]:3}")
  done >"${scratch}/fence"
}

# fence_hosts_running: how many hosts have an open port.
fence_hosts_running() {
  awk '$2 == "open" { count++ } END { print count + 0 }' "${scratch}/fence"
}

# fence_hosts_word QUORUM [HOST ADDRESS PORT PORT PORT]...: quiet | N running.
fence_hosts_word() {
  local running
  fence_hosts_ask "${@:2}"
  running=$(fence_hosts_running)
  if ((running < $1)); then printf 'quiet\n'; else printf '%s running\n' "${running}"; fi
}

# fence_hosts_refuse_quorum [HOST ADDRESS API CLIENT PEER]...: the wrong tool, where the etcd of a
# host that runs has a quorum.
fence_hosts_refuse_quorum() {
  local word url
  while (($# > 0)); do
    word=$(fence_hosts_seen "$1")
    if [[ "${word}" == 'open' ]]; then
      url=$(url_host "$2")
      word=$(quorum_word "https://${url}:$4" "$2" "$4")
      [[ "${word}" != 'intact' ]] || stop "${MISMATCH}" \
        "the etcd of $1 has a quorum: this plan is for a quorum that is lost" \
        'no answer to an authenticated read' "https://${url}:$4 answers" \
        'start the other services again and look at what runs on that host'
    fi
    shift 5
  done
}

# fence_hosts_tell RUNNING QUORUM [HOST ADDRESS PORT PORT PORT]...: the evidence for each host, and
# the question for each where nothing answers.
fence_hosts_tell() {
  local running="$1" quorum="$2" word
  shift 2
  while (($# > 0)); do
    word=$(fence_hosts_seen "$1")
    case "${word}" in
      closed) say "proved: $1 is up, its ports $3, $4, $5 are closed, its service is at 0" ;;
      open)
        say "$1 runs on and is told to stop. Running: ${running} of the ${quorum} a quorum needs"
        ;;
      *)
        if [[ "${fenced["$1"]:-no}" == 'yes' ]]; then
          say "you vouch that $1 is off or cut off and stays so; nothing answers at $2"
        else
          mutate ask_fenced "$1" "$2"
        fi
        ;;
    esac
    shift 5
  done
}

# fence_hosts_seen HOST: the word fence_hosts_ask has left for it.
fence_hosts_seen() {
  awk -v host="$1" '$1 == host { print $2 }' "${scratch}/fence"
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
