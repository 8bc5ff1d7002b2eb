#!/usr/bin/env bash
# Runs the bats tests of the emitted scripts, as TAP. Arguments go to bats, such as -f PATTERN FILE.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export BATS_LIB_PATH="${PWD}/node_modules"
export BATS_TEST_TIMEOUT=600
if (($# == 0)); then
  set -- test/scripts
fi
jobs=$(nproc)
exec node_modules/bats/bin/bats --tap --jobs "${jobs}" "$@"
