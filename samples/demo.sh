#!/usr/bin/env bash
# usage: samples/demo.sh [--torch=PATH|pip|debian] [options of the demo; --help lists them]
#
# Sets up what is missing, builds, and shows where a trained vision transformer looks. Without
# options: in three pictures that it was not trained on, into out/.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)

setup=() options=()
for argument in "$@"; do
  case "$argument" in
    --torch=*) setup+=("$argument") ;;
    *) options+=("$argument") ;;
  esac
done

build=$("$project/cmake/setup.sh" "${setup[@]}")
log=$build/build.log
if ! cmake --build "$build" --target demo >"$log" 2>&1; then
  grep -E -m 20 'error|FAILED' "$log" >&2 || tail -n 20 "$log" >&2
  echo "demo.sh: the build failed; all of it is in $log" >&2
  exit 1
fi
exec "$build/samples/demo" "${options[@]}"
