#!/usr/bin/env bash
# undo/undo-on-host-2.sh: put host-2 back as it was before it was cleared
#
# Plan acme-host-1 of cluster acme, recovery from total quorum loss. Without options it looks and
# changes nothing; --apply acts. Generated: change the inventory or the templates and compile again.
#
#   where     host-2 (192.168.104.2), as root
#   why       The way back if a host was cleared and has not come back into the cluster.
#   guide     6.1b
#   changes   6.1b Put the state that was set aside back
#   page      sha256:9cc4364145812a679f7f2ed08d3e76b050e77cba35e3afd556d1ecc92cf9cc51
#   functions sha256:49ea56f2f82e7697c297e33f08a09670e84b76184d50e8bfffbd3964ca504519
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
  host_has_not_come_back
  rename_works
}

# Each step calls a function, which runs the commands listed below the call: those marked $ always,
# those marked ? only if needed. ${...} is known only then. Without --apply they are only printed.
commands() {
  # The host is then as it was found, and stays stopped.
  begin '6.1b' 'Put the state that was set aside back'
  undo_clear
  # ? install -d -m 0700 -- "${STATE}/undone.partial"
  # of etcd/, certificates/ and generated.config.json, what this plan made, and what it set aside:
  # ? mv -T -- '/data/pgedge/control-plane'"/${name}" "${STATE}/undone.partial/${name}"
  # ? mv -T -- "${STATE}/undone.partial" "${STATE}/undone"
  # ? mv -T -- '/data/pgedge/control-plane'"/${name}" "${STATE}/undone/${name}"
  # ? mv -T -- "${STATE}/before/${name}" '/data/pgedge/control-plane'"/${name}"
  # ? docker service update --detach --env-rm PGEDGE_ETCD_MODE --label-rm plan.recovery.env \
  #     'control-plane_host-2'
  # ? mv -T -- "${STATE}" "${STATE}.undone-${number}"

  finish \
    'The service stays at 0: old data next to the recovered cluster is a second cluster.'
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
readonly SCRIPT='undo/undo-on-host-2.sh'
readonly HOST='host-2'
readonly -a HOST_ADDRESSES=('192.168.104.2')
readonly MACHINE_ID=''
readonly DATA_DIR='/data/pgedge/control-plane'
readonly SERVICE='control-plane_host-2'
readonly PEER_URL='https://192.168.104.2:2380'
readonly RECOVERY_HOST='host-1'
readonly RECOVERY_API='http://192.168.104.1:3000'
readonly RECOVERY_ENDPOINT='https://192.168.104.1:2379'
readonly -a SERVERS=('host-1' 'host-2' 'host-3')
readonly -a HOSTS=()
readonly DOCKER_SOCKET='/var/run/docker.sock'
readonly FIRST_SCRIPT='01-prepare-on-host-1.sh'
readonly -a API_TLS=()
readonly CLUSTER_TOKEN='acme-host-1-24366146d2d1'
readonly TOOLS_DIR=''
readonly -a TOOLS=(
  'awk' 'cat' 'curl' 'cut' 'date' 'docker' 'etcd' 'etcdctl' 'find' 'flock' 'getent' 'grep' 'head'
  'hostname' 'id' 'install' 'jq' 'mktemp' 'mv' 'rm' 'rmdir' 'sed' 'sha256sum' 'sleep' 'stat' 'tail'
  'timeout' 'touch' 'tr' 'uname'
)
readonly -a OPTIONS=()
readonly DEADLINE_STOP='60'
readonly DEADLINE_SWARM='120'

# --- functions: what the page calls

http_status='' # result of the last request: three digits, or refused | timeout | failed

# A probe prints one of these words if it got no other answer.
readonly NO_ANSWER='^([1-5][0-9][0-9]|refused|timeout|failed)$'

# A time of the API (RFC 3339, in the time zone of the host that wrote it) in epoch seconds, for jq.
readonly EPOCH_JQ='def epoch:
  capture("^(?<day>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|[+-][0-9]{2}:[0-9]{2})$")
  | (.day + "Z" | fromdateiso8601) - (if .zone == "Z" then 0 else
      (if .zone[0:1] == "-" then -60 else 60 end)
      * ((.zone[1:3] | tonumber) * 60 + (.zone[4:6] | tonumber)) end);'

readonly ETCD_DIR="${DATA_DIR}/etcd"

readonly CONFIG="${DATA_DIR}/generated.config.json"

# A file in a restored etcd/; etcd ignores it.
readonly RESTORED_MARK='plan-recovery'

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

# Data that were set aside are put back only if this host is not a member of the recovered cluster:
# old data under a member's name would be a second history.
host_has_not_come_back() {
  local word advice complaint
  if [[ ! -e "${STATE}/before" && ! -e "${STATE}/cleared" && ! -e "${STATE}/undone" ]]; then
    passed 'nothing has been set aside on this host'
    return
  fi
  if [[ -e "${STATE}/returned" ]]; then
    stop "${MISMATCH}" "${HOST} has come back in incident ${incident}; there is nothing to undo" \
      'a host that has not come back' "$(<"${STATE}/returned")" \
      "leave it as it is; if it is down again, run its script again. Its earlier data are in \
${STATE}/before"
  fi
  word=$(host_has_not_come_back_word)
  case "${word}" in
    absent | rejected | missing) ;;
    learner | unstarted)
      say "Its ${word} entry stays in the member list. The next attempt to bring it back removes it"
      ;;
    voter | present)
      stop "${MISMATCH}" "${HOST} has come back; there is nothing to undo" \
        'a host that is not a member of the recovered cluster' "${word}" \
        'leave it as it is; to take it out again, remove it (phase 5)'
      ;;
    certificate)
      complaint=$(kept_complaint)
      advice=$(certificate_advice "${DATA_DIR}")
      stop "${UNAVAILABLE}" "the certificate of ${HOST} is not accepted by ${RECOVERY_ENDPOINT}" \
        'a valid certificate from the same CA' "${complaint}" "${advice}"
      ;;
    *)
      stop "${BUSY}" "cannot tell whether ${HOST} has come back" "a reply from ${RECOVERY_HOST}" \
        "${word}" "start ${RECOVERY_HOST} or repair the network, then run this script again"
      ;;
  esac
  passed "${HOST} has not come back (${word})"
}

