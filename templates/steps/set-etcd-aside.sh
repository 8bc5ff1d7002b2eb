# guide 2.2. The guide copies etcd/ under a name made of the clock. Here it is one rename, and
# copies of certificates and configuration, under a name made of the plan: a second run recognises
# its own work and the first backup is never written over. The rename is first: progress reads it.
set_etcd_aside() {
  local word
  word=$(progress)
  if [[ "${word}" == 'restored' ]]; then
    already "${HOST} holds a restored etcd; what it held before is in ${STATE}/before"
    return
  fi
  refuse_holders
  set_aside 'etcd'
  keep_copy 'certificates'
  keep_copy 'generated.config.json'
}
