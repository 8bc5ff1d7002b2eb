# The state of the old etcd on each server host, read over the network without a login.
# OTHERS has one line for each address of every other server host: HOST ADDRESS API CLIENT PEER.

# member_health ADDRESS PORT: the state of the etcd there, in one line:
#   leader     it has a leader: its cluster has a quorum
#   no-leader  it runs and has no leader
#   unsettled TEXT  it answers something else
#   mute       something accepts the connection and does not answer
#   closed     the machine is up and refuses the connection
#   silent     no answer at all
#   broken TEXT  the request failed here: certificates, name, curl
# Alarms are excluded, because they would replace the reason in the answer.
member_health() {
  local url text status=0 id="${BASHPID}"
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf '%s\n' "${text/unreachable/silent}"
    return
  fi
  url=$(url_host "$1")
  url="https://${url}:$2/health?exclude=NOSPACE&exclude=CORRUPT"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --show-error --connect-timeout 3 --max-time 4 \
    "${url}" 2>"${scratch}/health.${id}") || status=$?
  text="${text} $(<"${scratch}/health.${id}")"
  text="${text//$'\n'/ }"
  case "${status}" in
    0)
      case "${text}" in
        *'"health":"true"'*) printf 'leader\n' ;;
        *'RAFT NO LEADER'*) printf 'no-leader\n' ;;
        *) printf 'unsettled %s\n' "${text:0:200}" ;;
      esac
      ;;
    7 | 28 | 35 | 52 | 55 | 56)
      # Timed out, or the other side is stopping. A rejected certificate is named in the text.
      if [[ "${text}" =~ [Aa]lert|[Cc]ertificate|verif ]]; then
        printf 'broken %s\n' "${text:0:200}"
      else
        printf 'mute\n'
      fi
      ;;
    *) printf 'broken curl ended with status %s, %s\n' "${status}" "${text:0:200}" ;;
  esac
}

# own_waits: yes | no: the etcd of this host accepts connections at its client port and does not
# answer, because it has started and waits for a leader: since its start it has had none. Its peer
# port answers from the beginning, and names the voters. With others it is no leader alone. With
# HTTP/2 only other members are answered there.
own_waits() {
  local url word text voters=0
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'running' ]]; then
    url=$(url_host "${HOST_ADDRESSES[0]}")
    text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
      --http1.1 "https://${url}:${PEER_PORT}/members" 2>/dev/null) || text=''
    voters=$(jq '[.[] | select(.isLearner != true)] | length' <<<"${text:-[]}" 2>/dev/null) \
      || voters=0
  fi
  if ((voters > 1)); then printf 'yes\n'; else printf 'no\n'; fi
}

# member_figures ADDRESS PORT: `REVISION APPLIED`: the revision and the raft index of a running
# etcd, with or without quorum; nothing if it does not answer.
member_figures() {
  member_metrics "$1" "$2" | awk '$1 == "etcd_debugging_mvcc_current_revision" { revision = $2 }
      $1 == "etcd_server_proposals_applied_total" { applied = $2 }
      END { if (revision != "") printf "%.0f %.0f\n", revision, applied }'
}

# member_metrics ADDRESS PORT: what a running etcd reports of itself, in the format of Prometheus;
# nothing if it does not answer.
member_metrics() {
  local url
  url=$(url_host "$1")
  "${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
    "https://${url}:$2/metrics" 2>/dev/null || true
}

# api_open ADDRESS PORT: serving | running | quiet: whether a Control Plane there serves a cluster,
# or at least something accepts connections at its port.
api_open() {
  local url text
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf 'quiet\n'
    return
  fi
  url=$(url_host "$1")
  text=$("${AT_MOST[@]}" 8 curl -q --silent --noproxy '*' --globoff --connect-timeout 3 \
    --max-time 5 --output /dev/null --write-out '%{http_code}' "${API_TLS[@]}" \
    "${RECOVERY_API%%://*}://${url}:$2/v1/hosts" 2>/dev/null) || true
  if [[ "${text}" == 200 ]]; then printf 'serving\n'; else printf 'running\n'; fi
}

