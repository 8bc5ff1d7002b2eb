#!/usr/bin/env bash
# review.sh: checks that the scripts of this bundle are the ones that were reviewed.
#
#   bash review.sh       recomputes the digests of the parts of every script, compares them with the
#                        headers and between the scripts, and checks all files against SHA256SUMS.
#
# Needs bash 4.4 or newer and the GNU coreutils, and no root. Runs no other script of the bundle and
# writes nothing into it. SHA256SUMS itself is checked by a person: compare its digest, which is
# printed last, with the value that was written down on paper.
#
# Exit status: 0 all as stated, 1 something differs, 2 could not run.

# shellcheck enable=add-default-case,avoid-nullary-conditions,check-extra-masked-returns
# shellcheck enable=check-set-e-suppressed,check-unassigned-uppercase,deprecate-which
# shellcheck enable=quote-safe-variables,require-double-brackets,require-variable-braces

set -euo pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'review.sh: bash 4.4 or newer is needed, this is %s\n' "${BASH_VERSION}" >&2
  exit 2
fi
# First the unset: it turns dotglob off.
unset CDPATH GLOBIGNORE
shopt -s globstar dotglob nullglob inherit_errexit
export LC_ALL=C
umask 077

readonly SUMS='SHA256SUMS'
readonly AT_ONCE=1000 # files given to one command

scratch=''             # a private directory outside of the bundle, removed at exit
differences=0          # how many were reported
declare -a listed=()   # the files that SHA256SUMS lists
declare -A sum_of=()   # what it states for each; keys are paths that begin with ./
declare -A broken=()   # files that are missing or cannot be read, by the same keys
declare -A left_out=() # by host, how many of its scripts are not here: plan pack has left them out
declare -a scripts=()
declare -a digests=() # the result of digest_files

# The parts of a script, in order, and the line that each begins with.
readonly -a PARTS=('page' 'functions' 'engine')
readonly -A MARKS=(
  ['page']='# --- page'
  ['functions']='# --- functions: what the page calls'
  ['engine']='# --- engine: the same in every script of every bundle'
)

# cannot_run WHAT REMEDY
cannot_run() {
  printf 'review.sh: %s\n  do: %s\n' "$1" "$2" >&2
  exit 2
}

# differs PATH WHAT EXPECTED FOUND [REMEDY]: the path is printed as bash would read it again, so
# that no name can control the terminal.
differs() {
  local remedy='Do not use it. Copy the reviewed bundle again, or compile again and compare.'
  differences=$((differences + 1))
  printf 'DIFFERS: %q, %s\n  expected: %s\n  found:    %s\n  do:       %s\n\n' "$1" "$2" "$3" "$4" \
    "${5:-${remedy}}"
}

# take_scratch: a temporary directory that is not in the bundle.
take_scratch() {
  local place
  place=$(cd -P -- "${TMPDIR:-/tmp}" 2>/dev/null && pwd -P) || place='/tmp'
  if [[ "${place}/" == "${PWD}/"* ]]; then
    place='/tmp'
  fi
  [[ "${place}/" != "${PWD}/"* ]] \
    || cannot_run 'temporary files would be in the bundle' 'Set TMPDIR to another directory.'
  scratch=$(mktemp -d -- "${place}/plan-review.XXXXXXXXXX") \
    || cannot_run "${place} cannot be written" 'Set TMPDIR to another directory.'
  # bash itself keeps long here-strings in files.
  export TMPDIR="${scratch}"
}

