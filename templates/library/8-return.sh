# Shared by the steps that bring hosts back (phases 6 and 7) and their undo.

# as_kept DIR COMMAND...: as as_host, with the certificates and the password in DIR: the data
# directory, or where they were set aside. etcdctl reads all of them from its environment.
as_kept() (
  take_login "$1/generated.config.json"
  ETCDCTL_CACERT="$1/certificates/ca.crt"
  ETCDCTL_CERT="$1/certificates/etcd-user.crt"
  ETCDCTL_KEY="$1/certificates/etcd-user.key"
  export ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_KEY
  exec "${@:2}"
)

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

# kept_complaint: the last error of etcdctl, in one line.
kept_complaint() {
  local text=''
  text=$(tail -n 2 -- "${scratch}/etcd.err" 2>/dev/null | tr '\n' ' ' | cut -c -300) || true
  printf '%s\n' "${text:-no answer in time}"
}

# kept_places: where certificates and passwords of this host may be, the most likely first: the data
# directory, what failed attempts left, what was set aside.
kept_places() {
  local k=1
  local -a places=()
  while [[ -d "${STATE}/half-done-${k}" ]]; do
    places=("${STATE}/half-done-${k}" "${places[@]}")
    k=$((k + 1))
  done
  printf '%s\n' "${DATA_DIR}" "${places[@]}" "${STATE}/before"
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

# certificate_advice DIR: what to do about a rejected certificate.
certificate_advice() {
  printf '%s\n' "compare date with openssl x509 -noout -dates -issuer -in \
'$1/certificates/etcd-user.crt'; set the clock, or restore certificates/ of this cluster from a \
backup, then run this script again"
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

# let_finish ENTRY: if an earlier attempt of this host is still running (ENTRY learner or
# unstarted), waits for it: usually it becomes a voter without help. Prints the entry as it is then.
let_finish() {
  local word="$1" running='gone' start now
  if [[ "${word}" =~ ^(learner|unstarted)$ && -d "${ETCD_DIR}/member/wal" ]]; then
    running=$(container_word "${SERVICE}")
  fi
  if [[ "${mode}" == 'apply' && "${running}" == 'running' ]]; then
    say "An earlier attempt is still running. Waiting up to ${DEADLINE_FRESH} s until it ends"
    start=$(uptime_seconds)
    now="${start}"
    while [[ "${word}" =~ ^(learner|unstarted|unreachable)$ ]] \
      && ((now - start < DEADLINE_FRESH)); do
      sleep 1
      now=$(uptime_seconds)
      word=$(entry_word "${DATA_DIR}")
    done
    say "Its entry in the member list is now ${word}"
  fi
  printf '%s\n' "${word}"
}

# spare_voter: called before anything is cleared. This host may have become a voter since the check;
# clearing it would then destroy a quorum of two. If a voter was stopped, the cluster does not
# answer.
spare_voter() {
  local word scale
  if ((work > 0)) || [[ ! -d "${ETCD_DIR}/member/wal" ]]; then
    return
  fi
  word=$(entry_word "${DATA_DIR}")
  if [[ "${word}" == 'certificate' ]]; then
    # It cannot log in; but if the API answers, the cluster has a quorum without this stopped host.
    word=$(api_word "${RECOVERY_API}/v1/hosts")
    word="${word/#200/absent}"
  fi
  case "${word}" in
    learner | unstarted | absent | rejected | missing) ;;
    voter)
      way='done'
      already "${HOST} became a voter in the meantime, so nothing is cleared"
      ;;
    *)
      scale=$(service_scale "${SERVICE}")
      # Only data from this recovery may start again, never the old data.
      if [[ -e "${STATE}/cleared" && "${scale}" == 0 ]]; then
        mutate docker_patiently service scale --detach "${SERVICE}=1"
      fi
      stop "${BUSY}" "the cluster does not answer; ${HOST} may just have become one of two voters" \
        'learner, unstarted, absent or voter' "${word}" \
        'nothing was cleared, and the service is started again; run this script again in a minute'
      ;;
  esac
}

