#!/usr/bin/env bash
# usage: test/samples/demo_test.sh DEMO TEST_DATA ANYCAPTURE
#
# What the demo writes, and what it says of each mistake. ANYCAPTURE: the program.
set -euo pipefail
demo=$1 data=$2 program=$3
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
  [ -z "$(ls -A "$folder/none" 2>/dev/null)" ] || fail "demo $*: wrote in spite of the error"
}

# weights FILE CHANNELS PATCH TOKENS [BYTE]: a ViT of one block and 2 heads, all its bytes the same.
weights() {
  local header='{"__metadata__":{"heads":"2"}' at=0 tensor shape end length
  for tensor in cls_token:1x1x8 "pos_embed:1x$4x8" "patch_embed.proj.weight:8x$2x$3x$3" \
    patch_embed.proj.bias:8 norm.weight:8 norm.bias:8 head.weight:3x8 head.bias:3 \
    blocks.0.{norm1,norm2}.{weight,bias}:8 blocks.0.attn.qkv.{weight:24x8,bias:24} \
    blocks.0.attn.proj.{weight:8x8,bias:8} blocks.0.mlp.fc1.{weight:16x8,bias:16} \
    blocks.0.mlp.fc2.{weight:8x16,bias:8}; do
    shape=${tensor#*:}
    end=$((at + 4 * ${shape//x/*}))
    header+=",\"${tensor%%:*}\":{\"dtype\":\"F32\",\"shape\":[${shape//x/,}]"
    header+=",\"data_offsets\":[$at,$end]}"
    at=$end
  done
  header+='}'
  {
    length=$(printf '\\x%02x\\x%02x' $((${#header} % 256)) $((${#header} / 256)))
    printf '%b\0\0\0\0\0\0' "$length"
    printf %s "$header"
    head -c "$at" /dev/zero | tr '\0' "\\${5:-000}"
  } >"$1"
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
for item in 0 1; do
  "$program" view "$folder/out/maps.safetensors" --batch "$item" -o "$folder/scene$item.html" 2>/dev/null
  sed "s/maps\.safetensors/scene$item/" "$folder/scene$item.html" |
    cmp - "$folder/out/scene$item.html" || fail "scene$item.html is not what view makes of the maps"
done

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
expect 4 'these are not the weights of a timm ViT: there is no "' \
  --weights "$data/vit/timm_reference.safetensors"
timm=$data/vit/timm_weights.safetensors blocks=$data/images/blocks.jpg
expect 4 'into 5 heads: give' --heads 5 --weights "$timm" --image "$blocks"
expect 4 'no number of heads is known for a width of 48' --weights "$timm" --image "$blocks"

# Numbers and options that do not go together.
expect 2 '--heads: 0 is no whole number from 1' --heads 0
expect 2 '--heads: "abc" is no whole number from 1' --heads abc
expect 2 '--seed: "x" is no whole number from 0' --seed x
expect 2 '--seed: "99999999999" is no whole number from 0 to 2147483647' --seed 99999999999
expect 2 '--scenes: 101 is no whole number from 1 to 100' --scenes 101
expect 2 '--crop: 2 is not between 0.01 and 1' --crop 2
expect 2 '--mean: 7 is not between 0 and 1' --mean 7
expect 2 '--mean: nan is not between 0 and 1' --mean nan
expect 2 '--mean: "abc" is no number: write one number, or R,G,B' --mean abc
expect 2 '--mean: "" is no number' --mean ''
expect 2 '--std: 0 is not between 0.001 and 1' --std 0
expect 2 '--std: inf is not between 0.001 and 1' --std inf
expect 2 '--mean 0.5,0.5 has 2 numbers, the model has 3 channels: give 1 number, or 3' \
  --mean 0.5,0.5 --heads 3 --weights "$timm" --image "$blocks"
expect 2 '--std 0.5,0.25 has 2 numbers, the model has 1 channel: give 1 number' --std 0.5,0.25
expect 2 '--image: is empty: give a path' --image ''
expect 2 '--image excludes --scenes' --image "$blocks" --scenes 2
expect 2 '--image excludes --seed' --seed 7 --image "$blocks"

# Models that the demo has no picture for, or no memory.
weights "$folder/small" 3 8 5
expect 2 'small: this model takes pictures of 16 x 16 pixels, the built-in scenes have 64 x 64' \
  --weights "$folder/small"
weights "$folder/four" 4 8 5
expect 4 'four: this model takes 4 channels, a picture has 3' --weights "$folder/four" \
  --image "$blocks"
weights "$folder/many" 3 1 1000001
expect 4 'many: the attention maps of 1000001 tokens take 16000.0 GB of memory, this machine has' \
  --weights "$folder/many" --image "$blocks"
weights "$folder/large" 3 112 5
expect 3 'blocks.jpg: is 32 x 32 pixels, too long and thin to fit the model: crop it first' \
  --weights "$folder/large" --image "$blocks" --crop 0.01
weights "$folder/nan" 3 8 5 377
"$demo" --out "$folder/of_nan" --weights "$folder/nan" --image "$blocks" >/dev/null || fail "NaN"

echo taken >"$folder/file"
expect 3 'cannot make this folder' --out "$folder/file/out"
expect 3 'choose another folder with --out' --out "$folder/file/out" --weights "$folder/nowhere"
mkdir -p "$folder/taken/maps.safetensors"
expect 3 'taken/maps.safetensors' --out "$folder/taken"
[ "$(ls "$folder/taken")" = maps.safetensors ] || fail "drew figures that have no maps"
status=0
said=$("$demo" --out "$folder/full" --scenes 1 2>&1 >/dev/full) || status=$?
[ "$status $said" = "3 demo: standard output: cannot be written: is the disk full?" ] ||
  fail "stdout is full: $status $said"
echo "demo_test: ok"
