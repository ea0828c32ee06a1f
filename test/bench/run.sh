#!/usr/bin/env bash
# usage: test/bench/run.sh [--torch=PATH|pip|debian]
#
# Builds the benchmarks, runs them and prints the README's table: the least of 30 interleaved runs
# each, and ratios of two sides in one run. Takes some minutes; the machine should have nothing else
# to do. ANYCAPTURE_BENCH_DIR: a folder on the disk to write 1 GiB to, and archives of 11 GB; else the current one.
# What is compared with Python needs the torch that --torch=pip installs, what is counted needs valgrind.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)

build=$("$project/cmake/setup.sh" "$@" -DANYCAPTURE_BUILD_BENCHMARKS=ON -DANYCAPTURE_BUILD_TESTS=OFF)
cmake --build "$build" >&2
results=$build/bench-results
mkdir -p "$results"

# run NAME OPTIONS...: the rows of one program, as "name real_time cpu_time" in its own units.
run() {
  local name=$1
  shift
  echo "bench: $name" >&2
  "$build/test/bench/$name" --benchmark_format=csv --benchmark_min_time=0.05 "$@" 2>/dev/null |
    sed -n '/^name,/,$p' | awk -F, 'NR > 1 { gsub(/"/, "", $1); print $1, $3, $4 }' >"$results/$name"
}
interleaved=(--benchmark_repetitions=30 --benchmark_enable_random_interleaving=true)
run tag_bench "${interleaved[@]}"
run hooked_bench "${interleaved[@]}"
run interposed_bench "${interleaved[@]}"
run selector_bench "${interleaved[@]}" --benchmark_filter=bind_selectors/10000
run vit_bench "${interleaved[@]}"
run program_bench "${interleaved[@]}"
has_parser=
[ ! -x "$build/test/bench/locals_bench" ] || has_parser=1
if [ "$has_parser" ]; then
  run locals_bench "${interleaved[@]}"
  "$build/test/bench/locals_bench" --places >"$results/places"
  "$project/test/bench/instrument_build.sh" "$build" >"$results/instrument_build"
fi
"$build/test/bench/safetensors_bench" --benchmark_filter=write_gibibyte 2>/dev/null |
  grep '^1 GiB' >"$results/safetensors_text"
"$project/test/bench/compile_time.sh" "$build" >"$results/compile_time"

exported=${ANYCAPTURE_BENCH_DIR:-.}/exported python=$project/build/venv/bin/python
has_python=
if "$python" -c 'import torch' 2>/dev/null; then
  has_python=1
  mkdir -p "$exported"
  [ -f "$exported/large_10.pt2" ] || "$python" "$project/test/bench/exported.py" "$exported" >&2
  export ANYCAPTURE_BENCH_FILES=$exported OMP_NUM_THREADS=1
  : >"$results/python_times"
  : >"$results/exported_times"
  for _ in 1 2 3 4 5 6; do
    run exported_bench "${interleaved[@]}" --benchmark_repetitions=6 --benchmark_filter='vit|adds'
    cat "$results/exported_bench" >>"$results/exported_times"
    "$python" "$project/test/bench/exported.py" "$exported" --time 8 >>"$results/python_times"
  done
  run exported_bench "${interleaved[@]}" --benchmark_filter=open_large
  # What is freed is given back at once, on both sides.
  export MALLOC_MMAP_THRESHOLD_=65536
  "$build/test/bench/exported_bench" --peak >"$results/peak"
  "$python" "$project/test/bench/exported.py" "$exported" --peak >"$results/python_peak"
  unset MALLOC_MMAP_THRESHOLD_ OMP_NUM_THREADS
fi
# instructions COMMAND: of what COMMAND does once more when its last argument is 2 in place of 1.
instructions() {
  local count totals=()
  for count in 1 2; do
    totals+=("$(OMP_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" "$count" 2>&1 |
      sed -n 's/.*Collected : \([0-9]*\).*/\1/p')")
  done
  echo $((totals[1] - totals[0]))
}
has_valgrind=
if command -v valgrind >/dev/null; then
  has_valgrind=1
  for name in fused_plain fused_with_maps map_by_hand map_recomputed; do
    echo "bench: instructions of $name" >&2
    instructions "$build/test/bench/program_bench" --run "$name" >"$results/instructions_$name"
  done
