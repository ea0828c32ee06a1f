#!/usr/bin/env bash
# usage: test/python/environment.sh FOLDER
#
# Makes a virtual environment with NumPy and safetensors in FOLDER, or keeps the one that is there.
set -euo pipefail
folder=$1
# safetensors 0.6 brought F4, F6 and F8_E8M0, 0.7 C64, 0.8 the two F8 FNUZ. ml_dtypes gives NumPy
# the types that it has not.
needed=(numpy ml_dtypes 'safetensors>=0.8')

if ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
  python3 -m venv --clear "$folder"
fi
"$folder/bin/python" -m pip install -q --disable-pip-version-check "${needed[@]}" || {
  echo "test/python: pip could not install ${needed[*]} into $folder: see the lines above" >&2
  exit 1
}
