# shellcheck shell=bash
# etcdutl: the status of a snapshot, and its restore.

is_mutation() {
  [[ "$*" == 'snapshot restore'* ]]
}

act() {
  local release
  case "$1 ${2:-}" in
    'version ')
      take release version-etcdutl 3.6.8
      printf 'etcdutl version: %s\nAPI version: 3.6\n' "${release}"
      ;;
    'snapshot status') etcdutl_status "${@:3}" ;;
    'snapshot restore') etcdutl_restore "${@:3}" ;;
    *) broken "$*" ;;
  esac
}

etcdutl_status() {
  local version revision keys file="${!#}" process
  [[ "$1" == -w && "$3" == -- ]] || broken "snapshot status $*"
  for process in "${WORLD}"/processes/*; do
    if lives "${process##*/}" \
      && [[ "$(sed -n 's/^directory=//p' "${process}")/member/snap/db" -ef "${file}" ]]; then
      hang # the file is locked
    fi
  done
  db_field "${file}" version
  version="${FIELD_TEXT}"
  db_field "${file}" revision
  revision="${FIELD_TEXT}"
  db_field "${file}" keys
  keys="${FIELD_TEXT}"
  if [[ -z "${revision}" ]]; then
    printf 'Error: invalid database\n' >&2
    return 1
  fi
  if [[ "$2" == json ]]; then
    printf '{"hash":3408827246,"revision":%s,"totalKey":%s,"totalSize":2048,"version":"%s"}\n' \
      "${revision}" "${keys}" "${version}"
  else
    printf '| cb2e6f2e | %s | %s | 2.0 kB | %s |\n' "${revision}" "${keys}" "${version}"
  fi
}

etcdutl_restore() {
  local file="$1" directory='' host='' peer='' token='' bump='' compacted=no skip=no size kept revision
  local cluster sum
  shift
  while (($# > 0)); do
    case "$1" in
      --data-dir) directory="$2" && shift ;;
      --name) host="$2" && shift ;;
      --initial-cluster) shift ;;
      --initial-advertise-peer-urls) peer="$2" && shift ;;
      --initial-cluster-token) token="$2" && shift ;;
      --bump-revision) bump="$2" && shift ;;
      --mark-compacted) compacted=yes ;;
      --skip-hash-check) skip=yes ;;
      *) broken "snapshot restore $1" ;;
    esac
    shift
  done
  if [[ (-n "${bump}" && "${compacted}" == no) || (-z "${bump}" && "${compacted}" == yes) ]]; then
    printf 'Error: --mark-compacted and --bump-revision belong together\n' >&2
    return 1
  fi
  if [[ -e "${directory}" ]]; then
    printf 'Error: data-dir "%s" not empty or could not be read\n' "${directory}" >&2
    return 1
  fi
  size=$(stat -L -c %s -- "${file}")
  if ((size % 512 == 32)); then
    kept=$(tail -c 32 -- "${file}" | od -An -v -tx1 | tr -d ' \n')
    sum=$(head -c -32 -- "${file}" | sha256sum)
    if [[ "${sum%% *}" != "${kept}" && "${skip}" == no ]]; then
      mkdir -p "${directory}/member/snap"
      head -c 2048 -- "${file}" >"${directory}/member/snap/db"
      printf 'Error: expected sha256 [%s], got [%s]\n' "${kept}" "${sum%% *}" >&2
      return 1
    fi
  elif [[ "${skip}" == no ]]; then
    printf 'Error: snapshot missing hash but --skip-hash-check=false\n' >&2
    return 1
  fi
  db_field "${file}" revision
  revision=$((FIELD_TEXT + ${bump:-0}))
  db_field "${file}" cluster
  kept="${FIELD_TEXT}"
  cluster="c$(printf '%s' "${peer}${token}" | cksum | tr -d ' ')"
  if [[ -e "${STATE_DIR}/members/${cluster}" && -s "${STATE_DIR}/members/${cluster}" &&
    -e "${STATE_DIR}/current" ]]; then
    violation "two restores with the cluster token ${token}: their members would talk"
  fi
  make_db "${directory}/member/snap/db" "${cluster}" "${revision}"
  mkdir -p "${directory}/member/wal"
  printf 'log of cluster %s\n' "${cluster}" \
    >"${directory}/member/wal/0000000000000000-0000000000000000.wal"
  put "cluster-number-${cluster}" "$(cluster_made_of "${peer}${token}")"
  : >"${STATE_DIR}/members/${cluster}"
  add_member "${cluster}" "${host}"
  rm -rf -- "${STATE_DIR}/users/${cluster:?}"
  cp -a -- "${STATE_DIR}/users/${kept}" "${STATE_DIR}/users/${cluster}"
  printf '{"level":"info","msg":"restored snapshot"}\n' >&2
}
