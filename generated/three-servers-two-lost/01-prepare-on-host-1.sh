#!/usr/bin/env bash
# 01-prepare-on-host-1.sh: stop everything, fence, and get a snapshot on host-1
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-1 (192.168.104.1), as root
#   why       host-1 is the recovery host: named in the inventory.
#   guide     phase 1, Prepare for recovery: 1.3 1.1 1.2
#   changes   1.3 Give Docker Swarm a leader again if it has lost its own quorum; 1.3 Scale all
#             server services to 0; 1.3 Stop the container and prove that it is gone; 1.1 Save a
#             snapshot from a copy of this host's data and report what may be lost; 1.1 Choose the
#             snapshot and show the evidence
#   page      sha256:ca230b55722475da08a1080c1dd1f909ed37b9f224a080c0106787b6282b42bc
#   functions sha256:142a7113d8131a02fa1f0e9a7bfef48f623b610e328b4459c2aa803269cbdf08
#   engine    sha256:15842eeec98fbe5bbeb46273161a013b8086dad916a9737394da3c9ceb2225ea

# --- page

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces
# shellcheck disable=SC2016  # filters of jq and awk have names of their own

# Each guard passes, or stops the script and says what was expected, what was found and what to do.
# Nothing is changed before all of them have passed.
guards() {
  docker_is_local
  data_directory
  service_uses_data
  records_agree
  own_state
  own_data
  certificates_fit
  quorum_is_lost
  no_other_recovery
  no_other_is_fresher
  swarm_can_be_used
  named_snapshot
  space_is_enough
  rename_works
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # Server hosts are the managers of the Swarm, so it usually loses its quorum together with etcd.
  # Without a leader no service can be stopped.
  begin '1.3' 'Give Docker Swarm a leader again if it has lost its own quorum'
  revive_swarm '192.168.104.1'
  # if the Swarm has lost its quorum, with the addresses and ports it was made with:
  # ? docker swarm init --force-new-cluster --advertise-addr '192.168.104.1'
  # ? docker node update --label-add 'plan.recovery=acme-host-1-24366146d2d1'"-${incident}" \
  #     "${node}"

  # In one call, so that no server host starts with old data while others are being stopped.
  begin '1.3' 'Scale all server services to 0'
  stop_services 'control-plane_host-1' 'control-plane_host-2' 'control-plane_host-3'
  # those that are not at 0:
  # ? docker service scale --detach 'control-plane_host-1=0' 'control-plane_host-2=0' \
  #     'control-plane_host-3=0'

  # Swarm reports converged while the container is still running, and moving etcd/ would then
  # corrupt it. Without quorum a graceful stop cannot succeed.
  begin '1.3' 'Stop the container and prove that it is gone'
  stop_container 'control-plane_host-1'
  # if it still runs:
  # ? docker kill -- "${container}"

  # Lost hosts that are only unreachable, or that come back too early, may form the old quorum. If
  # one that is still running could tip the balance, the script waits for it to stop.
  begin '1.3' 'Make sure that the 2 other server hosts stay out'
  fence_hosts '2'
  # ? install -m 0600 /dev/stdin "${STATE}/fenced"

  # Nothing is killed by name: the script names the process that holds them, and stops.
  begin '1.3' 'Prove that nothing holds the database or the ports'
  prove_free 'restore'

  # Nothing in the write-ahead log of this host is lost, and the result carries its hash. Saving
  # from the running etcd needs the quorum that is gone.
  begin '1.1' 'Save a snapshot from a copy of this host'\''s data and report what may be lost'
  salvage_snapshot
  # what an interrupted run left:
  # ? mv -T -- "${STATE}/salvaged.db" "${earlier}"
  # ? rm -rf -- "${STATE}/salvage"
  # $ install -d -m 0700 -- "${STATE}/salvage"
  # $ cp -aL --reflink=auto -- '/data/pgedge/control-plane/etcd' "${STATE}/salvage/etcd"
  # $ etcd --name 'host-1' --data-dir "${STATE}/salvage/etcd" --force-new-cluster \
  #     --listen-client-urls "https://127.0.0.1:${port}" \
  #     --advertise-client-urls "https://127.0.0.1:${port}" \
  #     --listen-peer-urls "https://127.0.0.1:${peer}" \
  #     --trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --peer-client-cert-auth \
  #     --peer-trusted-ca-file '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --peer-cert-file '/data/pgedge/control-plane/certificates/etcd-server.crt' \
  #     --peer-key-file '/data/pgedge/control-plane/certificates/etcd-server.key' \
  #     --quota-backend-bytes 8589934592 --max-txn-ops 2048 --max-request-bytes 10485760 \
  #     --heartbeat-interval 20 --election-timeout 200
  # ? rm -f -- "${STATE}/salvaged.db.partial"
  # $ etcdctl --endpoints "https://127.0.0.1:${port}" \
  #     --cacert '/data/pgedge/control-plane/certificates/ca.crt' \
  #     --cert '/data/pgedge/control-plane/certificates/etcd-user.crt' \
  #     --key '/data/pgedge/control-plane/certificates/etcd-user.key' snapshot save \
  #     "${STATE}/salvaged.db.partial"
  # $ kill -TERM "${etcd_pid}"
  # $ install -m 0600 /dev/stdin "${STATE}/salvaged.loss"
  # $ sync -- "${STATE}/salvaged.db.partial"
  # $ mv -T -- "${STATE}/salvaged.db.partial" "${STATE}/salvaged.db"

  # The data salvaged from this host is used: everything that this host had received. Another host
  # may have received more.
  begin '1.1' 'Choose the snapshot and show the evidence'
  choose_snapshot 'freshest' '' ''
  # ? mv -T -- "${STATE}/snapshot.db" "${earlier}"
  # $ ln -f -T -- "${STATE}/salvaged.db" "${STATE}/snapshot.db.partial"
  # $ install -m 0600 /dev/stdin "${STATE}/loss"
  # $ mv -T -- "${STATE}/snapshot.db.partial" "${STATE}/snapshot.db"

  # A snapshot that is truncated, changed, or from another storage version must not be restored.
  begin '1.2' 'Verify the snapshot'
  verify_snapshot

  finish \
    'Next: 02-restore-on-host-1.sh here on host-1'
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
readonly SCRIPT='01-prepare-on-host-1.sh'
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
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly -a SERVERS=('host-1' 'host-2' 'host-3')
readonly -a HOSTS=('host-2' 'host-3')
readonly -a OTHERS=('host-2 192.168.104.2 3000 2379 2380' 'host-3 192.168.104.3 3000 2379 2380')
readonly -a SERVICES=(
  'host-1 control-plane_host-1'
  'host-2 control-plane_host-2'
  'host-3 control-plane_host-3'
)
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly UNDO_SCRIPT='undo/undo-on-host-1.sh'
readonly -a API_TLS=()
readonly SNAPSHOT_FILE=''
readonly SNAPSHOT_SUM=''
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'bash' 'cat' 'chcon' 'chmod' 'chown' 'cp' 'curl' 'date' 'df' 'docker' 'du' 'etcd' 'etcdctl'
  'etcdutl' 'find' 'flock' 'getent' 'grep' 'head' 'hostname' 'id' 'install' 'jq' 'ln' 'mktemp' 'mv'
  'od' 'openssl' 'rm' 'rmdir' 'sed' 'sha256sum' 'sleep' 'sort' 'stat' 'sync' 'tail' 'timeout'
  'touch' 'tr' 'uname' 'wc'
)
readonly -a OPTIONS=('--fenced')
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'
readonly DEADLINE_ETCD='60'

# --- functions: what the page calls

way='' # done: this host is already back, and no later step may stop it

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

readonly ETCD_DIR="${DATA_DIR}/etcd"

readonly CONFIG="${DATA_DIR}/generated.config.json"

readonly CERTIFICATES="${DATA_DIR}/certificates"

readonly -a ETCDCTL_TLS=(--cacert "${CERTIFICATES}/ca.crt" --cert "${CERTIFICATES}/etcd-user.crt"
  --key "${CERTIFICATES}/etcd-user.key")

# For health and metrics of an etcd, which are served over HTTP without a login.
readonly -a ETCD_CURL=(-q --silent --noproxy '*' --globoff --cacert "${CERTIFICATES}/ca.crt"
  --cert "${CERTIFICATES}/etcd-user.crt" --key "${CERTIFICATES}/etcd-user.key")

# As in the Control Plane: the trusted CA alone requires a client certificate. With
# --client-cert-auth the certificate's name would count as a login.
readonly -a ETCD_SERVER_TLS=(--trusted-ca-file "${CERTIFICATES}/ca.crt"
  --cert-file "${CERTIFICATES}/etcd-server.crt" --key-file "${CERTIFICATES}/etcd-server.key"
  --peer-client-cert-auth --peer-trusted-ca-file "${CERTIFICATES}/ca.crt"
  --peer-cert-file "${CERTIFICATES}/etcd-server.crt"
  --peer-key-file "${CERTIFICATES}/etcd-server.key")

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

# The Control Plane's own limits: the stock quota of 2 GiB would raise an alarm that stays. The
# election is short, because a single member waits for no other.
readonly -a ETCD_LIMITS=(--quota-backend-bytes 8589934592 --max-txn-ops 2048
  --max-request-bytes 10485760 --heartbeat-interval 20 --election-timeout 200)

prepared='' # yes | no: see_prepared found that the step has nothing to do

swarm_after='' # revived | made | entered: what this script does, or would do, to its Swarm

