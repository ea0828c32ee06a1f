#!/usr/bin/env bash
# usage: test/instrument/project_test.sh BUILD_FOLDER TORCH_DIR
#
# Installs the library, and builds a user's project with instrumented sources: what is captured, what
# is built again after a change, and where messages and debug information point.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 torch_dir=$2
folder=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$folder"' EXIT
failures=0

quietly() { "$@" >"$folder/log" 2>&1 || {
  tail -n 40 "$folder/log" >&2
  exit 1
}; }
check() { # NAME CONDITION...
  local name=$1
  shift
  "$@" && return
  echo "project_test: $name: failed: $*" >&2
  tail -n 20 "$folder/log" >&2
  failures=$((failures + 1))
}
says() { grep -qF -- "$1" "$folder/log"; }
is_silent_on() { ! says "$1"; }
compiles() { says "-c $folder/project/$1"; }
leaves() { ! compiles "$1"; }
configure() { # BUILD OPTIONS...
  cmake -S "$folder/project" -B "$folder/$1" -Wno-dev -DCMAKE_PREFIX_PATH="$folder/prefix" \
    -DTorch_DIR="$torch_dir" -DCMAKE_CXX_FLAGS="-O0 -g1 -Wall -Wextra" "${@:2}"
}
make() { cmake --build "$folder/$1" --verbose >"$folder/log" 2>&1; }
run() { "$folder/$1/app" >"$folder/log"; }
# A change that no clock is too coarse for.
edit() { sed -i "$1" "$folder/project/$2" && touch -d '+2 seconds' "$folder/project/$2"; }

quietly cmake --install "$build" --prefix "$folder/prefix"
cp -r "$here/project" "$folder/project"
quietly configure ninja -G Ninja -DPRECOMPILED=ON
check 'builds' make ninja
check 'no warnings' is_silent_on 'warning:'
run ninja
for line in ':scaled=3' ':return=8' ':x=1' 'block:inner=4' ':moved=0' 'fn:generated:made=5' \
  "file $folder/project/model/layer.cpp"; do
  check "captures $line" says "$line"
done

make ninja
check 'a second build does nothing' is_silent_on ' -c '
edit 's/x - 1/x - 3/' other/layer.cpp
make ninja
check 'an edited source is compiled again' compiles other/layer.cpp
check 'others are not' leaves model/layer.cpp
run ninja
check 'with what it says now' says ':moved=-2'
edit 's/x + 1/x + 2/' headers/block.h
make ninja
check 'an edited header that is copied, too' compiles model/layer.cpp
run ninja
check 'with what the header says now' says ':return=10'
edit 's/$/ /' other/layer.h
make ninja
check 'a header beside a source' compiles other/layer.cpp
edit 's/x \* 5/x * 6/' generated.cpp.in
make ninja
run ninja
check 'a generated source' says 'fn:generated:made=6'

# Where things are.
objdump --dwarf=decodedline "$folder/ninja/CMakeFiles/model.dir/other/layer.cpp.o" >"$folder/log"
check 'debug information names the original' says "$folder/project/other/layer.cpp"
check 'and no copy' is_silent_on '.anycapture'
edit 's/auto moved = x - 3;/auto moved = x - no_such_name;/' other/layer.cpp
check 'an error fails the build' bash -c "! cmake --build '$folder/ninja' >'$folder/log' 2>&1"
check 'and points to the original' says "$folder/project/other/layer.cpp:6:20: error:"
edit 's/no_such_name;/1/' other/layer.cpp
check 'what does not parse fails' bash -c "! cmake --build '$folder/ninja' >'$folder/log' 2>&1"
check 'with the error of the compiler' says "$folder/project/other/layer.cpp:7:3: error:"
edit 's/x - 1$/x - 3;/' other/layer.cpp

quietly configure unity -G Ninja -DUNITY=ON
check 'a unity build' make unity
run unity
check 'captures too' says ':moved=-2'
quietly configure make -G 'Unix Makefiles'
check 'Makefiles' make make
run make
check 'capture too' says ':moved=-2'
edit 's/x + 2/x + 4/' headers/block.h
make make
run make
check 'and follow headers' says ':return=14'

# Mistakes.
echo 'anycapture_instrument(nothing)' >>"$folder/project/CMakeLists.txt"
check 'no such target' bash -c "! cmake -S '$folder/project' -B '$folder/ninja' >'$folder/log' 2>&1"
check 'says so' says 'there is no such target'
edit 's/^anycapture_instrument(nothing)$/anycapture_instrument(model HEADERS no.h)/' CMakeLists.txt
check 'no such header' bash -c "! cmake -S '$folder/project' -B '$folder/ninja' >'$folder/log' 2>&1"
check 'says so' says 'there is no header'

[ "$failures" = 0 ] || exit 1
echo "project_test: ok"
