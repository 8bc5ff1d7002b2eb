# guide 1.3, total loss. The services of the plan are made anew from the stack file, at 0 replicas
# whatever the file says: one that starts before its data are there starts uninitialised. The
# replicas come from a second file, which Docker merges, so the stack file stays as it is.
deploy_stack() {
  local file="$1" stack="$2" service scale version replicas='' missing=''
  shift 2
  settle
  if [[ "${settled}" == 'yes' ]]; then
    return
  fi
  if [[ ! -f "${file}" ]]; then
    stop "${MISMATCH}" 'the stack file is not there' "a file ${file}" 'nothing' \
      'bring the stack file of this cluster to that place, then run the script again'
  fi
  for service in "$@"; do
    if [[ -n "${swarm_after}" ]]; then scale='absent'; else scale=$(service_scale "${service}"); fi
    case "${scale}" in
      absent)
        missing="${missing} ${service}"
        scale=0
        ;;
      unknown)
        stop "${BUSY}" "Docker does not tell about ${service}" 'a number of replicas' "${scale}" \
          'see: docker service ls; run the script again'
        ;;
      *) ;;
    esac
    if [[ "${service}" != "${stack}_"* ]]; then
      stop "${MISMATCH}" "${service} is not a service of the stack ${stack}" "${stack}_NAME" \
        "${service}" 'correct the stack or the service in the inventory and compile again'
    fi
    replicas="${replicas}  ${service#"${stack}_"}: { deploy: { replicas: ${scale} } }"$'\n'
  done
  if [[ -z "${missing}" ]]; then
    already "the stack has the services $*"
    return
  fi
  # Both files must say the same version, or none.
  version=$(sed -n '/^version:/p' -- "${file}")
  replicas="${version:+${version}$'\n'}services:"$'\n'"${replicas%$'\n'}"
  say "services to be made, at 0 replicas:${missing}"
  mutate put_file "${STATE}/replicas.yml" 0600 replicas
  mutate docker_patiently stack deploy --compose-file "${file}" \
    --compose-file "${STATE}/replicas.yml" "${stack}"
  for service in "$@"; do
    wait_until "${DEADLINE_SWARM}" '0' "${service} is there, at 0 replicas" \
      service_scale "${service}"
  done
}
