# Hosts that are back, and hosts that were removed: phase 8 accepts both.
# WAYS has `HOST BACK REMOVAL JOIN` for every host except the recovery host: the scripts that bring
# it back with its data, remove it, and join it without; - if the plan has none.

# need_back HOST: it is back, or was removed. Otherwise the script stops and names the
# scripts that can be run now.
need_back() {
  local host="$1" seen advice
  if [[ "${STATE}/restarted/stopped" -nt "${STATE}/restarted/all" ]]; then
    say "Checked later, by the step that relies on it: ${host} is back"
    return
  fi
  seen=$(back_word "${host}")
  case "${seen}" in
    yes) say "Already done: ${host} is back" ;;
    removed) say "${host} was removed and has not joined again: it is not checked" ;;
    unknown\ *)
      stop "${BUSY}" "cannot tell whether ${host} is back or removed" 'a reply' \
        "${seen#unknown }" \
        'fix the problem shown above, or wait a minute, then run this script again'
      ;;
    *)
      advice=$(back_advice "${host}" "${seen}")
      stop "${MISMATCH}" "${host} is neither back nor removed" \
        'a healthy host with a fresh status, or no record of it' "${seen}" "${advice}"
      ;;
  esac
}

# back_word HOST: yes | removed | unknown WHY | what is seen instead. A host that restarts is not
# lost, so a stale status is read again for 30 s.
back_word() {
  local word start now
  start=$(uptime_seconds)
  while true; do
    word=$(host_word "$1")
    case "${word}" in
      fresh)
        printf 'yes\n'
        return
        ;;
      absent)
        back_absent_word "$1"
        return
        ;;
      *) ;;
    esac
    now=$(uptime_seconds)
    if ((now - start >= 30)); then
      break
    fi
    say "Waiting until $1 is back ($((now - start)) s of 30 s): currently ${word}"
    sleep 5
  done
  if [[ "${word}" =~ ${NO_ANSWER} ]]; then
    printf 'unknown %s/v1/hosts answers %s\n' "${RECOVERY_API}" "${word}"
  else
    printf '%s is %s in the host list of %s\n' "$1" "${word}" "${RECOVERY_HOST}"
  fi
}

# back_absent_word HOST: removed, unless etcd still has a member for this host without a record.
back_absent_word() {
  local list
  list=$(membership "${RECOVERY_ENDPOINT}")
  if [[ "${list}" == 'unanswered' ]]; then
    list=$(tail -n 1 -- "${scratch}/etcdctl.err")
    printf 'unknown etcd at %s: %s\n' "${RECOVERY_ENDPOINT}" "${list}"
  elif [[ "|${list//$'\n'/|}|" == *"|$1|"* ]]; then
    printf '%s has no record and is a member of etcd\n' "$1"
  else
    printf 'removed\n'
  fi
}

# back_advice HOST SEEN: which scripts to run for a host that is neither back nor removed. Before
# 0.7 no server host comes back with its data.
back_advice() {
  local ways back removal join where="$1" release
  ways=$(ways_of "$1")
  read -r back removal join <<<"${ways}"
  if [[ " ${SERVERS[*]} " != *" $1 "* ]]; then
    where="${RECOVERY_HOST}"
  elif [[ "${back}" != '-' ]]; then
    release=$(generation)
    [[ "${release}" != '0.6' ]] || back='-'
  fi
  if [[ "$2" == *'is a member of etcd' && "${join}" != '-' ]]; then
    printf 'its join did not finish; run %s on %s, then run this script again\n' "${join}" "$1"
  elif [[ "${back}" != '-' ]]; then
    printf 'if %s is up, run %s on %s; if it never returns, run %s on %s; then run this again\n' \
      "$1" "${back}" "${where}" "${removal}" "${RECOVERY_HOST}"
  elif [[ "${join}" != '-' ]]; then
    printf 'run %s on %s; if a machine replaces it, run %s there; then run this script again\n' \
      "${removal}" "${RECOVERY_HOST}" "${join}"
  else
    printf 'run %s on %s, then run this script again\n' "${removal}" "${RECOVERY_HOST}"
  fi
}

# ways_of HOST: `BACK REMOVAL JOIN`.
ways_of() {
  local line
  for line in "${WAYS[@]}"; do
    if [[ "${line%% *}" == "$1" ]]; then
      printf '%s\n' "${line#* }"
    fi
  done
}
