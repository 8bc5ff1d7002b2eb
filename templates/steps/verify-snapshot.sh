# guide 1.2. The guide compares a hash with nothing. A saved snapshot ends with the SHA-256 of the
# rest, which coreutils can count; a raw copy has none, and that is said. Storage of another release
# than 3.6 is refused here and not by the Control Plane's etcd afterwards.
verify_snapshot() {
  local file="${STATE}/snapshot.db" kind version text line
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'whether the snapshot is whole'
    return
  fi
  require_minor etcdutl
  kind=$(snapshot_kind "${file}")
  case "${kind}" in
    saved)
      prove 'good' "${file} has the sum it carries" 'choose another snapshot: this one is damaged' \
        snapshot_sum_word "${file}"
      ;;
    raw)
      say 'WARNING: a copied database carries no sum; whether it is whole is shown by the restore,'
      say '         which is told to skip that check (--skip-hash-check)'
      ;;
    *)
      stop "${FAILED}" "${file} is no snapshot, or a part of one" \
        'a size of 32 (saved) or 0 (raw) modulo 512' "${kind}" 'choose another snapshot'
      ;;
  esac
  version=$(snapshot_field "${file}" version)
  [[ "${version}" == 3.6.* ]] || stop "${MISMATCH}" 'the snapshot has the wrong storage version' \
    '3.6' "${version}" 'the Control Plane reads 3.6 only: choose another snapshot'
  text=$(timeout 300 etcdutl snapshot status -w table -- "${file}")
  while IFS= read -r line; do
    say "${line}"
  done <<<"${text}"
}
