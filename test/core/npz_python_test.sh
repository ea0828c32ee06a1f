#!/usr/bin/env bash
# usage: test/core/npz_python_test.sh BUILD_FOLDER NPZ_TOOL
#
# NumPy reads what we write, and we read what NumPy writes. NumPy comes from pip, into the build
# folder. With ANYCAPTURE_TEST_LARGE=1 also an array of more than 4 GiB, which takes a minute and
# 10 GB of disk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 tool=$2
venv=$build/numpy-venv

if ! "$venv/bin/python" -c 'import numpy' 2>/dev/null; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check numpy
fi
"$venv/bin/python" "$here/npz_python_test.py" "$tool"
