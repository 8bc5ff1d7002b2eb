# guide 1.1. The guide saves a snapshot through the running etcd. With the quorum lost every
# authenticated call ends in "context deadline exceeded". So the stopped etcd's own data are copied,
# stock etcd makes the copy a cluster of one on loopback, and the snapshot is saved from that:
# nothing of the write-ahead log is lost, and unlike a copied database the result carries its sum.
salvage_snapshot() {
  local copy="${STATE}/salvage/etcd" result="${STATE}/salvaged.db" word newer size port url
  local salvaged=''
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  word=$(file_word "${ETCD_DIR}/member/snap/db")
  if [[ "${word}" != 'file' ]]; then
    say "no data of its own to salvage: ${ETCD_DIR}/member/snap/db is ${word}"
    return
  fi
  if [[ -f "${result}" && -f "${result%.db}.loss" ]]; then
    newer=$(find "${ETCD_DIR}/member" -newer "${result}")
    if [[ -z "${newer}" ]]; then
      already "salvaged to ${result}"
      return
    fi
    say "this etcd has run since it was salvaged; the earlier result is kept"
    word=$(first_free "${STATE}/salvaged.earlier")
    mutate mv -T -- "${result}" "${word}"
  fi
  require_minor etcd etcdctl etcdutl
  refuse_holders
  size=$(du -sb -- "${ETCD_DIR}")
  require_space "$((2 * ${size%%[^0-9]*}))"

  # An earlier attempt's copy is ours and half done; the data it was made of are untouched.
  [[ ! -e "${STATE}/salvage" ]] || mutate rm -rf -- "${STATE:?}/salvage"
  mutate install -d -m 0700 -- "${STATE}/salvage"
  mutate cp -a --reflink=auto -- "${ETCD_DIR}" "${copy}"
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
  mutate put_file "${result%.db}.loss" 0600 salvaged
  mutate sync -- "${result}.partial"
  mutate mv -T -- "${result}.partial" "${result}"
}

# salvage_snapshot_loss LOG: what etcd said it had to leave out, as a sentence.
salvage_snapshot_loss() {
  local text count
  text=$(grep -F 'discarding uncommitted WAL entries' -- "$1") || true
  if [[ -z "${text}" ]]; then
    printf 'loss: nothing that was committed; no uncommitted entry was found\n'
    return
  fi
  count=$(jq -r '.["number-of-discarded-entries"] // "uncommitted"' <<<"${text}")
  printf 'loss: the last %s entries of the log, which may or may not have been committed\n' \
    "${count}"
}
