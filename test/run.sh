#!/usr/bin/env bash
# All tests that need no machine of their own: checks, unit tests, scripts in a fake world.
# Ends with one line: tests: N passed, N failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash test/prerequisites.sh
mkdir -p .cache
passed=0
failed=0
count() { # PASSED FAILED
  passed=$((passed + $1))
  failed=$((failed + $2))
}

for part in types lint unused golden; do
  printf '\n== check: %s\n' "${part}"
  if npm run --silent "check:${part}"; then count 1 0; else count 0 1; fi
done

printf '\n== compiler\n'
rm -f .cache/vitest.json
npx vitest run --config test/vitest.config.ts \
  --reporter=default --reporter=json --outputFile=.cache/vitest.json || true
if [[ -s .cache/vitest.json ]]; then
  totals=$(jq -r '"\(.numPassedTests) \(.numTotalTests - .numPassedTests)"' .cache/vitest.json)
  suites=$(jq -r '[.testResults[] | select(.status != "passed" and (.assertionResults | length) == 0)]
    | length' .cache/vitest.json)
  count "${totals% *}" "$((${totals#* } + suites))"
else
  count 0 1
fi

printf '\n== the package\n'
bash test/install.sh ${CI:+--every-node} | tee .cache/install.out || true
package=$(sed -nE 's/^install: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' .cache/install.out)
package=${package:-0 1}
count "${package% *}" "${package#* }"

printf '\n== scripts in a fake world\n'
bash test/scripts/run.sh | tee .cache/bats.tap || true
if grep -q '^1\.\.' .cache/bats.tap; then
  planned=$(sed -nE 's/^1\.\.([0-9]+).*/\1/p' .cache/bats.tap | head -n 1)
  ok=$(grep -c '^ok ' .cache/bats.tap || true)
  count "${ok}" "$((planned - ok))"
else
  count 0 1
fi

printf '\ntests: %d passed, %d failed\n' "${passed}" "${failed}"
((failed == 0))
