# The parser of `anycapture instrument`: tree-sitter and its C++ grammar, from their released
# sources, which cmake/tree_sitter.sh brings. Where they are: TreeSitter_ROOT.
if(ANYCAPTURE_INSTRUMENT STREQUAL "OFF")
  return()
endif()
find_path(ANYCAPTURE_TREE_SITTER_CORE lib.c
  HINTS ${TreeSitter_ROOT} $ENV{TreeSitter_ROOT} ${PROJECT_SOURCE_DIR}/build/tree-sitter
  PATH_SUFFIXES tree-sitter/tree_sitter/core/lib/src NO_DEFAULT_PATH)
find_path(ANYCAPTURE_TREE_SITTER_CPP parser.c
  HINTS ${TreeSitter_ROOT} $ENV{TreeSitter_ROOT} ${PROJECT_SOURCE_DIR}/build/tree-sitter
  PATH_SUFFIXES tree-sitter-cpp/src NO_DEFAULT_PATH)
mark_as_advanced(ANYCAPTURE_TREE_SITTER_CORE ANYCAPTURE_TREE_SITTER_CPP)
if(NOT ANYCAPTURE_TREE_SITTER_CORE OR NOT ANYCAPTURE_TREE_SITTER_CPP)
  string(CONCAT anycapture_no_parser "anycapture instrument is left out: it needs the sources of "
    "tree-sitter and of its C++ grammar. Run cmake/tree_sitter.sh, which brings them with pip, or "
    "set TreeSitter_ROOT")
  if(ANYCAPTURE_INSTRUMENT STREQUAL "ON")
    message(FATAL_ERROR "${anycapture_no_parser}")
  endif()
  message(STATUS "${anycapture_no_parser}")
  return()
endif()

# The grammar is generated code: large, and not ours to warn about.
set(anycapture_tree_sitter_api ${ANYCAPTURE_TREE_SITTER_CORE}/../include)
configure_file(${ANYCAPTURE_TREE_SITTER_CORE}/parser.h
  ${PROJECT_BINARY_DIR}/tree_sitter/tree_sitter/parser.h COPYONLY)
configure_file(${ANYCAPTURE_TREE_SITTER_CORE}/alloc.h
  ${PROJECT_BINARY_DIR}/tree_sitter/tree_sitter/alloc.h COPYONLY)
configure_file(${ANYCAPTURE_TREE_SITTER_CORE}/array.h
  ${PROJECT_BINARY_DIR}/tree_sitter/tree_sitter/array.h COPYONLY)
add_library(anycapture_tree_sitter STATIC
  ${ANYCAPTURE_TREE_SITTER_CORE}/lib.c
  ${ANYCAPTURE_TREE_SITTER_CPP}/parser.c ${ANYCAPTURE_TREE_SITTER_CPP}/scanner.c)
target_include_directories(anycapture_tree_sitter SYSTEM
  PUBLIC ${anycapture_tree_sitter_api}
  PRIVATE ${ANYCAPTURE_TREE_SITTER_CORE} ${PROJECT_BINARY_DIR}/tree_sitter)
target_compile_definitions(anycapture_tree_sitter PRIVATE _POSIX_C_SOURCE=200112L _DEFAULT_SOURCE)
target_compile_options(anycapture_tree_sitter PRIVATE -w -O1)
