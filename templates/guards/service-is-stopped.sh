# Right before data are changed: this host's service is at 0, and it has no container.
service_is_stopped() {
  local scale word complaint
  word=$(recovery_word)
  if [[ "${word}" == 'closed' || "${word}" == 'started' ]]; then
    passed "this recovery is ${word}, and nothing of ${HOST} is changed"
    return
  fi
  scale=$(service_scale "${SERVICE}")
  complaint=$(docker_complaint)
  case "${scale}" in
    0) ;;
    unknown)
      stop "${BUSY}" "Docker does not report the scale of ${SERVICE}" '0' "${complaint}" \
        "check docker node ls; if there is no leader, run ${FIRST_SCRIPT}, then run this again"
      ;;
    absent)
      stop "${MISMATCH}" "there is no service ${SERVICE}" 'a service with 0 replicas' 'absent' \
        'correct the name in the inventory and compile again, or deploy the stack'
      ;;
    *)
      stop "${MISMATCH}" "${SERVICE} is not stopped" '0 replicas' "${scale}" \
        "run ${FIRST_SCRIPT} again to stop it"
      ;;
  esac
  word=$(container_word "${SERVICE}")
  complaint=$(docker_complaint)
  case "${word}" in
    gone) passed "${SERVICE} is at 0, and no container of it exists" ;;
    unknown)
      stop "${BUSY}" 'Docker does not report which containers run' 'none' "${complaint}" \
        'check docker ps, then run this script again'
      ;;
    *)
      stop "${MISMATCH}" "a container of ${SERVICE} runs" 'none' "${word}" \
        "run ${FIRST_SCRIPT} again to stop it"
      ;;
  esac
}
