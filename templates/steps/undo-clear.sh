# guide 6.1b, the way back: what was set aside goes back to its place, byte for byte, and what the
# attempt has made is kept beside it. The service stays at 0: old data started beside the recovered
# cluster is how a split brain is made.
undo_clear() {
  local name word
  if [[ ! -e "${STATE}/before" && ! -e "${STATE}/cleared" && ! -e "${STATE}/undone" ]]; then
    already 'nothing has been set aside on this host'
    return
  fi
  word=$(undo_clear_word)
  case "${word}" in
    absent | rejected | missing) ;;
    learner | unstarted)
      say "its ${word} entry stays in the member list; the next attempt to bring it back drops it"
      ;;
    voter | present)
      stop "${MISMATCH}" "${HOST} has come back: there is nothing to undo" \
        'a host that is no member of the recovered cluster' "${word}" \
        'leave it as it is; taking it out again is a removal (phase 5)'
      ;;
    *)
      stop "${BUSY}" "cannot tell whether ${HOST} has come back" "an answer of ${RECOVERY_HOST}" \
        "${word}" "start ${RECOVERY_HOST} or mend the network, then run the script again"
      ;;
  esac
  undo_clear_stop
  # What the attempt has made where nothing had been before it: first, and once.
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
  say "do NOT start ${SERVICE} while the recovered cluster runs: its data are the old ones"
}

# How this host takes part in the recovered cluster: absent, or as entry_word; a client host: absent
# or present. Without data of its own it does not; with data of its own the cluster must say so.
undo_clear_word() {
  local word='absent'
  if [[ -e "${STATE}/undone" && ! -e "${STATE}/before/etcd" ]]; then
    : # an earlier run has put the old etcd/ back
  elif [[ -e "${ETCD_DIR}/member/wal" ]]; then
    command -v etcdctl >/dev/null \
      || stop "${UNAVAILABLE}" 'etcdctl is missing' '' '' 'install it (3.6), then run again'
    word=$(entry_word "${DATA_DIR}")
  elif [[ -e "${STATE}/before/certificates" && -e "${CONFIG}" ]]; then
    # Cleared for a join, and it has a configuration again: only the host list can tell.
    api GET "${RECOVERY_API}/v1/hosts"
    word="${http_status}"
    if [[ "${http_status}" == 200 ]]; then
      word=$(record_word "${HOST}")
    fi
  fi
  printf '%s\n' "${word}"
}

# A worker cannot ask Swarm; there the container alone must be gone.
undo_clear_stop() {
  local word mine
  word=$(swarm_word)
  if [[ "${word}" == 'manager' ]]; then
    stop_own
    mine=$(timeout 20 docker service inspect \
      --format '{{index .Spec.Labels "plan.recovery.env"}}' -- "${SERVICE}")
    if [[ "${mine}" == 1 ]]; then
      mutate docker_patiently service update --detach --env-rm PGEDGE_ETCD_MODE \
        --label-rm plan.recovery.env "${SERVICE}"
    fi
  fi
  prove gone "the container of ${SERVICE} is gone" \
    "on ${RECOVERY_HOST}: docker service scale --detach ${SERVICE}=0" container_word "${SERVICE}"
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
      || stop "${MISMATCH}" "cannot keep ${DATA_DIR}/$1" "${STATE}/undone/$1 to be free" 'taken' \
        'look at both'
    mutate mv -T -- "${DATA_DIR}/$1" "${STATE}/undone/$1"
  fi
  mutate mv -T -- "${STATE}/before/$1" "${DATA_DIR}/$1"
}

# The plan may be used anew: its state on this host gets another name. The log goes with it.
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
