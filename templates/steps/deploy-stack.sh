# Guide 1.3, total loss: creates the services of the plan from the stack file, with 0 replicas: a
# Control Plane that starts before its data are there starts uninitialised. The replicas are in a
# second file, which Docker merges, so the stack file is unchanged.
deploy_stack() {
  local file="$1" stack="$2" service scale version replicas='' missing=''
  shift 2
  see_prepared
  if [[ "${prepared}" == 'yes' ]]; then
    return
  fi
  if [[ ! -f "${file}" ]]; then
    stop "${MISMATCH}" 'the stack file does not exist' "a file ${file}" 'nothing' \
      'copy the stack file of this cluster to that path, then run this script again'
  fi
  for service in "$@"; do
    if [[ -n "${swarm_after}" ]]; then scale='absent'; else scale=$(service_scale "${service}"); fi
    case "${scale}" in
      absent)
        missing="${missing} ${service}"
        scale=0
        ;;
      unknown)
        stop "${BUSY}" "Docker does not report the scale of ${service}" 'a number of replicas' \
          "${scale}" \
          'check docker service ls, then run this script again'
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
  # Both files must have the same version, or none.
  version=$(sed -n -e '/^version:/p' -- "${file}")
  replicas="${version:+${version}$'\n'}services:"$'\n'"${replicas%$'\n'}"
  say "Services to be created with 0 replicas:${missing}"
  mutate write_file "${STATE}/replicas.yml" 0600 "${replicas}"
  mutate docker_patiently stack deploy --compose-file "${file}" \
    --compose-file "${STATE}/replicas.yml" "${stack}"
  for service in "$@"; do
    wait_until "${DEADLINE_SWARM}" '0' "${service} exists with 0 replicas" \
      'docker ps' service_scale "${service}"
  done
}
