# shellcheck shell=bash
# Read by the bash of a script under test (BASH_ENV), before its first line. A second slept passes
# at once, in SECONDS and in the world; /proc shows the world's processes and ports only.
sleep() {
  local whole="${1%%.*}"
  SECONDS=$((SECONDS + ${whole:-0} * ${WORLD_PACE:-4}))
  local -a pending=("${WORLD}"/pending/*)
  if [[ -e "${pending[0]}" ]]; then tick; fi
  command sleep 0.002
}

cat() {
  case "$*" in
    *'/proc/net/tcp'*) proc-net-tcp ;;
    *'/etc/machine-id'*) command cat -- "${WORLD}/state/host/${WORLD_HOST}/machine-id" ;;
    *) command cat "$@" ;;
  esac
}

find() {
  local argument pid
  local -a rest=() places=()
  if [[ "$*" != *'/proc/'* ]]; then
    command find "$@"
    return
  fi
  for argument in "$@"; do
    [[ "${argument}" == /proc/* ]] || rest+=("${argument}")
  done
  for pid in "${WORLD}"/processes/*; do
    [[ ! -d "/proc/${pid##*/}/fd" ]] || places+=("/proc/${pid##*/}/fd")
  done
  ((${#places[@]} > 0)) || return 0
  if [[ "${rest[0]}" == '-L' ]]; then
    command find -L "${places[@]}" "${rest[@]:1}"
  else
    command find "${places[@]}" "${rest[@]}"
  fi
}
