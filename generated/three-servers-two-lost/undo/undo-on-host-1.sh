#!/usr/bin/env bash
# undo/undo-on-host-1.sh: put host-1 back as phase 2 found it
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       The way back out of phases 2 to 4. What the recovered cluster wrote since is kept
#             aside.
#   guide     2.2
#   changes   2.2 Scale the service to 0; 2.2 Stop the container and prove that it is gone; 2.2 Put
#             the old etcd/ back and keep the restored one aside
#   page      sha256:bc167bd5d00a958d51e27e950a7633ff108c785a7a3f83b22ba65368a71961d1
#   functions sha256:bcae102272b4c2c79d8de9a4396ef430410b919290179bb1b49a722ef2ab49d6
#   engine    sha256:15842eeec98fbe5bbeb46273161a013b8086dad916a9737394da3c9ceb2225ea

# --- page

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own

# Each guard passes, or stops the script and says what was expected, what was found and what to do.
# Nothing is changed before all of them have passed.
guards() {
  something_to_undo
  docker_is_local
  data_directory
  service_uses_data
  can_be_undone
  rename_works
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # No data is moved while a process is using it.
  begin '2.2' 'Scale the service to 0'
  stop_services 'control-plane_host-1'
  # those that are not at 0:
  # ? docker service scale --detach 'control-plane_host-1=0'

  # Swarm reports converged while the container is still running, and moving etcd/ would then
  # corrupt it. Without quorum a graceful stop cannot succeed.
  begin '2.2' 'Stop the container and prove that it is gone'
  stop_container 'control-plane_host-1'
  # if it still runs:
  # ? docker kill -- "${container}"

  # The host is then as phase 2 found it.
  begin '2.2' 'Put the old etcd/ back and keep the restored one aside'
  undo_restore
  # ? install -d -m 0700 -- "${place}"
  # of etcd/, generated.config.json and certificates/, what this plan made, and what it set aside:
  # ? mv -T -- '/data/pgedge/control-plane'"/${name}" "${place}/${name}"
  # ? mv -T -- "${STATE}/before/${name}" '/data/pgedge/control-plane'"/${name}"
  # ? mv -T -- "${STATE}" "${STATE}.undone-${number}"
  # ? docker node update --label-rm plan.recovery "${node}"

  finish \
    'The service stays at 0. Start it only if every host of the old quorum is to start again,' \
    'or start over with the first script of this bundle.'
}

# --- values

# The script starts itself again with an environment of its own: proxies, DOCKER_*, ETCD*, exported
# functions and user settings of the calling shell have no effect. Only what the terminal can show
# passes. In POSIX mode exec cannot be an exported function.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s\n' "bash 4.4 or newer is needed, this is ${BASH_VERSION}" >&2
  exit 69
fi
if [[ "${BASH_SOURCE[0]:-}" == "$0" && "${PLAN_PID:-}" != "$$" ]]; then
  POSIXLY_CORRECT=1
  exec /usr/bin/env -i "PLAN_PID=$$" "PLAN_FLAGS=$-" "TERM=${TERM:-dumb}" \
    "NO_COLOR=${NO_COLOR:-}" 'HOME=/nonexistent' 'LC_ALL=C' \
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "${BASH}" -p "$0" "$@"
fi
set -Eeuo pipefail
shopt -s inherit_errexit

readonly PLAN='acme-host-1'
readonly SCRIPT='undo/undo-on-host-1.sh'
readonly HOST='host-1'
readonly -a HOST_ADDRESSES=('192.168.104.1')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-1'
readonly API_PORT='3000'
readonly CLIENT_PORT='2379'
readonly PEER_PORT='2380'
readonly CLIENT_URL='https://192.168.104.1:2379'
readonly RECOVERY_HOST='host-1'
readonly -a HOSTS=()
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'bash' 'cat' 'curl' 'date' 'diff' 'docker' 'etcd' 'etcdctl' 'find' 'flock' 'getent' 'grep'
  'head' 'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'rm' 'rmdir' 'sed' 'sha256sum' 'sleep' 'stat'
  'timeout' 'touch' 'tr' 'uname'
)
readonly -a OPTIONS=('--drop-writes-since-restore')
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'

# --- functions: what the page calls

way='' # done: this host is already back, and no later step may stop it

readonly ETCD_DIR="${DATA_DIR}/etcd"

readonly CONFIG="${DATA_DIR}/generated.config.json"

readonly CERTIFICATES="${DATA_DIR}/certificates"

readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

prepared='' # yes | no: see_prepared found that the step has nothing to do

swarm_after='' # revived | made | entered: what this script does, or would do, to its Swarm

# An undo script has work only if a recovery has set data aside here. It checks this first, before
# it asks, stops or waits for anything.
something_to_undo() {
  local word
  word=$(recovery_word)
  if [[ "${word}" == 'new' && ! -e "${STATE}/before" && ! -e "${STATE}/cleared" ]]; then
    say "Nothing has been set aside on ${HOST}, so there is nothing to undo."
    exit 0
  fi
  passed "data of ${HOST} have been set aside in ${STATE}"
}

# recovery_word: new | under way | started | closed: the latest incident on this disk.
recovery_word() {
  local word
  word=$(progress)
  if [[ -e "${STATE}/closed" ]]; then
    printf 'closed\n'
  elif [[ "${word}" == 'restored' && -e "${STATE}/started" ]]; then
    printf 'started\n'
  elif [[ "${word}" != 'fresh' ]]; then
    printf 'under way\n'
  else
    printf 'new\n'
  fi
}

# progress: how far this recovery has changed the recovery host's disk. fresh: untouched; aside:
# etcd/ is set aside, complete; restored: phase 2 has ended; undoing: undo has begun; unclear: the
# disk does not match the records.
progress() {
  local kept placed
  if [[ -e "${STATE}/undone" ]]; then
    printf 'undoing\n'
    return
  elif [[ ! -e "${STATE}/before/etcd" && ! -e "${STATE}/before/generated.config.json" ]]; then
    printf 'fresh\n'
    return
  fi
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  case "${kept}:${placed}" in
    incomplete:*) printf 'unclear\n' ;;
    *:ours) if [[ -f "${STATE}/restored" ]]; then printf 'restored\n'; else printf 'aside\n'; fi ;;
    *:absent) if [[ -f "${STATE}/restored" ]]; then printf 'unclear\n'; else printf 'aside\n'; fi ;;
    *) printf 'unclear\n' ;;
  esac
}

# kept_word NAME: complete | incomplete | absent: whether STATE/before/NAME still has the recorded
# size.
kept_word() {
  local size
  if [[ ! -e "${STATE}/before/$1" ]]; then
    printf 'absent\n'
    return
  fi
  size=$(size_of "${STATE}/before/$1")
  if [[ -f "${STATE}/aside.$1" && "${size}" == "$(<"${STATE}/aside.$1")" ]]; then
    printf 'complete\n'
  else
    printf 'incomplete\n'
  fi
}

# size_of PATH: the number of files and bytes, for comparison.
size_of() {
  find "$1" -type f -printf '%s\n' \
    | awk '{ bytes += $1 } END { printf "%d files, %d bytes\n", NR, bytes }'
}

# restored_word DIRECTORY: ours | other | absent: whether this recovery restored it. The mark stays
# in it, even after the Control Plane has written to it.
restored_word() {
  if [[ ! -e "$1" && ! -L "$1" ]]; then
    printf 'absent\n'
  elif [[ -d "$1/member/wal" && -f "$1/${RESTORED_MARK}" &&
    "$(<"$1/${RESTORED_MARK}")" == "${CLUSTER_TOKEN}-${incident}" ]]; then
    printf 'ours\n'
  else
    printf 'other\n'
  fi
}

# passed TEXT: a guard has passed.
passed() {
  say "Check passed: $1"
}