# This host's part in the recovered cluster: a word of entry_word; for a client host absent or
# present. With data of its own, the cluster must report it; without data it has no part.
host_has_not_come_back_word() {
  local word='absent'
  if [[ -e "${STATE}/undone" && ! -e "${STATE}/before/etcd" ]]; then
    : # an earlier run already put the old etcd/ back
  elif [[ -e "${ETCD_DIR}/member/wal" ]]; then
    word=$(entry_word "${DATA_DIR}")
  elif [[ -e "${STATE}/before/certificates" && -e "${CONFIG}" ]]; then
    # Cleared for a join, and it has a configuration again: only the host list shows the result.
    word=$(host_word "${HOST}")
    if [[ "${word}" != 'absent' && ! "${word}" =~ ${NO_ANSWER} ]]; then
      word='present'
    fi
  fi
  printf '%s\n' "${word}"
}

# entry_word DIR: voter | learner | unstarted | absent, or the result of credentials_word: this
# host's entry in the recovered cluster. Unlike member_word it also works while the leader changes.
entry_word() {
  local word
  word=$(credentials_word "$1")
  if [[ "${word}" == 'accepted' ]]; then
    word=$(member_lines <"${scratch}/etcd.out" | pick_member "${HOST}" "${PEER_URL}" \
      | member_state)
  fi
  printf '%s\n' "${word}"
}

# credentials_word DIR: accepted | rejected | certificate | unreachable | missing: whether the
# recovery host's etcd accepts the credentials in DIR. rejected: wrong user or password;
# certificate: a TLS error. If accepted, the member list is in scratch/etcd.out.
credentials_word() {
  local files user status
  files=$(certificates_word "$1")
  user=$(jq -r 'if .etcd_password then .etcd_username else empty end' \
    -- "$1/generated.config.json" 2>/dev/null) || user=''
  if [[ "${files}" == 'missing' || -z "${user}" ]]; then
    printf 'missing\n'
    return
  fi
  status=$(kept_try "$1" own)
  if [[ "${status}" == 0 ]]; then
    printf 'accepted\n'
  else
    kept_refusal
  fi
}

# certificates_word DIR: complete | missing: the three files that a client of etcd needs.
certificates_word() {
  local file
  for file in ca.crt etcd-user.crt etcd-user.key; do
    if [[ ! -s "$1/certificates/${file}" ]]; then
      printf 'missing\n'
      return
    fi
  done
  printf 'complete\n'
}

# kept_try DIR USER [FORMAT]: asks the recovery host's etcd for its member list. USER own logs in;
# nobody shows only the certificate, which is enough for this one call. Prints etcdctl's exit
# status; the answer is in scratch/etcd.out, the error in scratch/etcd.err.
kept_try() (
  local status=0
  local -a call=(etcdctl --endpoints "${RECOVERY_ENDPOINT}" --dial-timeout 5s --command-timeout 10s
    member list -w "${3:-simple}")
  if [[ "$2" == 'own' ]]; then
    take_login "$1/generated.config.json"
  fi
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  "${AT_MOST[@]}" 20 "${call[@]}" >"${scratch}/etcd.out" 2>"${scratch}/etcd.err" || status=$?
  printf '%s\n' "${status}"
)

