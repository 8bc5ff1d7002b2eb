readonly ETCD_DIR="${DATA_DIR}/etcd"
readonly CONFIG="${DATA_DIR}/generated.config.json"
readonly CERTIFICATES="${DATA_DIR}/certificates"
readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")
# As the Control Plane has it: the trusted CA alone makes a client certificate necessary; with
# --client-cert-auth its name would count as a login.
readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
  --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
  --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
  --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
  --peer-key-file "${CERTIFICATES}/etcd-server.key")
etcd_pid='' # the etcd this script has started, if any

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment;
# they are in no argument list, and only this one command sees them.
as_host() (
  ETCDCTL_USER=$(jq -er '.etcd_username' -- "${CONFIG}")
  ETCDCTL_PASSWORD=$(jq -er '.etcd_password' -- "${CONFIG}")
  export ETCDCTL_USER ETCDCTL_PASSWORD
  exec "$@"
)

# etcdctl_at ENDPOINT ARGUMENT...: a read. Changes are spelled out behind mutate as_host etcdctl.
etcdctl_at() {
  as_host etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s \
    "${@:2}"
}

# members ENDPOINT: the member list as member_lines gives it.
members() {
  local text
  text=$(etcdctl_at "$1" member list -w simple)
  member_lines <<<"${text}"
}

# member_lines: `member list -w simple` on standard input, one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# pick_member HOST PEER_URL: of such lines, those of that host.
pick_member() {
  awk -F '|' -v host="$1" -v peer="$2" \
    '$3 == host || index("," $4 ",", "," peer ",") > 0'
}

# member_state: of a host's lines, voter | learner | unstarted | absent.
member_state() {
  awk -F '|' '{ word = ($2 != "started") ? "unstarted" : ($5 == "true") ? "learner" : "voter" }
    END { print (word == "" ? "absent" : word) }'
}

# voters ENDPOINT: how many started voting members the member list has.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
}

# member_word ENDPOINT HOST PEER_URL: voter | learner | unstarted | absent.
member_word() {
  local list
  list=$(members "$1")
  pick_member "$2" "$3" <<<"${list}" | member_state
}

# tool_minor TOOL: the release's first two numbers, as 3.6. etcd and etcdutl of 3.7 or newer make
# data unreadable for the Control Plane's own etcd.
tool_minor() {
  local text
  case "$1" in
    etcd) text=$(etcd --version) ;;
    *) text=$("$1" version) ;;
  esac
  sed -nE '1s/^[^0-9]*([0-9]+\.[0-9]+).*/\1/p' <<<"${text}"
}

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, by mutate; its pid is kept, the
# lock is not handed down, and it ends with this script, also where that is killed.
launch_etcd() {
  setpriv --pdeathsig KILL etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
}

# end_etcd: ends the etcd this script has started, by its own pid. etcd is crash-safe; with
# watchers connected a polite end takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  if [[ -z "${etcd_pid}" ]]; then
    return
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  etcd_pid=''
}

# endpoint_word ENDPOINT: healthy | dead | waiting, for the etcd this script has started.
endpoint_word() {
  if [[ ! -d "/proc/${etcd_pid}" ]]; then
    printf 'dead\n'
    return
  fi
  as_host bash -c 'if "$@" >/dev/null 2>&1; then echo healthy; else echo waiting; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 3s \
    endpoint health
}

# progress: how far the recovery host's own directory has come. fresh: untouched; aside: its etcd
# is set aside and nothing restored; restored: the restored etcd is in its place.
progress() {
  local wal
  wal=$(file_word "${ETCD_DIR}/member/wal")
  if [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
  elif [[ "${wal}" == 'directory' ]]; then
    printf 'restored\n'
  else
    printf 'aside\n'
  fi
}
