# Guide 4.3: etcd commits a proposal at its real address with the host's own user. The password is
# in the environment of this one command, because every user of the machine can read argument lists.
check_endpoint() {
  local check="ss -ltnp 'sport = :${CLIENT_PORT}'"
  wait_until "${DEADLINE_ETCD}" ok "etcd at ${RECOVERY_ENDPOINT} commits a proposal" \
    "${check}" etcdctl_word "${RECOVERY_ENDPOINT}" endpoint health
}
