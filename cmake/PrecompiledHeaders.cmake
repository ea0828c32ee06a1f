# target_precompile_headers(), such that ccache can keep what is compiled with them: that asks for
# this option of GCC, and for CCACHE_SLOPPINESS=pch_defines,time_macros, which setup.sh sets.
function(anycapture_precompile_headers target)
  target_precompile_headers(${target} ${ARGN})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

# What most sources that need no LibTorch include: a third of their compile time.
set(anycapture_common_headers <fmt/format.h> <fmt/ranges.h> <algorithm> <filesystem> <functional>
  <map> <memory> <optional> <set> <string> <string_view> <vector>)
