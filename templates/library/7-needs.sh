# need FACT HOST SCRIPT: what an earlier script has brought about must show in the world; HOST is
# empty for a fact about the cluster. Otherwise the script stops and names the one to run first.
need() {
  local fact="$1" host="$2" script="$3" seen
  seen=$(need_word "${fact}" "${host}")
  case "${seen}" in
    yes) say "found: ${fact}${host:+ of ${host}}" ;;
    back)
      way='done'
      say "${host} was cleared and has joined since: its record is there again"
      ;;
    later) say "${fact}${host:+ of ${host}}: proved by the step that relies on it" ;;
    *)
      stop "${MISMATCH}" "not there: ${fact}${host:+ of ${host}}" 'an earlier script has done it' \
        "${seen}" "run ${script} first (incident ${incident}), then this one again"
      ;;
  esac
}

# need_word FACT HOST: yes | later | back, or what is seen instead. Facts a later step overtakes
# stay satisfied, so that a script may be run a second time.
need_word() {
  local word
  # Killed while it restarted all hosts at once, a script finds nobody to ask: it starts them first.
  if [[ "$1" =~ ^(api-answers|quorum-reached|member-back|client-back)$ &&
    "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    printf 'later\n'
    return
  fi
  case "$1" in
    swarm-leader) word=$(need_swarm manager) ;;
    in-swarm) word=$(need_own "$2" need_swarm any) ;;
    services-stopped | snapshot-chosen | snapshot-verified | recovery-host-checked | fenced)
      word=$(need_prepared)
      ;;
    service-stopped) word=$(need_own "$2" need_stopped) ;;
    state-set-aside) word=$(need_own "$2" need_file "${STATE}/cleared") ;;
    etcd-set-aside) word=$(need_progress 'aside restored') ;;
    etcd-restored) word=$(need_progress 'restored') ;;
    membership-rewritten) word=$(need_file "${STATE}/rewritten") ;;
    recovery-host-started | api-answers) word=$(need_status "${RECOVERY_API}/v1/hosts") ;;
    record-removed) word=$(need_removed "$2") ;;
    uninitialised) word='later' ;;
    member-back | client-back) word=$(need_fresh "$2") ;;
    quorum-reached) word=$(need_quorum) ;;
    hosts-verified) word=$(need_all_fresh) ;;
    closed) word=$(need_file "${STATE}/closed") ;;
    *) stop "${FAILED}" "this plan needs an unknown fact: $1" '' '' 'compile the bundle again' ;;
  esac
  printf '%s\n' "${word}"
}

# need_own HOST PROBE...: what only HOST itself can show.
need_own() {
  if [[ "$1" == "${HOST}" ]]; then "${@:2}"; else printf 'later\n'; fi
}

need_swarm() {
  local word
  word=$(swarm_word)
  case "$1:${word}" in
    manager:manager | any:manager | any:worker) printf 'yes\n' ;;
    *) printf 'docker says: %s\n' "${word}" ;;
  esac
}

# Phase 1 ends with the chosen snapshot in its place, after every stop and every fence.
need_prepared() {
  local reached
  reached=$(progress)
  if [[ -f "${STATE}/snapshot.db" || "${reached}" != 'fresh' ]]; then
    printf 'yes\n'
  else
    printf 'no %s\n' "${STATE}/snapshot.db"
  fi
}

need_stopped() {
  local word
  word=$(container_word "${SERVICE}")
  if [[ "${word}" == 'gone' ]]; then
    printf 'yes\n'
  else
    printf 'the container of %s is %s\n' "${SERVICE}" "${word}"
  fi
}

need_file() {
  if [[ -f "$1" ]]; then printf 'yes\n'; else printf 'no %s\n' "$1"; fi
}

need_progress() {
  local reached
  reached=$(progress)
  if [[ " $1 " == *" ${reached} "* ]]; then
    printf 'yes\n'
  else
    printf '%s is %s\n' "${ETCD_DIR}" "${reached}"
  fi
}

need_status() {
  api GET "$1"
  if [[ "${http_status}" == 200 ]]; then
    printf 'yes\n'
  else
    printf '%s answers %s\n' "$1" "${http_status}"
  fi
}

# Of this host itself its own steps decide, with better advice, unless it was cleared for a join and
# has joined since. Another host whose record is there again, and fresh, has come back since.
need_removed() {
  local record cleared=''
  api GET "${RECOVERY_API}/v1/hosts"
  if [[ "${http_status}" != 200 ]]; then
    printf '%s/v1/hosts answers %s\n' "${RECOVERY_API}" "${http_status}"
    return
  fi
  record=$(record_word "$1")
  if [[ -e "${STATE}/cleared" ]]; then
    cleared=$(<"${STATE}/cleared")
  fi
  if [[ "${record}" == 'absent' ]]; then
    printf 'yes\n'
  elif [[ "$1" == "${HOST}" ]]; then
    if [[ " ${cleared} " == *' certificates '* ]]; then printf 'back\n'; else printf 'later\n'; fi
  else
    record=$(need_fresh "$1")
    if [[ "${record}" == 'yes' ]]; then
      printf 'yes\n'
    else
      printf 'the record of %s is still there\n' "$1"
    fi
  fi
}

need_fresh() {
  local word
  word=$(host_word "$1")
  if [[ "${word}" == 'fresh' ]]; then
    printf 'yes\n'
  else
    printf '%s is %s in the host list of %s\n' "$1" "${word}" "${RECOVERY_HOST}"
  fi
}

# Every server host that is healthy and fresh has joined the recovered etcd: it could not log in
# otherwise.
need_quorum() {
  local host word count=0
  for host in "${SERVERS[@]}"; do
    word=$(host_word "${host}")
    if [[ "${word}" == 'fresh' ]]; then
      count=$((count + 1))
    fi
  done
  if ((count >= QUORUM_TARGET)); then
    printf 'yes\n'
  else
    printf '%s server hosts are back, %s are needed\n' "${count}" "${QUORUM_TARGET}"
  fi
}

need_all_fresh() {
  local host word
  for host in "${SERVERS[@]}"; do
    word=$(need_fresh "${host}")
    if [[ "${word}" != 'yes' ]]; then
      printf '%s\n' "${word}"
      return
    fi
  done
  printf 'yes\n'
}
