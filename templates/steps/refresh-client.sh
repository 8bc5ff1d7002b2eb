# Guide 4.4, beyond its text: phase 5 needs the workers of the client hosts that kept running, so
# each must show a status written after the recovery host came back. One that answers and does not
# (it may hold a login token of before the loss) is restarted once. Never a failure: phase 7 looks
# at every client again.
refresh_client() {
  local target="$1" service="$2" url="$3" word since restarted
  if ((work > 0)); then
    cannot_know "whether ${target} is back by itself"
    return
  fi
  word=$(api_word "${url}/v1/version")
  if [[ "${word}" != 200 ]]; then
    say "${target} does not answer (${word}): left for phase 7"
    return
  fi
  since=$(recovered_at)
  # A status is written every 15 s.
  wait_softly 20 'fresh|absent' "${target} shows a status of its own" \
    host_word "${target}" "${since}"
  if ((work > 0)); then
    return
  fi
  if [[ "${settled}" == 'fresh' ]]; then
    already "${target} is healthy"
    return
  fi
  if [[ "${settled}" == 'absent' ]]; then
    say "${target} has no record in this snapshot: left for phase 7"
    return
  fi
  restarted=$(started_at "${service}")
  if ((restarted > ${since:-0})); then
    say "${target} is ${settled} and was restarted since the recovery: left for phase 7"
    return
  fi
  mutate docker_patiently service update --force --detach "${service}"
  wait_softly "${DEADLINE_FRESH}" fresh "${target} shows a status of its own" \
    host_word "${target}" "${since}"
  if ((work == 0)) && [[ "${settled}" != 'fresh' ]]; then
    say "${target} is still ${settled}: left for phase 7"
  fi
}
