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

# api_send METHOD URL [BODY_FILE [SECONDS]]: an api call that changes something. For mutate.
api_send() {
  api "$@"
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

# cannot_know WHAT: in look mode, a check that is only possible after an earlier change.
cannot_know() {
  say "Skipped until step ${work_began} has run: check $1"
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

# set_aside NAME: moves DATA_DIR/NAME to STATE/before/NAME with one rename, never over an earlier
# backup, never a link or a mount point. Its size is recorded first.
set_aside() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" from_word to_word size
  from_word=$(file_word "${from}")
  to_word=$(file_word "${to}")
  case "${from_word}:${to_word}" in
    directory:absent | file:absent)
      size=$(size_of "${from}")
      mutate write_file "${STATE}/aside.$1" 0600 "${size}"
      mutate install -d -m 0700 -- "${STATE}/before"
      mutate rename_only "${from}" "${to}"
      ;;
    absent:*) already "${from} does not exist" ;;
    *)
      stop "${MISMATCH}" "cannot set ${from} aside" \
        'a plain directory or file, and nothing at the destination' \
        "${from} is ${from_word}; ${to} is ${to_word}" \
        'compare both; move the one you do not need to another place, then run this script again'
      ;;
  esac
}

# size_of PATH: the number of files and bytes, for comparison.
size_of() {
  find "$1" -type f -printf '%s\n' \
    | awk '{ bytes += $1 } END { printf "%d files, %d bytes\n", NR, bytes }'
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

# keep_copy NAME: copies DATA_DIR/NAME to STATE/before, once.
keep_copy() {
  local from="${DATA_DIR}/$1" to="${STATE}/before/$1" word
  word=$(file_word "${to}")
  case "${word}" in
    absent)
      mutate install -d -m 0700 -- "${STATE}/before"
      # Left by an interrupted copy of ours, and incomplete.
      [[ ! -e "${to}.partial" ]] || mutate rm -rf -- "${to:?}.partial"
      mutate cp -a -- "${from}" "${to}.partial"
      mutate rename_only "${to}.partial" "${to}"
      ;;
    file | directory) already "${to} is kept" ;;
    *)
      stop "${MISMATCH}" "cannot keep a copy of ${from}" 'nothing, or an earlier copy of ours' \
        "${to} is ${word}" "move ${to} to another place, then run this script again"
      ;;
  esac
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
