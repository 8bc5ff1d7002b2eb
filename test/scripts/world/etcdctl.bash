# shellcheck shell=bash
# etcdctl against whatever answers at an endpoint: an etcd a script has started, or a Control Plane.

is_mutation() {
  [[ " $* " == *' snapshot save '* || " $* " == *' member remove '* ]]
}

act() {
  local endpoint='' cacert="${ETCDCTL_CACERT:-}" cert="${ETCDCTL_CERT:-}" key="${ETCDCTL_KEY:-}"
  local release format=simple only=no host port cp
  local -a words=()
  if [[ "$1" == version ]]; then
    take release version-etcdctl 3.6.8
    printf 'etcdctl version: %s\nAPI version: 3.6\n' "${release}"
    return
  fi
  while (($# > 0)); do
    case "$1" in
      --endpoints) endpoint="$2" && shift ;;
      --cacert) cacert="$2" && shift ;;
      --cert) cert="$2" && shift ;;
      --key) key="$2" && shift ;;
      --dial-timeout | --command-timeout) shift ;;
      -w) format="$2" && shift ;;
      --print-value-only) only=yes ;;
      --user | --password) broken "a password as an argument: $1" ;;
      -*) broken "$1" ;;
      *) words+=("$1") ;;
    esac
    shift
  done
  for host in "${cacert}" "${cert}" "${key}"; do
    if [[ ! -s "${host}" ]]; then
      printf '{"level":"warn","msg":"retrying of unary invoker failed"}\nError: open %s: no such file or directory\n' "${host}" >&2
      return 1
    fi
  done
  # A certificate that has expired: the other side refuses the connection.
  take host "bad-certificate"
  if [[ -n "${host}" && "${cert}" == "${WORLD}/disk/${host}/"* ]]; then
    printf '{"level":"warn","error":"remote error: tls: expired certificate"}\nError: context deadline exceeded\n' >&2
    return 1
  fi
  # Who answers there?
  CLUSTER='' DIRECTORY=''
  if process_on "${endpoint}"; then
    if ! grep -qxF ready=yes "${PROCESS}"; then
      etcdctl_timeout
      return 1
    fi
    DIRECTORY=$(sed -n 's/^directory=//p' "${PROCESS}")
    db_field "${DIRECTORY}/member/snap/db" cluster
    CLUSTER="${FIELD_TEXT}"
  else
    host="${endpoint#https://}"
    port="${host##*:}"
    host="${host%:*}"
    host="${host#\[}"
    host_at "${host%\]}" "${port}"
    take cp "host/${AT:-none}/cp" off
    data_of "${AT}"
    DIRECTORY="${DATA}/etcd"
    case "${cp}" in
      serving) take CLUSTER current ;;
      intact) CLUSTER=old ;;
      noquorum | stuck)
        etcdctl_timeout
        return 1
        ;;
      *)
        printf '{"level":"warn","error":"rpc error: code = DeadlineExceeded desc = latest balancer error: connection error: dial tcp: connect: connection refused"}\nError: context deadline exceeded\n' >&2
        return 1
        ;;
    esac
  fi
  if ! cmp -s -- "${cacert}" "${WORLD_SUITE}/ca/ca.crt"; then
    printf 'Error: context deadline exceeded\n{"error":"tls: failed to verify certificate: x509: certificate signed by unknown authority"}\n' >&2
    return 1
  fi
  etcdctl_login "${words[0]} ${words[1]:-}" || return 1
  case "${words[0]} ${words[1]:-}" in
    'member list')
      if [[ "${format}" == fields ]]; then
        printf '"ClusterID" : %s\n"MemberID" : 10276657743932975437\n"RaftTerm" : 2\n' \
          "$(cluster_number "${CLUSTER}")"
      else
        etcdctl_members
      fi
      ;;
    'member remove') etcdctl_remove "${words[2]}" ;;
    'endpoint health')
      printf '%s is healthy: successfully committed proposal: took = 5.1ms\n' "${endpoint}"
      ;;
    'endpoint status')
      [[ "${format}" == fields ]] || broken "endpoint status -w ${format}"
      db_field "${DIRECTORY}/member/snap/db" revision
      printf '"ClusterID" : %s\n"MemberID" : 10276657743932975437\n"Revision" : %s\n"RaftTerm" : 2\n"Version" : "3.6.8"\n' \
        "$(cluster_number "${CLUSTER}")" "${FIELD_TEXT}"
      ;;
    'snapshot save')
      head -c 2048 -- "${DIRECTORY}/member/snap/db" >"${words[2]}.part"
      sha256sum <"${words[2]}.part" | xxd_bytes >>"${words[2]}.part"
      mv -- "${words[2]}.part" "${words[2]}"
      printf 'Snapshot saved at %s\n' "${words[2]}"
      ;;
    'alarm list') take host alarms && printf '%s' "${host:+${host}$'\n'}" ;;
    'get plan-recovery') ;;
    'get /database_specs/'*)
      etcdctl_spec "${words[1]##*/}" "${format}" "${only}"
      ;;
    *) broken "${words[*]}" ;;
  esac
}

