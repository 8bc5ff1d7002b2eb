# Certificates are checked before every request that uses them, so that a failure names the cause.
certificates_fit() {
  local name file text status=0
  openssl version >/dev/null 2>"${scratch}/complaint" || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" 'openssl does not work' 'a reply from openssl version' \
    "status ${status}, $(<"${scratch}/complaint")" 'repair or install openssl'
  for name in ca.crt etcd-user.crt etcd-user.key etcd-server.crt etcd-server.key; do
    file="${CERTIFICATES}/${name}"
    [[ -s "${file}" && -r "${file}" ]] || stop "${MISMATCH}" "${name} is missing or empty" \
      "a file ${file}" 'none' "restore certificates/ of ${HOST} from a backup"
  done
  for name in ca etcd-user etcd-server; do
    certificates_valid "${name}"
  done
  for name in etcd-user etcd-server; do
    certificates_signed "${name}"
    certificates_pair "${name}"
  done
  text=$(certificates_names "${HOST_ADDRESSES[0]}")
  [[ "${text}" == *'does match certificate'* ]] || stop "${MISMATCH}" \
    'the etcd certificate does not cover the address of this host' "${HOST_ADDRESSES[0]}" \
    "${text}" \
    "set the address that ${HOST} had when it was issued, or restore the right certificates/"
  passed "the certificates are valid, belong together and cover ${HOST_ADDRESSES[0]}"
}

# certificates_valid NAME: readable, and valid now by this machine's clock.
certificates_valid() {
  local text from until now clock status=0
  text=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -startdate -enddate 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not a readable certificate" 'PEM' \
    "${text%%$'\n'*}" "restore certificates/ of ${HOST} from a backup"
  text="${text/notBefore=/}"
  text="${text/notAfter=/}"
  from=$(date -u -d "${text%%$'\n'*}" +%s) || status=$?
  until=$(date -u -d "${text##*$'\n'}" +%s) || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" "cannot read the dates of $1.crt" 'two dates' "${text}" \
    "check openssl x509 -noout -dates -in '${CERTIFICATES}/$1.crt'"
  now=$(date -u +%s)
  clock=$(date -u '+%b %e %T %Y GMT')
  text="${text//$'\n'/ to }"
  if ((now < from)); then
    stop "${MISMATCH}" "$1.crt is not valid yet" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      'correct the clock of this machine (timedatectl), then run this script again'
  elif ((now >= until)); then
    stop "${MISMATCH}" "$1.crt has expired" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      "if the clock is wrong, correct it (timedatectl); otherwise restore a valid certificate of \
${HOST} from a backup, or have one issued by the same CA"
  fi
}

# certificates_signed NAME: signed by ca.crt, whatever its dates.
certificates_signed() {
  local text status=0
  text=$(openssl verify -no_check_time -CAfile "${CERTIFICATES}/ca.crt" -- \
    "${CERTIFICATES}/$1.crt" 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not signed by ca.crt" 'one CA' \
    "${text//$'\n'/ }" "restore all of certificates/ of ${HOST} from one backup"
}

# certificates_pair NAME: the key belongs to the certificate.
certificates_pair() {
  local of_key of_cert status=0
  of_key=$(openssl pkey -in "${CERTIFICATES}/$1.key" -pubout 2>/dev/null) || status=$?
  of_cert=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -pubkey 2>/dev/null) || status=$?
  if ((status != 0)) || [[ "${of_key}" != "${of_cert}" ]]; then
    stop "${MISMATCH}" "$1.key does not belong to $1.crt" 'a key and its certificate' \
      'the key of another certificate, or none' "restore certificates/ of ${HOST} from a backup"
  fi
}

# certificates_names ADDRESS: the answer of openssl; its exit status is 0 either way.
certificates_names() {
  local check='-checkhost'
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    check='-checkip'
  fi
  openssl x509 -in "${CERTIFICATES}/etcd-server.crt" -noout "${check}" "$1"
}
