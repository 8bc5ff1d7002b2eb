# guide 2.1. The guide takes files "from a server-mode host". They have to be this host's own: with
# another host's user all goes well until that host is removed, and with it the credentials in use.
check_recovery_host() {
  local word user address text size
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    already "${HOST} holds a restored etcd"
    return
  fi
  require_minor etcd etcdctl etcdutl
  [[ -f "${CONFIG}" ]] || stop "${MISMATCH}" "${CONFIG} is not there" 'the file of this host' '' \
    "bring back generated.config.json and certificates/ of ${HOST} from a backup"
  user=$(jq -r '.etcd_username // "none"' -- "${CONFIG}")
  [[ "${user}" == "host-${RECOVERY_HOST}" ]] || stop "${MISMATCH}" \
    'generated.config.json belongs to another host' "etcd_username host-${RECOVERY_HOST}" \
    "${user}" "bring back the file of ${RECOVERY_HOST}"
  say "proved: the etcd user is ${user}"

  for text in ca.crt etcd-user.crt etcd-user.key etcd-server.crt etcd-server.key; do
    [[ -f "${CERTIFICATES}/${text}" ]] || stop "${MISMATCH}" "${text} is not there" \
      "a file ${CERTIFICATES}/${text}" '' "bring back the certificates of ${HOST} from a backup"
  done
  address="${HOST_ADDRESSES[0]}"
  text=$(check_recovery_host_names "${address}")
  [[ "${text}" == *'does match certificate'* ]] || stop "${MISMATCH}" \
    'the etcd certificate is not for the address of this host' "${address}" "${text}" \
    "give this machine the address ${HOST} had when it was issued, or that host's certificates"
  say "proved: the etcd certificate covers ${address}"
  for text in etcd-server etcd-user; do
    prove 'yes' "${text}.crt is signed by ca.crt and valid" \
      "look at: openssl verify -CAfile '${CERTIFICATES}/ca.crt' '${CERTIFICATES}/${text}.crt'" \
      check_recovery_host_signed "${text}"
    prove 'yes' "${text}.key belongs to ${text}.crt" "bring back the certificates of ${HOST}" \
      check_recovery_host_pair "${text}"
  done
  check_recovery_host_ca

  size=$(stat -c %s -- "${STATE}/snapshot.db")
  require_space "$((2 * size))"
  say "proved: twice the snapshot (${size} bytes) is free at ${DATA_DIR}"
}

# check_recovery_host_names ADDRESS: openssl's words; its status is 0 either way.
check_recovery_host_names() {
  local check='-checkhost'
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    check='-checkip'
  fi
  openssl x509 -in "${CERTIFICATES}/etcd-server.crt" -noout "${check}" "$1"
}

# check_recovery_host_signed NAME: yes | no.
check_recovery_host_signed() {
  local status=0
  openssl verify -CAfile "${CERTIFICATES}/ca.crt" -- "${CERTIFICATES}/$1.crt" >/dev/null 2>&1 \
    || status=$?
  if ((status == 0)); then printf 'yes\n'; else printf 'no\n'; fi
}

# check_recovery_host_pair NAME: yes | no.
check_recovery_host_pair() {
  local of_key of_certificate
  of_key=$(openssl pkey -in "${CERTIFICATES}/$1.key" -pubout)
  of_certificate=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -pubkey)
  if [[ "${of_key}" == "${of_certificate}" ]]; then printf 'yes\n'; else printf 'no\n'; fi
}

# check_recovery_host_ca: the join token in the snapshot begins with the CA's fingerprint, so it
# tells whether snapshot and certificates belong to one cluster. Without a CA in its etcd the
# Control Plane makes a new one in silence, and no other host gets in again.
check_recovery_host_ca() {
  local seen own
  own=$(openssl x509 -in "${CERTIFICATES}/ca.crt" -outform der | sha256sum)
  own="PGEDGE-${own%% *}"
  # A word that is known is found in a large file several times as fast as a pattern.
  if grep -qaF -- "${own}" "${STATE}/snapshot.db"; then
    say 'proved: the snapshot belongs to the CA of these certificates'
    return
  fi
  seen=$(grep -aoE 'PGEDGE-[0-9a-f]{64}' -- "${STATE}/snapshot.db") || true
  if [[ -z "${seen}" ]]; then
    stop "${MISMATCH}" 'the snapshot holds no CA of a Control Plane' "a join token ${own}-..." \
      'none' 'choose another snapshot: this one is of another etcd, or damaged'
  fi
  stop "${MISMATCH}" 'snapshot and certificates belong to different clusters' \
    "the token of this CA, ${own}" "${seen%%$'\n'*}" \
    'bring the certificates that belong to this snapshot, or the other way round'
}
