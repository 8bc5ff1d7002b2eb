# Guide 4.3: etcd commits a proposal at its real address with the host's own user. The guide has the
# password in the argument list, where every user of the machine can read it; here it is in the
# environment of this one command.
check_endpoint() {
  local diagnose="ss -ltnp 'sport = :${CLIENT_PORT}'"
  wait_until "${DEADLINE_ETCD}" ok "etcd at ${RECOVERY_ENDPOINT} commits a proposal" \
    etcdctl_word "${RECOVERY_ENDPOINT}" endpoint health
}