# digest_files FILE...: fills digests, in the same order. The files can be read.
digest_files() {
  local -a some=()
  local text line
  digests=()
  while (($# > 0)); do
    some=("${@:1:AT_ONCE}")
    shift "${#some[@]}"
    text=$(sha256sum -- "${some[@]}") \
      || cannot_run 'sha256sum failed' 'Fix the problem shown above.'
    while IFS= read -r line; do
      # A digest of a file with a strange name begins with a backslash.
      line="${line#\\}"
      digests+=("${line:0:64}")
    done <<<"${text}"
  done
}

# read_sums: the lines of SHA256SUMS. Names that sha256sum would have to escape are in no bundle.
read_sums() {
  local line path found number=0
  local -a lines=()
  [[ -f "${SUMS}" && ! -L "${SUMS}" && -r "${SUMS}" ]] \
    || cannot_run "there is no ${SUMS} that can be read" 'Run this script in a complete bundle.'
  mapfile -t lines <"${SUMS}"
  for line in "${lines[@]}"; do
    number=$((number + 1))
    path="${line:66}"
    if [[ "${line}" =~ ^[0-9a-f]{64}"  "[^/] ]] \
      && [[ "/${path}/" != *'/../'* && "${path}" != *\\* ]]; then
      listed+=("${path}")
      sum_of["./${path}"]="${line:0:64}"
    else
      printf -v found '%q' "${line}"
      differs "${SUMS}" "line ${number}" 'a digest, two spaces and a path in the bundle' "${found}"
    fi
  done
  ((${#listed[@]} > 0)) || cannot_run "${SUMS} lists no file" 'Run this in a complete bundle.'
}

# check_files: every listed file is there and unchanged, and no other file is.
check_files() {
  local path sum found index status=0 before="${differences}"
  local -a present=() absent=() options=(--check --strict --quiet)
  for path in "${listed[@]}"; do
    found=$(kind_of "${path}")
    if [[ "${found}" == 'a file' ]]; then
      present+=("./${path}")
    else
      broken["./${path}"]='yes'
      absent+=("${path}")
      [[ "${found}" == 'nothing' && "${path}" == *.sh ]] || missing "${path}" "${found}"
    fi
  done
  digest_files "${present[@]}"
  for index in "${!present[@]}"; do
    path="${present[index]}"
    sum="${sum_of["${path}"]}"
    if [[ "${digests[index]}" != "${sum}" ]]; then
      differs "${path#./}" 'the file' "sha256:${sum} (${SUMS})" "sha256:${digests[index]}"
    fi
  done
  if ((${#absent[@]} > 0)); then
    options+=(--ignore-missing)
    check_absent "${absent[@]}"
  fi
  for path in **; do
    if [[ -d "${path}" && ! -L "${path}" ]] || [[ "${path}" =~ ^${SUMS}(\.sig)?$ ]]; then
      continue
    fi
    if [[ -z "${sum_of["./${path}"]:-}" ]]; then
      differs "${path}" 'the file' "listed in ${SUMS}" 'not listed' \
        'Do not run it. It is not part of the bundle: remove it.'
    fi
  done
  # The standard tool must agree.
  sha256sum "${options[@]}" "${SUMS}" >"${scratch}/check" 2>&1 || status=$?
  if ((status != 0 && differences == before)); then
    differs "${SUMS}" 'sha256sum --check' 'status 0' "status ${status}"
  fi
}

# missing PATH FOUND
missing() {
  differs "$1" 'the file' 'a file that can be read' "$2" \
    'Copy the reviewed bundle again, and make its files readable.'
}

# check_absent PATH...: scripts of other machines need not be here, and plan.json says which they
# are. Then all scripts of such a machine are missing, not some.
check_absent() {
  local path host
  local -A host_of=() here=()
  read_hosts
  for path in "${!host_of[@]}"; do
    [[ -n "${broken["${path}"]:-}" ]] || here["${host_of["${path}"]}"]='yes'
  done
  for path in "$@"; do
    if [[ -e "${path}" || -L "${path}" || "${path}" != *.sh ]]; then
      continue
    fi
    host="${host_of["./${path}"]:-}"
    if [[ -n "${host}" && -z "${here["${host}"]:-}" ]] && ((${#here[@]} > 0)); then
      left_out["${host}"]=$((${left_out["${host}"]:-0} + 1))
    else
      missing "${path}" 'nothing'
    fi
  done
}

# read_hosts: fills host_of, the host of each script. plan.json has one value in each line.
read_hosts() {
  local path line script
  for path in "${listed[@]}"; do
    if [[ ! "${path}" =~ ^([^/]+/)?plan\.json$ || -n "${broken["./${path}"]:-}" ]]; then
      continue
    fi
    script=''
    while IFS= read -r line; do
      if [[ "${line}" =~ ^" "+'"path": "'(.+\.sh)'",'$ ]]; then
        script="./${path%plan.json}${BASH_REMATCH[1]}"
      elif [[ -n "${script}" && "${line}" =~ ^" "+'"host": "'(.+)'",'$ ]]; then
        host_of["${script}"]="${BASH_REMATCH[1]}" script=''
      fi
    done <"./${path}"
  done
}

# kind_of PATH: `a file` if it is one that can be read.
kind_of() {
  if [[ -L "$1" ]]; then
    printf 'a link\n'
  elif [[ -d "$1" ]]; then
    printf 'a directory\n'
  elif [[ ! -e "$1" ]]; then
    printf 'nothing\n'
  elif [[ ! -f "$1" ]]; then
    printf 'a special file\n'
  elif [[ ! -r "$1" ]]; then
    printf 'no permission to read it\n'
  else
    printf 'a file\n'
  fi
}

# find_scripts: the listed scripts. Those without a step of their own have no parts: a review.sh,
# recover.sh or triage.sh next to a SHA256SUMS. Only their sums are checked.
find_scripts() {
  local path
  for path in "${listed[@]}"; do
    if [[ "${path}" != *.sh || -n "${broken["./${path}"]:-}" ]]; then
      continue
    fi
    if [[ "${path}" =~ ^(review|recover|triage)\.sh$ ]] \
      || [[ "${path}" =~ /(review|recover|triage)\.sh$ &&
        -n "${sum_of["./${path%/*}/${SUMS}"]:-}" ]]; then
      continue
    fi
    scripts+=("${path}")
  done
  ((${#scripts[@]} > 0)) || cannot_run "${SUMS} lists no script" 'Run this in a complete bundle.'
}

declare -A text_number=()   # the number of each distinct text of a part
declare -a texts=()         # these texts
declare -A part_of=()       # by number, the part
declare -a text_digests=()  # by number, in hexadecimal
declare -A carried_by=()    # by number, the scripts that carry it, one a line
declare -A rest_numbers=()  # by text from the functions on: the numbers of both parts, or none
declare -A part_number=()   # by `PART SCRIPT`, the number of its text
declare -A stated=()        # by `PART SCRIPT`, the digest in its header
declare -a split_scripts=() # the scripts that have all parts

# take_text PART TEXT: sets number.
take_text() {
  number="${text_number["$2"]:-${#texts[@]}}"
  if ((number == ${#texts[@]})); then
    text_number["$2"]="${number}"
    part_of["${number}"]="$1"
    texts+=("$2")
  fi
}

# take_rest TEXT LINE...: splits what follows the page, once for all scripts that have the same.
take_rest() {
  local rest="$1" line at=0 engine_at=0 marked=0 text number numbers
  shift
  for line in "$@"; do
    if [[ "${line}" == "${MARKS["engine"]}"$'\n' ]]; then
      engine_at="${at}"
      marked=$((marked + 1))
    elif [[ "${line}" == "${MARKS["functions"]}"$'\n' ]] \
      || [[ "${line}" == "${MARKS["page"]}"$'\n' ]]; then
      marked=$((marked + 1))
    fi
    at=$((at + 1))
  done
  # The first line is the mark of the functions.
  if ((marked != 2 || engine_at == 0)); then
    rest_numbers["${rest}"]='none'
    return
  fi
  printf -v text '%s' "${@:1:engine_at}"
  take_text 'functions' "${text}"
  numbers="${number}"
  printf -v text '%s' "${@:engine_at+1}"
  take_text 'engine' "${text}"
  rest_numbers["${rest}"]="${numbers} ${number}"
}

# read_script PATH SIZE: its parts, and the digests that its header states.
read_script() {
  local path="$1" size="$2" line part text rest number all=0 at=0 page_at=-1
  local -a lines=() numbers=()
  local -A digest=()
  mapfile lines <"${path}"
  for line in "${lines[@]}"; do
    if [[ "${line}" == '# --- '* ]]; then
      [[ "${line}" != "${MARKS["functions"]}"$'\n' ]] || break
      [[ "${line}" != "${MARKS["engine"]}"$'\n' ]] || page_at=-2
      if [[ "${line}" == "${MARKS["page"]}"$'\n' ]]; then
        page_at=$((page_at == -1 ? at : -2))
      fi
    fi
    at=$((at + 1))
  done
  printf -v rest '%s' "${lines[@]:at}"
  if [[ -n "${rest}" && -z "${rest_numbers["${rest}"]:-}" ]]; then
    take_rest "${rest}" "${lines[@]:at}"
  fi
  if ((page_at < 0)) || [[ -z "${rest}" || "${rest_numbers["${rest}"]}" == 'none' ]]; then
    differs "${path}" 'its form' "the parts ${PARTS[*]}, once each and in this order" \
      'another form, or an incomplete script'
    return
  fi
  for line in "${lines[@]:0:page_at}"; do
    all=$((all + ${#line}))
    if [[ "${line}" =~ ^"#   "(page|functions|engine)" "+sha256:([0-9a-f]{64})$'\n'$ ]]; then
      part="${BASH_REMATCH[1]}"
      digest["${part}"]="${digest["${part}"]:-}${BASH_REMATCH[2]}"
    elif [[ "${line}" != '#'* && "${line}" != $'\n' ]]; then
      printf -v line '%q' "${line%$'\n'}"
      differs "${path}" 'header' 'only comments' "${line}"
    fi
  done
  printf -v text '%s' "${lines[@]:page_at:at-page_at}"
  take_text 'page' "${text}"
  read -ra numbers <<<"${number} ${rest_numbers["${rest}"]}"
  for at in "${!PARTS[@]}"; do
    part_number["${PARTS[at]} ${path}"]="${numbers[at]}"
    carried_by["${numbers[at]}"]+="${path}"$'\n'
    stated["${PARTS[at]} ${path}"]="${digest["${PARTS[at]}"]:-none}"
  done
  # bash cannot hold a NUL, so it would not be in the digests.
  all=$((all + ${#text} + ${#rest}))
  ((all == size)) \
    || differs "${path}" 'its form' "${size} bytes of text" "$((size - all)) NUL byte(s)"
  split_scripts+=("${path}")
}

# read_scripts: the parts of all scripts, each distinct text once.
read_scripts() {
  local index
  local -a some=() sizes=() left=("${scripts[@]/#/./}")
  while ((${#left[@]} > 0)); do
    some=("${left[@]:0:AT_ONCE}")
    left=("${left[@]:AT_ONCE}")
    index=$(stat -c '%s' -- "${some[@]}") || cannot_run 'stat failed' 'Fix the problem shown above.'
    while IFS= read -r index; do
      sizes+=("${index}")
    done <<<"${index}"
  done
  for index in "${!scripts[@]}"; do
    read_script "${scripts[index]}" "${sizes[index]}"
  done
}

# check_parts: every part has the digest that the header of its script states.
check_parts() {
  local number path part found
  local -a files=()
  for number in "${!texts[@]}"; do
    printf '%s' "${texts[number]}" >"${scratch}/part.${number}"
    files+=("${scratch}/part.${number}")
  done
  digest_files "${files[@]}"
  text_digests=("${digests[@]}")
  for path in "${split_scripts[@]}"; do
    for part in "${PARTS[@]}"; do
      found="${text_digests[${part_number["${part} ${path}"]}]}"
      if [[ "${stated["${part} ${path}"]}" != "${found}" ]]; then
        differs "${path}" "${part}" "sha256:${stated["${part} ${path}"]} (its header)" \
          "sha256:${found}"
      fi
    done
  done
}

declare -A variants=()     # by name of a function, the numbers of its distinct texts
declare -A block_number=() # the number of each distinct function text, by name and text
declare -a blocks=()       # these texts
declare -a block_in=()     # by number, the texts of parts that hold it

# take_block PART_NUMBER NAME TEXT
take_block() {
  local key="$2 $3" number
  number="${block_number["${key}"]:-${#blocks[@]}}"
  if ((number == ${#blocks[@]})); then
    block_number["${key}"]="${number}"
    blocks+=("$3")
    variants["$2"]+=" ${number}"
  fi
  block_in[number]="${block_in[number]:-} $1"
}

# split_blocks PART_NUMBER: its functions and settings, each with the comment above it.
split_blocks() {
  local line block='' name='' comment='' within='no'
  while IFS= read -r line; do
    if [[ "${within}" == 'yes' ]]; then
      block+="${line}"$'\n'
      if [[ "${line}" == [\}\)]* ]]; then
        take_block "$1" "${name}" "${block}"
        block='' within='no'
      fi
      continue
    fi
    if [[ -z "${line}" || "${line}" =~ ^([a-z_0-9]+)\(\)" "[\{\(]$ ]]; then
      [[ -z "${block}" ]] || take_block "$1" "${name:-last lines}" "${block}"
      block=''
    fi
    if [[ -z "${line}" ]]; then
      comment=''
    elif [[ "${line}" =~ ^([a-z_0-9]+)\(\)" "[\{\(]$ ]]; then
      name="${BASH_REMATCH[1]}" block="${comment}${line}"$'\n' comment='' within='yes'
    elif [[ -z "${block}" && "${line}" == '#'* ]]; then
      comment+="${line}"$'\n'
    else
      if [[ -z "${block}" ]]; then
        name=''
        [[ ! "${line}" =~ ^((readonly|declare)" ")?(-[aA]" ")?([A-Za-z_0-9]+)= ]] \
          || name="${BASH_REMATCH[4]}"
      fi
      block+="${comment}${line}"$'\n' comment=''
    fi
  done <<<"${texts[$1]}"
  [[ -z "${block}" ]] || take_block "$1" "${name:-last lines}" "${block}"
}

# check_functions: a function of one name has one text, in whatever script it is.
check_functions() {
  local number name
  for number in "${!texts[@]}"; do
    if [[ "${part_of["${number}"]}" != 'page' ]]; then
      split_blocks "${number}"
    fi
  done
  for name in "${!variants[@]}"; do
    if [[ "${variants["${name}"]}" == ' '*' '* ]]; then
      report_variants "${name}"
    fi
  done
}

# report_variants NAME: the text in most scripts is the expected one.
report_variants() {
  local number part count best=0 usual=0 carriers
  local -a numbers=() files=() some=() first=()
  read -ra numbers <<<"${variants["$1"]}"
  for number in "${numbers[@]}"; do
    carriers=''
    read -ra some <<<"${block_in[number]}"
    for part in "${some[@]}"; do
      carriers+="${carried_by["${part}"]}"
    done
    mapfile -t some <<<"${carriers%$'\n'}"
    count="${#some[@]}"
    if ((count > best)); then
      best="${count}" usual="${#files[@]}"
    fi
    first+=("${some[0]}")
    printf '%s' "${blocks[number]}" >"${scratch}/block.${number}"
    files+=("${scratch}/block.${number}")
  done
  digest_files "${files[@]}"
  for number in "${!numbers[@]}"; do
    if ((number != usual)); then
      differs "${first[number]}" "function $1" \
        "sha256:${digests[usual]}, as in ${best} script(s)" "sha256:${digests[number]}"
    fi
  done
}

# some_of PATH...: sets some to the first few, and how many more there are.
some_of() {
  printf -v some '%q, ' "${@:1:3}"
  some="${some%, }"
  (($# <= 3)) || some+=" and $(($# - 3)) more"
}

# report: which parts are the same in which scripts.
report() {
  local part number count some host
  local -a numbers=() paths=()
  printf '%s scripts, %s files\n' "${#scripts[@]}" "${#listed[@]}"
  for host in "${!left_out[@]}"; do
    printf 'Not here, because they run on %s: %s scripts\n' "${host}" "${left_out["${host}"]}"
  done
  printf '\n'
  for part in 'engine' 'functions' 'page'; do
    numbers=()
    for number in "${!texts[@]}"; do
      [[ "${part_of["${number}"]}" != "${part}" ]] || numbers+=("${number}")
    done
    count="${#numbers[@]}"
    if ((count == 1 && ${#split_scripts[@]} == ${#scripts[@]})); then
      printf '%-10s sha256:%.12s  same in all %s scripts\n' "${part}" \
        "${text_digests[${numbers[0]}]}" "${#scripts[@]}"
    elif ((count == ${#split_scripts[@]})); then
      printf '%-10s %s, one for each script\n' "${part}" "${count}"
    else
      printf '%-10s %s variants:\n' "${part}" "${count}"
      for number in "${numbers[@]}"; do
        mapfile -t paths <<<"${carried_by["${number}"]%$'\n'}"
        some_of "${paths[@]}"
        printf '           sha256:%.12s  in %s: %s\n' "${text_digests[number]}" "${#paths[@]}" \
          "${some}"
      done
    fi
  done
  printf '\n%s functions and settings, %s names: ' "${#blocks[@]}" "${#variants[@]}"
  if ((${#blocks[@]} == ${#variants[@]})); then
    printf 'each has the same text in every script that carries it\n'
  else
    printf 'some have several texts\n'
  fi
  digest_files "${SUMS}"
  printf '\n%s  sha256:%s\nCompare this value with the one on paper.\n' "${SUMS}" "${digests[0]}"
}

main() {
  local tool
  if (($# > 0)); then
    printf 'Usage: bash review.sh\nSee the first lines of this file.\n'
    [[ "$*" == '--help' ]] || exit 2
    exit 0
  fi
  for tool in mktemp rm sha256sum stat; do
    command -v "${tool}" >/dev/null || cannot_run "${tool} is missing" 'Install the GNU coreutils.'
  done
  # In the bundle, from wherever this script was started.
  if [[ "${BASH_SOURCE[0]}" == */* ]]; then
    cd -- "${BASH_SOURCE[0]%/*}/" || cannot_run 'the bundle cannot be entered' 'Check permissions.'
  fi
  cd -P . || cannot_run 'the bundle cannot be entered' 'Check permissions.'
  trap '[[ -z "${scratch}" ]] || rm -rf -- "${scratch:?}"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  take_scratch
  read_sums
  check_files
  find_scripts
  read_scripts
  check_parts
  check_functions
  report
  if ((differences > 0)); then
    printf '\n%s difference(s). Explain each one shown above before you use this bundle.\n' \
      "${differences}"
    exit 1
  fi
  printf '\nAll as stated.\n'
}

main "$@"