# clear_away NAME: moves DATA_DIR/NAME away: data from before the recovery go to STATE/before, once;
# data of a failed attempt since then go to STATE/half-done-K.
clear_away() {
  local from="${DATA_DIR}/$1" now kept cleared='' k=1
  now=$(file_word "${from}")
  kept=$(file_word "${STATE}/before/$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${now}" == 'absent' ]]; then
    already "${from} does not exist"
    return
  fi
  if [[ "${kept}" == 'absent' && " ${cleared} " != *" $1 "* ]]; then
    set_aside "$1"
    return
  fi
  [[ "${now}" == 'directory' || "${now}" == 'file' ]] \
    || stop "${MISMATCH}" "cannot move ${from} away" 'a plain directory or file' "${now}" \
      "check ls -ld '${from}', then run this script again"
  while [[ -e "${STATE}/half-done-${k}/$1" ]]; do
    k=$((k + 1))
  done
  say "${from} is left over from a failed attempt"
  mutate install -d -m 0700 -- "${STATE}/half-done-${k}"
  mutate mv -T -- "${from}" "${STATE}/half-done-${k}/$1"
}

# remember_cleared NAMES: from here on, files with these names are made by this recovery.
remember_cleared() {
  local cleared_names="$1" seen=''
  if [[ -e "${STATE}/cleared" ]]; then
    seen=$(<"${STATE}/cleared")
  fi
  if [[ "${seen}" != "$1" ]]; then
    mutate write_file "${STATE}/cleared" 0600 "${cleared_names}"
  fi
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

# check_images: 0.6 and 0.7 or newer use different join protocols; both hosts must use the same one.
check_images() {
  local own other
  if ((work > 0)); then
    cannot_know 'whether both hosts run the same Control Plane generation'
    return
  fi
  own=$(image_of "${SERVICE}")
  other=$(image_of "${RECOVERY_SERVICE}")
  if [[ "${own}" == "${other}" ]]; then
    say "both hosts run ${own}"
    return
  fi
  local own_side other_side
  own_side=$(image_side "${own}")
  other_side=$(image_side "${other}")
  case "${own_side}:${other_side}" in
    old:new | new:old)
      stop "${MISMATCH}" 'the Control Plane generations differ' "${other} (${RECOVERY_HOST})" \
        "${own} (${HOST})" "run docker service update --detach --image IMAGE ${SERVICE}"
      ;;
    *) say "The images differ and may be compatible: ${own} here, ${other} on ${RECOVERY_HOST}" ;;
  esac
}

# check_place: called before data are moved: the service is placed on this machine's node, and the
# node takes tasks.
check_place() {
  local node place
  if ((work > 0)); then
    cannot_know "whether ${SERVICE} can run on this machine"
    return
  fi
  node=$(own_node)
  place=$(node_of "${SERVICE}")
  [[ -z "${place}" || "${place}" == "${node}" ]] \
    || stop "${MISMATCH}" "${SERVICE} cannot run on this machine" "a constraint for node ${node}" \
      "node ${place}" "check docker service inspect ${SERVICE} and docker node ls"
  node_takes_tasks "${node}" "${HOST}"
  say "${SERVICE} can run on this machine: node ${node}"
}

# image_of SERVICE: the image of its next container, without the digest.
image_of() {
  local text
  text=$("${AT_MOST[@]}" 20 docker service inspect \
    --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' -- "$1")
  printf '%s\n' "${text%%@*}"
}

# image_side IMAGE: old (before 0.7) | new | unknown, by its tag.
image_side() {
  if [[ ! "$1" =~ :v?([0-9]+)\.([0-9]+)[^/]*$ ]]; then
    printf 'unknown\n'
  elif ((BASH_REMATCH[1] == 0 && BASH_REMATCH[2] < 7)); then
    printf 'old\n'
  else
    printf 'new\n'
  fi
}
