# Guide 1.3 and 3.1: reports which process uses the database or a port. Nothing is ended here,
# because ending processes by name would also end other etcd processes, and miss an embedded one.
# prove_free restore|rewrite: before which of the two.
prove_free() {
  local word
  if [[ "$1" == 'restore' ]]; then
    see_prepared
    if [[ "${prepared}" == 'yes' ]]; then
      return
    fi
  else
    word=$(prove_free_phase)
    if [[ "${word}" == 'started' ]]; then
      already "phase 4 has started ${SERVICE}, which now uses them"
      return
    fi
  fi
  refuse_holders
}

# prove_free_phase: started | before: whether phase 4 has started the service on restored data.
prove_free_phase() {
  local word scale
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    scale=$(service_scale "${SERVICE}")
    if [[ "${scale}" =~ ^[1-9] ]]; then
      printf 'started\n'
      return
    fi
  fi
  printf 'before\n'
}
