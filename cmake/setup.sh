#!/usr/bin/env bash
# usage: cmake/setup.sh [--torch=PATH|pip|debian] [--build-type=TYPE] [--tests] [CMake options...]
#
# Installs what is missing, chooses a LibTorch and configures a build folder of its own for it. With --tests,
# installs also what only tests use: the shells in which commands are completed, another build tool, a browser.
# Prints that folder's path on stdout, and what it does on stderr.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache pkg-config python3 python3-venv fonts-dejavu-core
  libfmt-dev nlohmann-json3-dev libcairo2-dev libjpeg-dev libpng-dev libzip-dev libcli11-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
test_packages=(bash-completion zsh fish make)
test_programs=(node:nodejs npm:npm chromium:chromium) # by whatever package the system has them from
torch_version=2.13.0
builds=$PWD/build
# With precompiled headers, ccache keeps nothing without the first; with the second, a clone elsewhere finds what
# this one compiled.
launcher="env;CCACHE_SLOPPINESS=pch_defines,time_macros;CCACHE_BASEDIR=$PWD;ccache"

say() { printf '%s\n' "$*" >&2; }
stop() {
  say "setup: $1"
  exit 2
}

# Installs with apt what is missing of the packages named.
need() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  say "setup: installing ${missing[*]}"
  {
    "${as_root[@]}" apt-get update -qq &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${missing[@]}"
  } >"$log" 2>&1 || stop "apt-get could not install them: $(tail -n 3 "$log")"
  installed=1
}

# The folder of TorchConfig.cmake below a LibTorch, a CMAKE_PREFIX_PATH entry, or that folder itself.
torch_dir_in() {
  local folder
  for folder in "$1" "$1/share/cmake/Torch" "$1/Torch" "$1/lib/cmake/Torch" \
    "$1/torch/share/cmake/Torch" "$1"/lib/*/cmake/Torch; do
    [ -f "$folder/TorchConfig.cmake" ] && (cd "$folder" && pwd -P) && return 0
  done
  return 1
}

version_of() {
  sed -n 's/^set(PACKAGE_VERSION "\(.*\)").*/\1/p' "$1/TorchConfigVersion.cmake" | head -n 1
}

# The torch of a python, where C++ can link it: not older than 2.6, whose wheels have the old
# std::string, and no CUDA build where there is no CUDA to build with.
torch_of_python() {
  local found version cuda
  found=$("$1" -c 'import importlib.util as u
s = u.find_spec("torch")
print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")' 2>/dev/null) || return 1
  [ -n "$found" ] && found=$(torch_dir_in "$found") || return 1
  version=$(version_of "$found")
  cuda=$(sed -n "s/^cuda.*= '\(.*\)'/\1/p" "$found/../../../version.py")
  if [ "$(printf '%s\n' 2.6 "$version" | sort -V | head -n 1)" != 2.6 ]; then
    say "setup: passing over the torch $version of $1: C++ needs 2.6 or later"
  elif [ -n "$cuda" ] && ! command -v nvcc >/dev/null; then
    say "setup: passing over the torch $version of $1: it is built for CUDA $cuda, and there is no nvcc"
  else
    printf '%s\n' "$found"
    return 0
  fi
  return 1
}

# pip's torch, in a virtual environment of our own. Returns 1, with the reason in `refused`, where
# pip would bring a CUDA build, gigabytes of it.
torch_of_pip() {
  local forced=$1 venv=$builds/venv plan
  torch_of_python "$venv/bin/python" 2>/dev/null && return 0
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" >&2
  if [ "$forced" = no ]; then
    if ! plan=$("$venv/bin/pip" install --dry-run "torch==$torch_version" 2>&1); then
      refused="pip cannot install torch==$torch_version ($(tail -n 1 <<<"$plan"))"
      return 1
    fi
    if grep -Eqi '(nvidia|cuda)[-_a-z0-9]*' <<<"$(grep '^Would install' <<<"$plan")"; then
      refused="pip's torch==$torch_version is a CUDA build"
      return 1
    fi
  fi
  say "setup: installing torch==$torch_version with pip"
  "$venv/bin/pip" install -q "torch==$torch_version" >&2 || stop "pip could not install it"
  torch_of_python "$venv/bin/python"
}

torch_of_debian() {
  need libtorch-dev
  torch_dir_in /usr || stop "Debian's libtorch-dev has no TorchConfig.cmake"
}

debian_version() { dpkg-query -W -f='${Version}' libtorch-dev; }

# Sets torch_dir, and where it came from.
choose_torch() {
  local entry refused=''
  case "$asked" in
    pip)
      torch_dir=$(torch_of_pip yes)
      from='pip (--torch=pip)'
      return
      ;;
    debian)
      torch_dir=$(torch_of_debian)
      from="Debian's package $(debian_version) (--torch=debian)"
      return
      ;;
    ?*)
      torch_dir=$(torch_dir_in "$asked") || stop "--torch=$asked: there is no TorchConfig.cmake in it"
      from="--torch=$asked"
      return
      ;;
  esac
  if [ -n "${Torch_DIR:-}" ]; then
    torch_dir=$(torch_dir_in "$Torch_DIR") || stop "Torch_DIR=$Torch_DIR: there is no TorchConfig.cmake in it"
    from='Torch_DIR' && return
  fi
  local entries
  IFS=':;' read -ra entries <<<"${CMAKE_PREFIX_PATH:-}"
  for entry in "${entries[@]}"; do
    [ -n "$entry" ] && torch_dir=$(torch_dir_in "$entry") && from='CMAKE_PREFIX_PATH' && return
  done
  torch_dir=$(torch_of_python python3) && from="the torch of python3" && return
  if [ -f "$builds/debian-because" ]; then
    refused=$(cat "$builds/debian-because")
  else
    # Not in a subshell: `refused` comes back.
    torch_of_pip no >"$log.torch" && torch_dir=$(cat "$log.torch") && from='pip' && return
    printf '%s\n' "$refused" >"$builds/debian-because"
  fi
  torch_dir=$(torch_of_debian)
  from="Debian's package $(debian_version), since $refused; --torch=pip takes that all the same"
}

