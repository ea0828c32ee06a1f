#!/usr/bin/env bash
# usage: test/interpose/generator_test.sh CXX CMAKE PROJECT
#
# What the generator makes of libraries, and which it refuses: tiny ones in the place of LibTorch.
set -euo pipefail
cxx=$1 cmake=$2 project=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >library.cpp <<'END'
#include <tuple>
namespace torch { namespace nn {
struct OneImpl { int forward(std::tuple<int, std::tuple<char, long>> x, bool); };
int OneImpl::forward(std::tuple<int, std::tuple<char, long>>, bool) { return 1; }
struct TwoImpl { int forward() const; int forward(const OneImpl&); int forward_with_state(bool); };
int TwoImpl::forward() const { return 2; }
int TwoImpl::forward(const OneImpl&) { return forward(); }
int TwoImpl::forward_with_state(bool) { return forward(); }
template <unsigned long N, class Derived> struct PadImpl { int forward(int x); };
template <unsigned long N, class Derived> int PadImpl<N, Derived>::forward(int x) { return x; }
struct Pad1dImpl : PadImpl<1, Pad1dImpl> {};
template struct PadImpl<1, Pad1dImpl>;
struct InlineImpl { __attribute__((noinline)) int forward(int x) { return x; } };
int of_inline(InlineImpl& x) { return x.forward(1); }
struct Other { int forward(int x); };
int Other::forward(int x) { return x; }
struct ThreeImpl { int forward_helper(int x); };
int ThreeImpl::forward_helper(int x) { return x; }
} }
END
cat >run.cmake <<'END'
set(CMAKE_NM nm)
set(CMAKE_READELF readelf)
set(ANYCAPTURE_CXXFILT c++filt)
set(CMAKE_CURRENT_BINARY_DIR ${FOLDER})
set(CMAKE_CURRENT_SOURCE_DIR ${PROJECT}/src/interpose)
include(${PROJECT}/src/interpose/forwards.cmake)
interpose_forwards(${FOLDER}/${LIBRARY}.cpp ${FOLDER}/${LIBRARY}.so problem count)
file(WRITE ${FOLDER}/${LIBRARY}.said "${problem}${count}")
END
# expect NAME TEXT FLAGS...: what the generator says of the library that is linked with these.
expect() {
  local name=$1 text=$2
  shift 2
  "$cxx" -std=c++17 -shared -fPIC -O1 "$@" library.cpp -o "$name.so"
  "$cmake" -DPROJECT="$project" -DFOLDER="$folder" -DLIBRARY="$name" -P run.cmake
  [ "$(sed 's|^/.*/||' "$name.said")" = "$text" ] || {
    echo "generator_test: of $name it says: $(cat "$name.said")" >&2
    exit 1
  }
}
has() {
  grep -qF -- "$1" good.cpp || {
    cat good.cpp >&2
    echo "generator_test: there is no $1" >&2
    exit 1
  }
}

expect good 5
expect hidden 'hidden.so exports no forward of a torch::nn module' -fvisibility=hidden
expect symbolic 'symbolic.so is linked with -Bsymbolic: its own calls go past other libraries' -Wl,-Bsymbolic
expect functions 'functions.so is linked with -Bsymbolic: its own calls go past other libraries' \
  -Wl,-Bsymbolic-functions
has 'torch::nn::OneImpl::forward(::std::tuple<int, ::std::tuple<char, long> > a0, bool a1) {'
has 'torch::nn::TwoImpl::forward() const {'
has 'torch::nn::TwoImpl::forward(::torch::nn::OneImpl const& a0) {'
has '{"_ZN5torch2nn7TwoImpl18forward_with_stateEb", "N5torch2nn7TwoImplE", "forward_with_state", nullptr}'
has '{"_ZN5torch2nn7PadImplILm1ENS0_9Pad1dImplEE7forwardEi", "N5torch2nn9Pad1dImplE", "forward", nullptr}'
has 'return call<Result4>(forwards[4], *this);'
has 'template <>'
