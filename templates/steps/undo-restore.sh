# The way back from guide 2.2 to 4: restored data move into the plan's folder, data set aside come
# back by rename, and the folder is renamed, so that the plan can start again. Nothing is started,
# to avoid a split brain. The backup is checked again here, after the stop.
undo_restore() {
  local word scale name place="${STATE}/undone"
  local staging
  staging=$(staging)
  word=$(progress)
  if [[ "${word}" == 'fresh' ]]; then
    already 'nothing has been set aside on this host'
    return
  fi
  if ((work == 0)); then
    scale=$(service_scale "${SERVICE}")
    [[ "${scale}" == '0' || "${scale}" == 'absent' ]] || stop "${MISMATCH}" \
      "${SERVICE} is not stopped" '0' "${scale}" 'run this script again'
  fi
  refuse_holders
  word=$(kept_word 'etcd')
  [[ "${word}" != 'incomplete' ]] || stop "${MISMATCH}" \
    "${STATE}/before/etcd is incomplete and is not put back" 'as it was set aside' \
    "${word}" 'run this script again; its checks show what to do'
  mutate install -d -m 0700 -- "${place}"

  if [[ -d "${STATE}/before/etcd" ]]; then
    undo_restore_move "${ETCD_DIR}" "${place}/etcd"
    mutate rename_only "${STATE}/before/etcd" "${ETCD_DIR}"
  elif [[ ! -e "${place}/etcd" ]]; then
    undo_restore_move "${ETCD_DIR}" "${place}/etcd" # a total loss: there was no earlier one
  fi
  undo_restore_move "${staging}" "${place}/etcd.restoring"
  for name in certificates generated.config.json; do
    word=$(undo_restore_differs "${name}")
    if [[ "${word}" == 'differs' ]]; then
      undo_restore_move "${DATA_DIR}/${name}" "${place}/${name}"
      mutate rename_only "${STATE}/before/${name}" "${DATA_DIR}/${name}"
    else
      say "${name} is ${word} and stays in place"
    fi
  done

  undo_restore_mark
  word=$(first_free "${STATE}.undone")
  mutate rename_only "${STATE}" "${word}"
  if [[ -n "${log}" && -d "${word}" ]]; then
    log="${word}${log#"${STATE}"}"
  fi
}

# undo_restore_mark: removes the mark of this recovery, because another host may be recovered
# instead.
undo_restore_mark() {
  local word node='' mark=''
  word=$(swarm_word)
  if [[ "${word}" == 'manager' ]]; then
    node=$(own_node)
    mark=$("${AT_MOST[@]}" 20 docker node inspect \
      --format '{{index .Spec.Labels "plan.recovery"}}' -- "${node}" 2>/dev/null) || mark=''
  fi
  if [[ "${mark}" == "${CLUSTER_TOKEN}-${incident}" ]]; then
    mutate docker_patiently node update --label-rm plan.recovery "${node}"
  elif [[ -z "${mark}" ]]; then
    say "Swarm (${word}) does not report the mark of this recovery. To remove it later, run"
    say '  docker node update --label-rm plan.recovery NODE'
  fi
}

# undo_restore_move FROM TO: moves it if it exists, never over anything.
undo_restore_move() {
  local word
  if [[ ! -e "$1" ]]; then
    return
  fi
  word=$(file_word "$2")
  [[ "${word}" == 'absent' ]] || stop "${MISMATCH}" "cannot move $1 out of the way" \
    "nothing at $2" "${word}" 'compare both, move one to another place, then run this script again'
  mutate rename_only "$1" "$2"
}

# undo_restore_differs NAME: same | differs | absent: the kept copy compared with the one in place.
undo_restore_differs() {
  local status=0
  if [[ ! -e "${STATE}/before/$1" ]]; then
    printf 'absent\n'
    return
  fi
  diff -rq --no-dereference -- "${STATE}/before/$1" "${DATA_DIR}/$1" >/dev/null 2>&1 || status=$?
  if ((status == 0)); then printf 'same\n'; else printf 'differs\n'; fi
}