# Whether the Swarm's own quorum is lost. Watched over time, because a revival cannot be undone.
swarm_seen='' # the result of watch_swarm: revive | manager | another word of swarm_word, and why

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

# passed TEXT: a guard has passed.
passed() {
  say "Check passed: $1"
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

# The data that this recovery set aside and restored here match its own records.
records_agree() {
  local word found
  word=$(progress)
  case "${word}" in
    undoing)
      stop "${MISMATCH}" "an undo of this recovery has begun on ${HOST} and has not ended" \
        'a recovery that is under way' "${STATE}/undone" "run ${UNDO_SCRIPT} --apply again first"
      ;;
    unclear)
      found=$(records_agree_found)
      stop "${MISMATCH}" "the data of ${HOST} do not match the records of this recovery" \
        "${ETCD_DIR} as phase 2 restored it, and ${STATE}/before/etcd complete" \
        "${found}" \
        "check with ls -lR which of ${ETCD_DIR} and ${STATE}/before/etcd is complete; move the \
wrong one out of ${DATA_DIR}; to use the old one again, run ${UNDO_SCRIPT}"
      ;;
    *) passed "the records of this recovery agree with what is on this disk" ;;
  esac
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

records_agree_found() {
  local kept placed
  kept=$(kept_word 'etcd')
  placed=$(restored_word "${ETCD_DIR}")
  [[ "${placed}" != 'ours' ]] || placed='restored by this recovery'
  printf 'before/etcd is %s, etcd/ is %s\n' "${kept}" "${placed}"
}

# The configuration is this host's own. With the user of another host everything works until that
# host is removed, and these credentials with it.
own_state() {
  local text status=0
  [[ -f "${CONFIG}" ]] || stop "${MISMATCH}" "${CONFIG} does not exist" 'the file of this host' \
    'none' "if this is the right directory, restore generated.config.json and certificates/ of \
${HOST} from a backup"
  text=$(jq -er '"\(.etcd_username // "none") \((.etcd_password // "") != "")"' \
    "${CONFIG}" 2>"${scratch}/complaint") || status=$?
  ((status == 0)) || stop "${MISMATCH}" "${CONFIG} cannot be read" 'JSON of the Control Plane' \
    "$(<"${scratch}/complaint")" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text% *}" == "host-${HOST}" ]] || stop "${MISMATCH}" \
    'generated.config.json belongs to another host' "etcd_username host-${HOST}" \
    "${text% *}" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text##* }" == 'true' ]] || stop "${MISMATCH}" 'generated.config.json has no password' \
    'a value of etcd_password' 'none' "restore the file of ${HOST} from a backup"
  passed "the etcd user of this host is host-${HOST}"
}

# This host has its own database and write-ahead log.
own_data() {
  local word path
  local -a logs=("${ETCD_DIR}/member/wal/"*.wal)
  word=$(progress)
  if [[ "${word}" != 'fresh' && "${word}" != 'restored' ]]; then
    passed "the etcd of ${HOST} is already set aside"
    return
  fi
  for path in "${ETCD_DIR}/member/snap/db" "${logs[0]}"; do
    [[ -s "${path}" ]] || stop "${MISMATCH}" "${HOST} has no complete etcd of its own" \
      "a file ${path}" 'no file, or an empty one' \
      "if the data directory is right, use the bundle of another surviving server host, or set \
recovery.snapshot to a saved snapshot in the inventory and compile again"
  done
  passed "${ETCD_DIR} has a database and its log"
}

# Certificates are checked before every request that uses them, so that a failure names the cause.
certificates_fit() {
  local name file text status=0
  openssl version >/dev/null 2>"${scratch}/complaint" || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" 'openssl does not work' 'a reply from openssl version' \
    "status ${status}, $(<"${scratch}/complaint")" 'repair or install openssl'
  for name in ca.crt etcd-user.crt etcd-user.key etcd-server.crt etcd-server.key; do
    file="${CERTIFICATES}/${name}"
    [[ -s "${file}" && -r "${file}" ]] || stop "${MISMATCH}" "${name} is missing or empty" \
      "a file ${file}" 'none' "restore certificates/ of ${HOST} from a backup"
  done
  for name in ca etcd-user etcd-server; do
    certificates_valid "${name}"
  done
  for name in etcd-user etcd-server; do
    certificates_signed "${name}"
    certificates_pair "${name}"
  done
  text=$(certificates_names "${HOST_ADDRESSES[0]}")
  [[ "${text}" == *'does match certificate'* ]] || stop "${MISMATCH}" \
    'the etcd certificate does not cover the address of this host' "${HOST_ADDRESSES[0]}" \
    "${text}" \
    "set the address that ${HOST} had when it was issued, or restore the right certificates/"
  passed "the certificates are valid, belong together and cover ${HOST_ADDRESSES[0]}"
}

# certificates_valid NAME: readable, and valid now by this machine's clock.
certificates_valid() {
  local text from until now clock status=0
  text=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -startdate -enddate 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not a readable certificate" 'PEM' \
    "${text%%$'\n'*}" "restore certificates/ of ${HOST} from a backup"
  text="${text/notBefore=/}"
  text="${text/notAfter=/}"
  from=$(date -u -d "${text%%$'\n'*}" +%s) || status=$?
  until=$(date -u -d "${text##*$'\n'}" +%s) || status=$?
  ((status == 0)) || stop "${UNAVAILABLE}" "cannot read the dates of $1.crt" 'two dates' "${text}" \
    "check openssl x509 -noout -dates -in '${CERTIFICATES}/$1.crt'"
  now=$(date -u +%s)
  clock=$(date -u '+%b %e %T %Y GMT')
  text="${text//$'\n'/ to }"
  if ((now < from)); then
    stop "${MISMATCH}" "$1.crt is not valid yet" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      'correct the clock of this machine (timedatectl), then run this script again'
  elif ((now >= until)); then
    stop "${MISMATCH}" "$1.crt has expired" "valid at ${clock}, the clock of this machine" \
      "valid from ${text}" \
      "if the clock is wrong, correct it (timedatectl); otherwise restore a valid certificate of \
${HOST} from a backup, or have one issued by the same CA"
  fi
}

# certificates_signed NAME: signed by ca.crt, whatever its dates.
certificates_signed() {
  local text status=0
  text=$(openssl verify -no_check_time -CAfile "${CERTIFICATES}/ca.crt" -- \
    "${CERTIFICATES}/$1.crt" 2>&1) || status=$?
  ((status == 0)) || stop "${MISMATCH}" "$1.crt is not signed by ca.crt" 'one CA' \
    "${text//$'\n'/ }" "restore all of certificates/ of ${HOST} from one backup"
}

# certificates_pair NAME: the key belongs to the certificate.
certificates_pair() {
  local of_key of_cert status=0
  of_key=$(openssl pkey -in "${CERTIFICATES}/$1.key" -pubout 2>/dev/null) || status=$?
  of_cert=$(openssl x509 -in "${CERTIFICATES}/$1.crt" -noout -pubkey 2>/dev/null) || status=$?
  if ((status != 0)) || [[ "${of_key}" != "${of_cert}" ]]; then
    stop "${MISMATCH}" "$1.key does not belong to $1.crt" 'a key and its certificate' \
      'the key of another certificate, or none' "restore certificates/ of ${HOST} from a backup"
  fi
}

# certificates_names ADDRESS: the answer of openssl; its exit status is 0 either way.
certificates_names() {
  local check='-checkhost'
  if [[ "$1" == *:* || "$1" =~ ^[0-9.]+$ ]]; then
    check='-checkip'
  fi
  openssl x509 -in "${CERTIFICATES}/etcd-server.crt" -noout "${check}" "$1"
}

# The quorum is lost only if every server host reports for 15 s that it has no leader, or is down
# and a person confirms that it stays so. Anything else stops the script. If a closed or started
# recovery has lost its quorum again, the next incident begins, from the present data.
quorum_is_lost() {
  local answers word before
  before=$(recovery_word)
  if [[ "${before}" == 'under way' ]]; then
    passed "${HOST} has passed phase 1 of this recovery"
    return
  fi
  say 'Asking every server host for at least 15 s whether its etcd has a leader'
  # Swarm is watched at the same time, for the next guard and for hosts that are silent.
  watch_swarm >"${scratch}/swarm" &
  # Both run in this shell, so that Ctrl-C ends them too.
  watch_members 15 >"${scratch}/answers"
  wait
  answers=$(<"${scratch}/answers")
  swarm_seen=$(<"${scratch}/swarm")
  quorum_is_lost_judge "${answers}" "${before}"
  word=$(quorum_is_lost_own "${answers}")
  case "${before}:${word}" in
    new:*) ;;
    *:kept) return ;;
    *)
      say "The recovery of incident ${incident} is ${before}, and the quorum is lost again."
      use_incident "$((incident + 1))"
      say "This is incident ${incident}. It starts from the data that are here now."
      ;;
  esac
  passed 'the quorum is lost'
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

