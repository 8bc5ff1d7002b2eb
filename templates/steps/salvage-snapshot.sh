# Guide 1.1: without quorum etcd cannot save a snapshot. So stock etcd runs on a copy of the data as
# a cluster of one, and saves it: with all of the write-ahead log, and a checksum. etcd changes the
# data that it starts on, so the copy must share no file with them.
salvage_snapshot() {
  local copy="${STATE}/salvage/etcd" result="${STATE}/salvaged.db" word newer size port url
  local salvaged=''
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(file_word "${ETCD_DIR}/member/snap/db")
  if [[ "${word}" != 'file' ]]; then
    say "This host has no data to salvage. ${ETCD_DIR}/member/snap/db is ${word}"
    return
  fi
  if [[ -f "${result}" && -f "${result%.db}.loss" ]]; then
    newer=$(find "${ETCD_DIR}/member" -newer "${result}")
    if [[ -z "${newer}" ]]; then
      already "salvaged to ${result}"
      return
    fi
    say 'This etcd has run since it was salvaged. The earlier result is kept'
    word=$(first_free "${STATE}/salvaged.earlier")
    mutate rename_only "${result}" "${word}"
  fi
  refuse_holders
  size=$(du -sb -- "${ETCD_DIR}")
  require_space "$((2 * ${size%%[^0-9]*} + 64 * 1024 * 1024))"

  # The copy of an earlier attempt is incomplete; the original data are unchanged.
  [[ ! -e "${STATE}/salvage" ]] || mutate rm -rf -- "${STATE:?}/salvage"
  mutate install -d -m 0700 -- "${STATE}/salvage"
  mutate cp -aL --reflink=auto -- "${ETCD_DIR}" "${copy}"
  prove 'own' 'the copy shares no file with the data of this host' \
    "compare them with ls -lR '${ETCD_DIR}' '${copy}'" salvage_snapshot_copy "${ETCD_DIR}" "${copy}"
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  port=$(loopback_port "$((port + 1))")
  start_etcd salvage "${copy}" "${url}" --force-new-cluster --listen-client-urls "${url}" \
    --advertise-client-urls "${url}" --listen-peer-urls "https://127.0.0.1:${port}"
  [[ ! -e "${result}.partial" ]] || mutate rm -f -- "${result}.partial"
  mutate noted salvage-save as_host etcdctl --endpoints "${url}" "${ETCDCTL_TLS[@]}" \
    snapshot save "${result}.partial"
  mutate end_etcd
  if ((work == 0)); then
    salvaged=$(salvage_snapshot_loss "${STATE}/log/salvage.log")
    say "${salvaged}"
  fi
  mutate write_file "${result%.db}.loss" 0600 "${salvaged}"
  mutate sync -- "${result}.partial"
  mutate rename_only "${result}.partial" "${result}"
}

# salvage_snapshot_copy DIRECTORY COPY: own, or the first thing that the copy shares with the
# directory.
salvage_snapshot_copy() {
  local data made text
  data=$(find -L "$1" -printf '%D:%i\n')
  made=$(find "$2" ! -type d ! -type f -printf 'not a plain file: %p\n' -o -printf '%D:%i %p\n')
  text=$(awk 'NR == FNR { taken[$1] = 1; next } /^not a/ || $1 in taken { print; exit }' \
    <(printf '%s\n' "${data}") - <<<"${made}")
  if [[ -n "${data}" && -n "${made}" && -z "${text}" ]]; then
    printf 'own\n'
  else
    printf '%s\n' "${text:-nothing to compare}"
  fi
}

# salvage_snapshot_loss LOG: the entries that etcd discarded, as a sentence.
salvage_snapshot_loss() {
  local text count
  text=$(grep -F -e 'discarding uncommitted WAL entries' -- "$1") || true
  if [[ -z "${text}" ]]; then
    printf 'loss: nothing that this host had received\n'
    return
  fi
  count=$(jq -r '.["number-of-discarded-entries"] // "uncommitted"' <<<"${text}")
  printf 'loss: the last %s log entries that this host had received, %s\n' "${count}" \
    'which may or may not have been committed'
}
