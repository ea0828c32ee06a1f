// SPDX-License-Identifier: MIT
#include "instrument/assignments.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace anycapture {
namespace instrument {
namespace {

using std::string_view;

bool is_any_of(string_view text, std::initializer_list<string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool ends_with(string_view text, string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_literal(const Node& value) {
  return is_any_of(value.kind(),
                   {"number_literal", "string_literal", "raw_string_literal", "char_literal",
                    "concatenated_string", "true", "false", "null", "lambda_expression"});
}

// `x`, `ns::x`, `this->x`, `a.b->c`: what can be read again without doing anything.
bool is_path(const Node& node) {
  if (is_any_of(node.kind(), {"identifier", "qualified_identifier", "this"})) return true;
  return node.is("field_expression") && node.child("field").is("field_identifier") &&
         is_path(node.child("argument"));
}

std::string name_of(const Node& path) {
  if (path.is("this")) return {};
  if (path.is("qualified_identifier")) return std::string(last_name(path).text());
  if (!path.is("field_expression")) return std::string(path.text());
  const std::string before = name_of(path.child("argument"));
  const std::string field(path.child("field").text());
  return before.empty() ? field : before + "." + field;
}

// The variable behind `x[0]`, `x.index({0})`, `std::get<0>(x)`, `*x`; empty if there is none.
Node owner_of(const Node& node) {
  if (is_path(node)) return node.is("this") ? Node() : node;
  if (node.is("parenthesized_expression")) return owner_of(node.first_child());
  if (node.is("subscript_expression") || node.is("pointer_expression") ||
      node.is("field_expression")) {
    return owner_of(node.child("argument"));
  }
  if (!node.is("call_expression")) return {};
  const Node called = node.child("function");
  if (called.is("field_expression")) return owner_of(called.child("argument"));
  if (last_name(called).text() != "get") return {};
  const std::vector<Node> arguments = node.child("arguments").children();
  return arguments.size() == 1 ? owner_of(arguments[0]) : Node();
}

Assigned variable(const Node& path, const char* kind, bool perhaps = false) {
  Assigned one{name_of(path), std::string(path.text()), kind, perhaps};
  one.line = path.line();
  const Node owner = path.is("field_expression") ? path.child("argument") : Node();
  if (owner && !owner.is("this") && path.child("operator").text() == ".") {
    one.owner = name_of(owner);
    one.owner_expression = std::string(owner.text());
  }
  return one;
}

class Reader {
 public:
  explicit Reader(const Scope& scope) : scope_(scope) {}

  Assignments take() { return std::move(found_); }

  void declaration(const Node& node) {
    for (const char* kept : {"static", "thread_local", "extern"}) {
      if (!has_specifier(node, kept)) continue;
      found_.left_alone = std::string("a ") + kept + " variable";
      for (const Node& one : node.children("declarator")) declare(one);
      return;
    }
    const bool silent = has_specifier(node, "constexpr") || is_plain_number(node.child("type"));
    found_.declares_numbers = silent;
    for (const Node& one : node.children("declarator")) {
      declare(one);
      if (silent) continue;
      if (one.is("init_declarator")) {
        initialised(one);
      } else if (one.is("function_declarator")) {
        maybe_constructed(node, one);
      }
    }
  }

  void inside(const Node& node) { nested(node); }

  void expression(const Node& node) {
    if (node.is("assignment_expression")) {
      assignment(node);
    } else if (node.is("comma_expression")) {
      expression(node.child("left"));
      expression(node.child("right"));
    } else if (node.is("parenthesized_expression")) {
      expression(node.first_child());
    } else if (node.is("call_expression")) {
      call(node, true);
      nested(node);
    } else {
      nested(node);
    }
  }

 private:
  void declare(const Node& declarator) {
    for (std::string& name : names_declared_by(declarator))
      found_.declared.push_back(std::move(name));
  }

  void add(const Node& path, const char* kind, bool perhaps = false) {
    const std::string name = name_of(path);
    if (name.empty() || path.text() == "std::ignore" || scope_.numbers.count(name) != 0) return;
    if (scope_.declarations.is_macro(path.text())) {
      found_.left_alone = std::string(path.text()) + " is a macro here";
      return;
    }
    found_.all.push_back(variable(path, kind, perhaps));
  }

  void initialised(const Node& one) {
    const Node declarator = one.child("declarator"), value = one.child("value");
    if (is_literal(value)) return;
    const bool pointer = declarator.is("pointer_declarator") || declarator.is("array_declarator");
    if (pointer) return nested(value);
    call(value, false);
    const bool binding = declarator.is("structured_binding_declarator") ||
                         declarator.first_child().is("structured_binding_declarator");
    for (const std::string& name : names_declared_by(declarator)) {
      if (name == "_") continue;
      Assigned assigned{name, name, binding ? "structured binding" : "declaration"};
      assigned.line = declarator.line();
      found_.all.push_back(std::move(assigned));
    }
    nested(value);
  }

  // `Tensor z(y);` is a function to the grammar; where y is a variable it is none.
  void maybe_constructed(const Node& declaration, const Node& function) {
    const Node name = function.child("declarator");
    for (const Node& parameter : function.child("parameters").children()) {
      if (!parameter.child("declarator") && scope_.has_variable(parameter.text())) continue;
      if (declaration.child("type").text().find("Tensor") != string_view::npos)
        found_.left_alone = std::string(name.text()) + " looks like the declaration of a function";
      return;
    }
    Assigned assigned{std::string(name.text()), std::string(name.text()), "declaration"};
    assigned.line = name.line();
    found_.all.push_back(std::move(assigned));
    found_.declared.push_back(std::string(name.text()));
  }

  void assignment(const Node& node) {
    const Node left = node.child("left"), right = node.child("right");
    const bool plain = node.child("operator").text() == "=";
    if (right.is("assignment_expression")) {
      target(left);
      return assignment(right);
    }
    call(right, false);
    if (!(plain && is_literal(right))) target(left);
    nested(left);
    nested(right);
  }

  void target(const Node& left) {
    if (left.is("parenthesized_expression")) return target(left.first_child());
    if (is_path(left)) return add(left, "assignment");
    if (left.is("call_expression") &&
        is_any_of(last_name(left.child("function")).text(), {"tie", "forward_as_tuple"})) {
      for (const Node& one : left.child("arguments").children()) target(one);
      return;
    }
    const Node owner = owner_of(left);
    if (owner) {
      add(owner, "assignment into it");
    } else {
      found_.left_alone = "it assigns to what is no variable";
    }
  }

  // A call that may write to what it is given.
  void call(const Node& node, bool is_statement) {
    if (!node.is("call_expression")) return;
    const Node called = node.child("function");
    const std::vector<Node> arguments = node.child("arguments").children();
    const string_view name =
        called.is("field_expression") ? called.child("field").text() : last_name(called).text();
    if (called.is("field_expression") && is_statement && method(called, name)) return;
    if (!called.is("field_expression") && is_statement && function(called, name, arguments)) return;
    const DeclaredFunctions* known = scope_.declarations.find_function(name);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!is_path(arguments[i]) || arguments[i].is("this")) continue;
      const bool out = known != nullptr && known->out.count(i) != 0;
      if (known != nullptr && !out) continue;
      const bool certain = out && known->not_out.count(i) == 0;
      if (!certain && (!is_statement || !may_be_variable(arguments[i]))) continue;
      if (certain && !may_be_variable(arguments[i])) continue;
      add(arguments[i], "out-parameter", !certain);
    }
  }

  // A statement `x.f(...);`. True where it is known what it does.
  bool method(const Node& called, string_view name) {
    const Node object = called.child("argument");
    const bool in_place = ends_with(name, "_");
    const bool fills =
        is_any_of(name, {"push_back", "emplace_back", "push_front", "emplace_front", "insert",
                         "emplace", "insert_or_assign", "try_emplace", "assign", "resize",
                         "pop_back", "erase", "swap", "set_data"});
    if (!in_place && !fills) return false;
    const Node owner = owner_of(object);
    if (!owner) return false;
    if (is_path(object)) {
      add(owner, in_place ? "in place" : "container");
    } else {
      add(owner, "in place", true);
    }
    return true;
  }

  // A statement `f(...);`. True where it is known what it does.
  bool function(const Node& called, string_view name, const std::vector<Node>& arguments) {
    const auto scope = scope_before_last(called).text();
    const bool of_torch = is_any_of(scope, {"torch", "at", "F", "functional", "init"});
    if (name == "swap" && arguments.size() == 2) {
      for (const Node& one : arguments) {
        if (is_path(one)) add(one, "swap");
      }
      return true;
    }
    const bool first = ends_with(name, "_") || (of_torch && ends_with(name, "_out"));
    if (first && !arguments.empty() && is_path(arguments[0]) && may_be_variable(arguments[0])) {
      add(arguments[0], ends_with(name, "_") ? "in place" : "out-parameter");
      return true;
    }
    return of_torch || scope == "std" || name.substr(0, 10) == "ANYCAPTURE" ||
           name == "static_assert";
  }

  // Not the name of a function, which may be overloaded.
  bool may_be_variable(const Node& path) const {
    Node first = path;
    while (first.is("field_expression")) first = first.child("argument");
    if (first.is("this")) return true;
    if (!first.is("identifier")) return false;
    return scope_.has_variable(first.text()) ||
           (scope_.around != nullptr && scope_.around->fields.count(first.text()) != 0);
  }

  // `f(y = x)`, `c ? a = x : b = y`: whether it ran is told by what changed.
  void nested(const Node& node) {
    if (!node || node.is("lambda_expression")) return;
    if (node.is("assignment_expression")) {
      const Node left = node.child("left");
      if (is_path(left) && may_be_variable(left)) {
        add(left, "assignment inside", true);
      } else {
        found_.left_alone = "an assignment inside an expression";
      }
    }
    for (const Node& child : node.children()) nested(child);
  }

  const Scope& scope_;
  Assignments found_;
};

}  // namespace

bool Scope::has_variable(string_view name) const {
  return std::find(variables.begin(), variables.end(), name) != variables.end();
}

std::vector<std::string> names_declared_by(const Node& declarator) {
  if (declarator.is("init_declarator")) return names_declared_by(declarator.child("declarator"));
  if (declarator.is("reference_declarator") &&
      declarator.first_child().is("structured_binding_declarator")) {
    return names_declared_by(declarator.first_child());
  }
  std::vector<std::string> names;
  if (declarator.is("structured_binding_declarator")) {
    for (const Node& one : declarator.children()) names.emplace_back(one.text());
  } else if (const Node name = declared_name(declarator);
             name && !function_declarator_of(declarator)) {
    names.emplace_back(name.text());
  }
  return names;
}

bool is_plain_number(const Node& type) {
  return type.is("primitive_type") || type.is("sized_type_specifier") ||
         is_any_of(type.text(), {"int64_t", "std::int64_t", "std::size_t", "size_t", "std::string",
                                 "torch::NoGradGuard", "torch::InferenceMode"});
}

bool hides_assignment(const Node& node) {
  if (node.is("lambda_expression")) return false;
  if (node.is("assignment_expression")) return true;
  const std::vector<Node> all = node.children();
  return std::any_of(all.begin(), all.end(), hides_assignment);
}

namespace {

void all_names(const Node& node, std::set<std::string>& names) {
  if (node.is("identifier") || node.is("field_identifier")) names.emplace(node.text());
  for (const Node& child : node.children()) all_names(child, names);
}

}  // namespace

std::set<std::string> names_assigned_in(const Node& node) {
  std::set<std::string> names;
  if (node.is_broken()) all_names(node, names);
  if (node.is("assignment_expression")) {
    if (const Node owner = owner_of(node.child("left"))) names.insert(name_of(owner));
  }
  for (const Node& child : node.children()) names.merge(names_assigned_in(child));
  return names;
}

Assignments assigned_inside(const Node& node, const Scope& scope) {
  Reader reader(scope);
  reader.inside(node);
  return reader.take();
}

Assignments assigned_by_declaration(const Node& declaration, const Scope& scope) {
  Reader reader(scope);
  reader.declaration(declaration);
  return reader.take();
}

Assignments assigned_by_expression(const Node& expression, const Scope& scope) {
  Reader reader(scope);
  reader.expression(expression);
  return reader.take();
}

}  // namespace instrument
}  // namespace anycapture
