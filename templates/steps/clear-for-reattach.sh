# Guide 6.1b: to be reattached, a host keeps its certificates and configuration; only etcd/ is set
# aside. The configuration gets mode client and the recovery host as its endpoint: started as a
# server, it then joins with its own credentials.
clear_for_reattach() {
  local mode_bits was text
  if [[ "${way}" == 'done' ]]; then
    already "${HOST} is a voter, so nothing is cleared"
    return
  fi
  spare_voter
  if [[ "${way}" == 'done' ]]; then
    return
  fi
  prove_stopped
  clear_away etcd
  keep_copy generated.config.json
  remember_cleared 'etcd'
  text=$(jq -c --arg endpoint "${RECOVERY_ENDPOINT}" \
    '.etcd_mode = "client" | .etcd_client = (.etcd_client // {}) + {endpoints: [$endpoint]}' \
    -- "${CONFIG}")
  was=$(jq -c . -- "${CONFIG}")
  if [[ "${was}" == "${text}" ]]; then
    already "${CONFIG} names the recovery host"
  else
    mode_bits=$(stat -c %a -- "${CONFIG}")
    mutate write_file "${CONFIG}" "0${mode_bits}" "${text}"
  fi
  clear_for_reattach_rights
}

# The step is done only if owner and mode are as before.
clear_for_reattach_rights() {
  local kept="${STATE}/before/generated.config.json" was now
  if ((work > 0)) || [[ ! -e "${kept}" ]]; then
    return
  fi
  was=$(stat -c '%u:%g' -- "${kept}")
  now=$(stat -c '%u:%g' -- "${CONFIG}")
  [[ "${was}" == "${now}" ]] || mutate chown -- "${was}" "${CONFIG}"
  was=$(stat -c '%a' -- "${kept}")
  now=$(stat -c '%a' -- "${CONFIG}")
  [[ "${was}" == "${now}" ]] || mutate chmod -- "0${was}" "${CONFIG}"
}
