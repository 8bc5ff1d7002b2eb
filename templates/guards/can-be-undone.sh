# An undo puts back only complete data, and drops no writes without the option for that.
can_be_undone() {
  local kept want found
  [[ ! -e "${STATE}/closed" ]] || stop "${MISMATCH}" 'this recovery is closed' 'one under way' \
    "${STATE}/closed" \
    "do not undo a closed recovery; if the quorum is lost again, run ${FIRST_SCRIPT}"
  kept=$(kept_word 'etcd')
  # The record alone does not prove that the database is there.
  if [[ "${kept}" == 'incomplete' ]] || [[ "${kept}" == 'complete' &&
    (! -s "${STATE}/before/etcd/member/snap/db" || ! -d "${STATE}/before/etcd/member/wal") ]]; then
    want=$(can_be_undone_size)
    found=$(size_of "${STATE}/before/etcd")
    stop "${MISMATCH}" "${STATE}/before/etcd is incomplete and is not put back" \
      "${want}" "${found}" \
      "check with ls -lR whether ${ETCD_DIR} is complete; if it is, move ${STATE}/before/etcd \
to another place, then run this script again"
  fi
  # Databases can write in a token window and after the start of the service.
  if [[ -e "${STATE}/undone/etcd" ||
    (! -e "${STATE}/starting" && ! -e "${STATE}/started" && ! -e "${STATE}/token-window") ]]; then
    passed "what was set aside is complete; the restored cluster has accepted no writes"
    return
  fi
  can_be_undone_writes
}

# can_be_undone_size: the size that was recorded when the data were set aside.
can_be_undone_size() {
  if [[ -f "${STATE}/aside.etcd" ]]; then
    printf '%s\n' "$(<"${STATE}/aside.etcd")"
  else
    printf 'a record %s\n' "${STATE}/aside.etcd"
  fi
}

# can_be_undone_writes: the restored cluster may have accepted writes; only a person can drop them.
can_be_undone_writes() {
  local now='' restored='unknown' text
  if [[ -f "${CONFIG}" ]]; then
    text=$(as_host bash -c 'if "$@" 2>/dev/null; then :; fi' _ "${AT_MOST[@]}" 10 etcdctl \
      --endpoints "${CLIENT_URL}" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 4s \
      endpoint status -w fields)
    now=$(sed -nE 's/^"Revision" : "?([0-9]+)"?$/\1/p' <<<"${text}")
  fi
  [[ ! -f "${STATE}/expected" ]] || restored=$(<"${STATE}/expected")
  text="revision ${now:-unknown (etcd does not answer)} now, ${restored} as restored"
  if [[ -e "${STATE}/started" ]]; then
    text="${text}; the cluster serves $(<"${STATE}/started")"
  elif [[ -e "${STATE}/starting" ]]; then
    text="${text}; writes were possible once $(<"${STATE}/starting") had started it"
  else
    text="${text}; writes were possible in the $(<"${STATE}/token-window")"
  fi
  if [[ "${option["--drop-writes-since-restore"]:-}" != 'yes' ]]; then
    stop "${MISMATCH}" \
      'the restored cluster may have accepted writes, and an undo drops them' \
      'no writes since the restore' "${text}" \
      'continue with the plan; if these writes may be lost, add --drop-writes-since-restore'
  fi
  say "WARNING: --drop-writes-since-restore drops the writes since the restore (${text})"
}