# take_login FILE: exports the etcd user and password in that configuration. For subshells only.
take_login() {
  ETCDCTL_PASSWORD=$(jq -er '.etcd_username // error("no etcd_username"),
    .etcd_password // error("no etcd_password")' "$1") || exit
  ETCDCTL_USER="${ETCDCTL_PASSWORD%%$'\n'*}"
  ETCDCTL_PASSWORD="${ETCDCTL_PASSWORD#*$'\n'}"
  export ETCDCTL_USER ETCDCTL_PASSWORD
}

# kept_refusal: rejected | certificate | unreachable, by the last error of etcdctl.
kept_refusal() {
  if grep -qiE 'authentication failed|user name not found' -- "${scratch}/etcd.err"; then
    printf 'rejected\n'
  elif grep -qiE 'x509|tls:|certificate' -- "${scratch}/etcd.err"; then
    printf 'certificate\n'
  else
    printf 'unreachable\n'
  fi
}

# member_lines: reads `member list -w simple`, prints one line each: id|status|name|peer
# URLs|learner. Status is started or unstarted; ids are hex and may have fewer than 16 digits.
member_lines() {
  sed -E 's/^ +//; s/, /|/g' | awk -F '|' 'NF > 1 { print $1 "|" $2 "|" $3 "|" $4 "|" $NF }'
}

# pick_member HOST PEER_URL: reads such lines, prints those of that host.
pick_member() {
  awk -F '|' -v host="$1" -v peer="$2" \
    '$3 == host || index("," $4 ",", "," peer ",") > 0'
}

# member_state: reads the lines of one host, prints voter | learner | unstarted | absent.
member_state() {
  awk -F '|' '{ word = ($2 != "started") ? "unstarted" : ($5 == "true") ? "learner" : "voter" }
    END { print (word == "" ? "absent" : word) }'
}

# host_word HOST [SINCE]: fresh | stale | STATE | absent. Fresh means healthy, with a status written
# at SINCE (epoch seconds) or later; without SINCE, in the last 30 s.
host_word() {
  local since="${2:-}" now
  printf -v now '%(%s)T' -1
  since="${since:-$((now - 30))}"
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s\n' "${http_status}"
    return
  fi
  answer "${EPOCH_JQ}"' [.hosts[] | select(.id == $id) | .status]
    | if length == 0 then "absent"
      elif .[0].state != "healthy" then (.[0].state // "unknown")
      elif (.[0].updated_at | epoch) < $since then "stale"
      else "fresh" end' --arg id "$1" --argjson since "${since}"
}

# api METHOD URL [BODY_FILE [SECONDS]]: one request. The body is in scratch/answer, the headers are
# in scratch/headers. Callers may repeat reads; POST and DELETE are never repeated, only probed.
api() {
  local method="$1" url="$2" body="${3:-}" limit="${4:-10}" status=0
  local -a call=(curl -q --silent --show-error --globoff --noproxy '*' --connect-timeout 5
    --max-time "${limit}" --output "${scratch}/answer" --dump-header "${scratch}/headers"
    --write-out '%{http_code}' --request "${method}" "${API_TLS[@]}")
  if [[ -n "${body}" ]]; then
    call+=(--header 'Content-Type: application/json' --data-binary "@${body}")
  fi
  : >"${scratch}/answer"
  : >"${scratch}/headers"
  http_status=$("${call[@]}" -- "${url}" 2>"${scratch}/curl.err") || status=$?
  : >"${scratch}/complaint"
  case "${status}" in
    0) ;;
    7) http_status='refused' ;;
    28) http_status='timeout' ;;
    35 | 52 | 55 | 56)
      http_status='failed'
      head -c 300 "${scratch}/curl.err" >"${scratch}/complaint"
      ;;
    *)
      # Not an answer from the other side: a name, a certificate or curl itself failed.
      stop "${UNAVAILABLE}" "cannot send a request to ${url}" 'a reply or a refused connection' \
        "curl ended with status ${status}, $(<"${scratch}/curl.err")" \
        'fix the problem shown above, then run this script again'
      ;;
  esac
}

# answer FILTER [JQ_OPTION...]: applies a jq filter to the last answer. The script stops if that is
# not JSON.
answer() {
  jq -r "${@:2}" "$1" "${scratch}/answer"
}

# kept_complaint: the last error of etcdctl, in one line.
kept_complaint() {
  local text=''
  text=$(tail -n 2 -- "${scratch}/etcd.err" 2>/dev/null | tr '\n' ' ' | cut -c -300) || true
  printf '%s\n' "${text:-no answer in time}"
}