# watch_swarm: one line. manager: it has a leader. revive WHY: its quorum is lost: no leader for 15
# s, or a manager has waited for its quorum for 30 s, or most managers cannot be reached for 30 s
# and a harmless write is refused. Otherwise a word of swarm_word.
watch_swarm() {
  local word start now since seen='' reached
  start=$(uptime_seconds)
  since="${start}"
  while true; do
    word=$(leader_word)
    now=$(uptime_seconds)
    if [[ "${word}" != "${seen}" ]]; then
      since="${now}"
    fi
    # The first probe may have hung: count from its start.
    if [[ -z "${seen}" ]]; then
      since="${start}"
    fi
    seen="${word}"
    case "${word}" in
      manager | leaderless)
        reached=$(managers_reached)
        if [[ "${word}" == 'manager' && "${reached%% *}" != 'lost' ]]; then
          printf 'manager\n'
          return
        elif [[ "${word}:${reached%% *}" == 'leaderless:lost' ]] && ((now - since >= 15)); then
          printf 'revive no leader for %s s, %s\n' "$((now - since))" "${reached#* }"
          return
        elif [[ "${word}" == 'manager' ]] && ((now - since >= 30)); then
          word=$(harmless_write)
          if [[ "${word}" == 'refused' ]]; then
            printf 'revive %s for %s s, and no write\n' "${reached#* }" "$((now - since))"
          else
            printf 'manager\n'
          fi
          return
        fi
        ;;
      recovering)
        if ((now - since >= 30)); then
          printf 'revive a manager has waited for its quorum for %s s\n' "$((now - since))"
          return
        fi
        ;;
      pending | error | down)
        if ((now - since >= 30)); then
          printf '%s\n' "${word}"
          return
        fi
        ;;
      *)
        printf '%s\n' "${word}"
        return
        ;;
    esac
    if ((now - start >= DEADLINE_SWARM)); then
      printf '%s for %s s\n' "${word}" "$((now - start))"
      return
    fi
    sleep 2
  done
}

# leader_word: as swarm_word, with both Docker commands in parallel: each can take 20 s while a
# Swarm loses its quorum.
leader_word() {
  local text answered=0 status=0 pid
  "${AT_MOST[@]}" 20 docker node ls >/dev/null 2>&1 &
  pid=$!
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>"${scratch}/docker.err") || status=$?
  wait "${pid}" || answered=$?
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

# managers_reached: reached | lost | unknown, and the count: whether a majority of the managers that
# this machine knows, including itself, accepts a connection.
managers_reached() {
  local text manager host word known=0 up=0
  local -a ports=()
  text=$("${AT_MOST[@]}" 30 docker info --format \
    '{{range .Swarm.RemoteManagers}}{{println .Addr}}{{end}}' 2>/dev/null) || text=''
  while IFS= read -r manager; do
    if [[ -z "${manager}" ]]; then
      continue
    fi
    known=$((known + 1))
    host="${manager%:*}"
    host="${host#\[}"
    host="${host%\]}"
    if [[ " ${HOST_ADDRESSES[*]} " == *" ${host} "* ]]; then
      up=$((up + 1))
    else
      ports+=("${host}" "${manager##*:}")
    fi
  done <<<"${text}"
  text=$(port_words "${ports[@]}")
  while IFS= read -r word; do
    if [[ "${word}" == 'open' ]]; then
      up=$((up + 1))
    fi
  done <<<"${text}"
  if ((known == 0)); then
    printf 'unknown no managers known\n'
  elif ((up > known / 2)); then
    printf 'reached %s of %s managers reached\n' "${up}" "${known}"
  else
    printf 'lost %s of %s managers reached\n' "${up}" "${known}"
  fi
}

# port_words [ADDRESS PORT]...: the word of each, one per line, probed at once (100 at a time).
port_words() {
  local number=0 count="$(($# / 2))" word
  local -a pids=()
  while (($# > 0)); do
    port_word "$1" "$2" 2 >"${scratch}/port.${number}" &
    pids+=("$!")
    number=$((number + 1))
    if ((number % 100 == 0)); then
      wait "${pids[@]}" || true
      pids=()
    fi
    shift 2
  done
  if ((${#pids[@]} > 0)); then
    wait "${pids[@]}" || true
  fi
  for ((number = 0; number < count; number++)); do
    word=$(<"${scratch}/port.${number}")
    [[ -n "${word}" ]] || stop "${BUSY}" 'cannot probe a port' 'a reply from bash' 'none' \
      'check dmesg (processes, memory) and df /dev/shm, then run this script again'
    printf '%s\n' "${word}"
  done
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

# harmless_write: accepted | refused: sets this node's availability to its present value.
harmless_write() {
  local node word status=0
  node=$(own_node)
  word=$(availability_of "${node}")
  if [[ "${word}" == 'unknown' ]]; then
    status=1
  else
    "${AT_MOST[@]}" 20 docker node update --availability "${word}" "${node}" >/dev/null 2>&1 \
      || status=$?
  fi
  if ((status == 0)); then printf 'accepted\n'; else printf 'refused\n'; fi
}

# own_node: this machine's Swarm node id.
own_node() {
  "${AT_MOST[@]}" 30 docker info --format '{{.Swarm.NodeID}}'
}

# availability_of NODE: active | pause | drain | unknown.
availability_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker node inspect --format '{{.Spec.Availability}}' -- "$1" \
    2>"${scratch}/docker.err") || text='unknown'
  printf '%s\n' "${text}"
}

# watch_members SECONDS: this host and every other server host, in parallel. Prints HOST ANSWER for
# each; of several addresses the most significant answer counts.
watch_members() {
  ask_all watch_member "$1" -- \
    "${HOST} ${HOST_ADDRESSES[0]} ${API_PORT} ${CLIENT_PORT}" "${OTHERS[@]}"
}

# ask_all QUESTION... -- LINE...: asks all at once: QUESTION... ADDRESS CLIENT API, of each line of
# OTHERS.
# A question that ends without an answer is broken: no host is left out.
ask_all() {
  local line host address port client number=0
  local -a pids=() question=()
  while [[ "$1" != '--' ]]; do
    question+=("$1")
    shift
  done
  shift
  for line in "$@"; do
    read -r host address port client _ <<<"${line}"
    number=$((number + 1))
    printf '%s ' "${host}" >"${scratch}/asked.${number}"
    "${question[@]}" "${address}" "${client}" "${port}" >>"${scratch}/asked.${number}" &
    pids+=("$!")
  done
  if ((number == 0)); then
    return
  fi
  wait "${pids[@]}" || true
  awk '
    BEGIN {
      n = split("silent closed running mute broken changing unsettled no-leader leader", order, " ")
      for (i = 1; i <= n; i++) rank[order[i]] = i
    }
    !($2 in rank) { $0 = $1 " broken the request ended without an answer" }
    !($1 in best) { hosts[++count] = $1; best[$1] = 0 }
    rank[$2] > best[$1] { best[$1] = rank[$2]; line[$1] = $0 }
    END { for (i = 1; i <= count; i++) print line[hosts[i]] }' "${scratch}/asked."*
  rm -f -- "${scratch}/asked."*
}

# watch_member SECONDS ADDRESS CLIENT API: repeats asked_word until it is the same for SECONDS, then
# prints it; `changing ANSWER` after three times as long. A leader or a broken request ends it at
# once.
watch_member() {
  local limit="$1" start since now word seen='' flips=0
  start=$(uptime_seconds)
  since="${start}"
  while true; do
    word=$(asked_word "${@:2}")
    now=$(uptime_seconds)
    if [[ "${word}" == 'leader' || "${word}" == 'broken '* ]]; then
      printf '%s\n' "${word}"
      return
    elif [[ "${word%% *}" != "${seen%% *}" ]]; then
      since="${now}"
      flips=$((flips + 1))
    elif ((now - since >= limit)); then
      printf '%s\n' "${word}"
      return
    fi
    if ((flips > 1 && now - start >= 3 * limit)); then
      printf 'changing %s\n' "${word}"
      return
    fi
    seen="${word}"
    sleep 1
  done
}

# asked_word ADDRESS CLIENT API: as member_health. If etcd alone does not decide it, the API is
# asked too: leader if it serves a cluster, running if something listens there.
asked_word() {
  local word served
  word=$(member_health "$1" "$2")
  case "${word%% *}" in
    leader | no-leader | broken) served='' ;;
    *) served=$(api_open "$1" "$3") ;;
  esac
  if [[ "${served}" == 'serving' ]]; then
    word='leader'
  elif [[ "${served}" == 'running' && "${word}" =~ ^(closed|silent)$ ]]; then
    word='running'
  fi
  printf '%s\n' "${word}"
}

# member_health ADDRESS PORT: the state of the etcd there, in one line:
#   leader     it has a leader: its cluster has a quorum
#   no-leader  it runs and has no leader
#   unsettled TEXT  it answers something else
#   mute       something accepts the connection and does not answer
#   closed     the machine is up and refuses the connection
#   silent     no answer at all
#   broken TEXT  the request failed here: certificates, name, curl
# Alarms are excluded, because they would replace the reason in the answer.
member_health() {
  local url text status=0 id="${BASHPID}"
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf '%s\n' "${text/unreachable/silent}"
    return
  fi
  url=$(url_host "$1")
  url="https://${url}:$2/health?exclude=NOSPACE&exclude=CORRUPT"
  text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --show-error --connect-timeout 3 --max-time 4 \
    "${url}" 2>"${scratch}/health.${id}") || status=$?
  text="${text} $(<"${scratch}/health.${id}")"
  text="${text//$'\n'/ }"
  case "${status}" in
    0)
      case "${text}" in
        *'"health":"true"'*) printf 'leader\n' ;;
        *'RAFT NO LEADER'*) printf 'no-leader\n' ;;
        *) printf 'unsettled %s\n' "${text:0:200}" ;;
      esac
      ;;
    7 | 28 | 35 | 52 | 55 | 56)
      # Timed out, or the other side is stopping. A rejected certificate is named in the text.
      if [[ "${text}" =~ [Aa]lert|[Cc]ertificate|verif ]]; then
        printf 'broken %s\n' "${text:0:200}"
      else
        printf 'mute\n'
      fi
      ;;
    *) printf 'broken curl ended with status %s, %s\n' "${status}" "${text:0:200}" ;;
  esac
}

