// SPDX-License-Identifier: MIT
// What a source and the headers it includes declare, as far as rewriting needs to know.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

/// The functions of one name: of all scopes together, since calls are not resolved.
struct DeclaredFunctions {
  std::set<std::size_t> out;      ///< places of arguments that one of them takes by reference
  std::set<std::size_t> not_out;  ///< places that one of them takes otherwise
};

struct DeclaredClass {
  std::map<std::string, std::set<bool>, std::less<>> methods;  ///< name -> whether static
  std::set<std::string, std::less<>> fields;
};

class Declarations {
 public:
  void add(const Tree& tree) { add(tree.root(), nullptr); }

  /// Null for a class that was not seen.
  const DeclaredClass* find_class(std::string_view name) const;
  bool is_namespace(std::string_view name) const { return namespaces_.count(name) != 0; }
  bool is_macro(std::string_view name) const { return macros_.count(name) != 0; }
  /// Null for a function that was not seen.
  const DeclaredFunctions* find_function(std::string_view name) const;

 private:
  void add(const Node& node, DeclaredClass* in);
  void add_function(const Node& declaration, DeclaredClass* in);

  std::map<std::string, DeclaredClass, std::less<>> classes_;  // of one name all together
  std::map<std::string, DeclaredFunctions, std::less<>> functions_;
  std::set<std::string, std::less<>> namespaces_;
  std::set<std::string, std::less<>> macros_;  // like objects: their names may stand for anything
};

/// The function_declarator in a declarator, past pointers and references; empty if there is none.
Node function_declarator_of(Node declarator);
/// The name that a declarator declares: `x` of `const auto& x`; empty if there is none.
Node declared_name(Node declarator);
/// The last part of `a::b<int>::c`.
Node last_name(Node name);
/// `b` of `a::b<int>::c`; empty if there is none.
Node scope_before_last(Node name);
/// Whether a word stands among the specifiers of a declaration: `static`, `constexpr`.
bool has_specifier(const Node& declaration, std::string_view word);

}  // namespace instrument
}  // namespace anycapture