fi
if [ "$has_python" ] && [ "$has_valgrind" ]; then
  for name in vit_exported vit_script vit_captured adds_exported adds_direct open_1 open_10; do
    echo "bench: instructions of $name" >&2
    instructions "$build/test/bench/exported_bench" --run "$name" >"$results/instructions_$name"
  done
  instructions "$python" "$project/test/bench/exported.py" "$exported" --time >"$results/instructions_python"
fi

# least NAME BENCHMARK [DIVISOR]: the least CPU time, in the benchmark's own units.
least() {
  awk -v name="$2" -v divisor="${3:-1}" '$1 == name && (!n++ || $3 < least) { least = $3 }
    END { if (!n) exit 1; printf "%.4f", least / divisor }' "$results/$1"
}
# noise NAME BENCHMARK: the spread of its runs, in percent of their mean.
noise() {
  awk -v name="$2" '$1 == name "_mean" { mean = $3 } $1 == name "_stddev" { stddev = $3 }
    END { printf "%.1f", 100 * stddev / mean }' "$results/$1"
}
# counted A B: the ratio of their instructions, where there is valgrind.
counted() {
  [ "$has_valgrind" ] || return 0
  awk -v a="$(cat "$results/instructions_$1")" -v b="$(cat "$results/instructions_$2")" \
    'BEGIN { printf "%.4f x by instructions; ", a / b }'
}
minus() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%+.1f", a - b }'; }
rounded() { awk -v a="$1" 'BEGIN { printf "%.3g", a }'; }
row() { printf '| %s | %s | %s |\n' "$1" "$2" "$3"; }

p() { least program_bench "$@"; }
t() { least tag_bench "$@"; }
h() { least hooked_bench "$@"; }
i() { least interposed_bench "$@"; }
forward=$(least vit_bench by_hand) session=$(least vit_bench session_alone)
row 'what' 'at most' 'measured'
row '---' '---' '---'
row "\`ANYCAPTURE_TAG(x)\`, no session in the process" '2 ns' "$(minus "$(t macro_off)" "$(t no_tag)") ns"
row "\`tag\` around a temporary, no session" '2 ns' \
  "$(minus "$(t temporary_off)" "$(t temporary_without_tag)") ns"
row "\`x = tag(this, \"x\", x)\`, no session" '6 ns' \
  "$(minus "$(t assignment_off)" "$(t no_tag)") ns ($(minus "$(t assignment_of_copy)" "$(t no_tag)") of it the copy of the handle)"
row "a hooked module's \`m->forward(x)\`, no session, against the plain holder" '+3 ns' \
  "$(minus "$(h 'arrow<Hooked>')" "$(h 'arrow<Plain>')") ns"
row "the same, \`m(x)\`" '+3 ns' "$(minus "$(h 'call<Hooked>')" "$(h 'call<Plain>')") ns"
row "the same, \`m->forward(x)\` that takes its tensor by value" '+3 ns' \
  "$(minus "$(h 'arrow<HookedByValue>')" "$(h 'arrow<PlainByValue>')") ns"
row "a child of a Sequential with its relay, no session" '' \
  "$(minus "$(h sequential/relays:1 10)" "$(h sequential/relays:0 10)") ns"
row "a built-in module's call by interposition, no session, against LibTorch's own function" '+5 ns' \
  "$(minus "$(i identity_interposed)" "$(i identity_own)") ns"
row "the same, of one that takes its tensor by value" '+5 ns' \
  "$(minus "$(i functional_interposed)" "$(i functional_own)") ns"
row 'capture on, per tag, without grad' '200 ns' "$(rounded "$(t on_no_grad 1000)") ns"
row 'capture on, per tag, of a tensor that requires grad' '350 ns' "$(rounded "$(t on_requires_grad 1000)") ns"
row 'ViT-S/16, 224 x 224, 12 maps captured, against returning them by hand' '1.01 x' \
  "$(awk -v f="$forward" -v s="$session" 'BEGIN { printf "%.4f x (derived: session and 12 firings %.0f µs, forward %.1f ms", 1 + s / 1000 / f, s, f }'; awk -v a="$(least vit_bench captured)" -v b="$forward" -v n="$(noise vit_bench by_hand)" 'BEGIN { printf "; by the clock %.2f x, noise %s %%)", a / b, n }')"
row "the same as a TorchScript archive, its 12 maps, against the plain \`forward\`" '1.02 x' \
  "$(awk -v a="$(p forward_with_maps/real_time)" -v b="$(p forward_plain/real_time)" -v n="$(noise program_bench forward_plain/real_time)" \
    'BEGIN { printf "%.3f x (forward %.1f ms, noise %s %%)", a / b, b, n }')"
