// SPDX-License-Identifier: MIT
#include "instrument/returns.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace anycapture {
namespace instrument {
namespace {

bool is_path(const Node& node) {
  if (node.is("identifier") || node.is("this")) return true;
  return node.is("field_expression") && node.child("field").is("field_identifier") &&
         is_path(node.child("argument"));
}

// The variable of `x`, `(x)`, `std::move(x)`: returned as it stands, so that it is moved as ever.
Node returned_variable(const Node& value) {
  if (value.is("parenthesized_expression")) return returned_variable(value.first_child());
  if (is_path(value) && !value.is("this")) return value;
  if (!value.is("call_expression") || value.child("function").text() != "std::move") return {};
  const std::vector<Node> arguments = value.child("arguments").children();
  return arguments.size() == 1 && is_path(arguments[0]) ? arguments[0] : Node();
}

bool uses(const Node& node, const std::vector<std::string>& names) {
  if (node.is("identifier") && std::find(names.begin(), names.end(), node.text()) != names.end()) {
    return true;
  }
  const std::vector<Node> all = node.children();
  return std::any_of(all.begin(), all.end(), [&](const Node& one) { return uses(one, names); });
}

// The names of structured bindings: C++17 lets no lambda capture them.
void collect_bindings(const Node& node, std::vector<std::string>& names) {
  if (node.is("structured_binding_declarator")) {
    for (const Node& one : node.children()) names.emplace_back(one.text());
  }
  for (const Node& child : node.children()) collect_bindings(child, names);
}

Return around(const Node& value, std::string before, std::string after) {
  Return how;
  how.insertions = {{value.start(), std::move(before)}, {value.end(), std::move(after)}};
  how.names_value = true;
  return how;
}

Return before(const Node& statement, std::string text) {
  Return how;
  how.insertions = {{statement.start(), std::move(text)}};
  how.needs_braces = true;
  return how;
}

Return left(std::string why) {
  Return how;
  how.left_alone = std::move(why);
  return how;
}

}  // namespace

Return how_to_return(const Node& statement, const Function& function) {
  const Node value = statement.first_child();
  if (function.returned == Returned::kNoTensor) return {};
  if (function.returned == Returned::kNothing) {
    if (value) return left("it returns what a function that returns nothing returned");
    return before(statement, "anycapture_.returning(); ");
  }
  if (!value) return {};
  if (const Node variable = returned_variable(value)) {
    Return how = before(statement, fmt::format("anycapture_.returning({}); ", variable.text()));
    how.names_value = true;
    return how;
  }
  const bool braced = value.is("initializer_list");
  const std::string& type = function.return_type;
  if (value.is("comma_expression")) return left("a comma in a return");
  switch (function.returned) {
    case Returned::kTensor:
      return around(
          value,
          braced ? fmt::format("anycapture_.returned_as<{}>(", type) : "anycapture_.returned(",
          ")");
    case Returned::kReference:
      if (braced) return left("a reference to what braces make");
      return around(value, "anycapture_.returned_reference(", ")");
    case Returned::kOther:
    case Returned::kDeduced: {
      std::vector<std::string> bindings;
      collect_bindings(function.body, bindings);
      if (uses(value, bindings)) return left("a structured binding, which a lambda cannot capture");
      if (value.text().find("__func__") != std::string_view::npos)
        return left("__func__ in a return");
      const std::string result =
          function.returned == Returned::kOther && braced ? fmt::format("() -> {} ", type) : "";
      return around(value, fmt::format("anycapture_.returned_from([&]{}{{ return ", result),
                    "; })");
    }
    default:
      return left("what it returns cannot be told");
  }
}

}  // namespace instrument
}  // namespace anycapture
