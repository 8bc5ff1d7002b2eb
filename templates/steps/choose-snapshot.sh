# Guide 1.1: the candidates are compared by revision, so that the freshest is restored. The choice
# and its loss are reported before anything is set aside. A pinned checksum is checked first.
# choose_snapshot freshest|salvage|saved|raw PATH SHA256: the last two may be empty.
choose_snapshot() {
  local source="$1" path="$2" sum="$3" chosen='' loss='' word
  local own="${STATE}/salvaged.db" kept="${STATE}/snapshot.db" revision='' other=''
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ -f "${kept}" && -f "${STATE}/loss" ]]; then
    if [[ ! "${own}" -nt "${kept}" ]] && ((work == 0)); then
      already "the snapshot is chosen ($(<"${STATE}/loss"))"
      return
    fi
    word=$(first_free "${STATE}/snapshot.earlier")
    mutate rename_only "${kept}" "${word}"
  fi
  if [[ -n "${path}" ]]; then
    choose_snapshot_file "${path}" "${sum}"
    other=$(snapshot_field "${path}" revision)
    say "Candidate ${path} has revision ${other}"
  fi
  if [[ "${source}" == 'freshest' || "${source}" == 'salvage' ]]; then
    if [[ -f "${own}" ]] && ((work == 0)); then
      revision=$(snapshot_field "${own}" revision)
      say "Candidate ${own} has revision ${revision}"
    elif ((work > 0)); then
      cannot_know 'the revision of the data salvaged from this host'
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
    "a salvaged ${own}, or a file in the inventory" 'neither' \
    'set a saved snapshot or a raw copy in the inventory and compile again'
  if ((work == 0)); then
    word="${other}"
    [[ "${chosen}" != "${own}" ]] || word="${revision}"
    choose_snapshot_against "${word}"
  fi
  loss=$(choose_snapshot_loss "${chosen}" "${own}" "${revision}" "${other}")
  say "${loss}"
  if [[ "${chosen}" == "${own}" ]]; then
    mutate ln -f -T -- "${own}" "${kept}.partial"
  else
    mutate cp -T --reflink=auto -- "${path}" "${kept}.partial"
    if [[ -n "${sum}" ]]; then
      prove "${sum}" 'the copy has the pinned checksum' 'run this script again' \
        choose_snapshot_sum "${kept}.partial"
    fi
  fi
  mutate write_file "${STATE}/loss" 0600 "${loss}"
  mutate rename_only "${kept}.partial" "${kept}"
}

# choose_snapshot_against REVISION: no other running server host holds a later revision than the one
# to be restored. The revision of stopped data is known only after the salvage.
choose_snapshot_against() {
  local revision host
  if [[ ! -s "${scratch}/revisions" ]]; then
    return
  fi
  while read -r revision host; do
    ((revision <= $1)) || stop "${MISMATCH}" \
      "${host} holds more than the chosen snapshot, and the rest would be lost" \
      "revision ${revision} or later" "revision $1" \
      "recover on ${host}: use the bundle whose recovery host it is (recovery.host)"
  done <"${scratch}/revisions"
}

# choose_snapshot_file PATH SHA256: stops the script if the file is missing, or not the pinned one.
choose_snapshot_file() {
  local word sum
  [[ -f "$1" ]] || stop "${MISMATCH}" 'the snapshot in the inventory does not exist' \
    "a file $1" 'none' 'copy it to that path, or compile for another source'
  word=$(snapshot_kind "$1")
  [[ "${word}" != 'broken' ]] || stop "${MISMATCH}" "$1 is not a complete snapshot" \
    'a size of 32 (saved) or 0 (raw) modulo 512' "${word}" 'copy the complete file'
  if [[ -n "$2" ]]; then
    sum=$(choose_snapshot_sum "$1")
    [[ "${sum}" == "$2" ]] || stop "${MISMATCH}" "$1 is not the pinned snapshot" "$2" "${sum}" \
      'copy the right file, or correct the checksum in the inventory and compile again'
    say "Check passed: $1 has the pinned checksum"
  fi
}

choose_snapshot_sum() {
  local text
  text=$(sha256sum <"$1")
  printf '%s\n' "${text%% *}"
}

# choose_snapshot_loss CHOSEN OWN OWN_REVISION REVISION: the choice and its loss, in one line.
choose_snapshot_loss() {
  local text age
  if [[ "$1" != "$2" ]]; then
    age=$(date -u -r "$1" '+%F %T UTC')
    text="loss: everything written after revision $4 (${1}, written ${age})"
    if [[ -n "$3" ]]; then
      text="${text}; the data of this host end at revision $3"
    fi
  elif [[ -n "$3" ]]; then
    text="revision $3, salvaged from this host; $(<"${2%.db}.loss")"
  else
    text="salvaged from this host; the loss is reported after the salvage"
  fi
  printf '%s\n' "${text}"
}
