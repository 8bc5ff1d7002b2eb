#!/usr/bin/env bash
# First process of a lab machine: turns fresh namespaces and a folder (its disk) into a computer
# whose root file system is that disk, waits for its network card, then runs dockerd and reaps.
# Killing this process is pulling the plug.
#
# usage: machine-init.sh DISK NAME ADDRESS/BITS TOOLS CGROUP GATEWAY|none ENGINE|debian \
#   [DOCKERD OPTION...]
set -Eeuo pipefail
shopt -s inherit_errexit

readonly DISK="${1:?}" NAME="${2:?}" ADDRESS="${3:?}" TOOLS="${4:?}" CGROUP="${5:?}" GATEWAY="${6:?}"
readonly ENGINE="${7:?}"
shift 7

main() {
  hostname "${NAME}"
  enter_disk "${DISK}/root"
  configure_card
  rm -f /run/docker.pid
  if [[ "${ENGINE}" != debian ]]; then
    # containerd finds runc by PATH too.
    PATH="/opt/engine:${PATH}"
  fi
  # Docker finds bridges and iptables by PATH; nothing of the outer environment comes in.
  dockerd --bip 172.17.0.1/16 --cgroup-parent "/${CGROUP}" "$@" >>/var/log/dockerd.log 2>&1 &
  wait "$!"
}

# Only /usr, devices and cgroups are shared with the outer computer; /run, /tmp and /dev/shm start
# empty.
enter_disk() {
  local -r root="${1}"
  mount --make-rprivate /
  mount --bind "${root}" "${root}"
  mount --bind /usr "${root}/usr"
  mount -o remount,bind,ro "${root}/usr"
  mount --bind "${TOOLS}" "${root}/opt/etcd"
  if [[ "${ENGINE}" != debian ]]; then
    mount --bind "${ENGINE}" "${root}/opt/engine"
  fi
  mount --rbind /dev "${root}/dev"
  # Memory is one machine's own, and is lost with its power.
  mount -t tmpfs -o mode=1777,size=256m tmpfs "${root}/dev/shm"
  mount -t proc proc "${root}/proc"
  mount -t sysfs sysfs "${root}/sys"
  # Without the outer cgroups dockerd says "Devices cgroup isn't mounted".
  mount --rbind /sys/fs/cgroup "${root}/sys/fs/cgroup"
  mount -t tmpfs -o mode=755,size=256m tmpfs "${root}/run"
  mount -t tmpfs -o mode=1777,size=1g tmpfs "${root}/tmp"
  cd "${root}"
  pivot_root . .outer
  cd /
  umount --lazy /.outer
}

# The card is plugged in from outside once this process exists.
configure_card() {
  ip link set lo up
  until [[ -e /sys/class/net/eth0 ]]; do
    sleep 0.02
  done
  ip address add "${ADDRESS}" dev eth0
  ip link set eth0 up
  if [[ "${GATEWAY}" != none ]]; then
    ip route add default via "${GATEWAY}"
  fi
}

main "$@"