row 'one whose attention is a fused op, its 12 maps held to be made when they are read, against the plain forward' '1.03 x' \
  "$(counted fused_with_maps fused_plain)$(awk -v a="$(p fused_with_maps/real_time)" -v b="$(p fused_plain/real_time)" -v n="$(noise program_bench fused_plain/real_time)" \
    'BEGIN { printf "%.3f x by the clock (forward %.1f ms, noise %s %%)", a / b, b, n }')"
row 'making one of these maps, checked, against its product and softmax' '1.2 x' \
  "$(counted map_recomputed map_by_hand)$(awk -v a="$(p map_recomputed/real_time)" -v b="$(p map_by_hand/real_time)" \
    'BEGIN { printf "%.2f x by the clock", a / b }')"
row 'a session on it, opened again' '20 µs' "$(rounded "$(p open_again)") µs"
row 'instrumenting it, all locals; four times the blocks' '50 ms' \
  "$(rounded "$(p instrument/12)") ms; $(rounded "$(p instrument/48)") ms"
if [ "$has_parser" ]; then
  row 'instrumented ViT-S/16, 224 x 224, no session, against plain' '1.01 x' \
    "$(awk -v f="$(least locals_bench vit_plain)" -v w="$(least locals_bench vit_instrumented)" \
      -v a="$(least locals_bench eight_instrumented)" -v b="$(least locals_bench eight_plain)" \
      -v n="$(cat "$results/places")" -v s="$(noise locals_bench vit_plain)" \
      'BEGIN { each = (a - b) / 10; printf "%.5f x (derived: %d places at %.2f ns, forward %.1f ms; by the clock %.2f x, noise %s %%)", 1 + n * each / (f * 1e6), n, each, f, w / f, s }')"
  row "compiling an instrumented target, against the plain one" '1.25 x' \
    "$(sed 's/.*ratio //' "$results/instrument_build") x"
fi
row '10 selectors against 10,000 modules' '5 ms' "$(rounded "$(least selector_bench bind_selectors/10000)") ms"
row "compiling \`#include <anycapture/tag.h>\`, against \`<ATen/core/Tensor.h>\`" '1.3 x' \
  "$(sed 's/.*ratio //' "$results/compile_time") x"
row '1 GiB to safetensors, against write and fsync' '1.15 x' \
  "$(sed 's/.*ratio \([0-9.]*\).*/\1/' "$results/safetensors_text") x"
if [ "$has_python" ]; then
  x() { # x CASE [DIVISOR]: its least time by the clock
    awk -v name="$1" -v divisor="${2:-1}" '$1 == name && (!n++ || $2 < least) { least = $2 }
      END { printf "%.4f", least / divisor }' "$results/exported_times"
  }
  clock() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f x by the clock", a / b }'; }
  row "ViT-S/16, 224 x 224, exported to a \`.pt2\`, forward against TorchScript, one thread" '1.05 x' \
    "$(counted vit_exported vit_script)$(clock "$(x vit_exported)" "$(x vit_script)")"
  row "the same against Python's eager forward" '1.00 x' \
    "$(counted vit_exported python)$(clock "$(x vit_exported 1000)" "$(sort -g "$results/python_times" | head -n 1)")"
  row 'the same with its 12 maps captured, against without' '1.02 x' \
    "$(counted vit_captured vit_exported)$(clock "$(x vit_captured)" "$(x vit_exported)")"
  row 'a node of 10,000 sums of one element, more than the same calls made directly' '300 ns' \
    "$(awk -v a="$(x adds_exported)" -v b="$(x adds_direct)" 'BEGIN { printf "%.0f ns (of %.0f)", (a - b) / 10, a / 10 }')"
  row "memory that a forward of 16 images takes, against Python running the same \`.pt2\`" '1.1 x' \
    "$(awk -v a="$(cat "$results/peak")" -v b="$(cat "$results/python_peak")" \
      'BEGIN { printf "%.2f x (%.0f MB)", a / b, a / 1e6 }')"
  row "opening a \`.pt2\` of 10 GB, against one of 1 GB" '1.1 x' \
    "$(counted open_10 open_1)$(awk -v a="$(least exported_bench open_large/10)" -v b="$(least exported_bench open_large/1)" \
      'BEGIN { printf "%.2f x (%.1f ms)", a / b, a / 1000 }')"
fi