# Docker is this machine's own: the socket is here, and Docker's name or address is this machine's.
docker_is_local() {
  local text name address own status=0 found
  [[ -S "${DOCKER_SOCKET}" ]] || stop "${UNAVAILABLE}" 'Docker is not running here' \
    "a socket ${DOCKER_SOCKET}" 'none' \
    'run systemctl start docker, or set swarm.dockerSocket in the inventory to another socket'
  text=$("${AT_MOST[@]}" 30 docker info --format '{{.Name}}|{{.Swarm.NodeAddr}}' \
    2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    found=$(docker_complaint)
    stop "${UNAVAILABLE}" 'Docker does not answer' 'a reply from docker info' "${found}" \
      'start or repair Docker (systemctl status docker), then run this script again'
  fi
  name="${text%%|*}"
  address="${text##*|}"
  text=$(uname -n)
  own=$(own_addresses)
  if [[ "${name%%.*}" != "${text%%.*}" && " ${own} " != *" ${address:-none} "* ]]; then
    stop "${MISMATCH}" "the Docker at ${DOCKER_SOCKET} is not this machine's" \
      "name ${text}, or an address of this machine" "name ${name}, address ${address:-none}" \
      'stop the ssh or proxy that forwards this socket, then run this script again'
  fi
  passed "Docker answers at ${DOCKER_SOCKET} and is this machine's (${name})"
}

# docker_complaint: the last error message of Docker, in one line.
docker_complaint() {
  local text=''
  text=$(head -c 300 "${scratch}/docker.err" 2>/dev/null | tr '\n' ' ') || true
  printf '%s\n' "${text:-no answer in time}"
}

# Every path that a script changes is a plain directory or file on one file system that can rename.
# With a symbolic link or a mount below the data directory, a rename would move only the link, or
# copy, and after a reboot other data would be in that place.
data_directory() {
  local name path want word
  local -a names=(etcd etcd/member etcd/member/snap etcd/member/snap/db etcd/member/wal certificates
    generated.config.json plan-recovery "${STATE#"${DATA_DIR}/"}" "${STATE#"${DATA_DIR}/"}/before")
  # The snapshot script writes to its own folder only.
  if [[ "${SCRIPT}" == before/* ]]; then
    names=(plan-recovery plan-recovery/snapshots)
  fi
  word=$(file_word "${DATA_DIR}")
  case "${word}" in
    absent)
      passed "${DATA_DIR} does not exist yet"
      return
      ;;
    directory | mount) ;;
    *) data_directory_refuse "${DATA_DIR}" directory "${word}" ;;
  esac
  for name in "${names[@]}"; do
    path="${DATA_DIR}/${name}"
    want='directory'
    if [[ "${name}" == */db || "${name}" == *.json ]]; then
      want='file'
    fi
    word=$(file_word "${path}")
    if [[ "${word}" != 'absent' && "${word}" != "${want}" ]]; then
      data_directory_refuse "${path}" "${want}" "${word}"
    fi
  done
  data_directory_mounts "${names[@]}"
  data_directory_system "${names[@]}"
  passed "${DATA_DIR} holds plain directories and files, on one file system"
}

# file_word PATH: absent | file | directory | link | mount | other.
file_word() {
  if [[ -L "$1" ]]; then
    printf 'link\n'
  elif [[ ! -e "$1" ]]; then
    printf 'absent\n'
  elif [[ -f "$1" ]]; then
    printf 'file\n'
  elif [[ ! -d "$1" ]]; then
    printf 'other\n'
  else
    local inner outer
    inner=$(stat -c %d -- "$1")
    outer=$(stat -c %d -- "$1/..")
    if [[ "${inner}" == "${outer}" ]]; then printf 'directory\n'; else printf 'mount\n'; fi
  fi
}

# data_directory_refuse PATH WANT WORD
data_directory_refuse() {
  local found="$3" remedy="check ls -ld '$1', then run this script again"
  case "$3" in
    link)
      found=$(stat -c '%N' -- "$1")
      found="a symbolic link: ${found}"
      remedy="stop the Control Plane of ${HOST} and replace the link with the directory it points \
to; or use the real directory as dataDirectory in the inventory and in the service"
      ;;
    mount)
      found='another file system, mounted there'
      remedy="stop the Control Plane of ${HOST}, move the contents into ${DATA_DIR} itself and \
remove the mount (also from /etc/fstab), then run this script again"
      ;;
    *) ;;
  esac
  stop "${MISMATCH}" "$1 cannot be used" "a plain $2" "${found}" "${remedy}"
}

# data_directory_mounts NAME...: a bind mount has the same device number as its parent, so the list
# of mounts is read instead. It writes a space as \040.
data_directory_mounts() {
  local text real line place name
  text=$(cat -- /proc/self/mountinfo 2>/dev/null) || true
  [[ -n "${text}" ]] || stop "${UNAVAILABLE}" 'cannot tell what is mounted on this machine' \
    'a list in /proc/self/mountinfo' 'nothing' 'mount /proc, then run this script again'
  real=$(cd -P -- "${DATA_DIR}" && printf '%s\n' "${PWD}")
  while IFS= read -r line; do
    read -r _ _ _ _ place _ <<<"${line}"
    place="${place//\\040/ }"
    place="${place//\\011/$'\t'}"
    place="${place//\\134/\\}"
    for name in "$@"; do
      if [[ "${place}" == "${real}/${name}" || "${place}" == "${real}/${name}/"* ]]; then
        data_directory_refuse "${DATA_DIR}${place#"${real}"}" 'directory or file' 'mount'
      fi
    done
  done <<<"${text}"
}

