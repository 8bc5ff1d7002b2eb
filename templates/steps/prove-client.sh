# Guide 7.1e: a client host is back when its status is healthy and fresh. The guide has no proof.
prove_client() {
  local target="$1"
  local diagnose="curl '${RECOVERY_API}/v1/hosts'"
  wait_until "${DEADLINE_FRESH}" fresh "${target} is healthy" host_word "${target}"
}
