#!/usr/bin/env bash
# usage: test/bench/cli.sh [FOLDER]
#
# Builds the command line without LibTorch and prints the README's table of it. FOLDER, on the disk to
# measure, takes 12 GiB for some minutes; by default the build folder. Wants 16 GiB of memory, and a
# machine that has nothing else to do.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
build=$project/build/cli-bench

cmake -S "$project" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DANYCAPTURE_WITH_TORCH=OFF \
  -DANYCAPTURE_BUILD_TESTS=OFF -DANYCAPTURE_BUILD_BENCHMARKS=ON >&2
cmake --build "$build" >&2
if ! "$build/venv/bin/python" -c 'import numpy, safetensors' 2>/dev/null; then
  python3 -m venv "$build/venv"
  "$build/venv/bin/pip" install -q --disable-pip-version-check numpy safetensors
fi
folder=$(mktemp -d "${1:-$build}/files-XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$build/venv/bin/python" "$project/test/bench/cli.py" "$build/src/cli/anycapture" \
  "$build/test/bench" "$folder"
