# interpose_forwards(FILE LIBTORCH PROBLEM COUNT): writes FILE, the definitions of every forward of a
# built-in module that the shared library LIBTORCH exports; or says in PROBLEM why that cannot be.
#
# What the library exports is the list, and the headers are the types: each definition is one of a
# member function that a header declares, so that one that does not fit does not compile.

# Demangled arguments, "at::Tensor const&, std::tuple<at::Tensor, at::Tensor>", as a list. With names
# from the outermost namespace on: there is an op at::_ops::std.
function(interpose_split arguments into)
  set(word "[A-Za-z_][A-Za-z0-9_]*")
  string(REGEX REPLACE "(${word}(::${word})+)" "::\\1" arguments "${arguments}")
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
    string(APPEND given ", std::forward<${type}>(a${number})")
    string(APPEND tail ", ${type}")
    math(EXPR number "${number} + 1")
  endforeach()
  list(JOIN parameters ", " parameters)
  list(JOIN values ", " values)
  set(template "")
  if(class MATCHES "<")
    set(template "template <>\n")
  endif()
  string(CONCAT text
    "using Result${index} = decltype(std::declval<${class}${const}&>().${method}(${values}));\n"
    "${template}Result${index} ${class}::${method}(${parameters})${const} {\n"
    "  return call<Result${index}${tail}>(forwards[${index}], *this${given});\n}\n\n")
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

# The norms' forward is a template in a header, compiled into every program: what it calls first and
# last is LibTorch's, and defined here in its place.
function(interpose_norm_check index class into)
  string(CONCAT text
    "void ${class}::_check_input_dim(at::Tensor const& a0) {\n"
    "  check_norm(forwards[${index}], *this, a0);\n}\n\n")
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

function(interpose_norm_op symbol signature into)
  string(REGEX MATCH "^at::_ops::([a-z_]+)::call\\((.*)\\)$" whole "${signature}")
  set(op "${CMAKE_MATCH_1}")
  interpose_split("${CMAKE_MATCH_2}" types)
  set(parameters "")
  set(given "")
  set(number 0)
  foreach(type IN LISTS types)
    list(APPEND parameters "${type} a${number}")
    list(APPEND given "a${number}")
    math(EXPR number "${number} + 1")
  endforeach()
  list(JOIN types ", " types)
  list(JOIN parameters ", " parameters)
  list(JOIN given ", " given)
  string(CONCAT text
    "static std::atomic<void*> next_${op}{nullptr};\n"
    "at::Tensor at::_ops::${op}::call(${parameters}) {\n"
    "  return call_norm<${types}>(\"${symbol}\", next_${op}, ${given});\n}\n\n")
  set(${into} "${text}" PARENT_SCOPE)
endfunction()

# The symbols that match, mangled and not, as lists. A definition in a header, which the compiler puts
# into every program, is not LibTorch's to export, but for a template's, which it has instantiated.
function(interpose_symbols libtorch mangled_regex plain_regex names signatures)
  set(list ${CMAKE_CURRENT_BINARY_DIR}/symbols.txt)
  execute_process(COMMAND ${CMAKE_NM} -D --defined-only ${libtorch}
    COMMAND grep -oE "[TW] ${mangled_regex}" OUTPUT_FILE ${list})
  execute_process(COMMAND sed "s/^..//" ${list} OUTPUT_VARIABLE mangled)
  execute_process(COMMAND sed "s/^..//" ${list} COMMAND ${ANYCAPTURE_CXXFILT} OUTPUT_VARIABLE plain)
  execute_process(COMMAND cut -c1 ${list} OUTPUT_VARIABLE kinds)
  foreach(text IN ITEMS mangled plain kinds)
    string(REGEX REPLACE "\n$" "" ${text} "${${text}}")
    string(REPLACE "\n" ";" ${text} "${${text}}")
  endforeach()
  set(found_names "")
  set(found_signatures "")
  foreach(name signature kind IN ZIP_LISTS mangled plain kinds)
    string(REGEX MATCH "^${plain_regex}\\(" start "${signature}")
    if(start AND (kind STREQUAL "T" OR start MATCHES "<"))
      list(APPEND found_names "${name}")
      list(APPEND found_signatures "${signature}")
    endif()
  endforeach()
  set(${names} "${found_names}" PARENT_SCOPE)
  set(${signatures} "${found_signatures}" PARENT_SCOPE)
