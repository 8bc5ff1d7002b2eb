# The way back from guide 2.2 to 4. What was restored is moved into the plan's folder, what was set
# aside comes back by rename, byte for byte; then the folder is renamed, so that the plan can begin
# anew. Nothing is started: the old data beside a recovered cluster are how split brains are made.
undo_restore() {
  local word scale name place="${STATE}/undone"
  local staging="${ETCD_DIR}.restoring-${PLAN}-${incident}"
  word=$(progress)
  if [[ "${word}" == 'fresh' ]]; then
    already 'nothing of this host has been set aside'
    return
  fi
  [[ ! -e "${STATE}/closed" ]] || stop "${MISMATCH}" 'this recovery is closed' 'one under way' \
    "${STATE}/closed" 'a closed recovery has no way back; a later disaster: --incident 2'
  if ((work == 0)); then
    scale=$(service_scale "${SERVICE}")
    [[ "${scale}" == '0' || "${scale}" == 'absent' ]] || stop "${MISMATCH}" \
      "${SERVICE} is not stopped" '0' "${scale}" 'run this script from its beginning'
  fi
  refuse_holders
  mutate install -d -m 0700 -- "${place}"

  if [[ -d "${STATE}/before/etcd" ]]; then
    undo_restore_move "${ETCD_DIR}" "${place}/etcd"
    mutate mv -T -- "${STATE}/before/etcd" "${ETCD_DIR}"
  elif [[ ! -e "${place}/etcd" ]]; then
    undo_restore_move "${ETCD_DIR}" "${place}/etcd" # a total loss: there was none before
  fi
  undo_restore_move "${staging}" "${place}/etcd.restoring"
  for name in certificates generated.config.json; do
    word=$(undo_restore_differs "${name}")
    if [[ "${word}" == 'differs' ]]; then
      undo_restore_move "${DATA_DIR}/${name}" "${place}/${name}"
      mutate mv -T -- "${STATE}/before/${name}" "${DATA_DIR}/${name}"
    else
      say "${name}: ${word}"
    fi
  done

  word=$(first_free "${STATE}.undone")
  mutate mv -T -- "${STATE}" "${word}"
  if [[ -n "${log}" && -d "${word}" ]]; then
    log="${word}${log#"${STATE}"}"
  fi
}

# undo_restore_move FROM TO: what is there is moved, over nothing.
undo_restore_move() {
  local word
  if [[ ! -e "$1" ]]; then
    return
  fi
  word=$(file_word "$2")
  [[ "${word}" == 'absent' ]] || stop "${MISMATCH}" "cannot move $1 out of the way" \
    "nothing at $2" "${word}" 'look at both'
  mutate mv -T -- "$1" "$2"
}

# undo_restore_differs NAME: same | differs | absent, the kept copy against what is in place.
undo_restore_differs() {
  local status=0
  if [[ ! -e "${STATE}/before/$1" ]]; then
    printf 'absent\n'
    return
  fi
  diff -rq --no-dereference -- "${STATE}/before/$1" "${DATA_DIR}/$1" >/dev/null 2>&1 || status=$?
  if ((status == 0)); then printf 'same\n'; else printf 'differs\n'; fi
}
