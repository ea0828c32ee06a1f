# target_precompile_headers(), such that ccache can keep what is compiled with them: that asks for
# this option of GCC, and for CCACHE_SLOPPINESS=pch_defines,time_macros, which setup.sh sets.
function(anycapture_precompile_headers target)
  target_precompile_headers(${target} ${ARGN})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()
