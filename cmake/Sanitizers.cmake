# ANYCAPTURE_SANITIZE=address,undefined or =thread: everything of ours is compiled and linked with it.
set(ANYCAPTURE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
if(ANYCAPTURE_SANITIZE)
  add_compile_options(-fsanitize=${ANYCAPTURE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${ANYCAPTURE_SANITIZE})
  if(ANYCAPTURE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