# data_directory_system NAME...: all files are on one file system, which can rename directories.
data_directory_system() {
  local kind device name status=0 text
  local -a places=()
  kind=$(stat -f -c %T -- "${DATA_DIR}")
  [[ "${kind}" != 'overlayfs' ]] || stop "${MISMATCH}" \
    "${DATA_DIR} is on an overlay file system, which cannot rename directories" \
    'ext4, xfs or another disk file system' "${kind}" \
    "run this script on the machine, not in a container; otherwise move ${DATA_DIR} to a disk"
  device=$(stat -c %d -- "${DATA_DIR}")
  for name in "$@"; do
    if [[ "${name}" != */* && -e "${DATA_DIR}/${name}" ]]; then
      places+=("${DATA_DIR}/${name}")
    fi
  done
  if ((${#places[@]} == 0)); then
    return
  fi
  # Earlier recoveries are not changed, so of plan-recovery/ only the folders used here count.
  text=$("${AT_MOST[@]}" 60 find "${places[@]}" -ignore_readdir_race \
    -path "${DATA_DIR}/plan-recovery/*" -prune -o -printf '%y %D %p\n' 2>&1) || status=$?
  ((status == 0)) || stop "${BUSY}" "cannot list ${DATA_DIR}" 'a list of its files' \
    "status ${status}, ${text##*$'\n'}" 'check dmesg and mount, then run this script again'
  text=$(awk -v device="${device}" '$1 !~ /^[fd]$/ || $2 != device { $2 = ""; print; exit }' \
    <<<"${text}")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "${text#*  } cannot be used" \
    "a plain directory or file on the file system of ${DATA_DIR}" \
    "type ${text%% *} (l is a symbolic link), or another file system" \
    "stop the Control Plane of ${HOST}, put a plain file there, then run this script again"
}

# The service mounts the data directory of the inventory. If Swarm does not answer, the newest
# container of the service on this machine is read, running or not.
service_uses_data() {
  local text='' ids status=0 complaint asked="the service ${SERVICE}" place
  local spec='.Spec.TaskTemplate.ContainerSpec' mounts environment
  mounts="{{range ${spec}.Mounts}}{{.Type}}|{{.Source}}|{{.Target}}{{\"\\n\"}}{{end}}"
  environment="{{range ${spec}.Env}}env|{{.}}{{\"\\n\"}}{{end}}"
  text=$("${AT_MOST[@]}" 20 docker service inspect --format "${mounts}${environment}" \
    -- "${SERVICE}" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    status=0
    asked="the container of ${SERVICE}"
    ids=$("${AT_MOST[@]}" 20 docker ps --all --quiet --no-trunc \
      --filter "label=com.docker.swarm.service.name=${SERVICE}" 2>"${scratch}/docker.err") \
      || status=$?
    if ((status == 0)) && [[ -z "${ids}" ]]; then
      passed "${DATA_DIR} has the right contents; Swarm does not answer which directory \
${SERVICE} mounts, and it has no container here"
      return
    fi
    # The first one is the newest.
    if ((status == 0)); then
      mounts='{{range .Mounts}}{{.Type}}|{{.Source}}|{{.Destination}}{{"\n"}}{{end}}'
      environment='{{range .Config.Env}}env|{{.}}{{"\n"}}{{end}}'
      text=$("${AT_MOST[@]}" 20 docker inspect --type container \
        --format "${mounts}${environment}" -- "${ids%%$'\n'*}" 2>"${scratch}/docker.err") \
        || status=$?
    fi
    complaint=$(docker_complaint)
    ((status == 0)) || stop "${BUSY}" "Docker does not report which directory ${SERVICE} mounts" \
      'a reply from docker ps and docker inspect' "${complaint}" \
      'check docker ps --all, then run this script again'
  fi
  place=$(service_uses_data_place "${text}")
  if [[ "${place}" != "${DATA_DIR}" && ! "${place}" -ef "${DATA_DIR}" ]]; then
    stop "${MISMATCH}" "${SERVICE} uses another data directory than the inventory" \
      "${DATA_DIR}" "${place}" \
      "correct dataDirectory of ${HOST} in the inventory and compile again"
  fi
  passed "${DATA_DIR} is what ${asked} mounts"
}

# service_uses_data_place TEXT: the service's data directory on this machine. TEXT has its mounts as
# TYPE|SOURCE|TARGET and its environment as env|NAME=VALUE, one per line.
service_uses_data_place() {
  local kind from to inside='' place='' best='' status=0
  inside=$(sed -n 's/^env|PGEDGE_DATA_DIR=//p' <<<"$1")
  inside="${inside%/}"
  while IFS='|' read -r kind from to; do
    to="${to%/}"
    if [[ "${kind}" == 'env' || -z "${kind}" ]]; then
      continue
    fi
    if [[ "${inside:-${DATA_DIR}}/" == "${to}/"* && ${#to} -ge ${#best} ]]; then
      best="${to}"
      if [[ "${kind}" == 'volume' && "${from}" != /* ]]; then
        from=$("${AT_MOST[@]}" 20 docker volume inspect --format '{{.Mountpoint}}' -- "${from}" \
          2>"${scratch}/docker.err") || status=$?
        ((status == 0)) || from="the volume ${from}, which is not on this machine"
      fi
      place="${from%/}${inside:+${inside#"${to}"}}"
    fi
  done <<<"$1"
  printf '%s\n' "${place:-no mount at ${inside:-${DATA_DIR}}}"
}

# An undo puts back only complete data, and drops no writes without the option for that.
can_be_undone() {
  local kept want found
  [[ ! -e "${STATE}/closed" ]] || stop "${MISMATCH}" 'this recovery is closed' 'one under way' \
    "${STATE}/closed" \
    "do not undo a closed recovery; if the quorum is lost again, run ${FIRST_SCRIPT}"
  kept=$(kept_word 'etcd')
  # The record alone does not prove that the database is there.
  if [[ "${kept}" == 'incomplete' ]] || [[ "${kept}" == 'complete' &&
    (! -s "${STATE}/before/etcd/member/snap/db" || ! -d "${STATE}/before/etcd/member/wal") ]]; then
    want=$(can_be_undone_size)
    found=$(size_of "${STATE}/before/etcd")
    stop "${MISMATCH}" "${STATE}/before/etcd is incomplete and is not put back" \
      "${want}" "${found}" \
      "check with ls -lR whether ${ETCD_DIR} is complete; if it is, move ${STATE}/before/etcd \
to another place, then run this script again"
  fi
  # Databases can write in a token window and after the start of the service.
  if [[ -e "${STATE}/undone/etcd" ||
    (! -e "${STATE}/starting" && ! -e "${STATE}/started" && ! -e "${STATE}/token-window") ]]; then
    passed "what was set aside is complete; the restored cluster has accepted no writes"
    return
  fi
  can_be_undone_writes
}

# can_be_undone_size: the size that was recorded when the data were set aside.
can_be_undone_size() {
  if [[ -f "${STATE}/aside.etcd" ]]; then
    printf '%s\n' "$(<"${STATE}/aside.etcd")"
  else
    printf 'a record %s\n' "${STATE}/aside.etcd"
  fi
}

# can_be_undone_writes: the restored cluster may have accepted writes; only a person can drop them.
can_be_undone_writes() {
  local now='' restored='unknown' text
  if [[ -f "${CONFIG}" ]]; then
    text=$(as_host bash -c 'if "$@" 2>/dev/null; then :; fi' _ "${AT_MOST[@]}" 10 etcdctl \
      --endpoints "${CLIENT_URL}" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 4s \
      endpoint status -w fields)
    now=$(sed -nE 's/^"Revision" : "?([0-9]+)"?$/\1/p' <<<"${text}")
  fi
  [[ ! -f "${STATE}/expected" ]] || restored=$(<"${STATE}/expected")
  text="revision ${now:-unknown (etcd does not answer)} now, ${restored} as restored"
  if [[ -e "${STATE}/started" ]]; then
    text="${text}; the cluster serves $(<"${STATE}/started")"
  elif [[ -e "${STATE}/starting" ]]; then
    text="${text}; writes were possible once $(<"${STATE}/starting") had started it"
  else
    text="${text}; writes were possible in the $(<"${STATE}/token-window")"
  fi
  if [[ "${option["--drop-writes-since-restore"]:-}" != 'yes' ]]; then
    stop "${MISMATCH}" \
      'the restored cluster may have accepted writes, and an undo drops them' \
      'no writes since the restore' "${text}" \
      'continue with the plan; if these writes may be lost, add --drop-writes-since-restore'
  fi
  say "WARNING: --drop-writes-since-restore drops the writes since the restore (${text})"
}

# as_host COMMAND...: runs an etcd tool with this host's own user and password in its environment,
# never in an argument list. Only this one command gets them.
as_host() (
  take_login "${CONFIG}"
  exec "$@"
)

# take_login FILE: exports the etcd user and password in that configuration. For subshells only.
take_login() {
  ETCDCTL_PASSWORD=$(jq -er '.etcd_username // error("no etcd_username"),
    .etcd_password // error("no etcd_password")' "$1") || exit
  ETCDCTL_USER="${ETCDCTL_PASSWORD%%$'\n'*}"
  ETCDCTL_PASSWORD="${ETCDCTL_PASSWORD#*$'\n'}"
  export ETCDCTL_USER ETCDCTL_PASSWORD
}

# The last guard, with --apply: a rename out of the data directory and back moves a directory and
# does not copy it. It uses an empty directory of its own and removes it again.
rename_works() {
  local probe="${DATA_DIR}/plan-recovery.probe" place="${DATA_DIR}/plan-recovery" left seen
  if [[ "${mode}" == 'look' || ! -d "${DATA_DIR}" ]]; then
    return
  fi
  if [[ -d "${STATE}/before" ]]; then
    place="${STATE}/before"
  elif [[ ! -d "${place}" ]]; then
    place="${probe}.place"
  fi
  for left in "${probe}" "${probe}.place/probe" "${probe}.place" "${DATA_DIR}/plan-recovery/probe" \
    "${STATE}/before/probe"; do
    [[ ! -d "${left}" ]] || rmdir -- "${left}"
  done
  install -d -m 0700 -- "${probe}"
  [[ "${place}" != "${probe}.place" ]] || install -d -m 0700 -- "${place}"
  seen=$(rename_works_word "${probe}" "${place}/probe")
  for left in "${place}/probe" "${probe}" "${probe}.place"; do
    [[ ! -d "${left}" ]] || rmdir -- "${left}"
  done
  [[ "${seen}" == 'moved' ]] || stop "${MISMATCH}" \
    "a directory of ${DATA_DIR} cannot be renamed to ${place}" 'one rename on one file system' \
    "${seen}" \
    'check mount, df and lsattr of both; put them on one file system that can rename, run again'
  passed 'directories can be renamed out of the data directory and back'
}

# rename_works_word FROM TO: moved, or what happened. A copy has another inode number.
rename_works_word() {
  local before after='' words
  before=$(stat -c '%d:%i' -- "$1")
  words=$(mv -T -- "$1" "$2" 2>&1) || true
  after=$(stat -c '%d:%i' -- "$2" 2>&1) || true
  words="${words}$(mv -T -- "$2" "$1" 2>&1)" || true
  if [[ "${before}" == "${after}" && -d "$1" && -z "${words}" ]]; then
    printf 'moved\n'
  else
    printf '%s\n' "${words:-it was copied, ${before} became ${after}}"
  fi
}

# Guide 1.3, 5.2, 6.1a: waits until no reachable machine runs a task of them. Docker reports
# "converged" 8 to 13 s before containers end, and a data directory moved under them is destroyed.
# The container of this host is the next step's.
stop_services() {
  local service scale line
  local -a present=() changes=() absent=()
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ "${step}" == 2.* && -d "${STATE}/before" ]]; then
    stop_services_undo
  fi
  if [[ "${swarm_after}" == 'made' ]]; then
    say 'The services are deployed at 0'
    return
  fi
  for service in "$@"; do
    # A Swarm that is not revived yet reports nothing: assume that they are up.
    if [[ -n "${swarm_after}" ]] && ((work > 0)); then
      scale=1
    else
      scale=$(stop_services_scale "${service}")
    fi
    case "${scale}" in
      absent) absent+=("${service}") ;;
      0) present+=("${service}") ;;
      *)
        present+=("${service}")
        changes+=("${service}=0")
        ;;
    esac
  done
  if ((${#absent[@]} > 0)); then
    stop "${MISMATCH}" "services of this plan are not in this Swarm (${absent[*]})" \
      "each of $*" 'they may run under other names, and would start with old data' \
      'check docker service ls; correct swarm.stack or service in the inventory and compile again'
  fi
  if ((${#changes[@]} == 0)); then
    already "these services are at 0: ${present[*]}"
  else
    mutate docker_patiently service scale --detach "${changes[@]}"
  fi
  : >"${scratch}/unreachable"
  local check="docker service ps ${present[*]}"
  wait_until "${DEADLINE_STOP}" 'stopped' 'no other reachable machine runs them' \
    "${check}" stop_services_word "${present[@]}"
  while IFS= read -r line; do
    say "Swarm cannot reach ${line}"
  done <"${scratch}/unreachable"
}

# see_prepared: sets prepared to yes if the step has nothing left to do, and reports why.
see_prepared() {
  local word
  word=$(turn_word)
  prepared='yes'
  case "${word}" in
    done) already "${HOST} is back" ;;
    closed) already 'this recovery is closed' ;;
    passed) already "${HOST} has passed phase 1" ;;
    *) prepared='no' ;;
  esac
}

# turn_word: done | closed | passed | open. done: this host is already back. closed: the recovery is
# closed. passed: a step of phase 1, but the old etcd is already set aside.
turn_word() {
  local word
  if [[ "${way:-}" == 'done' ]]; then
    printf 'done\n'
  elif [[ -e "${STATE}/closed" ]]; then
    printf 'closed\n'
  elif [[ "${step}" != 1.* ]]; then
    printf 'open\n'
  else
    word=$(progress)
    if [[ "${word}" == 'fresh' ]]; then printf 'open\n'; else printf 'passed\n'; fi
  fi
}

# stop_services_undo: undo is no longer possible after other hosts have joined this one.
stop_services_undo() {
  local word list
  word=$(quorum_word "${CLIENT_URL}" "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  if [[ "${word}" != 'intact' ]]; then
    return
  fi
  list=$(members "${CLIENT_URL}")
  list=$(awk -F '|' '{ printf "%s ", $3 }' <<<"${list}")
  [[ "${list}" == "${HOST} " ]] || stop "${MISMATCH}" \
    'other hosts have joined the recovered cluster, and an undo here would strand them' \
    "one member, ${HOST}" "${list% }" 'continue with the plan instead'
}

# quorum_word URL ADDRESS PORT: intact | lost | silent. An authenticated read needs consensus, so
# any answer proves a quorum, even a wrong password.
quorum_word() {
  local port text
  port=$(port_word "$2" "$3" 2)
  if [[ "${port}" != 'open' || ! -f "${CONFIG}" ]]; then
    printf 'silent\n'
    return
  fi
  text=$(as_host bash -c 'if timeout --foreground 8 "$@" 2>&1; then echo answered; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 2s \
    get plan-recovery)
  if [[ "${text}" == *'answered' || "${text}" == *'authentication failed'* ]]; then
    printf 'intact\n'
  else
    printf 'lost\n'
  fi
}

# port_word ADDRESS PORT [SECONDS]: open | closed | unreachable. Closed means that a running machine
# refused the connection.
port_word() {
  local status=0 text
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  text=$("${AT_MOST[@]}" "${3:-3}" bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$1" "$2" 2>&1) || status=$?
  if ((status == 0)); then
    printf 'open\n'
  elif [[ "${text}" == *'Connection refused'* ]]; then
    printf 'closed\n'
  else
    printf 'unreachable\n'
  fi
}

# members ENDPOINT: the member list, in the format of member_lines.
members() {
  local text
  text=$(etcdctl_at "$1" member list -w simple)
  member_lines <<<"${text}"
}

# etcdctl_at ENDPOINT ARGUMENT...: a read. Changes are written out as mutate as_host etcdctl.
etcdctl_at() {
  as_host etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 5s --command-timeout 10s \
    "${@:2}"
}

# member_lines: reads `member list -w simple`, prints one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# stop_services_scale SERVICE: its replicas, or absent. The script stops if Docker does not report
# it.
stop_services_scale() {
  local scale complaint
  scale=$(service_scale "$1")
  complaint=$(docker_complaint)
  [[ "${scale}" != 'unknown' ]] || stop "${BUSY}" "Docker does not report the scale of $1" \
    'a number' "${complaint}" 'check docker node ls, then run this script again'
  printf '%s\n' "${scale}"
}

# service_scale SERVICE: the desired number of replicas, or absent, or unknown.
service_scale() {
  local text status=0
  text=$("${AT_MOST[@]}" 20 docker service inspect \
    --format '{{.Spec.Mode.Replicated.Replicas}}' -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    printf '%s\n' "${text}"
  elif grep -qi -e 'no such service' -- "${scratch}/docker.err"; then
    printf 'absent\n'
  else
    printf 'unknown\n'
  fi
}

# docker_patiently ARGUMENT...: docker with retries until the Swarm deadline. For a minute after a
# Swarm has lost managers, its commands sometimes fail with DeadlineExceeded.
docker_patiently() {
  local start now
  start=$(uptime_seconds)
  until "${AT_MOST[@]}" 60 docker "$@" >"${scratch}/docker.out" 2>"${scratch}/docker.err"; do
    now=$(uptime_seconds)
    if ((now - start >= DEADLINE_SWARM)); then
      if grep -q -e 'does not have a leader' -- "${scratch}/docker.err"; then
        stop "${BUSY}" 'Docker Swarm has lost most of its managers again' 'a leader' \
          "$(<"${scratch}/docker.err")" \
          "run ${FIRST_SCRIPT} on ${RECOVERY_HOST} again to revive it, then run this again"
      fi
      stop "${BUSY}" "docker $1 $2 failed for ${DEADLINE_SWARM} s" '' \
        "$(<"${scratch}/docker.err")" 'check docker node ls, then run this script again'
    fi
    say "Docker is busy, retrying: $(<"${scratch}/docker.err")"
    sleep 2
  done
}

# wait_until SECONDS WANT WHAT CHECK PROBE...: repeats PROBE, which prints one word, until it prints
# WANT. The word dead ends the wait at once. CHECK is a command for a person to find the cause.
wait_until() {
  local limit="$1" want="$2" what="$3" check="$4" seen='' start reported=0 spent=0
  shift 4
  if ((work > 0)); then
    say "Would wait up to ${limit} s until ${what}"
    return
  fi
  start=$(uptime_seconds)
  seen=$("$@")
  if [[ "${mode}" == 'look' && "${seen}" != "${want}" ]]; then
    work_began="${step_number}"
    work=1
    say "Would wait up to ${limit} s until ${what}; currently ${seen}"
    return
  fi
  until [[ "${seen}" == "${want}" ]]; do
    [[ "${seen}" != 'dead' ]] || stop "${FAILED}" "the process ended while waiting until ${what}" \
      "${want}" 'dead' "find the cause with ${check}, then run this script again"
    spent=$(uptime_seconds)
    spent=$((spent - start))
    if ((spent >= limit)); then
      stop "${BUSY}" "Timed out after ${spent} s waiting until ${what}" "${want}" "${seen}" \
        "run this script again to continue waiting; for the cause, check ${check}"
    fi
    if ((spent >= reported)); then
      say "Waiting until ${what} (${spent} s of ${limit} s): currently ${seen}"
      reported=$((spent + 5))
    fi
    if ((spent < 3)); then sleep 0.2; else sleep 1; fi
    seen=$("$@")
  done
  say "${what}: ${seen}"
}

# stop_services_word SERVICE...: stopped | running | unknown, on machines other than this one.
stop_services_word() {
  local tasks nodes own status=0
  local -a ids=()
  tasks=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc -- "$@" 2>/dev/null) || status=$?
  own=$(own_node)
  nodes=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}} {{.Hostname}}' \
    2>/dev/null) || status=$?
  if ((status == 0)) && [[ -n "${tasks}" ]]; then
    mapfile -t ids <<<"${tasks}"
    tasks=$("${AT_MOST[@]}" 20 docker inspect --type task --format '{{.NodeID}} {{.Status.State}}' \
      -- "${ids[@]}" 2>/dev/null) || status=$?
  fi
  if ((status != 0)) || [[ -z "${own}" ]]; then
    printf 'unknown\n'
    return
  fi
  awk -v own="${own}" -v away="${scratch}/unreachable" '
    NR == FNR { ready[$1] = $2; name[$1] = $3; next }
    $2 !~ /^(running|starting|preparing|ready|accepted|assigned)$/ || $1 == own { next }
    ready[$1] == "Ready" { word = "running"; next }
    { print name[$1] " (node " $1 " is " (ready[$1] == "" ? "unknown" : ready[$1]) ")" >away }
    END { print (word == "" ? "stopped" : word) }' <(printf '%s\n' "${nodes}") - <<<"${tasks}"
}

# own_node: this machine's Swarm node id.
own_node() {
  "${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}'
}

# Guide 1.3, 6.1a, 7.1b: without quorum the process does not end on TERM, and Swarm kills it after
# its grace period. So with the service at 0 the container is killed at once. etcd is crash-safe:
# nothing that it has acknowledged is lost.
stop_container() {
  local service="$1" word scale complaint ids id
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(container_word "${service}")
  complaint=$(docker_complaint)
  [[ "${word}" != 'unknown' ]] || stop "${BUSY}" 'Docker does not report which containers run' \
    'a reply from docker ps' "${complaint}" 'check docker ps, then run this script again'
  if [[ "${word}" == 'gone' ]] && ((work == 0)); then
    already "no container of ${service} runs here"
    return
  fi
  if ((work == 0)); then
    scale=$(service_scale "${service}")
    complaint=$(docker_complaint)
    stop_container_may "${service}" "${scale}" "${complaint}"
  fi
  ids=$(containers "${service}")
  while IFS= read -r id; do
    [[ -z "${id}" ]] || mutate docker_kill "${id}"
  done <<<"${ids}"
  local check="docker ps --filter label=com.docker.swarm.service.name=${service}"
  wait_until "${DEADLINE_STOP}" 'gone' "the container of ${service} is gone" \
    "${check}" stop_container_word "${service}"
}

# container_word SERVICE: running | gone | unknown, on this machine.
container_word() {
  local ids status=0
  ids=$("${AT_MOST[@]}" 20 docker ps --quiet \
    --filter "label=com.docker.swarm.service.name=$1" 2>"${scratch}/docker.err") || status=$?
  if ((status != 0)); then
    printf 'unknown\n'
  elif [[ -n "${ids}" ]]; then
    printf 'running\n'
  else
    printf 'gone\n'
  fi
}

# stop_container_may SERVICE SCALE COMPLAINT: if a service is not at 0, Swarm would start its
# container again. A worker cannot read the scale; there the container must stay away.
stop_container_may() {
  local word
  case "$2" in
    0) ;;
    absent)
      stop "${MISMATCH}" "a container of $1 runs, but this Swarm has no such service" '0' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again'
      ;;
    unknown)
      word=$(swarm_word)
      [[ "${word}" == 'worker' || "${word}" == 'inactive' ]] \
        || stop "${BUSY}" "Docker does not report the scale of $1" '0' "$3" \
          'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "$1 is not at 0, so Swarm would start the container again" '0' "$2" \
        "run docker service scale --detach $1=0, then run this script again"
      ;;
  esac
}

# swarm_word: down | locked | error | inactive | pending | recovering | worker | leaderless |
# manager. recovering: a manager that waits for its quorum. For 10 to 40 s after the loss of its
# quorum a manager answers docker info after 20 s (measured), so the limit is longer.
swarm_word() {
  local text status=0 answered=0
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>"${scratch}/docker.err") || status=$?
  if [[ "${text}" == 'active true' ]]; then
    "${AT_MOST[@]}" 20 docker node ls >/dev/null 2>"${scratch}/docker.err" || answered=$?
  fi
  state_word "${status}" "${text}" "${answered}"
}

# state_word STATUS STATE NODES: the word for the results of docker info and docker node ls.
state_word() {
  if (($1 != 0)); then
    printf 'down\n'
    return
  fi
  case "$2" in
    'active true') if (($3 == 0)); then printf 'manager\n'; else printf 'leaderless\n'; fi ;;
    'active false') printf 'worker\n' ;;
    'pending true') printf 'recovering\n' ;;
    'inactive '*) printf 'inactive\n' ;;
    'locked '*) printf 'locked\n' ;;
    'error '*) printf 'error\n' ;;
    *) printf 'pending\n' ;;
  esac
}

# containers SERVICE: ids of this machine's running containers of a service, one per line.
containers() {
  "${AT_MOST[@]}" 20 docker ps --quiet --filter "label=com.docker.swarm.service.name=$1"
}

# docker_kill CONTAINER: no failure if the container is already gone.
docker_kill() {
  "${AT_MOST[@]}" 20 docker kill -- "$1" >/dev/null 2>"${scratch}/docker.err" \
    || say "docker: $(<"${scratch}/docker.err")"
}

# stop_container_word SERVICE: as container_word. If the scale is unknown, gone means gone for
# longer than Swarm waits before it starts a container again.
stop_container_word() {
  local word scale
  word=$(container_word "$1")
  if [[ "${word}" == 'gone' ]]; then
    scale=$(service_scale "$1")
    if [[ "${scale}" == 'unknown' ]]; then
      sleep 7
      word=$(container_word "$1")
    fi
  fi
  printf '%s\n' "${word}"
}

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

# staging: where the snapshot is restored, until it is complete and renamed into place.
staging() {
  printf '%s.restoring-%s-%s\n' "${ETCD_DIR}" "${PLAN}" "${incident}"
}

# refuse_holders: no process may use the database or the ports; a process just killed gets 5 s.
refuse_holders() {
  local text waited=0
  if ((work > 0)); then
    cannot_know 'that no process uses the database or a port of this host'
    return
  fi
  text=$(host_holders)
  while [[ -n "${text}" ]] && ((waited < 5)); do
    sleep 1
    waited=$((waited + 1))
    text=$(host_holders)
  done
  [[ -z "${text}" ]] || stop "${MISMATCH}" 'the database or a port of this host is in use' \
    "no process at ${ETCD_DIR}/member/snap/db or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}" \
    "${text//$'\n'/; }" \
    'find what started it and stop it there, then run this script again; never use pkill'
  say "Check passed: nothing uses the database or ports ${API_PORT}, ${CLIENT_PORT}, ${PEER_PORT}"
}

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
}

# host_holders: every process that has this host's database open or listens on one of its ports.
host_holders() {
  local port
  holders "${ETCD_DIR}/member/snap/db"
  for port in "${API_PORT}" "${CLIENT_PORT}" "${PEER_PORT}"; do
    listeners "${port}"
  done
}

# holders PATH: the processes that have PATH open, one per line. /proc shows processes in containers
# too; fuser, lsof and ss may be missing, or do not. This script opens the file as well: if the
# search does not find that, it would not find others either.
holders() {
  local found fd pid name control="/proc/${BASHPID}/fd" own control_seen='no'
  if [[ ! -e "$1" ]]; then
    return
  fi
  exec {own}<"$1"
  found=$(
    exec {own}<&- # open in this process only, not in the search
    search_processes -L /proc/[0-9]*/fd -maxdepth 1 -samefile "$1"
  )
  exec {own}<&-
  while IFS= read -r fd; do
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    if [[ "${fd}" == "${control}/${own}" ]]; then
      control_seen='yes'
    elif [[ -n "${fd}" ]]; then
      name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
      printf '%s (pid %s) has %s open\n' "${name:-ended}" "${pid}" "$1"
    fi
  done <<<"${found}"
  [[ "${control_seen}" == 'yes' ]] || stop "${UNAVAILABLE}" \
    "cannot tell whether a process has $1 open" 'at least this script, which has it open' \
    "the search of /proc found ${found:-no process}" \
    'run this script as root on the machine itself, with /proc mounted without hidepid'
}

# search_processes PATH...: find below /proc, one file descriptor per line. Processes end during the
# search, so its exit status means nothing, except that of the time limit.
search_processes() {
  local status=0
  "${AT_MOST[@]}" 60 find "$@" 2>"${scratch}/find.err" || status=$?
  if ((status >= 124)); then
    stop "${BUSY}" 'cannot tell which processes use a file or a port' 'a reply from find in 60 s' \
      "status ${status}" \
      'check dmesg and mount (a file system may hang), then run this script again'
  fi
}

# listeners PORT: the processes that listen on PORT, one per line.
listeners() {
  local hex text inode fd pid name
  printf -v hex ':%04X' "$1"
  text=$(listening)
  text=$(awk -v port="${hex}" '$1 == port { print $2 }' <<<"${text}")
  while IFS= read -r inode; do
    if [[ -z "${inode}" ]]; then
      continue
    fi
    fd=$(search_processes /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[${inode}\]")
    pid="${fd#/proc/}"
    pid="${pid%%/*}"
    name=$(cat -- "/proc/${pid}/comm" 2>/dev/null) || true
    printf '%s (pid %s) listens on port %s\n' "${name:-unknown}" "${pid:-unknown}" "$1"
  done <<<"${text}"
}

# listening: the local ports that something listens on, as /proc writes them, with the socket's
# inode.
listening() {
  local text=''
  local -a tables=(/proc/net/tcp)
  [[ ! -e /proc/net/tcp6 ]] || tables+=(/proc/net/tcp6)
  text=$(cat -- "${tables[@]}" 2>"${scratch}/complaint") || text=''
  [[ "${text}" == *local_address* ]] || stop "${UNAVAILABLE}" \
    'cannot tell which ports of this machine are in use' 'the table /proc/net/tcp' \
    "$(<"${scratch}/complaint")" 'run this script as root on the machine itself, with /proc mounted'
  awk '$4 == "0A" { print substr($2, length($2) - 4), $10 }' <<<"${text}"
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

# rename_only FROM TO: one rename, or nothing. Across file systems mv would copy and delete; the
# file size limit of 0 ends it before it writes any data. For mutate.
rename_only() {
  local status=0 text made
  text=$(
    ulimit -f 0
    exec mv -T -- "$1" "$2" 2>&1
  ) || status=$?
  if ((status == 0)) && [[ ! -e "$1" && ! -L "$1" && -e "$2" ]]; then
    return
  fi
  if [[ -e "$1" && -d "$2" ]]; then
    made=$(find "$2" -type f -size +0 -print -quit)
    [[ -n "${made}" ]] || rm -rf -- "${2:?}"
  elif [[ -e "$1" && -f "$2" && ! -s "$2" ]]; then
    rm -f -- "$2"
  fi
  stop "${MISMATCH}" "cannot rename $1; its data are still in place" \
    "one rename to $2, on one file system" "status ${status}: ${text:-mv began to copy}" \
    'check mount and df of both; put them on one file system that can rename, then run this again'
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

# first_free PREFIX: PREFIX-1, or the next number that does not exist.
first_free() {
  local number=1
  while [[ -e "$1-${number}" || -L "$1-${number}" ]]; do
    number=$((number + 1))
  done
  printf '%s-%s\n' "$1" "${number}"
}

# --- engine: the same in every script of every bundle

# Exit statuses, listed in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply; only mutate and the waits read it
incident=1    # incident number: 1 for the first use of this plan, then 2, 3 ...
step='start'  # the current guide step, printed in every line
step_number=0 # how many steps have begun
work=0        # changes shown but not run; always 0 with --apply
work_began=0  # the step that showed the first of them
changed=0     # changes run
log=''        # this run's log, set after all guards have passed
scratch=''    # a private directory in memory, removed at exit
began=0       # when this run began, by uptime_seconds

# "${AT_MOST[@]}" SECONDS COMMAND...: runs it with a limit; status 124 or 137 when that was reached.
# In the foreground, so that Ctrl-C reaches it.
readonly -a AT_MOST=(timeout --foreground --kill-after=3)

apply='no'
arguments=()         # as given
declare -A option=() # the other options: value by name; yes by `NAME HOST` where they name hosts

STATE='' # the folder of this incident, on this disk

etcd_pid='' # the etcd that this script started, if any

etcd_guard='' # the process that ends it if this script is killed

# start ARGUMENT...: reads options and checks what every script needs before its own guards: root,
# tools, the right machine, a lock, and memory for secrets. Changes nothing on disk.
start() {
  began=$(uptime_seconds)
  arguments=("$@")
  umask 077
  PATH="${TOOLS_DIR:+${TOOLS_DIR}:}${PATH}"
  # Only the Docker of this machine, without user settings.
  export PATH DOCKER_HOST="unix://${DOCKER_SOCKET}" DOCKER_CONFIG='/nonexistent'
  read_options "$@"
  refuse_xtrace
  require_root
  require_tools
  require_machine
  take_lock
  trap 'on_error "$?" "${LINENO}" "${BASH_COMMAND}"' ERR
  trap 'on_exit "$?"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  take_scratch
  find_incident
  if [[ "${apply}" == 'yes' ]]; then
    mode='apply'
  fi
  say "${SCRIPT} on ${HOST}, plan ${PLAN}, incident ${incident}: ${mode}"
}

# uptime_seconds: seconds since this machine started, on a clock that is never set.
uptime_seconds() {
  local up
  read -r up _ </proc/uptime
  printf '%s\n' "${up%%.*}"
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
      --drop-writes-since-restore) take_option "$1" 'yes' ;;
      --help)
        show_help
        exit 0
        ;;
      *) stop "${USAGE}" "unknown argument $1" '' '' "see ${0##*/} --help" ;;
    esac
    shift
  done
}

# stop STATUS WHAT EXPECTED FOUND REMEDY: ends the script; an empty EXPECTED or FOUND is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  found:    $4"
  say "  do:       $5"
  exit "$1"
}

