# shellcheck shell=bash
# openssl is the real one, but for the certificates of Swarm nodes: whose they are, on a disk or at
# the port where a manager listens.

is_mutation() {
  return 1
}

act() {
  local line host id node word
  case "$1 $*" in
    's_client '*' -connect '*)
      line="$*"
      line="${line##* -connect }"
      line="${line%% *}"
      host="${line%:*}"
      host="${host#\[}"
      word=$(port_state "${host%\]}" "${line##*:}")
      host_at "${host%\]}" 2377
      if [[ "${word}" != 'open' ]]; then
        printf 'connect:errno=111\n' >&2
        return 1
      fi
      take id "host/${AT}/swarm-id"
      take node "host/${AT}/node"
      printf 'certificate of node %s in Swarm %s\n' "${node}" "${id}"
      ;;
    'x509 '*' -nameopt multiline'*)
      if [[ "$*" == *' -in '* ]]; then
        line="$*"
        line=$(<"${line##* -in }")
      else
        IFS= read -r line || return 1
      fi
      if [[ "${line}" != 'certificate of node '* ]]; then
        printf 'Could not read certificate\n' >&2
        return 1
      fi
      read -r _ _ _ node _ _ id <<<"${line}"
      printf 'subject=\n    organizationName          = %s\n    organizationalUnitName    = swarm-manager\n    commonName                = %s\n' \
        "${id}" "${node}"
      ;;
    *) command openssl "$@" ;;
  esac
}
