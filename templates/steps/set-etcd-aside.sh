# Guide 2.2: one rename, and copies of certificates and configuration, under a name of the plan, so
# that a second run recognises its own work and never overwrites the first backup. The rename is
# first, because progress reads it. The size is recorded before, so that undo can check it.
set_etcd_aside() {
  local word
  word=$(restored_word "${ETCD_DIR}")
  if [[ "${word}" == 'ours' ]]; then
    already "${HOST} has a restored etcd; its earlier data are in ${STATE}/before"
    return
  fi
  refuse_holders
  set_aside 'etcd'
  keep_copy 'certificates'
  keep_copy 'generated.config.json'
}
