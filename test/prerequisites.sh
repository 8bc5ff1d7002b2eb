#!/usr/bin/env bash
# What the tests need beyond npm packages: installed as root on Debian, else named.
set -euo pipefail

# command=package, as Debian names it
needed=(
  awk=mawk
  curl=curl
  flock=util-linux
  jq=jq
  openssl=openssl
  parallel=parallel
  shellcheck=shellcheck
  shfmt=shfmt
)
packages=()
for pair in "${needed[@]}"; do
  if ! command -v -- "${pair%%=*}" >/dev/null; then
    packages+=("${pair#*=}")
  fi
done
if ((${#packages[@]} == 0)); then
  exit 0
fi
id=$(id -u)
if [[ "${id}" != 0 ]] || ! command -v apt-get >/dev/null; then
  printf 'The tests need: %s. Install them, then run the tests again.\n' "${packages[*]}" >&2
  printf 'On Debian: sudo apt-get install %s\n' "${packages[*]}" >&2
  exit 2
fi
printf 'Installing what the tests need: %s\n' "${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
