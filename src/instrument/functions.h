// SPDX-License-Identifier: MIT
// The functions that a source defines, and whether and how each can be instrumented.
#pragma once

#include <string>
#include <vector>

#include "instrument/declarations.h"
#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// What a function returns, as far as its text tells.
enum class Returned {
  kNothing,    ///< void
  kNoTensor,   ///< a number, a string, a pointer
  kTensor,     ///< a value of a type in whose name the word Tensor stands
  kReference,  ///< to whatever it is
  kOther,      ///< a value of another type
  kDeduced,    ///< auto
  kUnknown,    ///< decltype(auto) and the like: returns are left alone
};

struct Function {
  Node definition;
  Node body;               ///< a compound_statement
  std::string name;        ///< without its scope: `forward`
  std::string shown;       ///< for people: `AttentionImpl::forward`
  std::string class_name;  ///< empty for a free function
  bool has_this = false;
  std::vector<std::string> parameters;  ///< names; empty where one has none, `a...` for a pack
  bool has_class_parameter = false;     ///< one of them is more than a number
  Returned returned = Returned::kUnknown;
  std::string return_type;
  std::string left_alone;    ///< why; empty where it can be instrumented
  bool is_expected = false;  ///< nobody would expect more: an operator, a constructor
};

/// All functions with a body, in order; not lambdas, nor what stands inside other functions' bodies
/// but for methods of classes there.
std::vector<Function> functions_of(const Tree& tree, const Declarations& declarations);

}  // namespace instrument
}  // namespace anycapture