# say TEXT: prints a line on standard error and, with --apply, writes it to the log. If the disk is
# full, the line is still printed.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" 2>/dev/null >>"${log}" || true
  fi
}

take_option() {
  if [[ "$1" != '--incident' && " ${OPTIONS[*]} " != *" $1 "* ]]; then
    stop "${USAGE}" "this script has no option $1" '' '' "see ${0##*/} --help"
  fi
  case "$1" in
    --incident)
      [[ "$2" =~ ^[1-9][0-9]{0,3}$ ]] \
        || stop "${USAGE}" 'the incident is not a number' '1 to 9999' "$2" 'give a number'
      option["$1"]="$2"
      ;;
    --fenced | --also) take_hosts "$1" "$2" ;;
    *) option["$1"]="$2" ;;
  esac
}

# take_hosts OPTION HOST[,HOST...]
take_hosts() {
  local host
  local -a listed=()
  IFS=, read -ra listed <<<"$2"
  ((${#listed[@]} > 0)) || stop "${USAGE}" "$1 needs the id of a host" 'HOST or HOST,HOST' \
    'nothing' "see ${0##*/} --help"
  for host in "${listed[@]}"; do
    [[ "${host}" =~ ^[a-z0-9][a-z0-9-]*$ ]] || stop "${USAGE}" \
      "$1 names something that is no host" 'an id of lower-case letters, digits and -' \
      "${host:-nothing}" 'correct the id; separate several ids with commas'
    if [[ "$1" == '--fenced' && " ${HOSTS[*]} " != *" ${host} "* ]]; then
      stop "${USAGE}" "$1 names a host that is not another host of this plan" \
        "one of ${HOSTS[*]}" "${host:-nothing}" 'correct the id; separate several ids with commas'
    fi
    option["$1 ${host}"]='yes'
  done
}

# The header comment of this file is the first part of the help text.
show_help() {
  sed -n '2,/^$/s/^#\( \{0,1\}\)//p' "$0"
  cat <<'HELP'

OPTIONS
  --apply               make the changes. Without it the script only looks: it runs every check and
                        prints every command that it would run, with all arguments
  --fenced HOST,...     you confirm that HOST is stopped (powered off, disconnected, or its Control
                        Plane stopped) and stays so until its own script is run (phase 1)
  --also HOST,...       also remove HOST in this recovery (phase 5)
  --swarm-token-file F  read the Swarm join token from file F, mode 0600; - is standard input
  --drop-writes-since-restore
                        undo even if this drops writes accepted since the restore (undo)
  --incident N          the incident number: 1 for the first use of this plan, then 2, 3 ... It is
                        found automatically; give it only if a script asks for it
  --help                print this help

EXIT STATUS
  0 done, or nothing to do      1 a step failed               3 looked, and there is work to do
  64 usage                      69 a required tool or service is missing or does not work
  75 busy or timed out: run this script again                  77 not root
  78 wrong machine, or its state does not match the plan      129, 130, 143 signals

If a script is interrupted, run it again. It checks what is already done and continues. Nothing is
deleted. Data that were set aside are in plan-recovery/ in the data directory.
HELP
}

# already TEXT: the work of this step is already done.
already() {
  say "Already done: $1"
}

# A trace would print passwords. PLAN_FLAGS has the flags of the shell that was started first.
refuse_xtrace() {
  if [[ "${PLAN_FLAGS:-}$-" == *x* ]]; then
    set +x
    stop "${USAGE}" 'shell tracing (set -x) is on and would print passwords' '' '' \
      'run this script without -x'
  fi
}

require_root() {
  local id
  id=$(id -u)
  [[ "${id}" == 0 ]] \
    || stop "${NOT_ROOT}" 'not root' 'user id 0' "user id ${id}" \
      "run it as root, for example with sudo bash $0"
}

# require_tools: every command of this script exists, and supports the features that it uses.
require_tools() {
  local tool missing=''
  for tool in "${TOOLS[@]}"; do
    if ! command -v "${tool}" >/dev/null; then
      missing="${missing} ${tool}"
    fi
  done
  [[ -z "${missing}" ]] || stop "${UNAVAILABLE}" "required tools are missing (${missing# })" \
    "all of them in ${PATH}" '' \
    'install them (etcd, etcdctl, etcdutl: release 3.6), or set their directory in the inventory'
  for tool in "${TOOLS[@]}"; do
    require_feature "${tool}"
  done
}

# require_feature TOOL: tries the features of the tool that the script needs.
require_feature() {
  local out='' want='ok' status=0 feature
  case "$1" in
    awk)
      feature='split and substr'
      out=$(awk 'BEGIN { n = split("a ok", w, " "); print substr(w[n], 1, 2) }' 2>&1) || status=$?
      ;;
    curl)
      feature='-q, --noproxy and --unix-socket'
      out=$(curl -q --noproxy '*' --unix-socket /nonexistent --max-time 1 http://localhost/ 2>&1) \
        || status=$?
      # 7: curl accepts the options, and the socket does not exist.
      if ((status == 7)); then status=0 out='ok'; fi
      ;;
    date)
      feature='date -d'
      out=$(date -u -d 'Thu, 26 Nov 2026 10:00:00 GMT' +%s 2>&1) || status=$?
      want='1795687200'
      ;;
    find)
      feature='-samefile, -lname and -quit'
      out=$(find / -maxdepth 0 -samefile / ! -lname x -printf 'ok' -quit 2>&1) || status=$?
      ;;
    etcd | etcdctl | etcdutl)
      # The Control Plane's etcd refuses data written by etcd 3.7; etcd 3.5 cannot restore as
      # needed.
      feature='release 3.6'
      out=$(tool_minor "$1")
      want='3.6'
      ;;
    jq)
      feature='release 1.6: --args, IN and fromdateiso8601'
      out=$(jq -nr --args '($ARGS.positional[0] | IN("ok")) as $in | "1970-01-01T00:00:00Z"
        | if $in and fromdateiso8601 == 0 then "ok" else "no" end' 'ok' 2>&1) || status=$?
      ;;
    stat)
      feature='stat -c and stat -f -c'
      out=$(stat -c '%F' / 2>&1 && stat -f -c 'ok' / 2>&1) || status=$?
      want=$'directory\nok'
      ;;
    timeout)
      feature='--foreground and --kill-after'
      out=$(timeout --foreground --kill-after=3 5 awk 'BEGIN { print "ok" }' 2>&1) || status=$?
      ;;
    *) return 0 ;;
  esac
  if ((status != 0)) || [[ "${out}" != "${want}" ]]; then
    feature_fails "$1" "${feature}" "status ${status}: ${out}"
  fi
}

