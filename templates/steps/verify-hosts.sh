# Guide 8.2: every host healthy with a fresh status and the mode it should have. The guide reads
# `.[]` of an object and waits for "reachable", a word no release has.
verify_hosts() {
  local servers="$1" text
  local -a known=()
  local diagnose="curl '${RECOVERY_API}/v1/hosts', and the runbook: its way back, or its removal"
  shift
  # Of a host that was removed and has not joined nothing is expected. One that is declared to come
  # back has stopped this script at its start.
  text=$(with_record "${@:1:servers}")
  mapfile -t known <<<"${text}"
  shift "${servers}"
  servers="${#known[@]}"
  if (($# > 0)); then
    text=$(with_record "$@")
    if [[ -n "${text}" ]]; then
      mapfile -t -O "${servers}" known <<<"${text}"
    fi
  fi
  set -- "${known[@]}"
  wait_until "${DEADLINE_FRESH}" fresh 'every host is healthy' hosts_word '' "$@"
  if ((work > 0)); then
    cannot_know 'whether each host has its mode'
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  # Before 0.7 hosts do not tell their mode.
  text=$(jq -r --argjson servers "${servers}" --args '$ARGS.positional as $hosts
    | [.hosts[] | . as $host | ($hosts | index($host.id)) as $at
      | select($at != null and has("etcd_mode"))
      | (if $at < $servers then "server" else "client" end) as $want
      | select(.etcd_mode != $want) | "\(.id) is \(.etcd_mode), not \($want)"] | join(", ")' \
    -- "$@" <"${scratch}/answer")
  [[ -z "${text}" ]] || stop "${FAILED}" 'a host has another mode than the inventory says' \
    'server or client as in the inventory' "${text}" \
    'mend the inventory if the cluster is right; else remove the host and join it again'
  say "proved: $# hosts are healthy, ${servers} of them servers"
  text=$(jq -r --args '[.hosts[].id] - $ARGS.positional | join(" ")' -- "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say "records beyond the plan's hosts: ${text}; remove what never returns"
}
