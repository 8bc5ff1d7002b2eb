# The configuration is this host's own. With the user of another host everything works until that
# host is removed, and these credentials with it.
own_state() {
  local text status=0
  [[ -f "${CONFIG}" ]] || stop "${MISMATCH}" "${CONFIG} does not exist" 'the file of this host' \
    'none' "if this is the right directory, restore generated.config.json and certificates/ of \
${HOST} from a backup"
  text=$(jq -er '"\(.etcd_username // "none") \((.etcd_password // "") != "")"' \
    "${CONFIG}" 2>"${scratch}/complaint") || status=$?
  ((status == 0)) || stop "${MISMATCH}" "${CONFIG} cannot be read" 'JSON of the Control Plane' \
    "$(<"${scratch}/complaint")" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text% *}" == "host-${HOST}" ]] || stop "${MISMATCH}" \
    'generated.config.json belongs to another host' "etcd_username host-${HOST}" \
    "${text% *}" "restore generated.config.json of ${HOST} from a backup"
  [[ "${text##* }" == 'true' ]] || stop "${MISMATCH}" 'generated.config.json has no password' \
    'a value of etcd_password' 'none' "restore the file of ${HOST} from a backup"
  passed "the etcd user of this host is host-${HOST}"
}