# tool_minor TOOL: the first two numbers of its release, as 3.6; otherwise its output.
tool_minor() {
  local text status=0 argument='version'
  if [[ "$1" == 'etcd' ]]; then
    argument='--version'
  fi
  text=$("${AT_MOST[@]}" 20 "$1" "${argument}" 2>&1) || status=$?
  if ((status == 0)) && [[ "${text%%$'\n'*}" =~ ([0-9]+\.[0-9]+) ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
  else
    printf 'status %s: %s\n' "${status}" "${text:0:200}"
  fi
}

# feature_fails TOOL FEATURE FOUND
feature_fails() {
  stop "${UNAVAILABLE}" "$1 cannot do what this script needs" "$2" "${3//$'\n'/ }" \
    "install a newer $1, or put it in the tools directory of the inventory"
}

# A machine is identified by its machine id if the inventory has one, otherwise by an address.
require_machine() {
  local found address text
  if [[ -n "${MACHINE_ID}" ]]; then
    found=$(cat /etc/machine-id)
    [[ "${found}" == "${MACHINE_ID}" ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
      "machine id ${MACHINE_ID}" "machine id ${found}" "run this script on ${HOST}"
    return
  fi
  found=$(own_addresses)
  # Addresses in the inventory may be host names.
  for address in "${HOST_ADDRESSES[@]}"; do
    text=$(resolve "${address}")
    while IFS= read -r address; do
      if [[ " ${found} " == *" ${address} "* ]]; then
        return
      fi
    done <<<"${text}"
  done
  stop "${MISMATCH}" "this machine is not ${HOST}" "an address of ${HOST}, ${HOST_ADDRESSES[*]}" \
    "addresses ${found}" "run this script on ${HOST} (${HOST_ADDRESSES[0]})"
}

# own_addresses: every address of this machine, separated by spaces.
own_addresses() {
  local text status=0
  text=$("${AT_MOST[@]}" 10 hostname -I 2>/dev/null) || status=$?
  if ((status != 0)) && command -v ip >/dev/null; then
    status=0
    text=$("${AT_MOST[@]}" 10 ip -o address show 2>/dev/null) || status=$?
    text=$(awk '{ sub(/\/.*/, "", $4); print $4 }' <<<"${text}")
  fi
  if ((status != 0)) || [[ -z "${text}" ]]; then
    stop "${UNAVAILABLE}" 'cannot find the addresses of this machine' \
      'a reply from hostname -I or ip address' "status ${status}" \
      'install iproute2 (the command ip), or set machineId in the inventory'
  fi
  printf '%s\n' "${text//$'\n'/ }"
}

# resolve NAME: prints its addresses, one per line. An address resolves to itself.
resolve() {
  local text status=0
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    printf '%s\n' "$1"
    return
  fi
  text=$("${AT_MOST[@]}" 15 getent ahosts "$1") || status=$?
  if ((status != 0)) || [[ -z "${text}" ]]; then
    stop "${UNAVAILABLE}" "cannot resolve $1" "an address of $1" \
      "getent ahosts ended with status ${status}" \
      "repair name resolution, or add $1 to /etc/hosts on this machine"
  fi
  awk '!seen[$1]++ { print $1 }' <<<"${text}"
}

# The lock is on a directory, so that look mode creates no file. It ends with the process.
take_lock() {
  local place="${DATA_DIR}" lock status=0
  "${AT_MOST[@]}" 10 stat "${DATA_DIR}" >/dev/null 2>&1 || status=$?
  ((status < 124)) || stop "${UNAVAILABLE}" "the file system of ${DATA_DIR} does not answer" \
    'a reply within 10 s' 'none' "check mount, then run this script again"
  while [[ ! -d "${place}" ]]; do
    place="${place%/*}"
    place="${place:-/}"
  done
  exec {lock}<"${place}"
  readonly LOCK="${lock}"
  flock --nonblock "${LOCK}" || stop "${BUSY}" \
    'another recovery script is running on this machine' '' \
    "the lock on ${place} is held" "wait until it ends; fuser -v '${place}' shows it"
}

# take_scratch: a private directory in memory. Tokens, passwords and answers never reach a disk,
# even if this script is killed. bash keeps long here-strings there, too.
take_scratch() {
  local place kind left pid
  for place in /dev/shm /run; do
    kind=$(stat -f -c %T "${place}" 2>/dev/null) || kind='none'
    if [[ "${kind}" == 'tmpfs' || "${kind}" == 'ramfs' ]] && [[ -w "${place}" ]]; then
      # Left by a killed script; the name contains its process id.
      for left in "${place}"/plan-recovery.*.*; do
        pid="${left#"${place}"/plan-recovery.}"
        if [[ -O "${left}" && -d "${left}" && ! -L "${left}" && ! -e "/proc/${pid%%.*}" ]]; then
          rm -rf -- "${left:?}"
        fi
      done
      scratch=$(mktemp -d "${place}/plan-recovery.$$.XXXXXXXX")
      export TMPDIR="${scratch}"
      return
    fi
  done
  stop "${UNAVAILABLE}" 'no in-memory file system for temporary files' \
    'a tmpfs at /dev/shm or /run' "${kind}" \
    'run mount -t tmpfs tmpfs /dev/shm, then run this script again'
}

# find_incident: sets STATE to the folder of this plan's latest incident on this disk. Folder names
# carry the inventory's digest, so folders of another plan with the same name do not count.
find_incident() {
  local folder number
  incident=1
  for folder in "${DATA_DIR}/plan-recovery/${CLUSTER_TOKEN}"-*; do
    number="${folder##*-}"
    if [[ -d "${folder}" && "${number}" =~ ^[1-9][0-9]{0,3}$ ]] && ((number > incident)) \
      && [[ "${folder##*/}" == "${CLUSTER_TOKEN}-${number}" ]]; then
      incident="${number}"
    fi
  done
  use_incident "${option["--incident"]:-${incident}}"
}

# use_incident NUMBER
use_incident() {
  incident="$1"
  STATE="${DATA_DIR}/plan-recovery/${CLUSTER_TOKEN}-${incident}"
}

# begin_changes: all guards have passed. Creates the folder of this incident and opens the log.
begin_changes() {
  local text
  if [[ "${mode}" == 'look' ]]; then
    return
  fi
  # install would change the mode of an existing data directory.
  [[ -d "${DATA_DIR}" ]] || install -d -m 0700 -- "${DATA_DIR}"
  install -d -m 0700 -- "${DATA_DIR}/plan-recovery" "${STATE}" "${STATE}/log"
  log="${STATE}/log/${SCRIPT//\//.}.log"
  touch -- "${log}"
  say "log: ${log}"
  text=$(record_start)
  record "${text}"
}

# record_start: the fields of a run that begins: the text that runs, and its arguments.
record_start() {
  local sum each list=''
  sum=$(sha256sum -- "$0")
  for each in "${arguments[@]}"; do
    each=$(json_text "${each}")
    list="${list:+${list},}${each}"
  done
  printf '"event":"start","sha256":"%s","arguments":[%s]\n' "${sum%% *}" "${list}"
}

# json_text TEXT: the text as a JSON string. Control characters become spaces.
json_text() {
  local text="${1//\\/\\\\}"
  text="${text//\"/\\\"}"
  printf '"%s"\n' "${text//[[:cntrl:]]/ }"
}

# record FIELDS: appends a line of JSON to this host's record, for plan record. If the disk is full,
# the script continues.
record() {
  local login='' line
  read -r login 2>/dev/null </proc/self/loginuid || true
  printf -v line '{"time":"%(%Y-%m-%dT%H:%M:%S%z)T","host":"%s","plan":"%s","incident":%d' \
    -1 "${HOST}" "${PLAN}" "${incident}"
  printf '%s,"script":"%s","run":"%s-%s","login":"%s",%s}\n' "${line}" "${SCRIPT}" \
    "${began}" "$$" "${login}" "$1" 2>/dev/null >>"${DATA_DIR}/plan-recovery/record.jsonl" || true
}

# begin GUIDE TITLE: starts the next step. GUIDE is the guide's own number.
begin() {
  step_number=$((step_number + 1))
  step="$1"
  say "== ${step_number}. $2"
}

# finish NEXT...: the last lines say what to run next, and on which host.
finish() {
  local line now
  step='end'
  if ((work > 0)); then
    say "Looked only: ${work} change(s) to make. Run again with --apply."
    exit "${LOOKED}"
  fi
  if [[ "${mode}" == 'look' ]]; then
    say 'Looked only: nothing to do.'
  else
    now=$(uptime_seconds)
    say "Done in $((now - began)) s. Log: ${log}"
  fi
  for line in "$@"; do
    say "${line}"
  done
}

on_error() {
  trap - ERR
  # In a subshell the command has already reported, and the parent reports the line.
  if ((BASH_SUBSHELL == 0)); then
    case "$1" in
      "${UNAVAILABLE}" | "${BUSY}" | "${MISMATCH}") ;;
      *)
        say "FAILED in step ${step_number} (line $2, status $1): ${3%%$'\n'*}"
        if [[ -s "${scratch}/complaint" ]]; then
          say "  found:    $(<"${scratch}/complaint")"
        fi
        say '  do:       Fix the problem shown above, then run this script again.'
        exit "${FAILED}"
        ;;
    esac
  fi
  exit "$1"
}

on_exit() {
  local text
  trap - ERR EXIT
  trap '' INT TERM HUP
  end_etcd
  end_children
  if [[ -n "${scratch}" && "$1" != 0 && "$1" != "${LOOKED}" ]]; then
    if ((changed > 0)); then
      say "  changed:  ${changed} change(s) were made before this, see ${log}"
    else
      say '  changed:  nothing'
    fi
  fi
  if [[ -n "${log}" ]]; then
    text=$(record_end "$1")
    record "${text}"
  fi
  [[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"
  exit "$1"
}

# end_etcd: ends the etcd of this script, by its pid. etcd is crash-safe; with watchers connected
# TERM takes 7 s, so KILL follows after one.
end_etcd() {
  local waited=0
  # In the EXIT trap, a bare return would return the status from before the trap, and end it.
  if [[ -z "${etcd_pid}" ]]; then
    return 0
  fi
  kill -TERM "${etcd_pid}" 2>/dev/null || true
  while ((waited < 10)) && [[ -d "/proc/${etcd_pid}" ]]; do
    sleep 0.1
    waited=$((waited + 1))
  done
  kill -KILL "${etcd_pid}" 2>/dev/null || true
  wait "${etcd_pid}" 2>/dev/null || true
  end_process "${etcd_guard}"
  etcd_pid=''
}

# end_process PID: ends it and every process that it started. It is stopped first, so that it starts
# no other one meanwhile; a process that is just starting one stops a moment later.
end_process() {
  local child children='' text='' tries IFS=$' \t\n'
  kill -STOP "$1" 2>/dev/null || true
  for ((tries = 0; tries < 200; tries++)); do
    IFS= read -r text 2>/dev/null <"/proc/$1/stat" || break
    [[ "${text##*) }" == [RSD]* ]] || break
  done
  read -r children 2>/dev/null <"/proc/$1/task/$1/children" || true
  kill -KILL "$1" 2>/dev/null || true
  for child in ${children}; do
    end_process "${child}"
  done
}

# end_children: ends the background processes of this script.
end_children() {
  # A trap may run within IFS= read.
  local pid pids IFS=$' \t\n'
  pids=$(jobs -p)
  for pid in ${pids}; do
    end_process "${pid}"
  done
}

# record_end STATUS: the fields of a run that ends.
record_end() {
  local now loss='null' fenced='null'
  now=$(uptime_seconds)
  if [[ -f "${STATE}/loss" ]]; then
    loss=$(json_text "$(<"${STATE}/loss")")
  fi
  if [[ -f "${STATE}/fenced" ]]; then
    fenced=$(json_text "$(<"${STATE}/fenced")")
  fi
  printf '"event":"end","status":%d,"step":"%s","seconds":%d,"changes":%d,' \
    "$1" "${step}" "$((now - began))" "${changed}"
  printf '"loss":%s,"fenced":%s\n' "${loss}" "${fenced}"
}

# mutate COMMAND...: every change goes through here. Look mode prints the command that --apply runs.
mutate() {
  local shown
  shown=$(shown_as "$@")
  if [[ "${mode}" == 'look' ]]; then
    ((work > 0)) || work_began="${step_number}"
    work=$((work + 1))
    say "would run: ${shown}"
    return
  fi
  say "run: ${shown}"
  changed=$((changed + 1))
  "$@"
}

# The command as a person would type it: docker_patiently is docker with retries while Swarm is
# busy; as_host and as_kept are etcdctl with this host's own credentials in its environment.
shown_as() {
  local text
  if [[ "$1" == 'noted' ]]; then
    set -- "${@:3}"
  fi
  case "$1" in
    docker_patiently) set -- docker "${@:2}" ;;
    docker_kill) set -- docker kill -- "${@:2}" ;;
    launch_etcd) set -- etcd "${@:3}" ;;
    as_host) set -- "${@:2}" ;;
    as_kept) set -- "${@:3}" ;;
    rename_only) set -- mv -T -- "${@:2}" ;;
    write_file) set -- install -m "$3" /dev/stdin "$2" ;;
    end_etcd) set -- kill -TERM PID ;;
    hold_token_window) set -- sleep "$2" ;;
    join_swarm) set -- docker swarm join --token TOKEN "$2" ;;
    api_send) set -- curl --request "$2" "$3" ${4:+--data-binary "@${4##*/}"} ;;
    *) ;;
  esac
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }"
}

main() {
  # Only the scripts of a bundle with tools have this function.
  if declare -F take_tools >/dev/null; then
    take_tools "$@"
  fi
  start "$@"
  guards
  say 'All checks passed.'
  begin_changes
  commands
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  main "$@"
fi