# url_host ADDRESS: as it is written in a URL.
url_host() {
  if [[ "$1" == *:* ]]; then printf '[%s]\n' "$1"; else printf '%s\n' "$1"; fi
}

# api_open ADDRESS PORT: serving | running | quiet: whether a Control Plane there serves a cluster,
# or at least something accepts connections at its port.
api_open() {
  local url text
  text=$(port_word "$1" "$2" 2)
  if [[ "${text}" != 'open' ]]; then
    printf 'quiet\n'
    return
  fi
  url=$(url_host "$1")
  text=$("${AT_MOST[@]}" 8 curl -q --silent --noproxy '*' --globoff --connect-timeout 3 \
    --max-time 5 --output /dev/null --write-out '%{http_code}' "${API_TLS[@]}" \
    "${RECOVERY_API%%://*}://${url}:$2/v1/hosts" 2>/dev/null) || true
  if [[ "${text}" == 200 ]]; then printf 'serving\n'; else printf 'running\n'; fi
}

# quorum_is_lost_judge ANSWERS RECOVERY: stops the script unless every host is accounted for.
quorum_is_lost_judge() {
  local host word text leaders='' unknown='' broken='' lied=''
  local -a to_ask=()
  while read -r host word text; do
    case "${word}" in
      leader) leaders="${leaders} ${host}" ;;
      no-leader)
        say "${host} runs and reports that it has no leader"
        [[ "${option["--fenced ${host}"]:-no}" == 'no' ]] || lied="${lied} ${host}"
        ;;
      broken) broken="${broken:-${host}: ${text}}" ;;
      closed | silent)
        if [[ "${host}" == "${HOST}" ]]; then
          quorum_is_lost_down
        else
          word=$(quorum_is_lost_absent "${host}")
          [[ "${word}" == 'known' ]] || to_ask+=("${host}")
        fi
        ;;
      *)
        text="${word} ${text}"
        if [[ "${host}" == "${HOST}" && "${word}" =~ ^(mute|changing)$ ]]; then
          word=$(own_waits)
        fi
        if [[ "${word}" == 'yes' ]]; then
          say "${HOST} runs its Control Plane, and its etcd has had no leader since it started"
        else
          unknown="${unknown}; ${host}: ${text}"
        fi
        ;;
    esac
  done <<<"$1"
  if [[ -n "${leaders}" ]]; then
    if [[ "$2" != 'new' && "${leaders}" == *" ${HOST}"* ]]; then
      passed "${HOST} has a leader, so this recovery needs no new incident"
      return
    fi
    quorum_is_lost_intact "${leaders# }"
  fi
  [[ -z "${broken}" ]] || stop "${UNAVAILABLE}" 'cannot ask etcd whether it has a leader' \
    'a reply from etcd at its client port' "${broken}" \
    'fix the certificates, names or curl as shown above, then run this script again'
  [[ -z "${unknown}" ]] || stop "${BUSY}" 'cannot tell whether the quorum is lost' \
    'from each server host no leader for 15 s, or no answer at all' "${unknown#; }" \
    'wait until they answer or stop their Control Plane, then run this script again'
  [[ -z "${lied}" ]] || stop "${MISMATCH}" "confirmed as stopped, but still running (${lied# })" \
    'no answer from a host in --fenced' 'its etcd answers' \
    'find out which machine answers; if it may keep running, remove it from --fenced'
  if ((${#to_ask[@]} > 0)); then
    quorum_is_lost_ask "${to_ask[@]}"
  fi
}

# quorum_is_lost_down: this host's own etcd does not answer. Its container may wait for a quorum or
# be gone. A closed port while another process uses the database is neither.
quorum_is_lost_down() {
  local word
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'running' ]]; then
    say "${HOST} runs its Control Plane, which does not listen because it waits for a quorum"
  else
    refuse_holders
    say "${HOST} has stopped its Control Plane"
  fi
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

# quorum_is_lost_absent HOST: known | ask, for a host that does not answer.
quorum_is_lost_absent() {
  local word='no' remembered=''
  if [[ -e "${STATE}/fenced" && ! -e "${STATE}/closed" ]]; then
    remembered=$(<"${STATE}/fenced")
  fi
  if [[ "${option["--fenced $1"]:-no}" == 'yes' ]]; then
    say "$1 does not answer. You confirmed that it is stopped and stays so"
    printf 'known\n'
    return
  elif [[ " ${remembered} " == *" $1 "* ]]; then
    say "$1 does not answer. It was confirmed as stopped earlier in this recovery"
    printf 'known\n'
    return
  fi
  if [[ "${swarm_seen%% *}" == 'manager' ]]; then
    word=$(ended_by_swarm "$1")
  fi
  if [[ "${word}" == 'yes' ]]; then
    say "$1 has closed ports, and Swarm shows its node as ready and its task as ended"
  else
    printf 'ask\n'
    return
  fi
  printf 'known\n'
}

# ended_by_swarm HOST: yes if a Swarm with a leader shows its node Ready, and its service at 0 or
# its task ended. A closed port alone proves nothing: a firewall answers the same way.
ended_by_swarm() {
  local service text node state
  service=$(service_of_host "$1")
  text=$(newest_task "${service}")
  read -r state node _ <<<"${text}"
  if [[ "${state}" == 'none' ]]; then
    node=$(node_of "${service}")
  fi
  case "${state}" in
    none | shutdown | complete | failed | rejected | remove | orphaned) ;;
    *)
      printf 'no\n'
      return
      ;;
  esac
  text=$("${AT_MOST[@]}" 20 docker node ls --format '{{.ID}} {{.Status}}' 2>/dev/null) || text=''
  if [[ -n "${node}" && $'\n'"${text}"$'\n' == *$'\n'"${node} Ready"$'\n'* ]]; then
    printf 'yes\n'
  else
    printf 'no\n'
  fi
}

# service_of_host HOST: the name of its service.
service_of_host() {
  local line
  for line in "${SERVICES[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}

# newest_task SERVICE: `STATE NODE CREATED ID SINCE` of the newest task that Swarm wants to run.
# SINCE is when it entered that state; times are epoch seconds. `none - 0 - 0` without a task,
# `unknown - 0 - 0` if Docker does not answer.
newest_task() {
  local text status=0
  local -a ids=()
  text=$("${AT_MOST[@]}" 20 docker service ps --quiet --no-trunc --filter desired-state=running \
    -- "$1" 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)) && [[ -z "${text}" ]]; then
    printf 'none - 0 - 0\n'
    return
  fi
  mapfile -t ids <<<"${text}"
  if ((status == 0)); then
    text=$("${AT_MOST[@]}" 20 docker inspect --type task "${ids[@]}" 2>"${scratch}/docker.err") \
      || status=$?
  fi
  if ((status != 0)); then
    printf 'unknown - 0 - 0\n'
    return
  fi
  jq -r "${EPOCH_JQ}"' max_by(.CreatedAt)
    | [.Status.State, .NodeID // "-", (.CreatedAt | epoch), .ID, (.Status.Timestamp | epoch)]
    | map(tostring) | join(" ")' \
    <<<"${text}"
}

# node_of SERVICE: the Swarm node id in its placement constraint, or nothing.
node_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect --format \
    '{{range .Spec.TaskTemplate.Placement.Constraints}}{{println .}}{{end}}' -- "$1")
  sed -nE 's/^node\.id *== *//p' <<<"${text}" | sed -n '1p'
}

# own_waits: yes | no: the etcd of this host accepts connections at its client port and does not
# answer, because it has started and waits for a leader: since its start it has had none. Its peer
# port answers from the beginning, and names the voters. With others it is no leader alone. With
# HTTP/2 only other members are answered there.
own_waits() {
  local url word text voters=0
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'running' ]]; then
    url=$(url_host "${HOST_ADDRESSES[0]}")
    text=$("${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
      --http1.1 "https://${url}:${PEER_PORT}/members" 2>/dev/null) || text=''
    voters=$(jq '[.[] | select(.isLearner != true)] | length' <<<"${text:-[]}" 2>/dev/null) \
      || voters=0
  fi
  if ((voters > 1)); then printf 'yes\n'; else printf 'no\n'; fi
}

