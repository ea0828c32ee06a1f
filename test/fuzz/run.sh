#!/usr/bin/env bash
# usage: test/fuzz/run.sh [--torch=PATH|pip|debian] [SECONDS] [TARGET...]
#
# Builds the libFuzzer programs with Clang and runs each, or each TARGET, for so long: 600 seconds by default. Prints a
# line for each: seconds by the clock and of its core, executions, executions a second, branches reached, inputs kept,
# what came of it. Exits 1 when one found a defect, and says where the input lies: copied to corpus/TARGET it is a test
# from then on.
# With --torch, the target that reads torch.export archives too, by that LibTorch (see cmake/setup.sh).
# BUILD is the build folder, CXX the compiler.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$project/build/fuzz}

torch=()
if [[ ${1-} == --torch=* ]]; then
  setup=$("$project/cmake/setup.sh" "$1")
  torch=(-DANYCAPTURE_WITH_TORCH=ON -DANYCAPTURE_BUILD_SAMPLES=OFF -DANYCAPTURE_INTERPOSE=OFF
    "-DTorch_DIR=$(sed -n 's/^Torch_DIR:.*=//p' "$setup/CMakeCache.txt")")
  shift
fi
seconds=600
if [[ ${1-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
case ${1-} in -*)
  sed -n 's/^# usage/usage/p' "$0" >&2
  exit 2
  ;;
esac

compiler=${CXX-}
for one in clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14; do
  [ -n "$compiler" ] || ! command -v "$one" >/dev/null || compiler=$one
done
[ -n "$compiler" ] || {
  echo "fuzz: there is no clang++: install one, such as Debian's clang, or name it in CXX" >&2
  exit 2
}

mkdir -p "$build"
log=$build/build.log
options=(-DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DANYCAPTURE_BUILD_FUZZERS=ON
  "-DANYCAPTURE_SANITIZE=address,undefined" -DANYCAPTURE_WITH_TORCH=OFF "${torch[@]}" -DANYCAPTURE_BUILD_TESTS=OFF
  -DBUILD_SHARED_LIBS=OFF)
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
{
  cmake -S "$project" -B "$build" -G Ninja "${options[@]}" && cmake --build "$build" --target fuzzers
} >"$log" 2>&1 || {
  tail -n 20 "$log" >&2
  exit 2
}

programs=$build/test/fuzz
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for seeds in "$programs"/fuzz_*.seeds; do
    name=${seeds##*/fuzz_}
    targets+=("${name%.seeds}")
  done
fi
for target in "${targets[@]}"; do
  [ -x "$programs/fuzz_$target" ] || {
    echo "fuzz: there is no target \"$target\": see test/fuzz/*_fuzz.cpp" >&2
    exit 2
  }
done

# The last number that follows a word in what libFuzzer prints.
last() { grep -oE "$1:? +[0-9]+" "$2" | tail -n 1 | grep -oE '[0-9]+$' || echo 0; }

# What this script's children have taken of a core so far.
core_seconds() { awk '{ printf "%d", ($16 + $17) / 100 }' "/proc/$$/stat"; }

status=0
printf '%-10s %8s %6s %12s %8s %9s %7s  %s\n' target seconds core executions each/s branches inputs result
for target in "${targets[@]}"; do
  kept=$build/corpus/$target found=$build/found/$target log=$build/$target.log
  rm -rf "$found"
  mkdir -p "$kept" "$found"
  mapfile -t seeds <"$programs/fuzz_$target.seeds"
  dictionary=()
  if [ -f "$project/test/fuzz/dict/$target.dict" ]; then
    dictionary=(-dict="$project/test/fuzz/dict/$target.dict")
  fi
  length=8192
  [ "$target" != exported ] || length=131072 # a small model's
  result=clean
  before=$(core_seconds)
  # A file that promises more memory than it is worth is a defect as well.
  ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 "$programs/fuzz_$target" "$kept" "${seeds[@]}" \
    "${dictionary[@]}" -max_total_time="$seconds" -max_len="$length" -timeout=20 -malloc_limit_mb=64 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$found/" >"$log" 2>&1 || {
    result="DEFECT, see $log and $found" status=1
  }
  executions=$(last 'stat::number_of_executed_units' "$log") spent=$(last 'runs in' "$log")
  printf '%-10s %8s %6s %12s %8s %9s %7s  %s\n' "$target" "$spent" "$(($(core_seconds) - before))" "$executions" \
    "$(last 'stat::average_exec_per_sec' "$log")" "$(last 'cov' "$log")" "$(find "$kept" -type f | wc -l)" "$result"
done
exit "$status"
