#!/usr/bin/env bash
# Runs a command on a lab machine that has neither etcd tools nor jq. Only this command sees it so:
# the directories that hold them get a layer in memory, in which they are removed.
#
# usage: unshare --mount bash without-tools.sh COMMAND...
set -Eeuo pipefail
shopt -s inherit_errexit

mount -t tmpfs tmpfs /opt/etcd
mount -t tmpfs tmpfs /mnt
for tool in etcd etcdctl etcdutl jq; do
  while path=$(type -P "${tool}"); do
    place=$(cd -- "${path%/*}" && pwd -P)
    layer="/mnt${place}"
    if [[ ! -d "${layer}" ]]; then
      mkdir -p "${layer}/upper" "${layer}/work"
      mount -t overlay overlay \
        -o "lowerdir=${place},upperdir=${layer}/upper,workdir=${layer}/work" "${place}"
    fi
    rm -- "${place}/${tool}"
    hash -r
  done
done
exec "$@"
