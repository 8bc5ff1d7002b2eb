# shellcheck shell=bash
# Read by the bash of a script under test (BASH_ENV), before its first line. A second slept passes
# at once, on the machine's clock and in the world; /proc shows the world's processes and ports only.
sleep() {
  local whole="${1%%.*}" up rest
  read -r up rest <"${WORLD}/uptime"
  whole=$((${whole:-0} > 0 ? ${whole:-0} * ${WORLD_PACE:-4} : 1))
  printf '%s.00 %s\n' "$((${up%%.*} + whole))" "${rest}" >"${WORLD}/uptime.$$.${BASHPID}"
  "${WORLD_SUITE}/real/mv" -f "${WORLD}/uptime.$$.${BASHPID}" "${WORLD}/uptime"
  local -a pending=("${WORLD}"/pending/*)
  if [[ -e "${pending[0]}" ]]; then tick; fi
  "${WORLD_SUITE}/real/sleep" 0.002
}

cat() {
  case "$*" in
    *'/proc/net/tcp'*)
      [[ ! -e "${WORLD}/state/no-proc" ]] || return 1
      proc-net-tcp
      ;;
    *'/proc/self/mountinfo'*)
      [[ ! -e "${WORLD}/state/no-proc" ]] || return 1
      printf '22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n'
      [[ ! -e "${WORLD}/state/mounts" ]] || "${WORLD_SUITE}/real/cat" -- "${WORLD}/state/mounts"
      ;;
    *'/etc/machine-id'*) "${WORLD_SUITE}/real/cat" -- "${WORLD}/state/host/${WORLD_HOST}/machine-id" ;;
    *) "${WORLD_SUITE}/real/cat" "$@" ;;
  esac
}

# A limit on what may be written is for the command it is set for, not for the world's own books.
ulimit() {
  [[ "$1 ${2:-}" == '-f 0' ]] || builtin ulimit "$@"
  export WORLD_LIMIT="$2"
}

# The file system a test says the data are on.
stat() {
  if [[ "$1 $2 $3" == '-f -c %T' && "$*" == *"${WORLD}/disk/"* ]]; then
    if [[ -e "${WORLD}/state/filesystem" ]]; then
      "${WORLD_SUITE}/real/cat" -- "${WORLD}/state/filesystem"
    else
      printf 'ext2/ext3\n'
    fi
    return
  fi
  command stat "$@"
}
