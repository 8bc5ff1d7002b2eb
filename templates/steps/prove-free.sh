# guide 1.3 and 3.1. The guide's `pkill -9 etcd` never matches the embedded etcd, and does match
# other people's. Nothing is ended here: what holds the database or a port is named.
# prove_free restore|rewrite: before which of the two.
prove_free() {
  local word
  if [[ "$1" == 'restore' ]]; then
    settle
    if [[ "${settled}" == 'yes' ]]; then
      return
    fi
  else
    word=$(prove_free_phase)
    if [[ "${word}" == 'started' ]]; then
      already "phase 4 has started ${SERVICE}, which now holds them"
      return
    fi
  fi
  refuse_holders
}

# prove_free_phase: started | before, whether phase 4 has begun: its service is up on restored data.
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
