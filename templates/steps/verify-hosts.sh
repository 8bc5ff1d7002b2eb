# Guide 8.2: every host is healthy with a fresh status, and has the mode of the inventory.
verify_hosts() {
  local servers="$1" text
  local -a known=()
  local check="curl '${RECOVERY_API}/v1/hosts', and in the runbook its way back or its removal"
  shift
  # A host that was removed and has not joined again is not checked. A host that should come back
  # has already been checked at the start of this script.
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
  wait_until "${DEADLINE_FRESH}" fresh 'every host is healthy' \
    "${check}" hosts_word '' "$@"
  if ((work > 0)); then
    cannot_know 'that each host has its mode'
    return
  fi
  api_must 200 GET "${RECOVERY_API}/v1/hosts"
  # Before 0.7 hosts do not report their mode.
  text=$(jq -r --argjson servers "${servers}" --args '$ARGS.positional as $hosts
    | [.hosts[] | . as $host | ($hosts | index($host.id)) as $at
      | select($at != null and has("etcd_mode"))
      | (if $at < $servers then "server" else "client" end) as $want
      | select(.etcd_mode != $want) | "\(.id) is \(.etcd_mode), not \($want)"] | join(", ")' \
    -- "$@" <"${scratch}/answer")
  [[ -z "${text}" ]] || stop "${FAILED}" 'a host has another mode than in the inventory' \
    'server or client as in the inventory' "${text}" \
    'if the cluster is right, correct the inventory; otherwise remove the host and join it again'
  say "Check passed: $# hosts are healthy, ${servers} of them servers"
  text=$(jq -r --args '[.hosts[].id] - $ARGS.positional | join(" ")' "$@" \
    <"${scratch}/answer")
  [[ -z "${text}" ]] || say \
    "Hosts with a record that are not in the plan: ${text}. Remove unused ones"
}