# etcdctl_spec ID FORMAT VALUE_ONLY: the spec with its secrets, as the Control Plane keeps it; where
# the state says so, zipped.
etcdctl_spec() {
  local file="${STATE_DIR}/spec/$1" value zipped
  if [[ ! -e "${file}" ]]; then
    if [[ "$2" == json ]]; then printf '{"header":{"revision":4321}}\n'; fi
    return
  fi
  take zipped zipped no
  case "$2:$3" in
    json:no)
      if [[ "${zipped}" == yes ]]; then
        value=$(gzip -nc <"${file}" | base64 -w 0)
      else
        value=$(base64 -w 0 <"${file}")
      fi
      printf '{"header":{"revision":4321},"kvs":[{"key":"eA==","value":"%s"}],"count":1}\n' "${value}"
      ;;
    simple:yes) cat -- "${file}" ;;
    *) broken "get a spec with -w $2" ;;
  esac
}

# The sum in hex on standard input, as 32 bytes.
xxd_bytes() {
  local sum k
  read -r sum _
  for ((k = 0; k < 64; k += 2)); do
    # shellcheck disable=SC2059 # an escape on purpose
    printf "\\x${sum:k:2}"
  done
}

# An id as long as real ones: longer than the numbers of jq.
cluster_number() {
  local number
  take number "cluster-number-$1" 14841639068965178418
  printf '%s\n' "${number}"
}

etcdctl_timeout() {
  printf '{"level":"warn","error":"rpc error: code = DeadlineExceeded desc = context deadline exceeded"}\nError: context deadline exceeded\n' >&2
}

# etcdctl_login CALL: a call needs a user; only the member list is shown to every client with a
# certificate.
etcdctl_login() {
  local password
  if [[ -z "${ETCDCTL_USER:-}" ]]; then
    if [[ "$1" == 'member list' || "$1" == 'endpoint status' ]]; then return 0; fi
    printf 'Error: etcdserver: user name is empty\n' >&2
    return 1
  fi
  take password "users/${CLUSTER}/${ETCDCTL_USER}"
  if [[ -z "${password}" || "${password}" != "${ETCDCTL_PASSWORD:-}" ]]; then
    printf 'Error: etcdserver: authentication failed, invalid user ID or password\n' >&2
    return 1
  fi
}

etcdctl_members() {
  local id status person peer client learner
  if [[ "${DIRECTORY}" == */salvage/* ]]; then
    printf '8e9e05c52164694d, started, %s, %s, https://127.0.0.1:32379, false\n' \
      "${WORLD_HOST}" "$(peer_url "${WORLD_HOST}")"
    return
  fi
  while IFS='|' read -r id status person peer client learner; do
    printf '%16s, %s, %s, %s, %s, %s\n' "${id}" "${status}" "${person}" "${peer}" "${client}" \
      "${learner}"
  done <"${STATE_DIR}/members/${CLUSTER}"
}

etcdctl_remove() {
  local file="${STATE_DIR}/members/${CLUSTER}"
  if ! grep -q "^$1|" "${file}"; then
    printf 'Error: etcdserver: member not found\n' >&2
    return 1
  fi
  if grep -q "^$1|started|.*|false\$" "${file}"; then violation "a voter was removed: $1"; fi
  sed -i "/^$1|/d" "${file}"
  printf 'Member %16s removed from cluster\n' "$1"
}
