# guide 1.3. The guide stops what it can reach. Lost hosts that are only cut off may be the old
# quorum: it would take writes beside the restored cluster. So every other server host is looked at,
# all at once, and where nothing answers a person says that it stays away. A surviving manager obeys
# the revived Swarm only after about a minute; its Control Plane is waited for where it could tip
# the balance, and elsewhere databases do not wait: its own script ends it.
# fence_hosts QUORUM [HOST ADDRESS API CLIENT PEER]...
fence_hosts() {
  local quorum="$1" word
  shift
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  fence_hosts_ask "$@"
  fence_hosts_refuse_quorum "$@"
  word=$(fence_hosts_balance "${quorum}")
  if [[ "${word}" != 'safe' ]]; then
    diagnose='on each host that runs: docker ps; or docker kill its Control Plane container there'
    wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'safe' \
      "the server hosts that still run cannot make up a quorum of ${quorum}" \
      fence_hosts_word "${quorum}" "$@"
    fence_hosts_refuse_quorum "$@"
  fi
  fence_hosts_tell "$@"
}

# fence_hosts_ask [HOST ADDRESS PORT PORT PORT]...: leaves in scratch/fence, for each host, a line
# HOST open | closed | unreachable. Open is one open port; closed is three refusals by a machine
# that is up.
fence_hosts_ask() {
  local text word at
  local -a hosts=() ports=() words=()
  while (($# > 0)); do
    hosts+=("$1")
    ports+=("$2" "$3" "$2" "$4" "$2" "$5")
    shift 5
  done
  text=$(port_words "${ports[@]}")
  mapfile -t words <<<"${text}"
  for at in "${!hosts[@]}"; do
    case " ${words[*]:3*at:3} " in
      *' open '*) word='open' ;;
      ' closed closed closed ') word='closed' ;;
      *) word='unreachable' ;;
    esac
    printf '%s %s\n' "${hosts[at]}" "${word}"
  done >"${scratch}/fence"
}

# fence_hosts_balance QUORUM: safe, or who could be the old quorum. Hosts that run are it where they
# are enough by themselves, or with those that a person vouches for. Where the latter are enough
# without them, the person's word is what counts, and hosts that run change nothing.
fence_hosts_balance() {
  awk -v quorum="$1" '
    { count[$2]++ }
    END {
      running = count["open"] + 0; away = count["unreachable"] + 0
      if (running >= quorum || away < quorum && running + away >= quorum)
        print running " run, " away " are out of reach"
      else print "safe"
    }' "${scratch}/fence"
}

# fence_hosts_word QUORUM [HOST ADDRESS PORT PORT PORT]...: fence_hosts_balance, asked anew.
fence_hosts_word() {
  fence_hosts_ask "${@:2}"
  fence_hosts_balance "$1"
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

# fence_hosts_tell [HOST ADDRESS PORT PORT PORT]...: the evidence for each host, and the question
# for each where nothing answers.
fence_hosts_tell() {
  local word
  while (($# > 0)); do
    word=$(fence_hosts_seen "$1")
    case "${word}" in
      closed) say "proved: $1 is up, its ports $3, $4, $5 are closed, its service is at 0" ;;
      open) say "$1 still runs and is told to stop; with its old data it has no quorum" ;;
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