asked='' build_type=Release options=() installed=0
for argument in "$@"; do
  case "$argument" in
    --torch=?*) asked=${argument#--torch=} ;;
    --tests)
      packages+=("${test_packages[@]}")
      for program in "${test_programs[@]}"; do
        command -v "${program%%:*}" >/dev/null || packages+=("${program#*:}")
      done
      ;;
    --build-type=?*) build_type=${argument#--build-type=} ;;
    -D*) options+=("$argument") ;;
    *)
      sed -n '2s/^# //p' "$0" >&2
      stop "unknown argument: $argument"
      ;;
  esac
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "setup: there is no apt here. Install these, under your system's names, and build with CMake:"
  printf '  %s\n' "${packages[@]}" "LibTorch (pip install torch==$torch_version)" >&2
  exit 2
fi
mkdir -p "$builds"
log=$builds/setup.log
need "${packages[@]}"
parser=$builds/tree-sitter/tree-sitter-cpp
[ -d "$parser" ] || late=1
cmake/tree_sitter.sh "$builds/tree-sitter" >"$log" 2>&1 ||
  say "setup: no parser for anycapture instrument, which is left out: $(tail -n 1 "$log")"
if [ -n "${late:-}" ] && [ -d "$parser" ]; then installed=1; fi
choose_torch
say "setup: LibTorch $(version_of "$torch_dir") from $from"

# Of one LibTorch each: objects compiled against another must never be linked.
name=torch-$(version_of "$torch_dir")-$(cksum <<<"$torch_dir" | cut -c1-5)
[ "$build_type" = Release ] || name+=-$(tr '[:upper:]' '[:lower:]' <<<"$build_type")
[ ${#options[@]} -eq 0 ] || name+=-$(cksum <<<"${options[*]}" | cut -c1-5)
build=$builds/$name
if [ -f "$build/build.ninja" ] && [ "$installed" = 1 ]; then
  cmake "$build" >"$log" 2>&1 || stop "CMake could not configure $build: $(tail -n 3 "$log")"
elif [ ! -f "$build/build.ninja" ]; then
  cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE="$build_type" -DTorch_DIR="$torch_dir" \
    "-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher" -Wno-dev "${options[@]}" >"$log" 2>&1 || {
    rm -f "$build/build.ninja"
    tail -n 20 "$log" >&2
    stop "CMake could not configure $build"
  }
fi
printf '%s\n' "$build"
