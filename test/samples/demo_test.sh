#!/usr/bin/env bash
# usage: test/samples/demo_test.sh DEMO TEST_DATA
#
# What the demo writes, and what it says of each mistake.
set -euo pipefail
demo=$1 data=$2
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT

fail() {
  echo "demo_test: $*" >&2
  exit 1
}

# expect STATUS TEXT OPTIONS...: the demo ends with the status and its message holds the text.
expect() {
  local status=0 wanted=$1 text=$2 said
  shift 2
  [[ $* == *--out* ]] || set -- --out "$folder/none" "$@"
  said=$("$demo" "$@" 2>&1) || status=$?
  [ "$status" = "$wanted" ] || fail "demo $*: status $status, not $wanted: $said"
  [[ $said == *"$text"* ]] || fail "demo $*: says \"$said\", not \"$text\""
  [ ! -e "$folder/none/maps.safetensors" ] || fail "demo $*: wrote maps in spite of the error"
}

said=$("$demo" --out "$folder/out" --scenes 2)
[[ $said == *Attention* ]] || fail "no report: $said"
for scene in scene0 scene1; do
  for figure in head heads grid_to_grid highlight cls_layers; do
    [ "$(head -c 4 "$folder/out/${scene}_$figure.png" | tail -c 3)" = PNG ] ||
      fail "no PNG: ${scene}_$figure.png"
  done
done
[ -s "$folder/out/maps.safetensors" ] || fail "no maps"

# The user's own: a JPEG of any size into a model of three channels.
"$demo" --out "$folder/own" --image "$data/images/blocks.jpg" --heads 3 \
  --weights "$data/vit/timm_weights.safetensors" >"$folder/own.txt"
[ -s "$folder/own/blocks_cls_layers.png" ] || fail "nothing drawn of the user's own picture"
for picture in grey_16.png alpha.png scene_1x1.png; do
  "$demo" --out "$folder/$picture" --image "$data/images/$picture" --heads 3 \
    --weights "$data/vit/timm_weights.safetensors" >/dev/null || fail "$picture"
done

echo 'not a picture' >"$folder/text.png"
head -c 100 "$data/images/blocks.jpg" >"$folder/cut.jpg"
head -c 5000 "$data/vit/timm_weights.safetensors" >"$folder/cut.safetensors"
expect 2 '--wat' --wat
expect 2 '--scenes' --scenes 0
expect 3 'nowhere.png' --image "$folder/nowhere.png"
expect 3 'text.png' --image "$folder/text.png"
expect 3 'cut.jpg' --image "$folder/cut.jpg"
expect 3 'huge.png' --image "$data/images/huge.png"
expect 3 'nowhere.safetensors' --weights "$folder/nowhere.safetensors"
expect 3 'cut.safetensors' --weights "$folder/cut.safetensors"
expect 4 'no ViT' --weights "$data/vit/timm_reference.safetensors"
expect 4 'heads' --heads 5 --weights "$data/vit/timm_weights.safetensors" \
  --image "$data/images/blocks.jpg"
echo taken >"$folder/file"
expect 3 'cannot make this folder' --out "$folder/file/out"
echo "demo_test: ok"
