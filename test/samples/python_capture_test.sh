#!/usr/bin/env bash
# usage: test/samples/python_capture_test.sh PYTHON FOLDER
#
# Tests samples/python/capture.py with the torch of PYTHON, whose environment stays as it is: what
# else is needed goes into one of its own in FOLDER.
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
  echo "python_capture_test: pip could not install ${needed[*]}" >&2
  exit 1
}
"$folder/bin/python" "$(dirname "$0")/python_capture_test.py"
