#!/usr/bin/env bash
# usage: test/setup/setup_test.sh PROJECT
#
# What cmake/setup.sh installs and which LibTorch it takes, on machines that are made up of
# stand-ins for apt, python, pip and cmake.
# shellcheck disable=SC2016  # stand-ins are written unexpanded
set -euo pipefail
project=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

make_torch() { # FOLDER VERSION [CUDA]
  mkdir -p "$1/share/cmake/Torch"
  : >"$1/share/cmake/Torch/TorchConfig.cmake"
  echo "set(PACKAGE_VERSION \"$2\")" >"$1/share/cmake/Torch/TorchConfigVersion.cmake"
  if [ -n "${3:-}" ]; then echo "cuda: Optional[str] = '$3'"; else echo 'cuda = None'; fi >"$1/version.py"
}

stand_in() { # NAME: its text comes on stdin
  { echo '#!/bin/bash' && cat; } >"$machine/bin/$1"
  chmod +x "$machine/bin/$1"
}

# A machine with every package, no torch, and a pip whose torch is for the CPU.
new_machine() {
  machine=$folder/machine
  rm -rf "$machine"
  mkdir -p "$machine/bin" "$machine/project/cmake"
  # Debian's LibTorch stands below /usr on a real machine.
  sed "s|torch_dir_in /usr |torch_dir_in $machine/usr |" "$project/cmake/setup.sh" \
    >"$machine/project/cmake/setup.sh"
  chmod +x "$machine/project/cmake/setup.sh"
  printf '#!/bin/bash\n[ -z "${NO_PARSER:-}" ] || { echo "pip could not"; exit 1; }\n' \
    >"$machine/project/cmake/tree_sitter.sh"
  chmod +x "$machine/project/cmake/tree_sitter.sh"
  make_torch "$machine/usr" 1.13.0
  make_torch "$machine/wheel" 2.13.0
  local tool
  for tool in bash env dirname mkdir rm cp chmod cat sed grep head tail sort cut tr cksum; do
    ln -s "$(command -v "$tool")" "$machine/bin/$tool"
  done
  stand_in id <<<'echo "${USER_ID:-0}"'
  stand_in sudo <<<'echo "sudo $*" >>"$LOG"; exec "$@"'
  stand_in apt-get <<<'echo "apt-get $*" >>"$LOG"; exit "${APT_STATUS:-0}"'
  stand_in dpkg-query <<'END'
case "$2" in *Version*) echo 1.13.1-4 && exit ;; esac
[[ " ${MISSING:-} " == *" $3 "* ]] || echo -n installed
END
  stand_in cmake <<'END'
echo "cmake $*" >>"$LOG"
mkdir -p "$4" && : >"$4/build.ninja"
exit "${CMAKE_STATUS:-0}"
END
  stand_in python3 <<'END'
if [ "$1" = -c ]; then echo "${PYTHON_TORCH:-}" && exit; fi
mkdir -p "$3/bin"
cp "$STAND_INS/venv_python" "$3/bin/python"
cp "$STAND_INS/venv_pip" "$3/bin/pip"
END
  stand_in venv_python <<'END'
home=$(dirname "$0")/..
if [ -d "$home/torch" ]; then echo "$home/torch"; else echo; fi
END
  stand_in venv_pip <<'END'
echo "pip $*" >>"$LOG"
if [[ $* == *--dry-run* ]]; then
  echo "Would install ${PIP_PLAN:-torch-2.13.0+cpu}"
  exit "${PIP_STATUS:-0}"
fi
cp -r "$PIP_TORCH" "$(dirname "$0")/../torch"
END
}

