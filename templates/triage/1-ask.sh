# Questions are asked all at once, in the background, each in a directory of its own. What has not
# answered in time counts as no answer, never as a no.
questions=() # NAME FUNCTION ARGUMENT..., separated by tabs; those of a row by + as an argument

declare -A seen=() # what the questions have found out, by its path in the evidence

declare -A result_of=() # by question: its exit status, or none

asking='' # the process that asks

# ask NAME FUNCTION ARGUMENT...: FUNCTION prints facts, and complains as the scripts do. With
# + NAME FUNCTION ARGUMENT... more questions follow it, one after the other: what only needs this
# machine's processor must not slow down what waits for others.
ask() {
  local IFS=$'\t'
  questions+=("$*")
}

# await_answers SECONDS: asks, waits for the answers, and ends what is left.
await_answers() {
  local row word next status=0 waiting
  local -a names=() words=()
  for row in "${questions[@]}"; do
    next='yes'
    IFS=$'\t' read -ra words <<<"${row}"
    for word in "${words[@]}"; do
      [[ "${next}" == 'no' ]] || names+=("${word}")
      next='no'
      [[ "${word}" != '+' ]] || next='yes'
    done
  done
  install -d -m 0700 -- "${names[@]/#/${scratch}/}"
  # shellcheck disable=SC2312  # nothing fails with it
  exec {waiting}< <(put_questions)
  asking="$!"
  # Nothing is written there: it ends when the process has ended, or when the time is over.
  IFS= read -r -t "$1" -u "${waiting}" _ || status=$?
  if ((status > 128)); then
    end_process "${asking}"
  fi
  asking=''
  exec {waiting}<&-
  for word in "${names[@]}"; do
    take_answer "${word}"
  done
}

# put_questions: all of them, each row in the background.
put_questions() {
  local row
  local -a words=()
  for row in "${questions[@]}"; do
    IFS=$'\t' read -ra words <<<"${row}"
    put_in_turn "${words[@]}" &
  done
  wait
}

# put_in_turn NAME FUNCTION ARGUMENT... [+ NAME FUNCTION ARGUMENT...]...
put_in_turn() {
  local word
  local -a question=()
  for word in "$@" +; do
    if [[ "${word}" != '+' ]]; then
      question+=("${word}")
      continue
    fi
    # In the background, so that an error ends this question, and not those after it.
    put_question "${question[@]}" &
    wait "$!" || true
    question=()
  done
}

# put_question NAME FUNCTION ARGUMENT...: in a process of its own, with a scratch of its own.
put_question() {
  scratch="${scratch}/$1"
  trap 'printf "%s\n" "$?" >"${scratch}/status"' EXIT
  exec >"${scratch}/facts" 2>"${scratch}/words"
  "${@:2}"
}

# take_answer NAME: its facts, and its exit status.
take_answer() {
  local kind path value
  result_of["$1"]='none'
  if [[ -s "${scratch}/$1/status" ]]; then
    result_of["$1"]=$(<"${scratch}/$1/status")
  fi
  if [[ ! -s "${scratch}/$1/facts" ]]; then
    return
  fi
  while IFS=$'\t' read -r kind path value; do
    if [[ -n "${kind}" && -n "${path}" ]]; then
      seen["${path}"]="${value}"
      printf '%s\t%s\t%s\n' "${kind}" "${path}" "${value}" >>"${scratch}/evidence"
    fi
  done <"${scratch}/$1/facts"
}

# fact PATH TEXT
fact() {
  printf 's\t%s\t%s\n' "$1" "${2//[$'\t\n']/ }"
}

# figure PATH NUMBER: nothing if it is not a whole number.
figure() {
  if [[ "$2" =~ ^-?[0-9]+$ ]]; then
    printf 'n\t%s\t%s\n' "$1" "$2"
  fi
}

# flag PATH true|false
flag() {
  printf 'b\t%s\t%s\n' "$1" "$2"
}

# note KIND PATH VALUE: what is concluded from the answers becomes part of the evidence, too. KIND
# is s for text, n for a number, b for true or false. Without a value nothing is noted.
note() {
  if [[ -n "$3" ]]; then
    seen["$2"]="$3"
    printf '%s\t%s\t%s\n' "$1" "$2" "${3//[$'\t\n']/ }" >>"${scratch}/evidence"
  fi
}

# complaint_of FILE: what a check complained of, in one line: WHAT|EXPECTED|FOUND|REMEDY.
complaint_of() {
  local line what='' expected='' found='' remedy=''
  while IFS= read -r line; do
    line="${line#* }" # the time
    line="${line#* }" # the step
    line="${line# }"
    case "${line}" in
      'STOP: '*) what="${line#STOP: }" ;;
      '  expected: '*) expected="${line#*: }" ;;
      '  found: '*) found="${line#*: }" ;;
      '  do: '*) remedy="${line#*: }" ;;
      *) ;;
    esac
  done <"$1"
  printf '%s|%s|%s|%s\n' "${what}" "${expected# }" "${found#"${found%%[! ]*}"}" \
    "${remedy#"${remedy%%[! ]*}"}"
}
