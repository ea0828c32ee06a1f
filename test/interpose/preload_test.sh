#!/usr/bin/env bash
# usage: test/interpose/preload_test.sh PLAIN_PROGRAM NOT_FIRST_PROGRAM INTERPOSER OTHER_INTERPOSER
#          ANOTHER_LIBTORCH ANYCAPTURE
#
# Programs that were not built for it, with the interposer preloaded; and where it does not fit.
set -euo pipefail
plain=$1 not_first=$2 interposer=$3 other=$4 another=$5 anycapture=$6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out.safetensors

fail() {
  echo "preload_test: $1" >&2
  cat "$folder/said" >&2
  exit 1
}
says() { grep -qF -- "$1" "$folder/said" || fail "does not say: $1"; }
says_not() { ! grep -qF -- "$1" "$folder/said" || fail "says: $1"; }
# run LIBRARY SELECTOR PROGRAM ARGUMENTS...: stdout and stderr to $folder/said.
run() {
  local library=$1 selector=$2
  shift 2
  rm -f "$out"
  LD_PRELOAD=$library ANYCAPTURE=$selector ANYCAPTURE_OUT=${selector:+$out} "$@" >"$folder/said" 2>&1 ||
    fail "ended with status $?: $*"
}
keys() { "$anycapture" inspect "$out" | grep -oE '[a-zA-Z0-9_.]*:(input|output)[.0-9]*' | paste -sd' '; }
expect_keys() { [ "$(keys)" = "$1" ] || { keys >>"$folder/said"; fail "the keys are not: $1"; }; }

plainly=$("$plain" whole)

# The model is what the program set to evaluate, and paths are its own.
run "$interposer" 'Linear:output;Embedding:output' "$plain" whole
says "$plainly"
says "saved $out"
expect_keys 'words:output encoder.layers.0.linear1:output encoder.layers.0.linear2:output encoder.layers.1.linear1:output encoder.layers.1.linear2:output head:output'
run "$interposer" '*.self_attn:output' "$plain" whole
expect_keys 'encoder.layers.0.self_attn:output.0 encoder.layers.0.self_attn:output.1 encoder.layers.1.self_attn:output.0 encoder.layers.1.self_attn:output.1'

# Where it did nothing with the model as a whole, what is called first is named by its type.
run "$interposer" 'Linear:output;Embedding:output' "$plain" parts
expect_keys 'Embedding.0:output TransformerEncoder.0.layers.0.linear1:output TransformerEncoder.0.layers.0.linear2:output TransformerEncoder.0.layers.1.linear1:output TransformerEncoder.0.layers.1.linear2:output Linear.0:output'

# Without a session: as if it were not there. A program without LibTorch: the same.
run "$interposer" '' "$plain" whole
[ "$(cat "$folder/said")" = "$plainly" ] || fail 'says more than the program itself'
run "$interposer" '' true
[ ! -s "$folder/said" ] || fail 'says something'

# Generated for another LibTorch: a line that names both, and the program runs as it would.
run "$other" 'Linear:output' "$plain" whole
says "$plainly"
says 'interposition is off'
says 'was generated for LibTorch 0.1.0, this program runs with '
says 'build anycapture with that one'
says 'no module with a tag, nor a hooked one, ran'
[ ! -e "$out" ] || fail 'something was captured'

# Generated for another LibTorch which it brings along: two in one process are the end of it.
status=0
LD_PRELOAD="$interposer $another" "$plain" >"$folder/said" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "ended with status $status"
[ "$(wc -l <"$folder/said")" -eq 1 ] || fail 'says more than one line'
says 'anycapture: error: libanycapture_interpose.so was generated for LibTorch '
says ', and this program runs with another one, '

# Behind LibTorch in the order of linking.
"$not_first" >"$folder/said" 2>&1 || fail "ended with status $?"
says '0 2'
says "warning: interposition is off: $(basename "$(readlink -f "$interposer")" | sed 's/\.so.*/.so/')"
says 'comes behind libtorch_cpu.so'
says "link the program itself with anycapture::interpose, or set LD_PRELOAD="
[ "$(grep -c 'comes behind' "$folder/said")" -eq 3 ] || fail 'is not said at start, when asked and by the selector'
LD_PRELOAD=$interposer "$not_first" >"$folder/said" 2>&1 || fail "ended with status $?"
says '1 2'
says_not 'warning: interposition'
