# What each host of the plan answers over the network.

# ask_hosts: every address of every server host, and of client hosts if there are at most 100.
ask_hosts() {
  local row host mode api client peer number clients=0
  local -a addresses=()
  for row in "${HOST_TABLE[@]}"; do
    [[ "${row}" != *' client '* ]] || clients=$((clients + 1))
  done
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode api client peer _ <<<"${row}"
    if [[ "${mode}" == 'client' && "${host}" != "${HOST}" ]] && ((clients > 100)); then
      continue
    fi
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    for number in "${!addresses[@]}"; do
      ask "api.${host}.${number}" triage_api "hosts.${host}.addresses.[${number}]" \
        "${addresses[number]}" "${api}"
      if [[ "${mode}" == 'server' ]]; then
        ask "etcd.${host}.${number}" triage_etcd "hosts.${host}.addresses.[${number}]" \
          "${addresses[number]}" "${client}"
        ask "peer.${host}.${number}" triage_peer "hosts.${host}.addresses.[${number}]" \
          "${addresses[number]}" "${peer}"
      fi
    done
  done
}

# triage_api PATH ADDRESS PORT: whether a Control Plane there serves a cluster (200).
triage_api() {
  local word url gap
  fact "$1.address" "$2"
  word=$(port_word "$2" "$3" 2)
  fact "$1.apiPort" "${word}"
  if [[ "${word}" != 'open' ]]; then
    return
  fi
  url=$(url_host "$2")
  api GET "${API_SCHEME}://${url}:$3/v1/hosts"
  fact "$1.api" "${http_status}"
  gap=$(clock_gap "${scratch}/headers")
  figure "$1.clockGap" "${gap}"
}

# triage_peer PATH ADDRESS PORT
triage_peer() {
  local word
  word=$(port_word "$2" "$3" 2)
  fact "$1.peerPort" "${word}"
}

# triage_etcd PATH ADDRESS PORT: whether the etcd there has a leader, and what it holds. No login is
# needed, but a client certificate, which only root can read; unasked: its port is open.
triage_etcd() {
  local word
  if [[ ! -r "${CERTIFICATES}/etcd-user.key" ]]; then
    word=$(port_word "$2" "$3" 2)
    case "${word}" in
      open) word='unasked' ;;
      unreachable) word='silent' ;;
      *) ;;
    esac
    fact "$1.etcd" "${word}"
    return
  fi
  word=$(member_health "$2" "$3")
  fact "$1.etcd" "${word%% *}"
  [[ "${word}" != *' '* ]] || fact "$1.detail" "${word#* }"
  if [[ "${word%% *}" =~ ^(leader|no-leader|unsettled)$ ]]; then
    triage_member "$1" "$2" "$3"
    triage_figures "$1" "$2" "$3"
  fi
}

# triage_member PATH ADDRESS PORT: its cluster, its id and its term. A member list that need not be
# up to date is answered without quorum and without a login.
triage_member() {
  local url text id gap
  url=$(url_host "$2")
  : >"${scratch}/headers"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
    --dump-header "${scratch}/headers" --data-binary '{"linearizable": false}' \
    "https://${url}:$3/v3/cluster/member/list" 2>/dev/null) || text=''
  if [[ "${text}" =~ \"cluster_id\":\ *\"([0-9]+)\" ]]; then
    printf -v id '%x' "${BASH_REMATCH[1]}"
    fact "$1.clusterId" "${id}"
  fi
  if [[ "${text}" =~ \"member_id\":\ *\"([0-9]+)\" ]]; then
    printf -v id '%x' "${BASH_REMATCH[1]}"
    fact "$1.memberId" "${id}"
  fi
  if [[ "${text}" =~ \"raft_term\":\ *\"([0-9]+)\" ]]; then
    figure "$1.raftTerm" "${BASH_REMATCH[1]}"
  fi
  gap=$(clock_gap "${scratch}/headers")
  figure "$1.clockGap" "${gap}"
}

# triage_figures PATH ADDRESS PORT: what it holds.
triage_figures() {
  member_metrics "$2" "$3" | awk -v path="$1" '
    BEGIN {
      name["etcd_debugging_mvcc_current_revision"] = "revision"
      name["etcd_server_proposals_applied_total"] = "raftIndex"
      name["etcd_server_proposals_committed_total"] = "committed"
      name["etcd_debugging_mvcc_keys_total"] = "keys"
      name["etcd_mvcc_db_total_size_in_bytes"] = "databaseBytes"
    }
    $1 in name { printf "n\t%s.%s\t%.0f\n", path, name[$1], $2 }'
}

merged='' # the most significant answer of the addresses of a host

merged_at='' # and the path of the address that gave it

# merge_hosts: of several addresses of a host, the most significant answer counts.
merge_hosts() {
  local row host mode field
  for row in "${HOST_TABLE[@]}"; do
    read -r host mode _ <<<"${row}"
    note s "hosts.${host}.mode" "${mode}"
    merge_host "${host}" apiPort 'open closed unreachable'
    note s "hosts.${host}.apiPort" "${merged}"
    merge_host "${host}" api '200 409 timeout failed refused'
    note s "hosts.${host}.api" "${merged}"
    if [[ "${mode}" == 'server' ]]; then
      merge_host "${host}" etcd 'leader no-leader unsettled unasked broken mute closed silent'
      note s "hosts.${host}.etcd" "${merged:-none}"
      for field in clusterId memberId detail; do
        note s "hosts.${host}.${field}" "${seen["${merged_at}.${field}"]:-}"
      done
      for field in raftTerm revision raftIndex committed keys databaseBytes clockGap; do
        note n "hosts.${host}.${field}" "${seen["${merged_at}.${field}"]:-}"
      done
    fi
  done
}

# merge_host HOST FIELD WORDS: sets merged to the first of the words that one of its addresses has;
# otherwise to another one, or to nothing.
merge_host() {
  local number value word
  local -a addresses=() order=()
  merged=''
  merged_at="hosts.$1.addresses.[0]"
  IFS=' ' read -ra addresses <<<"${ADDRESSES["$1"]}"
  IFS=' ' read -ra order <<<"$3"
  for word in "${order[@]}"; do
    for number in "${!addresses[@]}"; do
      value="${seen["hosts.$1.addresses.[${number}].$2"]:-}"
      if [[ "${value}" == "${word}" ]]; then
        merged="${value}"
        merged_at="hosts.$1.addresses.[${number}]"
        return
      fi
      merged="${merged:-${value}}"
    done
  done
}
