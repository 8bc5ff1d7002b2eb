# Guide 3.2, an addition. A login token from before the restore has a raft index that the restored
# etcd reaches in months; until then databases stay read-only. With JWT tokens etcd refuses it at
# once, so clients log in again, and once more when the window closes. Peers are on loopback.
token_window() {
  local evidence="${STATE}/token-window" key="${scratch}/jwt" addresses peer metrics logins='' text
  if [[ -f "${evidence}" ]]; then
    already "$(<"${evidence}")"
    return
  fi
  refuse_holders
  addresses=$(token_window_urls)
  peer=$(loopback_port 32380)
  metrics=$(loopback_port "$((peer + 1))")
  # Useless after this etcd has ended; removed with the scratch directory.
  head -c 64 /dev/urandom >"${key}"
  start_etcd token-window "${ETCD_DIR}" "${CLIENT_URL}" --listen-client-urls "${addresses}" \
    --advertise-client-urls "${CLIENT_URL}" --listen-peer-urls "https://127.0.0.1:${peer}" \
    --listen-metrics-urls "http://127.0.0.1:${metrics}" \
    --auth-token "jwt,sign-method=HS256,priv-key=${key},ttl=10m"
  mutate hold_token_window "$1" "http://127.0.0.1:${metrics}/metrics"
  text="window of $1 s, ${logins:-no count of} login(s)"
  mutate end_etcd
  mutate write_file "${evidence}" 0600 "${text}"
}

# hold_token_window SECONDS URL: keeps the window open and counts logins of other clients.
hold_token_window() {
  local own seen=0 start now
  say "Clients can log in again and write. Keeping the window open for $1 s"
  own=$(token_window_logins "$2")
  start=$(uptime_seconds)
  now="${start}"
  while ((now - start < $1)); do
    sleep 1
    now=$(uptime_seconds)
    seen=$(token_window_logins "$2")
    seen=$((seen - own))
    [[ -d "/proc/${etcd_pid}" ]] || stop "${FAILED}" 'etcd ended during the token window' '' '' \
      "check ${STATE}/log/token-window.log, then run this script again"
    if ((seen > ${logins:-0})); then
      say "${seen} login(s) after $((now - start)) s"
    fi
    logins="${seen}"
  done
  say "The window closes after ${logins} login(s)"
}

# token_window_logins URL: the number of successful logins, from etcd's metrics.
token_window_logins() {
  api GET "$1"
  awk '/^grpc_server_handled_total\{.*grpc_code="OK".*grpc_method="Authenticate"/ { n += $NF }
    END { print n + 0 }' "${scratch}/answer"
}

# token_window_urls: client URLs of those addresses of this host that this machine has. etcd listens
# on addresses, not on names.
token_window_urls() {
  local here address text host urls=''
  here=$(own_addresses)
  for address in "${HOST_ADDRESSES[@]}"; do
    text=$(resolve "${address}")
    while IFS= read -r address; do
      host=$(url_host "${address}")
      if [[ " ${here} " == *" ${address} "* && "${urls}" != *"//${host}:"* ]]; then
        urls="${urls:+${urls},}https://${host}:${CLIENT_PORT}"
      fi
    done <<<"${text}"
  done
  printf '%s\n' "${urls:-${CLIENT_URL}}"
}
