# shellcheck shell=bash
# etcd, started by a script: a process of its own that holds its database and serves until it is
# killed. WORLD/processes/PID says what it serves.

is_mutation() {
  [[ "$1" != '--version' ]]
}

act() {
  local release directory='' urls='' metrics='' force=no token=simple count file url wal
  local -a places=()
  take release version-etcd 3.6.8
  if [[ "$1" == '--version' ]]; then
    printf 'etcd Version: %s\nGit SHA: Not provided\nGo Version: go1.24\n' "${release}"
    return
  fi
  while (($# > 0)); do
    case "$1" in
      --data-dir) directory="$2" && shift ;;
      --listen-client-urls) urls="$2" && shift ;;
      --listen-metrics-urls) metrics="$2" && shift ;;
      --auth-token) token="$2" && shift ;;
      --force-new-cluster) force=yes ;;
      --peer-client-cert-auth) ;;
      --name | --advertise-client-urls | --listen-peer-urls | --quota-backend-bytes | \
        --max-txn-ops | --max-request-bytes | --heartbeat-interval | --election-timeout) shift ;;
      --trusted-ca-file | --cert-file | --key-file | --peer-trusted-ca-file | --peer-cert-file | \
        --peer-key-file)
        if [[ ! -s "$2" ]]; then
          printf '{"level":"fatal","msg":"discovery failed","error":"open %s: no such file"}\n' "$2"
          return 1
        fi
        shift
        ;;
      *) broken "$1" ;;
    esac
    shift
  done
  if [[ "${token}" == jwt,* ]]; then
    file="${token#*priv-key=}"
    [[ -s "${file%%,*}" ]] || broken "no key: ${token}"
  fi
  wal=("${directory}/member/wal/"*.wal)
  if ((${#wal[@]} == 0)); then
    printf '{"level":"fatal","msg":"no write-ahead log in %s: a new member would be made"}\n' \
      "${directory}"
    violation "etcd started on ${directory}, which has no write-ahead log"
    return 1
  fi
  take count uncommitted
  if [[ "${force}" == yes && -n "${count}" && "${directory}" == */salvage/* ]]; then
    printf '{"level":"warn","msg":"discarding uncommitted WAL entries","number-of-discarded-entries":%s}\n' "${count}"
  fi
  printf '{"level":"info","msg":"ready to serve client requests"}\n'
  file="${WORLD}/processes/$$"
  IFS=, read -ra places <<<"${urls}"
  {
    printf 'directory=%s\nforce=%s\n' "${directory}" "${force}"
    for url in "${places[@]}"; do
      printf 'listen=%s\n' "${url}"
    done
    if [[ -n "${metrics}" ]]; then printf 'metrics=%s\n' "${metrics}"; fi
  } >"${file}"
  event 1 etcd-ready "$$"
  exec 8<"${directory}/member/snap/db"
  exec "${WORLD_SUITE}/holders/etcd" 600
}
