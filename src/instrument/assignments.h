// SPDX-License-Identifier: MIT
// Which variables a statement gives a value to.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "instrument/declarations.h"
#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// One variable that gets a value.
struct Assigned {
  std::string name;        ///< `q`, `cache_` of `this->cache_`, `out.hidden`
  std::string expression;  ///< an lvalue that can be read again: `this->cache_`
  const char* kind;        ///< for people: `declaration`
  /// It may have been left as it was: told at run time.
  bool perhaps = false;
  /// Of a field: the variable that holds it, which may itself be one that tensors are seen in.
  std::string owner = {};
  std::string owner_expression = {};
  std::size_t line = 0;
};

struct Assignments {
  std::vector<Assigned> all;          ///< in the order of the source
  std::vector<std::string> declared;  ///< names of variables that come into scope
  bool declares_numbers = false;      ///< those are numbers
  std::string left_alone;             ///< why something in it was; empty if nothing was
};

/// What is known where a statement stands.
struct Scope {
  const Declarations& declarations;
  const std::vector<std::string>& variables;  ///< in scope, the function's own, innermost last
  const std::set<std::string>& numbers;       ///< those among them that are no more than that
  const DeclaredClass* around = nullptr;      ///< the class of the function

  bool has_variable(std::string_view name) const;
};

/// Of a declaration.
Assignments assigned_by_declaration(const Node& declaration, const Scope& scope);
/// Of an expression that is a statement of its own.
Assignments assigned_by_expression(const Node& expression, const Scope& scope);
/// The variables that a declarator names: one, or those of a structured binding.
std::vector<std::string> names_declared_by(const Node& declarator);
/// What is assigned in an expression that is no statement of its own: perhaps, that is. Not in
/// lambdas.
Assignments assigned_inside(const Node& node, const Scope& scope);
/// Whether assignments stand in it, but for those in lambdas.
bool hides_assignment(const Node& node);
/// The names that may be assigned in what is left alone: all where it is not understood.
std::set<std::string> names_assigned_in(const Node& node);
/// Whether a type is a number's, by its text.
bool is_plain_number(const Node& type);

}  // namespace instrument
}  // namespace anycapture