# voters ENDPOINT: the number of started voting members.
voters() {
  local list
  list=$(members "$1")
  awk -F '|' '$2 == "started" && $5 == "false"' <<<"${list}" | wc -l
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

# member_lines: reads `member list -w simple`, prints one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# quorum_is_lost_intact HOSTS: this tool does not apply, or another host has been recovered.
quorum_is_lost_intact() {
  if [[ " $1 " == *" ${HOST} "* ]]; then
    stop "${MISMATCH}" 'etcd has its quorum, and this plan is for a lost quorum' \
      'no leader on any server host' "a leader on $1" \
      'recover single hosts with the Control Plane API (remove the host, then join it again)'
  fi
  stop "${MISMATCH}" "the etcd of $1 has a quorum" 'no leader on any server host' \
    "a leader on $1, so the quorum is not lost, or another host is already recovered" \
    "bring ${HOST} back to the cluster of $1; never recover a second host"
}

# quorum_is_lost_ask HOST...: a person confirms each of them; otherwise the script stops and names
# all of them.
quorum_is_lost_ask() {
  local host typed list
  list="$*"
  list="${list// /,}"
  if [[ "${mode}" == 'look' ]]; then
    say "Would ask you to confirm ${list} (with --apply, use --fenced ${list})"
    return
  elif [[ ! -t 0 ]]; then
    stop "${MISMATCH}" "${list} not confirmed as fenced" "--fenced ${list}" \
      'no answer from there, and no terminal to ask you' \
      "make sure that each is powered off, disconnected or stopped, that nobody has started a \
recovery on it, and that this stays so; then add --fenced ${list}"
  fi
  for host in "$@"; do
    say "${host} does not answer. If it and another old host start again, they can form the old"
    say 'cluster and accept writes. If another person recovers it too, there are two clusters.'
    say "Type ${host} to confirm that it is powered off, disconnected or stopped, that nobody has"
    say 'started a recovery on it, and that this stays so until you run its script:'
    IFS= read -r typed || true
    [[ "${typed}" == "${host}" ]] || stop "${MISMATCH}" "${host} is not confirmed as fenced" \
      "${host}" "${typed}" 'power it off or disconnect it, then run this script again'
    option["--fenced ${host}"]='yes'
  done
}

# quorum_is_lost_own ANSWERS: kept if this host has a leader, otherwise lost.
quorum_is_lost_own() {
  if [[ $'\n'"$1" == *$'\n'"${HOST} leader"* ]]; then printf 'kept\n'; else printf 'lost\n'; fi
}

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

# recovery_marks: `NODE_ID HOSTNAME MARK` of each node of this Swarm that a recovery has marked. The
# script stops if Docker does not report them.
recovery_marks() {
  local ids text='' complaint status=0
  local -a nodes=()
  ids=$("${AT_MOST[@]}" 20 docker node ls --quiet 2>"${scratch}/docker.err") || status=$?
  if ((status == 0)); then
    mapfile -t nodes <<<"${ids}"
    text=$("${AT_MOST[@]}" 20 docker node inspect --format \
      '{{.ID}} {{.Description.Hostname}} {{index .Spec.Labels "plan.recovery"}}' \
      -- "${nodes[@]}" 2>"${scratch}/docker.err") || status=$?
  fi
  complaint=$(docker_complaint)
  ((status == 0)) || stop "${BUSY}" 'Docker does not report whether a recovery has been started' \
    'the labels of the nodes of this Swarm' "${complaint}" \
    'check docker node ls, then run this script again'
  awk 'NF == 3 && $3 != "<no" { print }' <<<"${text}"
}

# No other running server host holds more than this one: its revision and raft index can be read
# without quorum and without a login. What it holds beyond this host would be lost.
no_other_is_fresher() {
  local host word answers figures revision applied own='no data' mine=-1
  word=$(recovery_word)
  if [[ "${word}" == 'under way' || "${word}" == 'started' || -e "${STATE}/closed" ]]; then
    passed "the data of this recovery are already chosen"
    return
  fi
  figures=$(member_figures "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  read -r revision applied <<<"${figures}"
  if [[ -n "${revision}" ]]; then
    own="revision ${revision} (raft index ${applied})"
    mine="${revision}"
  elif [[ -f "${ETCD_DIR}/member/snap/db" ]]; then
    # Its log may hold more than its database, so it is compared again after the salvage.
    own='a revision that its stopped etcd cannot report'
    mine=''
  fi
  answers=$(<"${scratch}/answers")
  while read -r host word _; do
    if [[ "${host}" == "${HOST}" || "${word}" != 'no-leader' ]]; then
      continue
    fi
    figures=$(no_other_is_fresher_figures "${host}")
    read -r revision applied <<<"${figures}"
    [[ "${revision}" =~ ^[0-9]+$ ]] || stop "${BUSY}" "cannot read the revision of ${host}" \
      'a revision from /metrics of its etcd' "${figures:-no answer}" 'run this script again'
    say "${host} holds revision ${revision} (raft index ${applied}); ${HOST} holds ${own}"
    printf '%s %s\n' "${revision}" "${host}" >>"${scratch}/revisions"
    if ((revision > ${mine:-${revision}})); then
      stop "${MISMATCH}" "${host} holds more than ${HOST}, and the rest would be lost" \
        "${HOST} at revision ${revision} or later" "${HOST} at ${own}" \
        "recover on ${host}: use the bundle whose recovery host it is (recovery.host)"
    fi
  done <<<"${answers}"
  passed "no other running server host is known to hold more (${HOST} has ${own})"
}

# member_figures ADDRESS PORT: `REVISION APPLIED`: the revision and the raft index of a running
# etcd, with or without quorum; nothing if it does not answer.
member_figures() {
  member_metrics "$1" "$2" | awk '$1 == "etcd_debugging_mvcc_current_revision" { revision = $2 }
      $1 == "etcd_server_proposals_applied_total" { applied = $2 }
      END { if (revision != "") printf "%.0f %.0f\n", revision, applied }'
}

# member_metrics ADDRESS PORT: what a running etcd reports of itself, in the format of Prometheus;
# nothing if it does not answer.
member_metrics() {
  local url
  url=$(url_host "$1")
  "${AT_MOST[@]}" 8 curl "${ETCD_CURL[@]}" --connect-timeout 2 --max-time 5 \
    "https://${url}:$2/metrics" 2>/dev/null || true
}

# no_other_is_fresher_figures HOST: as member_figures, from the first of its addresses that answers.
no_other_is_fresher_figures() {
  local address client lines figures=''
  lines=$(member_addresses "$1")
  while [[ -z "${figures}" ]] && read -r address _ client _; do
    figures=$(member_figures "${address}" "${client}")
  done <<<"${lines}"
  printf '%s\n' "${figures}"
}

# member_addresses HOST: `ADDRESS API CLIENT PEER` for each of its addresses.
member_addresses() {
  local line
  for line in "${OTHERS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}

# The Swarm of this machine has a leader, or its quorum is proved lost, and phase 1 may revive it.
# Everything else stops the script, with advice for that state.
swarm_can_be_used() {
  local word advice complaint
  # Usually watched together with etcd; if a recovery is under way, it is watched here.
  if [[ -z "${swarm_seen}" ]]; then
    swarm_seen=$(watch_swarm)
  fi
  case "${swarm_seen%% *}" in
    manager) passed 'this machine is a manager, and the Swarm has a leader' ;;
    revive) passed "the quorum of the Swarm is lost (${swarm_seen#* })" ;;
    leaderless)
      stop "${BUSY}" 'the Swarm has no leader, but most of its managers can be reached' \
        'a leader, or managers that cannot be reached' "${swarm_seen}" \
        'check docker node ls on each of them, then run this script again'
      ;;
    *)
      word="${swarm_seen%% *}"
      advice=$(swarm_advice "${word}")
      complaint=$(docker_complaint)
      case "${word}" in
        down)
          stop "${UNAVAILABLE}" 'Docker does not answer' 'a reply' "${complaint}" "${advice}"
          ;;
        pending | recovering)
          stop "${BUSY}" "Swarm is still starting on ${HOST}" 'a manager' "${swarm_seen}" \
            "${advice}"
          ;;
        inactive) stop "${MISMATCH}" "${HOST} is not in a Swarm" 'a manager' "${word}" \
          "${advice}" ;;
        worker)
          stop "${MISMATCH}" "${HOST} is a worker of a Swarm" 'a manager' "${word}" "${advice}"
          ;;
        *) stop "${MISMATCH}" "Swarm is ${word} on ${HOST}" 'a manager' "${word}" "${advice}" ;;
      esac
      ;;
  esac
}

# swarm_advice WORD: what to do about any word except manager and leaderless.
swarm_advice() {
  case "$1" in
    down) printf 'start Docker (systemctl start docker), then run this script again\n' ;;
    locked) printf 'run docker swarm unlock (it asks for the key), then run this script again\n' ;;
    error)
      printf 'check docker info and journalctl -u docker; if the error stays, run systemctl '
      printf 'restart docker (containers of this host restart), then run this script again\n'
      ;;
    inactive)
      printf 'if this is a new machine, declare it replaced in the inventory and compile again\n'
      ;;
    worker) printf \
      'run docker node promote on a manager of its Swarm, then run this script again\n' ;;
    *) printf 'check docker info, wait a minute, then run this script again\n' ;;
  esac
}

# Before anything is stopped: the snapshot in the inventory exists, is complete, belongs to this
# cluster, and has the pinned checksum.
named_snapshot() {
  local word
  word=$(progress)
  if [[ -z "${SNAPSHOT_FILE}" ]]; then
    passed 'the inventory names no snapshot'
    return
  elif [[ "${word}" != 'fresh' || -f "${STATE}/snapshot.db" ]]; then
    passed 'the snapshot is already chosen'
    return
  fi
  choose_snapshot_file "${SNAPSHOT_FILE}" "${SNAPSHOT_SUM}"
  word=$(snapshot_kind "${SNAPSHOT_FILE}")
  if [[ "${word}" == 'saved' ]]; then
    word=$(snapshot_sum_word "${SNAPSHOT_FILE}")
    [[ "${word}" == 'good' ]] || stop "${MISMATCH}" "${SNAPSHOT_FILE} is damaged" \
      'its own checksum' 'another checksum' 'copy the file again from its source, or use another'
  fi
  require_storage "${SNAPSHOT_FILE}"
  require_snapshot_ca "${SNAPSHOT_FILE}"
  passed "${SNAPSHOT_FILE} is complete and belongs to this cluster"
}

