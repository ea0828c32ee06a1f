# anycapture_instrument(target [HEADERS header...])
#
# Compiles each C++ source of the target from a build-time copy in which every assignment to a tensor
# names its variable, so that locals can be captured: Attention:attn. The sources stay as they are;
# messages, breakpoints and dependencies name them. HEADERS that a source includes are instrumented
# as well, where the functions to look into are defined in them. Links the target to AnyCapture.

# The path of the program: a launcher takes no generator expression before CMake 3.27.
function(anycapture_find_program result)
  if(TARGET anycapture_cli)
    get_target_property(folder anycapture_cli RUNTIME_OUTPUT_DIRECTORY)
    if(NOT folder)
      get_target_property(folder anycapture_cli BINARY_DIR)
    endif()
    set(program ${folder}/anycapture)
    if(NOT TARGET anycapture_instrument)
      set(program "")
    endif()
  else()
    get_property(program GLOBAL PROPERTY ANYCAPTURE_PROGRAM)
  endif()
  if(NOT program)
    message(FATAL_ERROR "anycapture_instrument: this AnyCapture was built without the parser: run "
      "its cmake/tree_sitter.sh, and build and install it again")
  endif()
  set(${result} ${program} PARENT_SCOPE)
endfunction()

# Objects are made again when the program is another.
function(anycapture_depend_on_program target program)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  foreach(source IN LISTS sources)
    if(source MATCHES "\\.(cpp|cc|cxx|c\\+\\+|C)$" AND NOT source MATCHES "^\\$<")
      set_property(SOURCE ${source} DIRECTORY ${folder} APPEND PROPERTY OBJECT_DEPENDS ${program})
    endif()
  endforeach()
endfunction()

function(anycapture_instrument target)
  cmake_parse_arguments(arg "" "" "HEADERS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "anycapture_instrument(${target}): ${arg_UNPARSED_ARGUMENTS} is not understood: "
      "write anycapture_instrument(target HEADERS a.h b.h)")
  endif()
  if(NOT TARGET ${target})
    message(FATAL_ERROR "anycapture_instrument(${target}): there is no such target: call it behind "
      "add_library() or add_executable()")
  endif()
  get_target_property(aliased ${target} ALIASED_TARGET)
  if(aliased)
    set(target ${aliased})
  endif()
  get_target_property(type ${target} TYPE)
  get_target_property(imported ${target} IMPORTED)
  if(type STREQUAL "INTERFACE_LIBRARY" OR type STREQUAL "UTILITY" OR imported)
    message(FATAL_ERROR "anycapture_instrument(${target}): it compiles no source of its own: name the "
      "target that does")
  endif()
  if(NOT CMAKE_GENERATOR MATCHES "Makefiles|^Ninja$")
    message(FATAL_ERROR "anycapture_instrument needs the generator Ninja or Unix Makefiles, this is "
      "${CMAKE_GENERATOR}")
  endif()
  anycapture_find_program(program)

  set(launcher ${program} instrument --compile)
  foreach(header IN LISTS arg_HEADERS)
    get_filename_component(path ${header} ABSOLUTE)
    get_source_file_property(generated ${path} GENERATED)
    if(NOT EXISTS ${path} AND NOT generated)
      message(FATAL_ERROR "anycapture_instrument(${target}): there is no header ${path}")
    endif()
    list(APPEND launcher --header ${path})
  endforeach()
  get_target_property(launcher_before ${target} CXX_COMPILER_LAUNCHER)
  if(launcher_before MATCHES "anycapture;instrument;--compile")
    message(FATAL_ERROR "anycapture_instrument(${target}) was called twice: name all HEADERS at once")
  endif()
  list(APPEND launcher --)
  if(launcher_before)
    list(APPEND launcher ${launcher_before})
  endif()
  set_property(TARGET ${target} PROPERTY CXX_COMPILER_LAUNCHER ${launcher})
  if(TARGET anycapture_cli)
    add_dependencies(${target} anycapture_cli)
  endif()
  if(COMMAND cmake_language AND CMAKE_VERSION VERSION_GREATER_EQUAL 3.19)
    cmake_language(EVAL CODE
      "cmake_language(DEFER CALL anycapture_depend_on_program ${target} [[${program}]])")
  else()
    anycapture_depend_on_program(${target} ${program})
  endif()
  # Not target_link_libraries(), which has two forms that one target cannot mix.
  set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES anycapture::anycapture)
  set_property(TARGET ${target} APPEND PROPERTY
    INTERFACE_LINK_LIBRARIES $<LINK_ONLY:anycapture::anycapture>)
endfunction()
