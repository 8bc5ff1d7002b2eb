# Exit statuses, told in --help.
readonly FAILED=1 LOOKED=3 USAGE=64 UNAVAILABLE=69 BUSY=75 NOT_ROOT=77 MISMATCH=78

mode='look'   # look | apply. Only mutate and the waits read it.
incident=1    # --incident: which disaster this plan is used for
step='start'  # the guide step under way, first word of every line
step_number=0 # counts begin
work=0        # mutations shown and not run; always 0 when acting
work_began=0  # the step that showed the first of them
log=''        # this run's log, once there is one
scratch=''    # a private temporary directory, gone at exit
way=''        # done: a step has seen that this host is back already, and nothing may stop it

# say TEXT: a line for people on standard error, and for the log when acting.
say() {
  printf '%(%H:%M:%S)T %s  %s\n' -1 "${step}" "$1" >&2
  if [[ -n "${log}" ]]; then
    printf '%(%FT%T%z)T %s %s %s\n' -1 "${HOST}" "${step}" "$1" >>"${log}"
  fi
}

# stop STATUS WHAT EXPECTED SEEN REMEDY: ends the script; an empty EXPECTED or SEEN is left out.
stop() {
  say "STOP: $2"
  [[ -z "$3" ]] || say "  expected: $3"
  [[ -z "$4" ]] || say "  seen:     $4"
  say "  do:       $5"
  exit "$1"
}

# begin GUIDE TITLE: the next step. GUIDE is the guide's own number.
begin() {
  step_number=$((step_number + 1))
  step="$1"
  say "== ${step_number}. $2"
}

# already TEXT: the step finds its work done.
already() {
  say "done already: $1"
}

# finish NEXT...: the last lines say what comes next and where.
finish() {
  local line
  step='end'
  if ((work > 0)); then
    say "looked only: ${work} change(s) to make. Run again with --apply."
    exit "${LOOKED}"
  fi
  if [[ "${mode}" == 'look' ]]; then
    say 'looked only: nothing to do.'
  else
    say "done in ${SECONDS} s. Log: ${log}"
  fi
  for line in "$@"; do
    say "${line}"
  done
}