# certificate_advice DIR: what to do about a rejected certificate.
certificate_advice() {
  printf '%s\n' "compare date with openssl x509 -noout -dates -issuer -in \
'$1/certificates/etcd-user.crt'; set the clock, or restore certificates/ of this cluster from a \
backup, then run this script again"
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

# Guide 6.1b, the way back: moves the data that were set aside back to their place, byte for byte,
# and keeps what the attempt made next to them. The service stays at 0: old data next to the
# recovered cluster would be a split brain.
undo_clear() {
  local name
  if [[ ! -e "${STATE}/before" && ! -e "${STATE}/cleared" && ! -e "${STATE}/undone" ]]; then
    already 'nothing has been set aside on this host'
    return
  fi
  undo_clear_stop
  # It may have become a member between the guard and its stop.
  ((work > 0)) || host_has_not_come_back
  # First, and once: data of the attempt in places that were empty before.
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
  say "Do NOT start ${SERVICE} while the recovered cluster runs. It has its old data again"
}

# A worker cannot read the scale; there it is enough that the container is gone.
undo_clear_stop() {
  local word mine advice
  word=$(swarm_word)
  case "${word}" in
    manager)
      stop_own
      mine=$("${AT_MOST[@]}" 20 docker service inspect \
        --format '{{index .Spec.Labels "plan.recovery.env"}}' -- "${SERVICE}")
      if [[ "${mine}" == 1 ]]; then
        mutate docker_patiently service update --detach --env-rm PGEDGE_ETCD_MODE \
          --label-rm plan.recovery.env "${SERVICE}"
      fi
      ;;
    inactive) ;;
    *)
      if [[ "${word}" != 'worker' || " ${SERVERS[*]} " == *" ${HOST} "* ]]; then
        advice=$(swarm_advice "${word}")
        stop "${BUSY}" \
          "cannot tell whether ${SERVICE} is stopped, because Swarm does not work here" \
          'a manager of the Swarm' "${word}" "${advice}"
      fi
      # It cannot read the scale, and Swarm would start a container again within 5 s.
      sleep 7
      ;;
  esac
  prove_stopped
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

# stop_own: stops this host's Control Plane: its service is at 0 and its container is gone.
stop_own() {
  local scale
  scale=$(own_scale)
  if [[ "${scale}" == 0 ]]; then
    already "service ${SERVICE} is at 0"
  else
    mutate docker_patiently service scale --detach "${SERVICE}=0"
  fi
  wait_until "${DEADLINE_STOP}" gone "the container of ${SERVICE} is gone" \
    'docker ps' container_word "${SERVICE}"
}

# own_scale: the replicas of this host's service. The script stops if no service has that name: the
# real one may have another name and start with old data.
own_scale() {
  local scale complaint
  scale=$(service_scale "${SERVICE}")
  complaint=$(docker_complaint)
  case "${scale}" in
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${SERVICE}" 'a number' "${complaint}" \
        'check docker node ls, then run this script again'
      ;;
    absent)
      stop "${MISMATCH}" "there is no service ${SERVICE} in this Swarm" 'a service of that name' \
        'absent' 'check docker service ls; correct the name in the inventory and compile again, or \
deploy the stack'
      ;;
    *) printf '%s\n' "${scale}" ;;
  esac
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

# prove_stopped: called right before data are moved: the service is at 0 and its container is gone.
# A worker cannot ask for the scale; there stop_container has watched the container instead.
prove_stopped() {
  local word scale complaint
  if ((work > 0)); then
    cannot_know "whether ${SERVICE} is stopped"
    return
  fi
  word=$(container_word "${SERVICE}")
  complaint=$(docker_complaint)
  case "${word}" in
    gone) ;;
    unknown)
      stop "${BUSY}" 'Docker does not report which containers run' 'none of this host' \
        "${complaint}" 'check docker ps, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "a container of ${SERVICE} runs" 'none' "${word}" \
        "run docker service scale --detach ${SERVICE}=0 on ${RECOVERY_HOST}, then run this again"
      ;;
  esac
  word=$(swarm_word)
  if [[ "${word}" == 'inactive' ||
    ("${word}" == 'worker' && " ${SERVERS[*]} " != *" ${HOST} "*) ]]; then
    say "no container of ${SERVICE} runs"
    return
  fi
  scale=$(own_scale)
  [[ "${scale}" == 0 ]] \
    || stop "${MISMATCH}" "${SERVICE} is not stopped" '0 replicas' "${scale}" \
      "run docker service scale --detach ${SERVICE}=0, then run this script again"
  say "${SERVICE} is at 0, and no container of it runs"
}

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
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
      || stop "${MISMATCH}" "cannot keep ${DATA_DIR}/$1" "nothing at ${STATE}/undone/$1" 'a file' \
        'compare both, move the wrong one to another place, then run this script again'
    mutate mv -T -- "${DATA_DIR}/$1" "${STATE}/undone/$1"
  fi
  mutate mv -T -- "${STATE}/before/$1" "${DATA_DIR}/$1"
}

# The plan may be used again, so its folder on this host gets another name. The log moves with it.
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
