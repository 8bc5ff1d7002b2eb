# mutate COMMAND...: the one gate every change goes through. Looking prints what acting runs.
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
  "$@"
}

# The command as a person would type it: docker_patiently is docker, repeated while Swarm is busy;
# as_host and as_kept are etcdctl with this host's own credentials in its environment; noted keeps
# the command's words.
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
    *) ;;
  esac
  printf -v text '%q ' "$@"
  printf '%s\n' "${text% }"
}

# noted NAME COMMAND...: runs COMMAND; what it says goes to log/NAME.log. For mutate.
noted() {
  say "its words: ${STATE}/log/$1.log"
  "${@:2}" >>"${STATE}/log/$1.log" 2>&1
}

# cannot_know WHAT: a probe that has no meaning before an earlier change has been made.
cannot_know() {
  say "cannot know before step ${work_began} has run: $1"
}

# wait_until SECONDS WANT WHAT PROBE...: repeats PROBE, which answers in a word, until it is WANT.
# The word dead ends the wait at once.
wait_until() {
  local limit="$1" want="$2" what="$3" seen='' began="${SECONDS}" told=0 spent=0
  shift 3
  if ((work > 0)); then
    say "would wait up to ${limit} s until ${what}"
    return
  fi
  seen=$("$@")
  if [[ "${mode}" == 'look' && "${seen}" != "${want}" ]]; then
    work_began="${step_number}"
    work=1
    say "would wait up to ${limit} s until ${what}; now: ${seen}"
    return
  fi
  until [[ "${seen}" == "${want}" ]]; do
    [[ "${seen}" != 'dead' ]] || stop "${FAILED}" "it has ended before ${what}" "${want}" 'dead' \
      "see why: ${diagnose:-docker ps}"
    spent=$((SECONDS - began))
    if ((spent >= limit)); then
      stop "${BUSY}" "waited ${spent} s in vain until ${what}" "${want}" "${seen}" \
        "run the script again to go on waiting; ask: ${diagnose:-docker ps}"
    fi
    if ((spent >= told)); then
      say "waiting until ${what}: ${seen} (${spent} s, $((limit - spent)) s left)"
      told=$((spent + 5))
    fi
    if ((spent < 3)); then sleep 0.2; else sleep 1; fi
    seen=$("$@")
  done
  say "${what}: ${seen}"
}

# prove WANT WHAT REMEDY PROBE...: the world must be as wanted now, else the step has failed.
prove() {
  local want="$1" what="$2" remedy="$3" seen
  shift 3
  if ((work > 0)); then
    cannot_know "${what}"
    return
  fi
  seen=$("$@")
  [[ "${seen}" == "${want}" ]] || stop "${FAILED}" "not so: ${what}" "${want}" "${seen}" "${remedy}"
  say "proved: ${what}"
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

# set_aside NAME: moves DATA_DIR/NAME to STATE/before/NAME: one rename on one file system, never
# over an earlier one, never a link or a mount point.
set_aside() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" from_word to_word
  from_word=$(file_word "${from}")
  to_word=$(file_word "${to}")
  case "${from_word}:${to_word}" in
    directory:absent | file:absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      mutate mv -T -- "${from}" "${to}"
      ;;
    absent:*) already "${from} is not there" ;;
    *)
      stop "${MISMATCH}" "cannot set ${from} aside" \
        'a plain directory or file, and its place free' \
        "${from} is: ${from_word}; ${to} is: ${to_word}" \
        'look at both; a second disaster needs --incident 2 on every script'
      ;;
  esac
}

# keep_copy NAME: a copy of DATA_DIR/NAME in STATE/before, made once.
keep_copy() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" word
  word=$(file_word "${to}")
  case "${word}" in
    absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      # What an interrupted copy has left is ours, and half done.
      [[ ! -e "${to}.partial" ]] || mutate rm -rf -- "${to:?}.partial"
      mutate cp -a -- "${from}" "${to}.partial"
      mutate mv -T -- "${to}.partial" "${to}"
      ;;
    file | directory) already "${to} is kept" ;;
    *)
      stop "${MISMATCH}" "cannot keep a copy of ${from}" 'nothing, or our own copy' \
        "${to} is: ${word}" 'look at it'
      ;;
  esac
}

# put_file PATH MODE VARIABLE: writes the variable's text to PATH: temporary file, sync, rename.
# Through mutate only, which shows the variable's name and never its text.
put_file() {
  local -n put_text="$3"
  printf '%s\n' "${put_text}" >"$1.partial"
  chmod -- "$2" "$1.partial"
  sync -- "$1.partial"
  mv -T -- "$1.partial" "$1"
}
