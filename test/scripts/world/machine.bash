# shellcheck shell=bash
# The machine under a script: its names, ports and files. What changes files is real, but counted.

is_mutation() {
  local argument
  case "${name}" in
    mv | cp | ln | rm | rmdir | install | chmod | chown | chcon | touch) ;;
    *) return 1 ;;
  esac
  # A script's own scratch directory is no part of the world.
  # Nor is the empty directory of a guard's own, which is gone again.
  for argument in "$@"; do
    if [[ "${argument}" == */plan-recovery.probe* || "${argument}" == */probe ]]; then return 1; fi
    if [[ "${argument}" == "${WORLD}/disk/"* ]]; then return 0; fi
  done
  return 1
}

act() {
  local word
  case "${name}" in
    hostname)
      [[ "$*" == '-I' ]] || broken "$*"
      tr '\n' ' ' <"${STATE_DIR}/host/${WORLD_HOST}/addresses"
      printf '\n'
      ;;
    getent) act_getent "$@" ;;
    uname)
      case "$*" in
        -n) printf '%s\n' "${WORLD_HOST}" ;;
        -m)
          take word machine x86_64
          printf '%s\n' "${word}"
          ;;
        *) broken "$*" ;;
      esac
      ;;
    id)
      take word uid 0
      printf '%s\n' "${word}"
      ;;
    timeout) act_timeout "$@" ;;
    df) act_df "$@" ;;
    proc-net-tcp) act_net_tcp ;;
    tick) tick ;;
    mv | rm)
      look_out "$@"
      [[ -z "${WORLD_LIMIT:-}" ]] || ulimit -f "${WORLD_LIMIT}"
      command "${name}" "$@"
      ;;
    cp | ln | rmdir | install | chmod | chown | chcon | touch) command "${name}" "$@" ;;
    *) broken "$*" ;;
  esac
}

act_getent() {
  [[ "$1" == 'ahosts' ]] || broken "$*"
  if [[ -e "${STATE_DIR}/names/$2" ]]; then
    while IFS= read -r word; do
      printf '%s STREAM %s\n' "${word}" "$2"
    done <"${STATE_DIR}/names/$2"
    return
  fi
  printf '%s STREAM\n' "$2"
}

# A connection is asked for through bash's /dev/tcp; everything else is run, within the world.
act_timeout() {
  local word
  while [[ "$1" == --* ]]; do shift; done
  shift
  if [[ "${1:-}" == bash && "$*" == *'/dev/tcp/'* ]]; then
    word=$(port_state "$5" "$6")
    case "${word}" in
      open) return 0 ;;
      closed)
        printf 'bash: connect: Connection refused\n' >&2
        return 1
        ;;
      *) return 124 ;;
    esac
  fi
  export PATH="${WORLD_BIN}"
  exec "$@"
}

act_df() {
  local word
  take word free
  if [[ -z "${word}" ]]; then
    command df "$@"
  else
    printf 'Avail\n%s\n' "${word}"
  fi
}

# /proc/net/tcp, as far as a script reads it.
act_net_tcp() {
  local port
  printf '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  for port in $(listening_ports); do
    printf '   0: 00000000:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4242 1\n' \
      "${port}"
  done
}

# look_out ARGUMENT...: nothing of a host's data moves while something runs on it, nothing is deleted
# that the plan has not made.
look_out() {
  local argument cp file pid
  data_of "${WORLD_HOST}"
  for argument in "$@"; do
    case "${argument}" in
      "${DATA}/plan-recovery/"*) ;;
      "${DATA}/etcd" | "${DATA}/certificates" | "${DATA}/generated.config.json")
        take cp "host/${WORLD_HOST}/cp" off
        if [[ "${cp}" != off ]]; then
          violation "${name} ${argument} while the Control Plane of ${WORLD_HOST} is ${cp}"
        fi
        for file in "${WORLD}"/processes/*; do
          pid="${file##*/}"
          if lives "${pid}" && grep -qxF "directory=${argument}" "${file}"; then
            violation "${name} ${argument} while process ${pid} holds it"
          fi
        done
        if [[ "${name}" == rm ]]; then violation "rm ${argument}"; fi
        ;;
      "${DATA}/"*)
        if [[ "${name}" == rm && "${argument}" != *.partial ]]; then violation "rm ${argument}"; fi
        ;;
      *) ;;
    esac
  done
}
