#!/usr/bin/env bash
# usage: test/samples/find_mistake_diff.sh FIND_MISTAKE ANYCAPTURE PROJECT
#
# The README's walk: the command line names the place of a planted mistake, and agrees without one.
set -euo pipefail
find_mistake=$1 anycapture=$2 reference=$3/samples/data/vit_reference.safetensors
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# expect STATUS LAST_LINE MISTAKE
expect() {
  local status=0 said
  "$find_mistake" "$3" >/dev/null || true
  said=$("$anycapture" diff port.safetensors "$reference" --rtol 1e-4 --atol 1e-5 --ignore :input) ||
    status=$?
  [ "$status ${said##*$'\n'}" = "$1 $2" ] || {
    echo "find_mistake_diff: $3: status $status: $said" >&2
    exit 1
  }
}
expect 1 '3 of 6 do not agree, the first executed is blocks.2.attn:attn' qkv
expect 1 '4 of 6 do not agree, the first executed is blocks.1:output' epsilon
expect 0 'all 6 agree' none