endfunction()

# Why the calls that LibTorch makes itself would go past other libraries; empty where they do not.
function(interpose_problem libtorch into)
  execute_process(COMMAND ${CMAKE_READELF} -rW ${libtorch}
    COMMAND grep -cE "_ZN5torch2nn[A-Za-z0-9_]*7forwardE" OUTPUT_VARIABLE own_calls ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  execute_process(COMMAND ${CMAKE_READELF} -dW ${libtorch}
    COMMAND grep -cE "\\(SYMBOLIC\\)|FLAGS.* SYMBOLIC" OUTPUT_VARIABLE symbolic ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(${into} "" PARENT_SCOPE)
  if(symbolic GREATER 0 OR NOT own_calls GREATER 0)
    set(${into} "${libtorch} is linked with -Bsymbolic: its own calls go past other libraries"
      PARENT_SCOPE)
  endif()
endfunction()

function(interpose_forwards file libtorch problem count)
  set(class "torch::nn::[A-Za-z0-9_]+Impl")
  set(symbol "_ZNK?5torch2nn[0-9]+[A-Za-z0-9_]+Impl[A-Za-z0-9_]*")
  interpose_symbols(${libtorch} "${symbol}forward[A-Za-z0-9_]*"
    "${class}(<[^()]*>)?::forward(_with_[a-z_]+)?" names signatures)
  interpose_symbols(${libtorch} "${symbol}16_check_input_dimE[A-Za-z0-9_]*"
    "${class}::_check_input_dim" check_names check_signatures)
  interpose_symbols(${libtorch} "_ZN2at4_ops(10batch|13instance)_norm4callE[A-Za-z0-9_]*"
    "at::_ops::[a-z_]+::call" op_names op_signatures)
  list(APPEND names ${check_names})
  list(APPEND signatures ${check_signatures})
  list(LENGTH names found)
  if(found EQUAL 0)
    set(${problem} "${libtorch} exports no forward of a torch::nn module" PARENT_SCOPE)
    return()
  endif()
  set(table "")
  set(definitions "")
  set(index 0)
  foreach(name signature IN ZIP_LISTS names signatures)
    string(REGEX MATCH "^(.*)::([a-z_]+)\\((.*)\\)( const)?$" whole "${signature}")
    set(class "${CMAKE_MATCH_1}")
    set(method "${CMAKE_MATCH_2}")
    set(arguments "${CMAKE_MATCH_3}")
    set(const "${CMAKE_MATCH_4}")
    interpose_type_name("${class}" type)
    if(method STREQUAL _check_input_dim)
      interpose_norm_check(${index} ${class} text)
      set(method forward)
    else()
      interpose_definition(${index} "${class}" ${method} "${arguments}" "${const}" text)
    endif()
    string(APPEND table "    {\"${name}\", \"${type}\", \"${method}\", nullptr},\n")
    string(APPEND definitions "${text}")
    math(EXPR index "${index} + 1")
  endforeach()
  foreach(name signature IN ZIP_LISTS op_names op_signatures)
    interpose_norm_op(${name} "${signature}" text)
    string(APPEND definitions "${text}")
  endforeach()
  set(ANYCAPTURE_FORWARD_TABLE "${table}")
  set(ANYCAPTURE_FORWARD_DEFINITIONS "${definitions}")
  configure_file(${CMAKE_CURRENT_SOURCE_DIR}/forwards.cpp.in ${file} @ONLY)
  interpose_problem(${libtorch} why)
  set(${problem} "${why}" PARENT_SCOPE)
  if(NOT why)
    set(${count} ${found} PARENT_SCOPE)
  endif()
endfunction()
