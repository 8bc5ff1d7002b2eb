# Guide 5.2, an addition: saves the spec of every database before the first removal, to add hosts
# again later and for the comparison in phase 8. The first save is never overwritten. The API leaves
# out passwords and keys.
save_specs() {
  local target="$1" id ids file word text made='no'
  if [[ "${removal_needed}" == 'no' ]]; then
    already "${target} is removed, so there is nothing to save"
    return
  fi
  read_databases
  ids=$(jq -r '.[].id' "${scratch}/databases.json")
  if [[ -z "${ids}" ]]; then
    already 'there are no databases'
    return
  fi
  for id in ${ids}; do
    file="${STATE}/specs/${id}.json"
    word=$(file_word "${file}")
    if [[ "${word}" == 'file' ]]; then
      already "the spec of ${id} is in ${file}"
      continue
    fi
    text=$(jq -S --arg id "${id}" '.[] | select(.id == $id)' "${scratch}/databases.json")
    if [[ "${made}" == 'no' && ! -d "${STATE}/specs" ]]; then
      mutate install -d -m 0700 -- "${STATE}/specs"
      made='yes'
    fi
    mutate write_file "${file}" 0600 "${text}"
  done
}
