#!/usr/bin/env bash
# usage: test/bench/compile_time.sh BUILD_FOLDER [ROUNDS]
#
# Seconds to compile `#include <anycapture/tag.h>` and `#include <ATen/core/Tensor.h>`, in turn, the
# least of ROUNDS (15) each, and their ratio.
set -euo pipefail
build=$1 rounds=${2:-15}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The flags of a source file that includes LibTorch.
flags=$(grep -m 1 '"command".*eager/tag.cpp' "$build/compile_commands.json" |
  grep -oE -- '-(D[^ ]+|I[^ ]+|isystem [^ ]+|std=[^ ]+)' | tr '\n' ' ')
echo '#include <ATen/core/Tensor.h>' >"$folder/tensor.cpp"
echo '#include <anycapture/tag.h>' >"$folder/tag.cpp"
declare -A least=([tensor]=999 [tag]=999)
for _ in $(seq "$rounds"); do
  for name in tensor tag; do
    start=$(date +%s.%N)
    # shellcheck disable=SC2086
    CCACHE_DISABLE=1 g++ $flags -O2 -c "$folder/$name.cpp" -o "$folder/$name.o"
    least[$name]=$(awk -v start="$start" -v now="$(date +%s.%N)" -v least="${least[$name]}" \
      'BEGIN { t = now - start; printf "%.3f", t < least ? t : least }')
  done
done
awk -v tag="${least[tag]}" -v tensor="${least[tensor]}" \
  'BEGIN { printf "tag.h %s s, Tensor.h %s s, ratio %.3f\n", tag, tensor, tag / tensor }'