# asked_word ADDRESS CLIENT API: as member_health. If etcd alone does not decide it, the API is
# asked too: leader if it serves a cluster, running if something listens there.
asked_word() {
  local word served
  word=$(member_health "$1" "$2")
  case "${word%% *}" in
    leader | no-leader | broken) served='' ;;
    *) served=$(api_open "$1" "$3") ;;
  esac
  if [[ "${served}" == 'serving' ]]; then
    word='leader'
  elif [[ "${served}" == 'running' && "${word}" =~ ^(closed|silent)$ ]]; then
    word='running'
  fi
  printf '%s\n' "${word}"
}

# watch_member SECONDS ADDRESS CLIENT API: repeats asked_word until it is the same for SECONDS, then
# prints it; `changing ANSWER` after three times as long. A leader or a broken request ends it at
# once.
watch_member() {
  local limit="$1" start since now word seen='' flips=0
  start=$(uptime_seconds)
  since="${start}"
  while true; do
    word=$(asked_word "${@:2}")
    now=$(uptime_seconds)
    if [[ "${word}" == 'leader' || "${word}" == 'broken '* ]]; then
      printf '%s\n' "${word}"
      return
    elif [[ "${word%% *}" != "${seen%% *}" ]]; then
      since="${now}"
      flips=$((flips + 1))
    elif ((now - since >= limit)); then
      printf '%s\n' "${word}"
      return
    fi
    if ((flips > 1 && now - start >= 3 * limit)); then
      printf 'changing %s\n' "${word}"
      return
    fi
    seen="${word}"
    sleep 1
  done
}

# watch_members SECONDS: this host and every other server host, in parallel. Prints HOST ANSWER for
# each; of several addresses the most significant answer counts.
watch_members() {
  ask_all watch_member "$1" -- \
    "${HOST} ${HOST_ADDRESSES[0]} ${API_PORT} ${CLIENT_PORT}" "${OTHERS[@]}"
}

# ask_others: as watch_members, for the other server hosts, and only once.
ask_others() {
  ask_all asked_word -- "${OTHERS[@]}"
}

# ask_all QUESTION... -- LINE...: asks all at once: QUESTION... ADDRESS CLIENT API, of each line of
# OTHERS.
# A question that ends without an answer is broken: no host is left out.
ask_all() {
  local line host address port client number=0
  local -a pids=() question=()
  while [[ "$1" != '--' ]]; do
    question+=("$1")
    shift
  done
  shift
  for line in "$@"; do
    read -r host address port client _ <<<"${line}"
    number=$((number + 1))
    printf '%s ' "${host}" >"${scratch}/asked.${number}"
    "${question[@]}" "${address}" "${client}" "${port}" >>"${scratch}/asked.${number}" &
    pids+=("$!")
  done
  if ((number == 0)); then
    return
  fi
  wait "${pids[@]}" || true
  awk '
    BEGIN {
      n = split("silent closed running mute broken changing unsettled no-leader leader", order, " ")
      for (i = 1; i <= n; i++) rank[order[i]] = i
    }
    !($2 in rank) { $0 = $1 " broken the request ended without an answer" }
    !($1 in best) { hosts[++count] = $1; best[$1] = 0 }
    rank[$2] > best[$1] { best[$1] = rank[$2]; line[$1] = $0 }
    END { for (i = 1; i <= count; i++) print line[hosts[i]] }' "${scratch}/asked."*
  rm -f -- "${scratch}/asked."*
}

# member_addresses HOST: `ADDRESS API CLIENT PEER` for each of its addresses.
member_addresses() {
  local line
  for line in "${OTHERS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}

# ended_by_swarm HOST: yes if a Swarm with a leader shows its node Ready, and its service at 0 or
# its task ended. A closed port alone proves nothing: a firewall answers the same way.
ended_by_swarm() {
  local service text node state
  service=$(service_of_host "$1")
  text=$(newest_task "${service}")
  read -r state node _ <<<"${text}"
  if [[ "${state}" == 'none' ]]; then
    node=$(node_of "${service}")
  fi
  case "${state}" in
    none | shutdown | complete | failed | rejected | remove | orphaned) ;;
    *)
      printf 'no\n'
      return
      ;;
  esac
  text=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || text=''
  if [[ -n "${node}" && $'\n'"${text}"$'\n' == *$'\n'"${node} Ready"$'\n'* ]]; then
    printf 'yes\n'
  else
    printf 'no\n'
  fi
}

# service_of_host HOST: the name of its service.
service_of_host() {
  local line
  for line in "${SERVICES[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}
