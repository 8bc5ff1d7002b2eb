# Guide 8.4: every server host is a started voter, with no learner and no other member, the same at
# every endpoint, and with one cluster id. Every endpoint is asked, because one proves nothing about
# the others.
verify_members() {
  local endpoints="$1"
  local endpoint text
  local -a asked=() known=()
  shift
  local check="etcdctl member list, at: ${*:1:endpoints}"
  # A host that was removed and has not joined again has no record and no endpoint.
  text=$(with_record "${@:endpoints+1}")
  mapfile -t known <<<"${text}"
  for ((endpoint = 1; endpoint <= endpoints; endpoint++)); do
    if [[ " ${known[*]} " == *" ${*:endpoints+endpoint:1} "* ]]; then
      asked+=("${*:endpoint:1}")
    fi
  done
  wait_until "${DEADLINE_FRESH}" complete 'every endpoint reports the same voters and cluster' \
    "${check}" verify_members_word "${#asked[@]}" "${asked[@]}" "${known[@]}"
}

# verify_members_word N ENDPOINT... SERVER...: complete, or the first difference.
verify_members_word() {
  local count="$1" endpoint list word id first_list='' first_id=''
  shift
  local -a endpoints=("${@:1:count}") servers=("${@:count+1}")
  for endpoint in "${endpoints[@]}"; do
    list=$(membership "${endpoint}")
    word=$(etcdctl_word "${endpoint}" endpoint status -w fields)
    if [[ "${list}" == 'unanswered' || "${word}" != 'ok' ]]; then
      printf '%s does not answer\n' "${endpoint}"
      return
    fi
    # As text: the id is larger than the numbers jq can hold.
    id=$(sed -n -e 's/^"ClusterID" : //p' -- "${scratch}/etcdctl.out")
    if [[ -n "${first_id}" && ("${id}" != "${first_id}" || "${list}" != "${first_list}") ]]; then
      printf '%s reports another cluster, %s\n' "${endpoint}" "${id}"
      return
    fi
    first_id="${id}"
    first_list="${list}"
  done
  awk -F '|' -v servers="${servers[*]}" '
    BEGIN { n = split(servers, want, " "); for (i = 1; i <= n; i++) known[want[i]] = 1 }
    $2 != "started" { text = text "; unstarted " $4; next }
    $5 != "false" { text = text "; learner " $3; next }
    !($3 in known) { text = text "; stranger " $3; next }
    { seen[$3] = 1 }
    END {
      for (i = 1; i <= n; i++) if (!(want[i] in seen)) text = text "; " want[i] " is no voter"
      print (text == "" ? "complete" : substr(text, 3))
    }' <<<"${first_list}"
}
