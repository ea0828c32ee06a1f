#!/usr/bin/env bash
# usage: test/samples/with_capture_py.sh PYTHON FOLDER TEST [ARGUMENT...]
#
# Runs a test of or with samples/python/capture.py with the torch of PYTHON, whose environment stays
# as it is: what else is needed goes into one of its own in FOLDER.
set -euo pipefail
python=$1 folder=$2
needed=(torch==2.13.0 safetensors numpy)

if [ ! -x "$folder/bin/pip" ]; then
  "$python" -m venv "$folder"
  # So that pip finds the torch that is there. Where it is another, it brings the one named.
  site='import sysconfig; print(sysconfig.get_path("purelib"))'
  "$python" -c "$site" >"$("$folder/bin/python" -c "$site")/of_the_wheel.pth"
fi
"$folder/bin/pip" install -q --disable-pip-version-check "${needed[@]}" || {
  echo "with_capture_py: pip could not install ${needed[*]}" >&2
  exit 1
}
"$folder/bin/python" "${@:3}"
