# No other running server host holds more than this one: its revision and raft index can be read
# without quorum and without a login. What it holds beyond this host would be lost.
no_other_is_fresher() {
  local host word answers figures revision applied own='no data' mine=-1
  word=$(recovery_word)
  if [[ "${word}" == 'under way' || "${word}" == 'started' || -e "${STATE}/closed" ]]; then
    passed "the data of this recovery are already chosen"
    return
  fi
  figures=$(member_figures "${HOST_ADDRESSES[0]}" "${CLIENT_PORT}")
  read -r revision applied <<<"${figures}"
  if [[ -n "${revision}" ]]; then
    own="revision ${revision} (raft index ${applied})"
    mine="${revision}"
  elif [[ -f "${ETCD_DIR}/member/snap/db" ]]; then
    # Its log may hold more than its database, so it is compared again after the salvage.
    own='a revision that its stopped etcd cannot report'
    mine=''
  fi
  answers=$(<"${scratch}/answers")
  while read -r host word _; do
    if [[ "${host}" == "${HOST}" || "${word}" != 'no-leader' ]]; then
      continue
    fi
    figures=$(no_other_is_fresher_figures "${host}")
    read -r revision applied <<<"${figures}"
    [[ "${revision}" =~ ^[0-9]+$ ]] || stop "${BUSY}" "cannot read the revision of ${host}" \
      'a revision from /metrics of its etcd' "${figures:-no answer}" 'run this script again'
    say "${host} holds revision ${revision} (raft index ${applied}); ${HOST} holds ${own}"
    printf '%s %s\n' "${revision}" "${host}" >>"${scratch}/revisions"
    if ((revision > ${mine:-${revision}})); then
      stop "${MISMATCH}" "${host} holds more than ${HOST}, and the rest would be lost" \
        "${HOST} at revision ${revision} or later" "${HOST} at ${own}" \
        "recover on ${host}: use the bundle whose recovery host it is (recovery.host)"
    fi
  done <<<"${answers}"
  passed "no other running server host is known to hold more (${HOST} has ${own})"
}

# no_other_is_fresher_figures HOST: as member_figures, from the first of its addresses that answers.
no_other_is_fresher_figures() {
  local address client lines figures=''
  lines=$(member_addresses "$1")
  while [[ -z "${figures}" ]] && read -r address _ client _; do
    figures=$(member_figures "${address}" "${client}")
  done <<<"${lines}"
  printf '%s\n' "${figures}"
}
