#!/usr/bin/env bash
# Runs the bats tests of the emitted scripts, as TAP. Arguments go to bats, such as -f PATTERN FILE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# What is committed of most examples is their pages. The tests run complete bundles.
export GENERATED="${PWD}/.cache/bundles"
npx tsx test/goldens.ts --bundles "${GENERATED}"
export BATS_LIB_PATH="${PWD}/node_modules"
export BATS_TEST_TIMEOUT="${BATS_TEST_TIMEOUT:-600}"
if (($# == 0)); then
  set -- test/scripts
fi
# A fake world waits for a part of its time: one job more than processors uses them better.
jobs=$(nproc)
status=0
node_modules/bats/bin/bats --tap --jobs "$((jobs + 1))" "$@" || status=$?
# A case that failed leaves its time limit running, which would signal a process by its number later.
pkill -KILL -f -- "${PWD}/node_modules/bats/libexec/" || true
exit "${status}"
