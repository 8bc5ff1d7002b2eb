#!/usr/bin/env bash
# Runs phases 1 to 3 of the three-server bundle, and the way back, against the data directory of a
# real etcd 3.6 with TLS, users and auth: real tools, real ports, real addresses. Only Swarm is a
# fake. In namespaces of its own, so that nothing of it is seen or left on this machine. TAP.
# Usage: test/etcd/run.sh [BUNDLE], as root. Without BUNDLE it is compiled from the example.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tools=$(npx tsx test/tools/build.ts)
room=$(mktemp -d)
made=''
machine=''
clear() {
  # With it goes everything in its process namespace.
  [[ -z "${machine}" ]] || kill -KILL "${machine}" 2>/dev/null || true
  rm -rf -- "${room:?}"
  [[ -z "${made}" ]] || rmdir -- /data
}
trap clear EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
bundle="${1:-}"
if [[ -z "${bundle}" ]]; then
  bundle="${room}/bundle"
  # Scripts look for their tools there first, and ask the Docker at that socket.
  jq --arg tools "${room}/tools" --arg socket "${room}/docker.sock" \
    '.recovery.tools = {directory: $tools} | .swarm.dockerSocket = $socket' \
    generated/three-servers-two-lost/inventory.json >"${room}/example.json"
  npx tsx compiler/cli.ts compile "${room}/example.json" \
    --out "${bundle}" --no-lint >"${room}/compiled" 2>&1 || {
    cat -- "${room}/compiled"
    exit 1
  }
fi
bundle=$(realpath -- "${bundle}")
# The place where the data directory is mounted, inside the namespace only.
if [[ ! -d /data ]]; then
  mkdir /data
  made='yes'
fi
unshare --mount --net --pid --fork --kill-child --mount-proc \
  bash test/etcd/machine.sh "${bundle}" "${tools}" "${room}" &
machine=$!
wait "${machine}"
