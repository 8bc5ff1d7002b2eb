# No other plan is in progress on this disk, and no other node of the Swarm has the mark of a
# recovery. Hosts that serve a cluster are found by the guards that ask for a leader.
no_other_recovery() {
  local folder text node name mark own
  for folder in "${DATA_DIR}"/plan-recovery/*-[0-9]*; do
    if [[ ! -d "${folder}" || "${folder}" == *.undone-* || -e "${folder}/closed" ||
      "${folder}" == "${DATA_DIR}/plan-recovery/${CLUSTER_TOKEN}"-* ]]; then
      continue
    fi
    if [[ -e "${folder}/before" || -e "${folder}/snapshot.db" || -e "${folder}/cleared" ]]; then
      stop "${MISMATCH}" 'a recovery with another plan is under way on this host' \
        'no other recovery, or one that is closed or undone' "${folder}" \
        'finish it with its own bundle, or undo it with its undo script'
    fi
  done
  # The guard before has just asked the Swarm; without a leader it cannot report marks.
  if [[ "${swarm_seen}" == 'manager' ]]; then
    own=$(own_node)
    text=$(recovery_marks)
    while read -r node name mark; do
      if [[ -n "${node}" && "${node}" != "${own}" && "${mark}" != "${CLUSTER_TOKEN}"-* ]]; then
        stop "${MISMATCH}" "a recovery has been started on ${name}" \
          "no node of this Swarm with the mark of another recovery" "${mark} on ${name}" \
          "continue there; or run its undo script there, and then run here \
docker node update --label-rm plan.recovery ${node}"
      fi
    done <<<"${text}"
  fi
  passed 'no other recovery is under way on this disk or in this Swarm'
}
