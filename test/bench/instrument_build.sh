#!/usr/bin/env bash
# usage: test/bench/instrument_build.sh BUILD_FOLDER [ROUNDS]
#
# Seconds of the processor to compile the source of train_digits with the samples' vision transformer:
# plain, and as anycapture_instrument(train_digits HEADERS vit.h) does it, in turn; the least of
# ROUNDS (7) each, and their ratio.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) rounds=${2:-7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TIMEFORMAT=%U

read -ra command < <(python3 - "$build" "$folder" <<'PYTHON'
import json, shlex, sys

build, folder = sys.argv[1:]
for one in json.load(open(f"{build}/compile_commands.json")):
    if one["file"].endswith("samples/train_digits.cpp"):
        words = shlex.split(one["command"])
        while words[0].endswith(("env", "ccache")) or "=" in words[0]:
            words.pop(0)
        words[words.index("-o") + 1] = f"{folder}/object.o"
        print(*words)
PYTHON
)
cd "$build"
instrumented=("$build/src/cli/anycapture" instrument --compile --header "$project/samples/vit.h" --)
seconds() { { time "$@" >/dev/null 2>"$folder/said"; } 2>&1 || cat "$folder/said" >&2; }
least() { awk -v a="$1" -v b="$2" 'BEGIN { print a < b ? a : b }'; }
plain=999 with=999
for _ in $(seq "$rounds"); do
  plain=$(least "$plain" "$(seconds "${command[@]}")")
  with=$(least "$with" "$(seconds "${instrumented[@]}" "${command[@]}")")
done
awk -v with="$with" -v plain="$plain" \
  'BEGIN { printf "instrumented %s s, plain %s s, ratio %.3f\n", with, plain, with / plain }'
