apply='no'
swarm_token_file=''
declare -A fenced=() # --fenced HOST: the operator vouches that HOST cannot come back by itself
declare -A also=()   # --also HOST: to be removed in the same recovery

# start ARGUMENT...: options, then every guard that needs no plan step. Returns only where the
# script may go on: right machine, root, alone, tools at hand.
start() {
  export LC_ALL=C
  unset CDPATH
  umask 077
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  PATH="${PATH}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  clear_environment
  read_options "$@"
  refuse_xtrace
  require_root
  require_tools
  require_machine
  take_lock
  STATE="${DATA_DIR}/plan-recovery/${PLAN}-${incident}"
  readonly STATE
  scratch=$(mktemp -d)
  trap 'on_error "$?" "${LINENO}" "${BASH_COMMAND}"' ERR
  trap 'on_exit "$?"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ "${apply}" == 'yes' ]]; then
    mode='apply'
    # install would change the mode of a data directory that is there.
    [[ -d "${DATA_DIR}" ]] || install -d -m 0700 -- "${DATA_DIR}"
    install -d -m 0700 -- "${DATA_DIR}/plan-recovery" "${STATE}" "${STATE}/log"
    log="${STATE}/log/${SCRIPT//\//.}.log"
    touch -- "${log}"
  fi
  say "${SCRIPT} on ${HOST}, plan ${PLAN}, incident ${incident}: ${mode}"
}

# etcd and its tools read flags from the environment too, and refuse to hear a thing twice.
clear_environment() {
  local name
  for name in "${!ETCD_@}" "${!ETCDCTL_@}" "${!ETCDUTL_@}"; do
    case "${name}" in
      ETCD_DIR | ETCD_LIMITS | ETCD_SERVER_TLS | ETCDCTL_TLS) ;;
      *) unset -v "${name}" ;;
    esac
  done
}

read_options() {
  while (($# > 0)); do
    case "$1" in
      --apply) apply='yes' ;;
      --incident | --fenced | --also | --swarm-token-file)
        (($# > 1)) || stop "${USAGE}" "$1 needs a value" '' '' "see ${0##*/} --help"
        take_option "$1" "$2"
        shift
        ;;
      --help)
        show_help
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument: $1" '' '' "see ${0##*/} --help" ;;
    esac
    shift
  done
}

take_option() {
  if [[ "$1" != '--incident' && " ${OPTIONS[*]} " != *" $1 "* ]]; then
    stop "${USAGE}" "this script has no option $1" '' '' "see ${0##*/} --help"
  fi
  case "$1" in
    --incident)
      [[ "$2" =~ ^[1-9][0-9]{0,3}$ ]] \
        || stop "${USAGE}" 'the incident is not a number' '1 to 9999' "$2" 'give a number'
      incident="$2"
      ;;
    --fenced) fenced["$2"]='yes' ;;
    --also) also["$2"]='yes' ;;
    --swarm-token-file) swarm_token_file="$2" ;;
    *) stop "${USAGE}" "unknown option: $1" '' '' "see ${0##*/} --help" ;;
  esac
}

# The header of this file is its manual page's first half.
show_help() {
  sed -n '2,/^$/s/^#\( \{0,1\}\)//p' -- "$0"
  cat <<'HELP'

OPTIONS
  --apply               act; without it the script looks, prints every change it would make,
                        argument for argument, and changes nothing
  --incident N          the how-manieth disaster this plan is used for (default 1); give the same
                        number to every script. Names of logs and set-aside data carry it
  --fenced HOST         you vouch that HOST is off, or cut off, and stays so (phase 1)
  --also HOST           HOST is to be removed in the same recovery (phase 5)
  --swarm-token-file F  a file holding the Swarm join token, mode 0600, or - for standard input
  --help                this page

EXIT STATUS
  0 done, or nothing to do      1 a step failed               3 looked: there is work to do
  64 usage                      69 a tool or service lacks    75 busy or timed out: run again
  77 not root                   78 wrong machine, or the world does not match the plan
  129, 130, 143 signals

A script killed anywhere is run again: it looks what is there and goes on. Nothing is deleted; what
is set aside lies in plan-recovery/ in the data directory.
HELP
}

refuse_xtrace() {
  if [[ "$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'the shell traces (set -x): passwords would be printed' '' '' 'run without -x'
  fi
}

require_root() {
  local id
  id=$(id -u)
  [[ "${id}" == 0 ]] \
    || stop "${NOT_ROOT}" 'not root' 'user id 0' "user id ${id}" "run it as root: sudo bash $0"
}

require_tools() {
  local tool lacking=''
  for tool in "${TOOLS[@]}"; do
    if ! command -v -- "${tool}" >/dev/null; then
      lacking="${lacking} ${tool}"
    fi
  done
  [[ -z "${lacking}" ]] || stop "${UNAVAILABLE}" "tools are missing:${lacking}" '' '' \
    'install them (etcd, etcdctl, etcdutl: release 3.6), then run again'
}

# The machine is known by its machine id where the inventory has one, else by one of its addresses.
require_machine() {
  local seen address
  if [[ -n "${MACHINE_ID}" ]]; then
    seen=$(cat -- /etc/machine-id)
    [[ "${seen}" == "${MACHINE_ID}" ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
      "machine id ${MACHINE_ID}" "machine id ${seen}" "carry this script to ${HOST}"
    return
  fi
  seen=$(hostname -I)
  for address in "${HOST_ADDRESSES[@]}"; do
    if [[ " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  # An inventory that gives names only: let the resolver say which address a name means.
  for address in "${HOST_ADDRESSES[@]}"; do
    address=$(getent ahosts "${address}" | awk '{ print $1; exit }' || true)
    if [[ -n "${address}" && " ${seen} " == *" ${address} "* ]]; then
      return
    fi
  done
  stop "${MISMATCH}" "this machine is not ${HOST}" "an address of ${HOST}: ${HOST_ADDRESSES[*]}" \
    "addresses ${seen}" "carry this script to ${HOST} (${HOST_ADDRESSES[0]})"
}

# The lock is held on a directory, so that looking creates nothing; it ends with the process.
take_lock() {
  local place="${DATA_DIR}" lock
  while [[ ! -d "${place}" ]]; do
    place="${place%/*}"
    place="${place:-/}"
  done
  exec {lock}<"${place}"
  readonly LOCK="${lock}"
  flock --nonblock "${LOCK}" || stop "${BUSY}" 'another script of a plan is running here' '' \
    "the lock on ${place} is held" "wait for it to end, or see: fuser -v '${place}'"
}

on_error() {
  trap - ERR
  # In a subshell the command itself has spoken, and the parent tells where.
  if ((BASH_SUBSHELL == 0)); then
    case "$1" in
      "${UNAVAILABLE}" | "${BUSY}" | "${MISMATCH}") ;;
      *)
        say "FAILED in step ${step_number} (line $2, status $1): ${3%%$'\n'*}"
        say '  do:       read the lines above, mend the cause, run the script again'
        exit "${FAILED}"
        ;;
    esac
  fi
  exit "$1"
}

on_exit() {
  trap - ERR EXIT
  end_etcd
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}
