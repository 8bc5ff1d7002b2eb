# --deep: what a stopped member holds, exactly. As the salvage does, stock etcd runs on a copy as a
# cluster of one. The data themselves are only read.

deep_copy='' # the folder of the copy; removed at exit

# triage_deep: reports the cost, copies, starts etcd on the copy, and asks it.
triage_deep() {
  local place="${deep}" bytes free word port url since now text
  word=$(deep_refusal)
  if [[ -n "${word}" ]]; then
    add_finding note data "Not looked deeper: ${word}"
    return
  fi
  place="${place:-${scratch}}"
  bytes="${seen[data.bytes]}"
  free=$(deep_free "${place}")
  tell "Copying ${bytes} bytes of ${ETCD_DIR} to ${place} (${free} bytes free there)"
  if ((free < bytes + bytes / 4 + 64 * 1024 * 1024)); then
    add_finding problem data "${place} has too little space for a copy" \
      "$((bytes + bytes / 4 + 64 * 1024 * 1024)) bytes" "${free} bytes" \
      'run triage.sh --deep DIRECTORY with a directory on a disk with enough space'
    return
  fi
  since=$(uptime_seconds)
  deep_copy=$(mktemp -d -- "${place}/plan-triage.XXXXXXXX")
  "${AT_MOST[@]}" 900 cp -aL --sparse=always -- "${ETCD_DIR}" "${deep_copy}/etcd"
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  word=$(loopback_port "$((port + 1))")
  exec {LOCK}</dev/null # launch_etcd closes the lock of the scripts
  launch_etcd "${deep_copy}/log" --name "${HOST}" --data-dir "${deep_copy}/etcd" \
    --force-new-cluster --listen-client-urls "${url}" --advertise-client-urls "${url}" \
    --listen-peer-urls "https://127.0.0.1:${word}" "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  word='none'
  while [[ "${word}" != 'leader' && -d "/proc/${etcd_pid}" ]]; do
    now=$(uptime_seconds)
    ((now - since < 900)) || break
    sleep 0.2
    word=$(member_health 127.0.0.1 "${port}")
  done
  if [[ "${word}" == 'leader' ]]; then
    deep_figures "${port}"
  else
    text=$(last_words "${deep_copy}/log")
    add_finding problem data 'etcd does not start on a copy of these data' '' "${text:-no output}" \
      'the database or its log may be damaged; compare with other hosts and saved snapshots'
  fi
  end_etcd
  now=$(uptime_seconds)
  note n data.deepSeconds "$((now - since))"
  rm -rf -- "${deep_copy:?}"
}

# deep_refusal: why there is nothing to copy, or nothing.
deep_refusal() {
  local row own
  row="${seen["hosts.${HOST}.etcd"]:-none}"
  own=$(cd -P -- "${deep:-/}" 2>/dev/null && printf '%s/' "${PWD}") || own=''
  if [[ "${root}" != 'yes' || "${mode_here}" != 'server' ]]; then
    printf 'only root on a server host can read the data of a member\n'
  elif [[ -n "${seen["hosts.${HOST}.revision"]:-}" ]]; then
    printf 'the etcd of this host runs and has reported what it holds (%s)\n' "${row}"
  elif [[ "${seen[data.database]:-none}" != 'file' || -z "${seen[data.bytes]:-}" ]]; then
    printf 'this host has no database that can be read\n'
  elif [[ "${seen[data.inUse]:-true}" != 'false' ]]; then
    printf 'a process has the database open, so a copy could be torn. A Control Plane that waits '
    printf 'for its quorum ends within a minute: run this again then\n'
  elif [[ -z "${own}" || "${own}" == "${DATA_DIR}/"* ]]; then
    printf '%s is not a directory outside of %s\n' "${deep}" "${DATA_DIR}"
  fi
}

# deep_free DIRECTORY: the bytes that a copy there may use: never more than half of the free memory.
deep_free() {
  local free kind memory
  free=$(df --output=avail -B1 -- "$1")
  free=$(sed -n '2{s/[^0-9]//g;p}' <<<"${free}")
  kind=$(stat -f -c %T -- "$1")
  if [[ "${kind}" == 'tmpfs' || "${kind}" == 'ramfs' ]]; then
    memory=$(awk '$1 == "MemAvailable:" { printf "%.0f", $2 * 512 }' /proc/meminfo)
    ((memory >= free)) || free="${memory}"
  fi
  printf '%s\n' "${free}"
}

# deep_figures PORT: revision and keys of the copy. Its raft index says nothing: the start as a
# cluster of one has added entries.
deep_figures() {
  local kind path value loss
  triage_figures deep 127.0.0.1 "$1" >"${scratch}/deep"
  while IFS=$'\t' read -r kind path value; do
    case "${path}" in
      deep.revision | deep.keys) note "${kind}" "data.${path#deep.}" "${value}" ;;
      *) ;;
    esac
  done <"${scratch}/deep"
  loss=$(salvage_snapshot_loss "${deep_copy}/log")
  note s data.loss "${loss#loss: }"
}