# run [NAME=VALUE...] [-- OPTIONS...]: runs the script on the machine; fills status, said and did.
run() {
  local settings=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    settings+=("$1")
    shift
  done
  [ $# -eq 0 ] || shift
  : >"$machine/log"
  status=0
  env -i PATH="$machine/bin" LOG="$machine/log" STAND_INS="$machine/bin" \
    PIP_TORCH="$machine/wheel" "${settings[@]}" \
    "$machine/project/cmake/setup.sh" "$@" >"$machine/stdout" 2>"$machine/stderr" || status=$?
  said=$(cat "$machine/stderr") did=$(cat "$machine/log")
}

check() { # NAME CONDITION...
  local name=$1
  shift
  "$@" && return
  echo "setup_test: $name: failed: $*" >&2
  printf 'status %s\nsaid: %s\ndid: %s\n' "$status" "$said" "$did" >&2
  failures=$((failures + 1))
}
says() { [[ $said == *"$1"* ]]; }
does() { [[ $did == *"$1"* ]]; }
does_not() { [[ $did != *"$1"* ]]; }
does_nothing() { [ -z "$did" ]; }
ends() { [ "$status" = "$1" ]; }
prints() { [[ $(cat "$machine/stdout") == "$machine/project/build/$1"* ]]; }
builds() { [ "$(find "$machine/project/build" -name build.ninja | wc -l)" = "$1" ]; }

new_machine
rm "${machine:?}/bin/apt-get"
run
check 'no apt' ends 2
check 'no apt: lists the packages' says libcairo2-dev
check 'no apt: lists LibTorch' says 'pip install torch==2.13.0'

new_machine
run MISSING='libpng-dev ccache'
check 'missing packages' does 'ccache libpng-dev'
check 'missing packages: nothing else' does_not 'libcairo2-dev'
check 'as root: no sudo' does_not sudo
run MISSING='zsh ccache'
check 'no tests: no shells' does_not zsh
run MISSING='zsh ccache' -- --tests
check '--tests: shells' does 'ccache zsh'
run MISSING=chromium -- --tests
check '--tests: a browser' does ' chromium'
stand_in chromium <<<':'
run MISSING=chromium -- --tests
check '--tests: a browser of another package is one' does_not chromium
run MISSING=libpng-dev USER_ID=1000
check 'not root: sudo' does 'sudo env DEBIAN_FRONTEND=noninteractive apt-get install'
run MISSING=libpng-dev APT_STATUS=100
check 'apt fails' ends 2
check 'apt fails: says so' says 'apt-get could not'

new_machine
run
check 'pip' ends 0
check 'pip: says which' says 'LibTorch 2.13.0 from pip'
check 'pip: looks first' does 'pip install --dry-run torch==2.13.0'
check 'pip: a folder of its own' prints torch-2.13.0-
run
check 'second run: does nothing' does_nothing
check 'second run: same folder' prints torch-2.13.0-

new_machine
run NO_PARSER=1
check 'no parser: goes on' ends 0
check 'no parser: says so' says 'left out: pip could not'

new_machine
cuda='PIP_PLAN=nvidia-cublas-13.1 torch-2.13.0 triton-3.7'
run "$cuda"
check 'CUDA wheel: not installed' does_not 'pip install -q'
check 'CUDA wheel: Debian' \
  says "from Debian's package 1.13.1-4, since pip's torch==2.13.0 is a CUDA build"
check 'CUDA wheel: how to have it' says '--torch=pip takes that all the same'
run "$cuda"
check 'CUDA wheel, second run: does nothing' does_nothing
check 'CUDA wheel, second run: says why' says 'is a CUDA build'
run "$cuda" -- --torch=pip
check 'CUDA wheel, forced' says 'from pip (--torch=pip)'

new_machine
run PIP_STATUS=1 PIP_PLAN='ERROR: no network'
check 'pip cannot: Debian' says 'since pip cannot install torch==2.13.0'

new_machine
run MISSING=libtorch-dev -- --torch=debian
check '--torch=debian' does 'apt-get install -qq -y --no-install-recommends libtorch-dev'
check '--torch=debian: no pip' does_not pip
check '--torch=debian: says which' says "LibTorch 1.13.0 from Debian's package"

new_machine
make_torch "$machine/own" 2.5.1
make_torch "$machine/python" 2.9.0
make_torch "$machine/old" 2.5.0
make_torch "$machine/cuda" 2.9.0 12.8
own=$machine/own/share/cmake
run PYTHON_TORCH="$machine/python" Torch_DIR="$own/Torch" -- --torch="$machine/usr"
check '--torch=PATH comes first' says 'LibTorch 1.13.0 from --torch='
run PYTHON_TORCH="$machine/python" Torch_DIR="$own/Torch"
check 'Torch_DIR before python' says 'LibTorch 2.5.1 from Torch_DIR'
run PYTHON_TORCH="$machine/python" CMAKE_PREFIX_PATH="/nowhere:$own"
check 'CMAKE_PREFIX_PATH before python' says 'LibTorch 2.5.1 from CMAKE_PREFIX_PATH'
run PYTHON_TORCH="$machine/python" CMAKE_PREFIX_PATH=/nowhere
check 'python before pip' says 'LibTorch 2.9.0 from the torch of python3'
check 'python before pip: no pip' does_not pip
run PYTHON_TORCH="$machine/old"
check 'an old wheel is passed over' says 'C++ needs 2.6 or later'
check 'an old wheel is passed over: pip' says 'LibTorch 2.13.0 from pip'
run PYTHON_TORCH="$machine/cuda"
check 'CUDA without nvcc is passed over' says 'there is no nvcc'
check 'LibTorches do not mix' builds 4
run -- --torch="$machine/nowhere"
check '--torch=nowhere' ends 2
check '--torch=nowhere: says what is missing' says 'there is no TorchConfig.cmake in it'
run Torch_DIR="$machine/nowhere"
check 'Torch_DIR of nothing' says "Torch_DIR=$machine/nowhere: there is no TorchConfig.cmake in it"
run -- --what
check 'unknown option' ends 2
check 'unknown option: usage' says 'usage: cmake/setup.sh'

new_machine
run CMAKE_STATUS=1
check 'CMake fails' ends 2
run
check 'CMake is asked again' does 'cmake -S'

[ "$failures" = 0 ] || exit 1
echo "setup_test: ok"
