#!/usr/bin/env bash
# usage: test/package/package_test.sh BUILD_FOLDER TORCH_DIR
#
# Installs the library into an empty folder, and builds and runs a user's own project with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 torch_dir=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

quietly() { "$@" >"$folder/log" 2>&1 || {
  tail -n 30 "$folder/log" >&2
  exit 1
}; }
quietly cmake --install "$build" --prefix "$folder/prefix"
quietly cmake -S "$here" -B "$folder/build" -G Ninja -Wno-dev \
  -DCMAKE_PREFIX_PATH="$folder/prefix" -DTorch_DIR="$torch_dir" -DCMAKE_BUILD_TYPE=Debug
quietly cmake --build "$folder/build"
said=$("$folder/build/tiny" "$folder/map.png" "$folder/maps.html")
[ "$said" = '[2, 1, 5, 5] 1' ] || {
  echo "package_test: the user's program says \"$said\"" >&2
  exit 1
}
[ -s "$folder/map.png" ]
grep -q '<script type="application/json" id="page">' "$folder/maps.html"
viewer=$(find "$folder/prefix" -name 'libanycapture_viewer.so.*.*.*')
mv "$viewer" "$folder/away"
said=$("$folder/build/tiny" "$folder/map.png" "$folder/none.html" 2>&1) || [ $? = 4 ]
mv "$folder/away" "$viewer"
[[ $said == 'a page is written by libanycapture_viewer.so.'*'cannot be loaded: '*'install it beside'* ]] || {
  echo "package_test: without the viewer the user's program says \"$said\"" >&2
  exit 1
}
[ ! -e "$folder/none.html" ]
if [ -n "$(find "$folder/prefix" -name libanycapture_interpose.so)" ]; then
  said=$("$folder/build/stock" 2>&1)
  [ "$said" = '[1, 3] [1, 2]' ] || {
    echo "package_test: the user's program of stock modules says \"$said\"" >&2
    exit 1
  }
fi
"$folder/prefix/bin/anycapture" --version >"$folder/log"
grep -q '^anycapture [0-9.]*$' "$folder/log"
for place in bash:bash-completion/completions/anycapture zsh:zsh/site-functions/_anycapture \
  fish:fish/vendor_completions.d/anycapture.fish; do
  "$folder/prefix/bin/anycapture" completion "${place%%:*}" | cmp - "$folder/prefix/share/${place#*:}"
done