# choose_snapshot_file PATH SHA256: stops the script if the file is missing, or not the pinned one.
choose_snapshot_file() {
  local word sum
  [[ -f "$1" ]] || stop "${MISMATCH}" 'the snapshot in the inventory does not exist' \
    "a file $1" 'none' 'copy it to that path, or compile for another source'
  word=$(snapshot_kind "$1")
  [[ "${word}" != 'broken' ]] || stop "${MISMATCH}" "$1 is not a complete snapshot" \
    'a size of 32 (saved) or 0 (raw) modulo 512' "${word}" 'copy the complete file'
  if [[ -n "$2" ]]; then
    sum=$(choose_snapshot_sum "$1")
    [[ "${sum}" == "$2" ]] || stop "${MISMATCH}" "$1 is not the pinned snapshot" "$2" "${sum}" \
      'copy the right file, or correct the checksum in the inventory and compile again'
    say "Check passed: $1 has the pinned checksum"
  fi
}

# snapshot_kind FILE: saved | raw | broken. A saved snapshot has pages of 512 bytes and a SHA-256 of
# 32 bytes; a copied database has no checksum.
snapshot_kind() {
  local size
  size=$(stat -L -c %s -- "$1")
  case "$((size > 0 ? size % 512 : 1))" in
    32) printf 'saved\n' ;;
    0) printf 'raw\n' ;;
    *) printf 'broken\n' ;;
  esac
}

choose_snapshot_sum() {
  local text
  text=$(sha256sum <"$1")
  printf '%s\n' "${text%% *}"
}

# snapshot_sum_word FILE: good | bad: whether the last 32 bytes of a saved snapshot are its
# checksum.
snapshot_sum_word() {
  local kept counted
  kept=$(tail -c 32 -- "$1" | od -An -v -tx1 | tr -d ' \n')
  counted=$(head -c -32 -- "$1" | sha256sum)
  if [[ "${counted%% *}" == "${kept}" ]]; then printf 'good\n'; else printf 'bad\n'; fi
}

# require_storage FILE: written by etcd 3.6; otherwise the Control Plane's etcd refuses it later.
require_storage() {
  local version
  version=$(snapshot_field "$1" version)
  [[ "${version}" == 3.6.* ]] || stop "${MISMATCH}" 'the snapshot has the wrong storage version' \
    '3.6' "${version}" 'choose another snapshot; the Control Plane reads only 3.6'
}

# snapshot_field FILE FIELD: revision, totalKey, totalSize or version of a snapshot.
snapshot_field() {
  local text
  text=$(snapshot_status "$1")
  jq -er --arg field "$2" '.[$field]' <<<"${text}"
}

# snapshot_status FILE: the fields of a snapshot as JSON. If a process has it open, the tool would
# wait without end.
snapshot_status() {
  local text
  text=$(holders "$1")
  [[ -z "${text}" ]] || stop "${MISMATCH}" "$1 is in use" 'a file that no process uses' "${text}" \
    'stop that process, copy the file, then run this script again'
  "${AT_MOST[@]}" 300 etcdutl snapshot status -w json -- "$1"
}

# require_snapshot_ca FILE: the snapshot belongs to these certificates: its join token begins with
# the CA's fingerprint. Without a CA in etcd the Control Plane silently makes a new one, and no
# other host can join again.
require_snapshot_ca() {
  local seen own
  own=$(ca_sum)
  own="PGEDGE-${own}"
  # In a large file, a fixed string is found several times faster than a pattern.
  if grep -qaF -- "${own}" "$1"; then
    say 'Check passed: the snapshot belongs to the CA of these certificates'
    return
  fi
  seen=$(grep -aoE -e 'PGEDGE-[0-9a-f]{64}' -- "$1") || true
  if [[ -z "${seen}" ]]; then
    stop "${MISMATCH}" 'the snapshot holds no CA of a Control Plane' "a join token ${own}-..." \
      'none' 'choose another snapshot; this one is from another etcd, or damaged'
  fi
  stop "${MISMATCH}" 'snapshot and certificates belong to different clusters' \
    "the token of this CA, ${own}" "${seen%%$'\n'*}" \
    'restore the certificates that belong to this snapshot, or choose the snapshot that fits them'
}

# ca_sum: the SHA-256 of the CA of this host, which is the same on every host of a cluster.
ca_sum() {
  local text
  text=$(openssl x509 -in "${CERTIFICATES}/ca.crt" -outform der | sha256sum)
  printf '%s\n' "${text%% *}"
}

# Before anything is stopped: there is space for all that phases 1 to 3 write: a copy of etcd/, the
# snapshot saved from it, the snapshot of the inventory, the restored directory, and new logs.
space_is_enough() {
  local word status=0 text own=0 database=0 file=0 wanted="$((2 * 64 * 1024 * 1024))"
  word=$(progress)
  if [[ "${word}" != 'fresh' ]]; then
    passed 'phase 1 of this recovery has ended, and its space is already used'
    return
  fi
  if [[ -d "${ETCD_DIR}" ]]; then
    text=$("${AT_MOST[@]}" 60 du -sb -- "${ETCD_DIR}" 2>"${scratch}/complaint") || status=$?
    own="${text%%[^0-9]*}"
    [[ -n "${own}" ]] || stop "${BUSY}" "cannot get the size of ${ETCD_DIR}" 'a reply from du' \
      "status ${status}, $(<"${scratch}/complaint")" 'check dmesg, then run this script again'
  fi
  if [[ -f "${ETCD_DIR}/member/snap/db" ]]; then
    database=$(stat -c %s -- "${ETCD_DIR}/member/snap/db")
  fi
  if [[ -n "${SNAPSHOT_FILE}" && -f "${SNAPSHOT_FILE}" ]]; then
    file=$(stat -L -c %s -- "${SNAPSHOT_FILE}")
  fi
  # The larger of the two is restored.
  wanted=$((wanted + (file > database ? file : database)))
  [[ -f "${STATE}/salvaged.db" ]] || wanted=$((wanted + own + database))
  [[ -f "${STATE}/snapshot.db" ]] || wanted=$((wanted + file))
  require_space "${wanted}"
  passed "${wanted} bytes are free at ${DATA_DIR}"
}

# require_space BYTES: the file system of the data directory has that much free space.
require_space() {
  local free status=0
  free=$("${AT_MOST[@]}" 20 df --output=avail -B1 -- "${DATA_DIR}" 2>"${scratch}/complaint") \
    || status=$?
  free=$(sed -n '2{s/[^0-9]//g;p}' <<<"${free}")
  if ((status != 0)) || [[ -z "${free}" ]]; then
    stop "${BUSY}" "cannot get the free space at ${DATA_DIR}" 'a reply from df' \
      "status ${status}, $(<"${scratch}/complaint")" \
      'check df and mount, then run this script again'
  fi
  ((free >= $1)) || stop "${MISMATCH}" "not enough free space at ${DATA_DIR}" "$1 bytes" \
    "${free} bytes" 'free space on that file system, then run this script again'
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

# Guide 1.3: the loss of the server hosts usually ends Swarm's quorum too. This makes the recovery
# host a Swarm of one manager. Services and node ids stay; only containers of this host restart.
# revive_swarm ADDRESS: where other managers reach this one, if Docker has not recorded it.
revive_swarm() {
  local node mark word
  local -a options=()
  # Managers may be lost again, so the check stops only after the recovery is closed.
  if [[ -f "${STATE}/closed" ]]; then
    already 'this recovery is closed'
    return
  fi
  case "${swarm_seen%% *}" in
    manager) already 'the Swarm has a leader' ;;
    *)
      say "The quorum of the Swarm is lost (${swarm_seen#* })"
      say 'Other managers will join this Swarm again as workers. Never do this on a second host.'
      word=$(revive_swarm_options "$1")
      mapfile -t options <<<"${word}"
      swarm_after='revived'
      mutate docker_patiently swarm init --force-new-cluster "${options[@]}"
      local check='docker info; docker node ls'
      wait_until "${DEADLINE_SWARM}" 'manager' 'Swarm has a leader' \
        "${check}" swarm_word
      ;;
  esac
  # Other hosts of this Swarm can see which host has started a recovery.
  mark="${CLUSTER_TOKEN}-${incident}"
  node=$(own_node)
  if ((work > 0)); then
    mutate docker_patiently node update --label-add "plan.recovery=${mark}" "${node}"
    return
  fi
  node_takes_tasks "${node}" "${HOST}"
  word=$("${AT_MOST[@]}" 20 docker node inspect \
    --format '{{index .Spec.Labels "plan.recovery"}}' -- "${node}")
  if [[ "${word}" == "${mark}" ]]; then
    already "this node is marked: plan.recovery=${mark}"
  else
    mutate docker_patiently node update --label-add "plan.recovery=${mark}" "${node}"
  fi
}

