# interpose_forwards(FILE LIBTORCH PROBLEM COUNT): writes FILE, the definitions of every forward of a
# built-in module that the shared library LIBTORCH exports; or says in PROBLEM why that cannot be.
#
# What the library exports is the list, and the headers are the types: each definition is one of a
# member function that a header declares, so that one that does not fit does not compile.

# Demangled arguments, "at::Tensor const&, std::tuple<at::Tensor, at::Tensor>", as a list.
function(interpose_split arguments into)
  string(REPLACE ", " ";" pieces "${arguments}")
  set(types "")
  set(type "")
  foreach(piece IN LISTS pieces)
    string(APPEND type "${piece}")
    string(REGEX REPLACE "[^<(]" "" opened "${type}")
    string(REGEX REPLACE "[^>)]" "" closed "${type}")
    string(LENGTH "${opened}" opened)
    string(LENGTH "${closed}" closed)
    if(opened EQUAL closed)
      list(APPEND types "${type}")
      set(type "")
    else()
      string(APPEND type ", ")
    endif()
  endforeach()
  set(${into} "${types}" PARENT_SCOPE)
endfunction()

# What typeid(...).name() is for modules whose own forward is that of `class`: of a base template,
# the class that derives from it, its last argument.
function(interpose_type_name class into)
  string(REGEX REPLACE ".*[ <]([A-Za-z0-9_:]+)>$" "\\1" class "${class}")
  string(REPLACE "::" ";" parts "${class}")
  set(mangled "N")
  foreach(part IN LISTS parts)
    string(LENGTH "${part}" length)
    string(APPEND mangled "${length}${part}")
  endforeach()
  set(${into} "${mangled}E" PARENT_SCOPE)
endfunction()

function(interpose_definition index class method arguments const into)
  interpose_split("${arguments}" types)
  set(parameters "")
  set(values "")
  set(given "")
  set(tail "")  # of the list of template arguments
  set(number 0)
  foreach(type IN LISTS types)
    list(APPEND parameters "${type} a${number}")
    list(APPEND values "std::declval<${type}>()")
    list(APPEND given "std::forward<${type}>(a${number})")
    string(APPEND tail ", ${type}")
    math(EXPR number "${number} + 1")
  endforeach()
  list(JOIN parameters ", " parameters)
  list(JOIN values ", " values)
  list(JOIN given ", " given)
  set(template "")
  if(class MATCHES "<")
    set(template "template <>\n")
  endif()
  string(CONCAT text
    "using Result${index} = decltype(std::declval<${class}${const}&>().${method}(${values}));\n"
    "${template}Result${index} ${class}::${method}(${parameters})${const} {\n"
    "  return call<Result${index}${tail}>(forwards[${index}], *this, ${given});\n}\n\n")
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

# A definition in a header, which the compiler puts into every program, is not LibTorch's to export.
function(interpose_symbols libtorch names demangled)
  set(list ${CMAKE_CURRENT_BINARY_DIR}/symbols.txt)
  execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${libtorch}
    COMMAND grep -oE "[TW] _ZNK?5torch2nn[0-9]+[A-Za-z0-9_]+Impl[A-Za-z0-9_]*forward[A-Za-z0-9_]*"
    OUTPUT_FILE ${list})
  execute_process(COMMAND sed "s/^..//" INPUT_FILE ${list} OUTPUT_VARIABLE mangled)
  execute_process(COMMAND sed "s/^..//" ${list} COMMAND ${ANYCAPTURE_CXXFILT} OUTPUT_VARIABLE plain)
  execute_process(COMMAND cut -c1 INPUT_FILE ${list} OUTPUT_VARIABLE kinds)
  foreach(text IN ITEMS mangled plain kinds)
    string(REGEX REPLACE "\n$" "" ${text} "${${text}}")
    string(REPLACE "\n" ";" ${text} "${${text}}")
  endforeach()
  set(found_names "")
  set(found_plain "")
  foreach(name signature kind IN ZIP_LISTS mangled plain kinds)
    string(REGEX MATCH "^torch::nn::[A-Za-z0-9_]+(<[^()]*>)?::forward(_with_[a-z_]+)?\\(" start
      "${signature}")
    if(start AND (kind STREQUAL "T" OR start MATCHES "<"))
      list(APPEND found_names "${name}")
      list(APPEND found_plain "${signature}")
    endif()
  endforeach()
  set(${names} "${found_names}" PARENT_SCOPE)
  set(${demangled} "${found_plain}" PARENT_SCOPE)
endfunction()

function(interpose_forwards file libtorch problem count)
  interpose_symbols(${libtorch} names signatures)
  list(LENGTH names found)
  if(found EQUAL 0)
    set(${problem} "${libtorch} exports no forward of a torch::nn module" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${CMAKE_READELF} -rW ${libtorch}
    COMMAND grep -cE "_ZN5torch2nn[A-Za-z0-9_]*7forwardE" OUTPUT_VARIABLE own_calls ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${CMAKE_READELF} -dW ${libtorch}
    COMMAND grep -cE "\\(SYMBOLIC\\)|FLAGS.* SYMBOLIC" OUTPUT_VARIABLE symbolic ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(symbolic GREATER 0 OR NOT own_calls GREATER 0)
    set(${problem} "${libtorch} is linked with -Bsymbolic: its own calls go past other libraries"
      PARENT_SCOPE)
    return()
  endif()
  set(table "")
  set(definitions "")
  set(index 0)
  foreach(name signature IN ZIP_LISTS names signatures)
    string(REGEX MATCH "^(.*)::(forward[a-z_]*)\\((.*)\\)( const)?$" whole "${signature}")
    set(class "${CMAKE_MATCH_1}")
    set(method "${CMAKE_MATCH_2}")
    set(arguments "${CMAKE_MATCH_3}")
    set(const "${CMAKE_MATCH_4}")
    interpose_type_name("${class}" type)
    interpose_definition(${index} "${class}" ${method} "${arguments}" "${const}" text)
    string(APPEND table "    {\"${name}\", \"${type}\", \"${method}\", nullptr},\n")
    string(APPEND definitions "${text}")
    math(EXPR index "${index} + 1")
  endforeach()
  set(ANYCAPTURE_FORWARD_TABLE "${table}")
  set(ANYCAPTURE_FORWARD_DEFINITIONS "${definitions}")
  configure_file(${CMAKE_CURRENT_SOURCE_DIR}/forwards.cpp.in ${file} @ONLY)
  set(${problem} "" PARENT_SCOPE)
  set(${count} ${found} PARENT_SCOPE)
endfunction()
