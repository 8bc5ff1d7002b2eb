# guide 6.1b: the guide deletes etcd/, certificates/ and generated.config.json. To be reattached a
# host keeps all it was given; only etcd/ is set aside, and the configuration says client, with the
# recovery host as endpoint: started as a server it then joins with its own credentials.
clear_for_reattach() {
  local mode_bits owner was text
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter: nothing is cleared"
    return
  fi
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  clear_away etcd
  keep_copy generated.config.json
  remember_cleared 'etcd'
  # shellcheck disable=SC2034  # put_file reads it by name
  text=$(jq -c --arg endpoint "${RECOVERY_ENDPOINT}" \
    '.etcd_mode = "client" | .etcd_client = (.etcd_client // {}) + {endpoints: [$endpoint]}' \
    -- "${CONFIG}")
  was=$(jq -c . -- "${CONFIG}")
  if [[ "${was}" == "${text}" ]]; then
    already "${CONFIG} names the recovery host"
    return
  fi
  mode_bits=$(stat -c %a -- "${CONFIG}")
  owner=$(stat -c %u:%g -- "${CONFIG}")
  mutate put_file "${CONFIG}" "0${mode_bits}" text
  if [[ "${owner}" != '0:0' ]]; then
    mutate chown -- "${owner}" "${CONFIG}"
  fi
}
