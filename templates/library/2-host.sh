# Scripts that are the same on every host find out which host of the plan this machine is.

# find_host SECONDS: sets HOST by the machine id or by an address of this machine. Names in the plan
# are resolved at once, each within the limit. If several hosts of the plan run on this machine,
# HOST must already be one of them (--host).
find_host() {
  local own machine='' host address found='' resolved asked="${HOST}"
  local -a names=() addresses=()
  own=$(own_addresses)
  machine=$(cat /etc/machine-id 2>/dev/null) || true
  for host in "${!ADDRESSES[@]}"; do
    if [[ -n "${MACHINE_IDS["${host}"]:-}" ]]; then
      [[ "${machine}" != "${MACHINE_IDS["${host}"]}" ]] || found="${found} ${host}"
      continue
    fi
    IFS=' ' read -ra addresses <<<"${ADDRESSES["${host}"]}"
    for address in "${addresses[@]}"; do
      if [[ ! "${address}" =~ ^[0-9.]+$|: ]]; then
        names+=("${host}" "${address}")
      elif [[ " ${own} " == *" ${address} "* ]]; then
        found="${found} ${host}"
      fi
    done
  done
  if [[ -z "${found}" && ${#names[@]} -gt 0 ]]; then
    resolved=$(find_host_resolve "$1" "${names[@]}")
    while read -r host address; do
      [[ " ${own} " != *" ${address:-none} "* ]] || found="${found} ${host}"
    done <<<"${resolved}"
  fi
  found=$(tr ' ' '\n' <<<"${found}" | sort -u | tr '\n' ' ')
  found="${found# }"
  found="${found% }"
  [[ -n "${found}" ]] || stop "${MISMATCH}" 'this machine is no host of this plan' \
    "one of ${!ADDRESSES[*]}" "addresses ${own}" "run ${0##*/} on a host of the plan"
  HOST="${asked:-${found}}"
  [[ " ${found} " == *" ${HOST} "* ]] || stop "${MISMATCH}" "this machine is not ${HOST}" \
    "${HOST}" "${found}" "run ${0##*/} on ${HOST}"
  [[ "${HOST}" != *' '* ]] || stop "${USAGE}" 'several hosts of this plan run on this machine' \
    'one of them, given with --host' "${found}" "run ${0##*/} --host HOST for each of them"
}

# find_host_resolve SECONDS HOST NAME [HOST NAME]...: `HOST ADDRESS` for each address of each name.
find_host_resolve() {
  local limit="$1"
  shift
  while (($# > 0)); do
    {
      "${AT_MOST[@]}" "${limit}" getent ahosts "$2" | awk -v host="$1" \
        '!seen[$1]++ { print host, $1 }' || true
    } &
    shift 2
  done
  wait
}
