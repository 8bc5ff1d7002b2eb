# Guide 1.2: a saved snapshot ends with the SHA-256 of the rest, which coreutils can compute; a raw
# copy has none, and that is reported. A storage version other than 3.6 is refused here, because the
# Control Plane's etcd would refuse it later.
verify_snapshot() {
  local file="${STATE}/snapshot.db" kind text line
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'that the snapshot is complete'
    return
  fi
  kind=$(snapshot_kind "${file}")
  case "${kind}" in
    saved)
      prove 'good' "${file} matches its checksum" 'choose another snapshot; this one is damaged' \
        snapshot_sum_word "${file}"
      ;;
    raw)
      say 'WARNING: a copied database has no checksum. Only the restore shows whether it is'
      say '         complete, and it skips the checksum (--skip-hash-check)'
      ;;
    *)
      stop "${FAILED}" "${file} is not a complete snapshot" \
        'a size of 32 (saved) or 0 (raw) modulo 512' "${kind}" 'choose another snapshot'
      ;;
  esac
  require_storage "${file}"
  text=$("${AT_MOST[@]}" 300 etcdutl snapshot status -w table -- "${file}")
  while IFS= read -r line; do
    say "${line}"
  done <<<"${text}"
}