# revive_swarm_options ADDRESS: the options with which the Swarm was created, one per line, from
# Docker's records. Without them the revived Swarm would use the defaults.
revive_swarm_options() {
  local folder file address=''
  folder=$(swarm_folder)
  file="${folder}/docker-state.json"
  if [[ -r "${file}" ]]; then
    address=$(jq -r '.AdvertiseAddr // .LocalAddr // empty' "${file}")
  fi
  printf '%s\n' --advertise-addr "${address:-$1}"
  if [[ -r "${file}" ]]; then
    jq -r '
      (select((.ListenAddr // "") | . != "" and . != "0.0.0.0:2377")
        | "--listen-addr", .ListenAddr),
      (select((.DataPathAddr // "") != "") | "--data-path-addr", .DataPathAddr),
      (select((.DataPathPort // 0) | . != 0 and . != 4789)
        | "--data-path-port", (.DataPathPort | tostring))' "${file}"
  fi
}

# swarm_folder: the folder of this machine's Docker for Swarm.
swarm_folder() {
  local root
  root=$("${AT_MOST[@]}" 30 docker info --format '{{.DockerRootDir}}' 2>/dev/null) || root=''
  printf '%s\n' "${root:-/var/lib/docker}/swarm"
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

# node_takes_tasks NODE NAME: the script stops if Swarm does not start tasks on that node.
node_takes_tasks() {
  local word complaint
  word=$(availability_of "$1")
  complaint=$(docker_complaint)
  case "${word}" in
    active) ;;
    unknown)
      stop "${BUSY}" "Docker does not report the availability of node $1" 'active' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "the node of $2 does not take tasks" 'availability active' "${word}" \
        "run docker node update --availability active $1 on ${RECOVERY_HOST}, then run this again"
      ;;
  esac
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

# Guide 1.3: hosts that are only disconnected may form the old quorum and accept writes. This
# records the hosts confirmed as stopped. A surviving manager stops its service about a minute after
# the revival; the script waits only if it could complete a quorum, because databases are read-only.
# fence_hosts QUORUM
fence_hosts() {
  local quorum="$1" host confirmed=''
  # Also after phase 1: a later script may have asked for it.
  for host in "${SERVERS[@]}"; do
    if [[ "${option["--fenced ${host}"]:-no}" == 'yes' ]]; then
      confirmed="${confirmed} ${host}"
    fi
  done
  if [[ ! -e "${STATE}/closed" ]]; then
    fence_hosts_remember "${confirmed# }"
  fi
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if ((${#OTHERS[@]} == 0)) || ((work > 0)); then
    return
  fi
  local check='docker ps on each running host, and docker kill its Control Plane container there'
  wait_until "$((DEADLINE_STOP + DEADLINE_SWARM))" 'safe' \
    "the server hosts that still run cannot form a quorum of ${quorum}" \
    "${check}" fence_hosts_word "${quorum}"
}

# fence_hosts_remember HOSTS: records them in addition to the earlier ones.
fence_hosts_remember() {
  local before='' all
  local -a hosts=()
  if [[ -e "${STATE}/fenced" ]]; then
    before=$(<"${STATE}/fenced")
  fi
  read -ra hosts <<<"${before} $1"
  all=$(printf '%s\n' "${hosts[@]}" | sort -u | tr '\n' ' ')
  all="${all% }"
  if [[ "${all}" == "${before}" ]]; then
    already "hosts confirmed as stopped: ${all:-none needed}"
  else
    mutate write_file "${STATE}/fenced" 0600 "${all}"
  fi
}

# write_file PATH MODE TEXT: a temporary file with the mode, and the owner and label of the file it
# replaces, then sync and one rename. For mutate, which never shows the text.
write_file() {
  local want have
  printf '%s\n' "$3" >"$1.partial"
  if [[ -e "$1" ]]; then
    want=$(stat -c '%u:%g' -- "$1")
    have=$(stat -c '%u:%g' -- "$1.partial")
    [[ "${want}" == "${have}" ]] || chown -- "${want}" "$1.partial"
    [[ ! -e /sys/fs/selinux/enforce ]] || chcon --reference="$1" -- "$1.partial"
  fi
  chmod -- "$2" "$1.partial"
  sync -- "$1.partial"
  mv -T -- "$1.partial" "$1"
}

# fence_hosts_word QUORUM: safe, or the hosts that could be the old quorum: running hosts alone, or
# running hosts together with silent ones. If the silent ones suffice alone, only the confirmation
# protects, and running hosts change nothing.
fence_hosts_word() {
  local host word answers running='' away=''
  local -a on=() off=()
  answers=$(ask_others)
  while read -r host word _; do
    case "${word}" in
      leader)
        stop "${MISMATCH}" "the etcd of ${host} has a quorum" 'no leader on any other server host' \
          "${word}" 'find out who started it; the services of this plan are at 0'
        ;;
      closed) ;;
      silent) away="${away} ${host}" ;;
      *) running="${running} ${host}" ;;
    esac
  done <<<"${answers}"
  read -ra on <<<"${running}"
  read -ra off <<<"${away}"
  if ((${#on[@]} >= $1 || ${#off[@]} < $1 && ${#on[@]} + ${#off[@]} >= $1)); then
    printf '%s running (%s), %s unreachable\n' "${#on[@]}" "${running# }" "${#off[@]}"
  else
    printf 'safe\n'
  fi
}

# ask_others: as watch_members, for the other server hosts, and only once.
ask_others() {
  ask_all asked_word -- "${OTHERS[@]}"
}

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

# Guide 1.1: without quorum etcd cannot save a snapshot. So stock etcd runs on a copy of the data as
# a cluster of one, and saves it: with all of the write-ahead log, and a checksum. etcd changes the
# data that it starts on, so the copy must share no file with them.
salvage_snapshot() {
  local copy="${STATE}/salvage/etcd" result="${STATE}/salvaged.db" word newer size port url
  local salvaged=''
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  word=$(file_word "${ETCD_DIR}/member/snap/db")
  if [[ "${word}" != 'file' ]]; then
    say "This host has no data to salvage. ${ETCD_DIR}/member/snap/db is ${word}"
    return
  fi
  if [[ -f "${result}" && -f "${result%.db}.loss" ]]; then
    newer=$(find "${ETCD_DIR}/member" -newer "${result}")
    if [[ -z "${newer}" ]]; then
      already "salvaged to ${result}"
      return
    fi
    say 'This etcd has run since it was salvaged. The earlier result is kept'
    word=$(first_free "${STATE}/salvaged.earlier")
    mutate rename_only "${result}" "${word}"
  fi
  refuse_holders
  size=$(du -sb -- "${ETCD_DIR}")
  require_space "$((2 * ${size%%[^0-9]*} + 64 * 1024 * 1024))"

  # The copy of an earlier attempt is incomplete; the original data are unchanged.
  [[ ! -e "${STATE}/salvage" ]] || mutate rm -rf -- "${STATE:?}/salvage"
  mutate install -d -m 0700 -- "${STATE}/salvage"
  mutate cp -aL --reflink=auto -- "${ETCD_DIR}" "${copy}"
  prove 'own' 'the copy shares no file with the data of this host' \
    "compare them with ls -lR '${ETCD_DIR}' '${copy}'" salvage_snapshot_copy "${ETCD_DIR}" "${copy}"
  port=$(loopback_port 32379)
  url="https://127.0.0.1:${port}"
  port=$(loopback_port "$((port + 1))")
  start_etcd salvage "${copy}" "${url}" --force-new-cluster --listen-client-urls "${url}" \
    --advertise-client-urls "${url}" --listen-peer-urls "https://127.0.0.1:${port}"
  [[ ! -e "${result}.partial" ]] || mutate rm -f -- "${result}.partial"
  mutate noted salvage-save as_host etcdctl --endpoints "${url}" "${ETCDCTL_TLS[@]}" \
    snapshot save "${result}.partial"
  mutate end_etcd
  if ((work == 0)); then
    salvaged=$(salvage_snapshot_loss "${STATE}/log/salvage.log")
    say "${salvaged}"
  fi
  mutate write_file "${result%.db}.loss" 0600 "${salvaged}"
  mutate sync -- "${result}.partial"
  mutate rename_only "${result}.partial" "${result}"
}

# first_free PREFIX: PREFIX-1, or the next number that does not exist.
first_free() {
  local number=1
  while [[ -e "$1-${number}" || -L "$1-${number}" ]]; do
    number=$((number + 1))
  done
  printf '%s-%s\n' "$1" "${number}"
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

# prove WANT WHAT REMEDY PROBE...: checks the result of a step. The step fails unless PROBE prints
# WANT.
prove() {
  local want="$1" what="$2" remedy="$3" seen
  shift 3
  if ((work > 0)); then
    cannot_know "that ${what}"
    return
  fi
  seen=$("$@")
  [[ "${seen}" == "${want}" ]] \
    || stop "${FAILED}" "Check failed: ${what}" "${want}" "${seen}" "${remedy}"
  say "Check passed: ${what}"
}

# salvage_snapshot_copy DIRECTORY COPY: own, or the first thing that the copy shares with the
# directory.
salvage_snapshot_copy() {
  local data made text
  data=$(find -L "$1" -printf '%D:%i\n')
  made=$(find "$2" ! -type d ! -type f -printf 'not a plain file: %p\n' -o -printf '%D:%i %p\n')
  text=$(awk 'NR == FNR { taken[$1] = 1; next } /^not a/ || $1 in taken { print; exit }' \
    <(printf '%s\n' "${data}") - <<<"${made}")
  if [[ -n "${data}" && -n "${made}" && -z "${text}" ]]; then
    printf 'own\n'
  else
    printf '%s\n' "${text:-nothing to compare}"
  fi
}

# loopback_port FROM: the first port from FROM that no process listens on.
loopback_port() {
  local port="$1" hex text
  text=$(listening)
  printf -v hex ':%04X' "${port}"
  while [[ "${text}" == *"${hex} "* ]]; do
    port=$((port + 1))
    printf -v hex ':%04X' "${port}"
  done
  printf '%s\n' "${port}"
}

# start_etcd NAME DIRECTORY ENDPOINT ARGUMENT...: starts stock etcd 3.6 on DIRECTORY, with this
# host's certificates, and waits until it answers at ENDPOINT. Its output goes to log/NAME.log.
start_etcd() {
  local endpoint="$3" seen file="${STATE}/log/$1.log" text
  mutate launch_etcd "${file}" --name "${HOST}" --data-dir "$2" "${@:4}" \
    "${ETCD_SERVER_TLS[@]}" "${ETCD_LIMITS[@]}"
  local check="tail '${file}'"
  wait_until "${DEADLINE_ETCD}" 'up' 'etcd answers' \
    "${check}" started_word "${endpoint}"
  if ((work > 0)); then
    return
  fi
  seen=$(endpoint_word "${endpoint}")
  if [[ "${seen}" == 'dead' ]]; then
    text=$(last_words "${file}")
    if [[ "$1" == 'salvage' ]]; then
      say "The database or the log of ${HOST} may be damaged. Its data are unchanged. You can use:"
      say '  1. another surviving server host. Run the prepare script of its own bundle there'
      say '  2. a snapshot that was saved earlier. Copy it to this host, set recovery.snapshot in'
      say '     the inventory to {"source": "saved", "path": "FILE"}, and compile again'
      say "  3. as a last resort, the database without its log. Copy ${ETCD_DIR}/member/snap/db to"
      say '     FILE, set recovery.snapshot to {"source": "raw", "path": "FILE"}, compile again'
    fi
    stop "${FAILED}" "etcd ended before it answered ($1)" 'an etcd that starts on these data' \
      "${text:-no output}" "check ${file}; if the disk is full, free space and run this again"
  fi
}

# launch_etcd LOG ARGUMENT...: starts stock etcd in the background, through mutate. It does not
# inherit the lock. If this script is killed, the second process ends it.
launch_etcd() {
  etcd "${@:2}" {LOCK}<&- >"$1" 2>&1 &
  etcd_pid=$!
  {
    tail --pid="$$" -s 0.5 -f /dev/null
    kill -KILL "${etcd_pid}"
  } {LOCK}<&- >/dev/null 2>&1 &
  etcd_guard=$!
  disown "${etcd_guard}"
}

# started_word ENDPOINT: up (healthy or dead) or waiting.
started_word() {
  local word
  word=$(endpoint_word "$1")
  if [[ "${word}" == 'waiting' ]]; then printf 'waiting\n'; else printf 'up\n'; fi
}

# endpoint_word ENDPOINT: healthy | dead | waiting, for the etcd that this script started.
endpoint_word() {
  if [[ ! -d "/proc/${etcd_pid}" ]]; then
    printf 'dead\n'
    return
  fi
  as_host bash -c 'if "$@" >/dev/null 2>&1; then echo healthy; else echo waiting; fi' _ \
    etcdctl --endpoints "$1" "${ETCDCTL_TLS[@]}" --dial-timeout 2s --command-timeout 3s \
    endpoint health
}

# last_words FILE: the line that says why a tool ended, without Go stack traces.
last_words() {
  awk '/^goroutine [0-9]/ { exit }
    /^(panic|Error|fatal error|unexpected fault)/ || /"level":"(fatal|panic|error)"/ { cause = $0 }
    /[^ \t]/ { last = $0 }
    END {
      sub(/,"stacktrace":.*/, "}", cause)
      print substr(cause == "" ? last : cause, 1, 400)
    }' "$1"
}

# noted NAME COMMAND...: runs COMMAND and writes its output to log/NAME.log. For mutate. If it
# fails, the script stops and shows the cause, even if the disk has no space for the log.
noted() {
  local status=0 tool="$2" file="${STATE}/log/$1.log" text
  [[ "${tool}" != 'as_host' ]] || tool="$3"
  say "Output: ${file}"
  "${@:2}" >"${scratch}/output" 2>&1 || status=$?
  cat -- "${scratch}/output" 2>/dev/null >>"${file}" || true
  if ((status != 0)); then
    text=$(last_words "${scratch}/output")
    stop "${FAILED}" "${tool} failed" 'status 0' "status ${status}: ${text}" \
      "Fix the problem shown above, then run this script again. The output is in ${file}"
  fi
}

# salvage_snapshot_loss LOG: the entries that etcd discarded, as a sentence.
salvage_snapshot_loss() {
  local text count
  text=$(grep -F -e 'discarding uncommitted WAL entries' -- "$1") || true
  if [[ -z "${text}" ]]; then
    printf 'loss: nothing that this host had received\n'
    return
  fi
  count=$(jq -r '.["number-of-discarded-entries"] // "uncommitted"' <<<"${text}")
  printf 'loss: the last %s log entries that this host had received, %s\n' "${count}" \
    'which may or may not have been committed'
}

# Guide 1.1: the candidates are compared by revision, so that the freshest is restored. The choice
# and its loss are reported before anything is set aside. A pinned checksum is checked first.
# choose_snapshot freshest|salvage|saved|raw PATH SHA256: the last two may be empty.
choose_snapshot() {
  local source="$1" path="$2" sum="$3" chosen='' loss='' word
  local own="${STATE}/salvaged.db" kept="${STATE}/snapshot.db" revision='' other=''
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ -f "${kept}" && -f "${STATE}/loss" ]]; then
    if [[ ! "${own}" -nt "${kept}" ]] && ((work == 0)); then
      already "the snapshot is chosen ($(<"${STATE}/loss"))"
      return
    fi
    word=$(first_free "${STATE}/snapshot.earlier")
    mutate rename_only "${kept}" "${word}"
  fi
  if [[ -n "${path}" ]]; then
    choose_snapshot_file "${path}" "${sum}"
    other=$(snapshot_field "${path}" revision)
    say "Candidate ${path} has revision ${other}"
  fi
  if [[ "${source}" == 'freshest' || "${source}" == 'salvage' ]]; then
    if [[ -f "${own}" ]] && ((work == 0)); then
      revision=$(snapshot_field "${own}" revision)
      say "Candidate ${own} has revision ${revision}"
    elif ((work > 0)); then
      cannot_know 'the revision of the data salvaged from this host'
    fi
  fi
  case "${source}" in
    saved | raw) chosen="${path}" ;;
    *)
      if ((work > 0)) || [[ -n "${revision}" && "${revision}" -ge "${other:-0}" ]]; then
        chosen="${own}"
      else
        chosen="${path}"
      fi
      ;;
  esac
  [[ -n "${chosen}" ]] || stop "${MISMATCH}" 'there is no snapshot to restore' \
    "a salvaged ${own}, or a file in the inventory" 'neither' \
    'set a saved snapshot or a raw copy in the inventory and compile again'
  if ((work == 0)); then
    word="${other}"
    [[ "${chosen}" != "${own}" ]] || word="${revision}"
    choose_snapshot_against "${word}"
  fi
  loss=$(choose_snapshot_loss "${chosen}" "${own}" "${revision}" "${other}")
  say "${loss}"
  if [[ "${chosen}" == "${own}" ]]; then
    mutate ln -f -T -- "${own}" "${kept}.partial"
  else
    mutate cp -T --reflink=auto -- "${path}" "${kept}.partial"
    if [[ -n "${sum}" ]]; then
      prove "${sum}" 'the copy has the pinned checksum' 'run this script again' \
        choose_snapshot_sum "${kept}.partial"
    fi
  fi
  mutate write_file "${STATE}/loss" 0600 "${loss}"
  mutate rename_only "${kept}.partial" "${kept}"
}

# choose_snapshot_against REVISION: no other running server host holds a later revision than the one
# to be restored. The revision of stopped data is known only after the salvage.
choose_snapshot_against() {
  local revision host
  if [[ ! -s "${scratch}/revisions" ]]; then
    return
  fi
  while read -r revision host; do
    ((revision <= $1)) || stop "${MISMATCH}" \
      "${host} holds more than the chosen snapshot, and the rest would be lost" \
      "revision ${revision} or later" "revision $1" \
      "recover on ${host}: use the bundle whose recovery host it is (recovery.host)"
  done <"${scratch}/revisions"
}

# choose_snapshot_loss CHOSEN OWN OWN_REVISION REVISION: the choice and its loss, in one line.
choose_snapshot_loss() {
  local text age
  if [[ "$1" != "$2" ]]; then
    age=$(date -u -r "$1" '+%F %T UTC')
    text="loss: everything written after revision $4 (${1}, written ${age})"
    if [[ -n "$3" ]]; then
      text="${text}; the data of this host end at revision $3"
    fi
  elif [[ -n "$3" ]]; then
    text="revision $3, salvaged from this host; $(<"${2%.db}.loss")"
  else
    text="salvaged from this host; the loss is reported after the salvage"
  fi
  printf '%s\n' "${text}"
}

# Guide 1.2: a saved snapshot ends with the SHA-256 of the rest, which coreutils can compute; a raw
# copy has none, and that is reported. A storage version other than 3.6 is refused here, because the
# Control Plane's etcd would refuse it later.
verify_snapshot() {
  local file="${STATE}/snapshot.db" kind text line
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if ((work > 0)); then
    cannot_know 'that the snapshot is complete'
    return
  fi
  kind=$(snapshot_kind "${file}")
  case "${kind}" in
    saved)
      prove 'good' "${file} matches its checksum" 'choose another snapshot; this one is damaged' \
        snapshot_sum_word "${file}"
      ;;
    raw)
      say 'WARNING: a copied database has no checksum. Only the restore shows whether it is'
      say '         complete, and it skips the checksum (--skip-hash-check)'
      ;;
    *)
      stop "${FAILED}" "${file} is not a complete snapshot" \
        'a size of 32 (saved) or 0 (raw) modulo 512' "${kind}" 'choose another snapshot'
      ;;
  esac
  require_storage "${file}"
  text=$("${AT_MOST[@]}" 300 etcdutl snapshot status -w table -- "${file}")
  while IFS= read -r line; do
    say "${line}"
  done <<<"${text}"
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
