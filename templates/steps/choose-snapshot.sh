# guide 1.1. The guide takes the snapshot that is there. Here the candidates are compared by
# revision, the choice is shown with its evidence, and what it loses is said before anything is set
# aside. A pinned sum is checked first.
# choose_snapshot freshest|salvage|saved|raw PATH SHA256: the last two may be empty.
choose_snapshot() {
  local source="$1" path="$2" sum="$3" chosen='' loss='' word
  local own="${STATE}/salvaged.db" kept="${STATE}/snapshot.db" revision='' other=''
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ -f "${kept}" && -f "${STATE}/loss" ]]; then
    if [[ ! "${own}" -nt "${kept}" ]] && ((work == 0)); then
      already "chosen: $(<"${STATE}/loss")"
      return
    fi
    word=$(first_free "${STATE}/snapshot.earlier")
    mutate mv -T -- "${kept}" "${word}"
  fi
  require_minor etcdutl
  if [[ -n "${path}" ]]; then
    choose_snapshot_file "${path}" "${sum}"
    other=$(snapshot_field "${path}" revision)
    say "candidate ${path}: revision ${other}"
  fi
  if [[ "${source}" == 'freshest' || "${source}" == 'salvage' ]]; then
    if [[ -f "${own}" ]] && ((work == 0)); then
      revision=$(snapshot_field "${own}" revision)
      say "candidate ${own}: revision ${revision}"
    elif ((work > 0)); then
      cannot_know 'the revision of what is salvaged from this host'
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
    "a salvaged ${own}, or a file the inventory names" 'neither' \
    'name a saved snapshot or a raw copy in the inventory and compile again'
  loss=$(choose_snapshot_loss "${chosen}" "${own}" "${revision}" "${other}")
  say "${loss}"
  if [[ "${chosen}" == "${own}" ]]; then
    mutate ln -f -T -- "${own}" "${kept}.partial"
  else
    mutate cp -T --reflink=auto -- "${path}" "${kept}.partial"
    if [[ -n "${sum}" ]]; then
      prove "${sum}" 'the copy has the pinned sum' 'run the script again' \
        choose_snapshot_sum "${kept}.partial"
    fi
  fi
  mutate put_file "${STATE}/loss" 0600 loss
  mutate mv -T -- "${kept}.partial" "${kept}"
}

# choose_snapshot_file PATH SHA256: refuses a file that is not there or not the pinned one.
choose_snapshot_file() {
  local word sum
  [[ -f "$1" ]] || stop "${MISMATCH}" 'the snapshot the inventory names is not there' \
    "a file $1" 'none' 'bring it to that place, or compile for another source'
  word=$(snapshot_kind "$1")
  [[ "${word}" != 'broken' ]] || stop "${MISMATCH}" "$1 is no snapshot, or a part of one" \
    'a size of 32 (saved) or 0 (raw) modulo 512' "${word}" 'bring the whole file'
  if [[ -n "$2" ]]; then
    sum=$(choose_snapshot_sum "$1")
    [[ "${sum}" == "$2" ]] || stop "${MISMATCH}" "$1 is not the pinned snapshot" "$2" "${sum}" \
      'bring the right file, or correct the sum in the inventory and compile again'
    say "proved: $1 has the pinned sum"
  fi
}

choose_snapshot_sum() {
  local text
  text=$(sha256sum <"$1")
  printf '%s\n' "${text%% *}"
}

# choose_snapshot_loss CHOSEN OWN OWN_REVISION REVISION: the choice and what it loses, one line.
choose_snapshot_loss() {
  local text age
  if [[ "$1" != "$2" ]]; then
    age=$(date -u -r "$1" '+%F %T UTC')
    text="loss: everything written after revision $4 (${1}, written ${age})"
    if [[ -n "$3" ]]; then
      text="${text}; this host's own data end at revision $3"
    fi
  elif [[ -n "$3" ]]; then
    text="revision $3, salvaged from this host; $(<"${2%.db}.loss")"
  else
    text="salvaged from this host; the loss is stated when that has been done"
  fi
  printf '%s\n' "${text}"
}
