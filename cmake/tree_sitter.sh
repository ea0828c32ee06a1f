#!/usr/bin/env bash
# usage: cmake/tree_sitter.sh [FOLDER]
#
# Brings the released sources of tree-sitter and of its C++ grammar (both MIT) into FOLDER, or
# build/tree-sitter, where CMake looks for them. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

# The grammar's ABI is 14, which tree-sitter 0.20 and later read.
core=0.23.2 grammar=0.23.4
folder=${1:-$PWD/build/tree-sitter}
done=$folder/$core-$grammar
[ ! -f "$done" ] || exit 0

work=$folder/.work
rm -rf "$folder/tree-sitter" "$folder/tree-sitter-cpp" "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
pip=(python3 -m pip)
"${pip[@]}" --version >/dev/null 2>&1 || {
  python3 -m venv "$work/venv"
  pip=("$work/venv/bin/python" -m pip)
}
"${pip[@]}" download -q --no-binary tree-sitter,tree-sitter-cpp --no-deps -d "$work" \
  "tree-sitter==$core" "tree-sitter-cpp==$grammar" >&2 || {
  echo "tree_sitter: pip could not bring tree-sitter $core and tree-sitter-cpp $grammar" >&2
  exit 1
}
for archive in "$work"/*.tar.gz; do tar -xzf "$archive" -C "$work"; done
mv "$work/tree-sitter-$core" "$folder/tree-sitter"
mv "$work/tree_sitter_cpp-$grammar" "$folder/tree-sitter-cpp"
: >"$done"
