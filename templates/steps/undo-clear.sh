# Guide 6.1b, the way back: moves the data that were set aside back to their place, byte for byte,
# and keeps what the attempt made next to them. The service stays at 0: old data next to the
# recovered cluster would be a split brain.
undo_clear() {
  local name
  if [[ ! -e "${STATE}/before" && ! -e "${STATE}/cleared" && ! -e "${STATE}/undone" ]]; then
    already 'nothing has been set aside on this host'
    return
  fi
  undo_clear_stop
  # It may have become a member between the guard and its stop.
  ((work > 0)) || host_has_not_come_back
  # First, and once: data of the attempt in places that were empty before.
  if [[ ! -e "${STATE}/undone" ]]; then
    mutate install -d -m 0700 -- "${STATE}/undone.partial"
    for name in etcd certificates generated.config.json; do
      undo_clear_made "${name}"
    done
    mutate mv -T -- "${STATE}/undone.partial" "${STATE}/undone"
  fi
  for name in etcd certificates generated.config.json; do
    undo_clear_back "${name}"
  done
  undo_clear_retire
  say "Do NOT start ${SERVICE} while the recovered cluster runs. It has its old data again"
}

# A worker cannot read the scale; there it is enough that the container is gone.
undo_clear_stop() {
  local word mine advice
  word=$(swarm_word)
  case "${word}" in
    manager)
      stop_own
      mine=$("${AT_MOST[@]}" 20 docker service inspect \
        --format '{{index .Spec.Labels "plan.recovery.env"}}' -- "${SERVICE}")
      if [[ "${mine}" == 1 ]]; then
        mutate docker_patiently service update --detach --env-rm PGEDGE_ETCD_MODE \
          --label-rm plan.recovery.env "${SERVICE}"
      fi
      ;;
    inactive) ;;
    *)
      if [[ "${word}" != 'worker' || " ${SERVERS[*]} " == *" ${HOST} "* ]]; then
        advice=$(swarm_advice "${word}")
        stop "${BUSY}" \
          "cannot tell whether ${SERVICE} is stopped, because Swarm does not work here" \
          'a manager of the Swarm' "${word}" "${advice}"
      fi
      # It cannot read the scale, and Swarm would start a container again within 5 s.
      sleep 7
      ;;
  esac
  prove_stopped
}

undo_clear_made() {
  local cleared=''
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ " ${cleared} " == *" $1 "* && ! -e "${STATE}/before/$1" && -e "${DATA_DIR}/$1" ]]; then
    mutate mv -T -- "${DATA_DIR}/$1" "${STATE}/undone.partial/$1"
  fi
}

undo_clear_back() {
  if [[ ! -e "${STATE}/before/$1" ]]; then
    return
  fi
  if [[ -e "${DATA_DIR}/$1" ]]; then
    [[ ! -e "${STATE}/undone/$1" ]] \
      || stop "${MISMATCH}" "cannot keep ${DATA_DIR}/$1" "nothing at ${STATE}/undone/$1" 'a file' \
        'compare both, move the wrong one to another place, then run this script again'
    mutate mv -T -- "${DATA_DIR}/$1" "${STATE}/undone/$1"
  fi
  mutate mv -T -- "${STATE}/before/$1" "${DATA_DIR}/$1"
}

# The plan may be used again, so its folder on this host gets another name. The log moves with it.
undo_clear_retire() {
  local k=1
  while [[ -e "${STATE}.undone-${k}" ]]; do
    k=$((k + 1))
  done
  mutate mv -T -- "${STATE}" "${STATE}.undone-${k}"
  if [[ -n "${log}" ]]; then
    log="${STATE}.undone-${k}/log/${log##*/}"
  fi
}
