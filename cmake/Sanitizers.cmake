# ANYCAPTURE_SANITIZE=address,undefined or =thread: everything of ours is compiled and linked with it.
set(ANYCAPTURE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
if(ANYCAPTURE_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "ANYCAPTURE_BUILD_FUZZERS takes Clang, which brings libFuzzer: "
      "-DCMAKE_CXX_COMPILER=clang++")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
  if(NOT ANYCAPTURE_SANITIZE)  # without one, few defects show
    set(ANYCAPTURE_SANITIZE address,undefined)
  endif()
endif()
if(ANYCAPTURE_SANITIZE)
  add_compile_options(-fsanitize=${ANYCAPTURE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${ANYCAPTURE_SANITIZE})
  if(ANYCAPTURE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
