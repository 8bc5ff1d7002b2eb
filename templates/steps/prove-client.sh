# Guide 7.1e, an addition: a client host is back if its status is healthy and fresh.
prove_client() {
  local target="$1"
  local check="curl '${RECOVERY_API}/v1/hosts'"
  wait_until "${DEADLINE_FRESH}" fresh "${target} is healthy" \
    "${check}" host_word "${target}"
}
