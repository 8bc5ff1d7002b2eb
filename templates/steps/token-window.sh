# guide 3.2, second part, which the guide does not have. A client that logged in before the restore
# holds a token of a raft index the restored etcd reaches in months; etcd waits for that index, and
# surviving databases stay read-only. For SECONDS, etcd runs on the real client addresses with JWT
# tokens: it refuses an old token at once, the client logs in anew, and the Control Plane's etcd
# refuses the JWT at once in its turn. Peers are on loopback: no old member gets in. Databases are
# writable from here on.
token_window() {
  local evidence="${STATE}/token-window" key="${scratch}/jwt" addresses peer metrics logins='' text
  if [[ -f "${evidence}" ]]; then
    already "$(<"${evidence}")"
    return
  fi
  require_minor etcd etcdctl
  refuse_holders
  addresses=$(token_window_urls)
  peer=$(loopback_port 32380)
  metrics=$(loopback_port "$((peer + 1))")
  # Of no use to anyone once this etcd has ended; gone with the scratch directory.
  head -c 64 /dev/urandom >"${key}"
  start_etcd token-window "${ETCD_DIR}" "${CLIENT_URL}" --listen-client-urls "${addresses}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${peer}" \
    --listen-metrics-urls "http://127.0.0.1:${metrics}" \
    --auth-token "jwt,sign-method=HS256,priv-key=${key},ttl=10m"
  mutate hold_token_window "$1" "http://127.0.0.1:${metrics}/metrics"
  text="window of $1 s, ${logins:-no count of} login(s)"
  mutate end_etcd
  mutate put_file "${evidence}" 0600 text
}

# hold_token_window SECONDS URL: keeps the window open and counts logins other than our own.
hold_token_window() {
  local own seen=0 began="${SECONDS}"
  say "clients can write and log in anew; keeping the window open for $1 s"
  own=$(token_window_logins "$2")
  while ((SECONDS - began < $1)); do
    sleep 1
    seen=$(token_window_logins "$2")
    seen=$((seen - own))
    [[ -d "/proc/${etcd_pid}" ]] || stop "${FAILED}" 'etcd has ended during the window' '' '' \
      "see ${STATE}/log/token-window.log; then run the script again"
    if ((seen > ${logins:-0})); then
      say "${seen} login(s) after $((SECONDS - began)) s"
    fi
    logins="${seen}"
  done
  say "the window closes: ${logins} login(s)"
}

# token_window_logins URL: how many logins have succeeded, by etcd's own count.
token_window_logins() {
  api GET "$1"
  awk '/^grpc_server_handled_total\{.*grpc_code="OK".*grpc_method="Authenticate"/ { n += $NF }
    END { print n + 0 }' "${scratch}/answer"
}

# token_window_urls: client URLs of every address of this host that is on this machine. etcd listens
# on addresses, not on names.
token_window_urls() {
  local here address host urls=''
  here=$(hostname -I)
  for address in "${HOST_ADDRESSES[@]}"; do
    if [[ "${address}" != *:* && ! "${address}" =~ ^[0-9.]+$ ]]; then
      address=$(getent ahosts "${address}" | awk '!seen++ { print $1 }')
    fi
    host=$(url_host "${address}")
    if [[ " ${here} " == *" ${address} "* && "${urls}" != *"//${host}:"* ]]; then
      urls="${urls:+${urls},}https://${host}:${CLIENT_PORT}"
    fi
  done
  printf '%s\n' "${urls:-${CLIENT_URL}}"
}
