#!/usr/bin/env bash
# usage: test/interpose/every_symbol_test.sh LIBTORCH_CPU LIBANYCAPTURE_INTERPOSE
#
# Every forward that LibTorch exports and no header defines, the interposer defines too.
set -euo pipefail
libtorch=$1 interposer=$2

forwards() {
  nm -D --defined-only "$1" | sed -E 's/^[0-9a-f]+ //' | c++filt |
    grep -E '^[TW] torch::nn::[A-Za-z0-9_]*Impl(<.*>)?::forward(_with_[a-z_]*)?\(' | sort
}
theirs=$(forwards "$libtorch" | sed -E 's/^. //' | sort) ours=$(forwards "$interposer" | sed -E 's/^. //' | sort)
diff <(echo "$theirs") <(echo "$ours") >&2
echo "$(wc -l <<<"$ours") functions, $(grep -c '::forward(' <<<"$ours") of them forward, all interposed:"
sed -E 's/\(.*//; s/^torch::nn:://' <<<"$ours" | sort | paste -sd' '
