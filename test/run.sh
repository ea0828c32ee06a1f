#!/usr/bin/env bash
# usage: test/run.sh [--torch=PATH|pip|debian] [--build-type=TYPE] [-DOPTION=VALUE...] [-- ctest options]
#
# Sets up what is missing, builds, and runs every test. The last line counts them.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)

setup=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  setup+=("$1")
  shift
done
[ $# -eq 0 ] || shift

build=$("$project/cmake/setup.sh" --tests "${setup[@]}")
cmake --build "$build" >&2

# Each test program counts its own tests into a file of its name; other commands are one test each.
results=$build/test-results
rm -rf "$results"
mkdir -p "$results"
status=0
GTEST_OUTPUT=xml:$results/ ctest --test-dir "$build" --output-on-failure \
  --output-junit "$results/ctest.junit" "$@" || status=$?
[ -f "$results/ctest.junit" ] || exit "$((status == 0 ? 1 : status))"

attribute() { sed -n "s/.* $1=\"\([^\"]*\)\".*/\1/p"; }
passed=0 failed=0 skipped=0
while IFS= read -r line; do
  name=$(attribute name <<<" $line") state=$(attribute status <<<"$line")
  tests=1 failures=0 left=0
  if [ -f "$results/$name.xml" ]; then
    totals=$(grep -m 1 '<testsuites ' "$results/$name.xml")
    tests=$(attribute tests <<<"$totals")
    failures=$(($(attribute failures <<<"$totals") + $(attribute errors <<<"$totals")))
    left=$(grep -c 'result="skipped"' "$results/$name.xml" || true)
  fi
  # A program that crashed, or left its tests before they were counted, failed.
  [ "$state" = run ] || [ "$failures" -gt 0 ] || failures=1
  passed=$((passed + tests - failures - left)) failed=$((failed + failures))
  skipped=$((skipped + left))
done < <(grep '<testcase ' "$results/ctest.junit")
[ "$passed" -gt 0 ] || status=1
[ "$failed" -eq 0 ] || status=1
cat "$build/tests_left_out.txt" >&2
[ "$skipped" -eq 0 ] || grep -h -A1 'result="skipped"' "$results"/*.xml >&2
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
exit "$status"
