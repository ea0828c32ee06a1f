// SPDX-License-Identifier: MIT
#include "instrument/declarations.h"

#include <algorithm>

namespace anycapture {
namespace instrument {
namespace {

bool is_class(const Node& node) {
  return node.is("struct_specifier") || node.is("class_specifier") || node.is("union_specifier");
}

bool is_any_of(std::string_view kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

Node function_declarator_of(Node declarator) {
  while (declarator && !declarator.is("function_declarator")) {
    if (!is_any_of(declarator.kind(), {"pointer_declarator", "reference_declarator",
                                       "attributed_declarator", "init_declarator"})) {
      return {};
    }
    const Node inner = declarator.child("declarator");
    declarator = inner ? inner : declarator.first_child();
  }
  return declarator;
}

Node declared_name(Node declarator) {
  while (declarator) {
    if (is_any_of(declarator.kind(), {"identifier", "field_identifier"})) return declarator;
    const Node inner = declarator.child("declarator");
    if (!inner &&
        !is_any_of(declarator.kind(), {"reference_declarator", "variadic_declarator",
                                       "parenthesized_declarator", "attributed_declarator"})) {
      return {};
    }
    declarator = inner ? inner : declarator.first_child();
  }
  return {};
}

Node last_name(Node name) {
  while (name.is("qualified_identifier")) name = name.child("name");
  if (name.is("template_function") || name.is("template_type") || name.is("template_method")) {
    return name.child("name");
  }
  return name;
}

Node scope_before_last(Node name) {
  Node scope;
  for (; name.is("qualified_identifier"); name = name.child("name")) scope = name.child("scope");
  return scope ? last_name(scope) : scope;
}

bool has_specifier(const Node& declaration, std::string_view word) {
  const std::vector<Node> parts = declaration.tokens();
  return std::any_of(parts.begin(), parts.end(), [&](const Node& part) {
    return part.text() == word && !part.is("identifier");
  });
}

const DeclaredClass* Declarations::find_class(std::string_view name) const {
  const auto found = classes_.find(name);
  return found == classes_.end() ? nullptr : &found->second;
}

const DeclaredFunctions* Declarations::find_function(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

void Declarations::add(const Node& node, DeclaredClass* in) {
  DeclaredClass* inner = in;
  if (is_class(node) && node.child("body")) {
    inner = &classes_[std::string(last_name(node.child("name")).text())];
  } else if (node.is("friend_declaration")) {
    inner = nullptr;
  } else if (node.is("namespace_definition")) {
    const Node name = node.child("name");
    namespaces_.emplace(name.text());
    for (const Node& part : name.children()) namespaces_.emplace(part.text());
  } else if (node.is("preproc_def")) {
    macros_.emplace(node.child("name").text());
  } else if (is_any_of(node.kind(), {"function_definition", "declaration", "field_declaration"})) {
    add_function(node, in);
  }
  if (is_any_of(node.kind(), {"compound_statement", "preproc_def", "preproc_function_def"})) return;
  for (const Node& child : node.children()) add(child, inner);
}

void Declarations::add_function(const Node& declaration, DeclaredClass* in) {
  for (const Node& declarator : declaration.children("declarator")) {
    const Node function = function_declarator_of(declarator);
    const Node name = function ? function.child("declarator") : declared_name(declarator);
    if (!name) continue;
    const std::string text(last_name(name).text());
    if (!function) {
      if (in != nullptr) in->fields.insert(text);
      continue;
    }
    if (in != nullptr && !declaration.is_broken()) {
      in->methods[text].insert(has_specifier(declaration, "static"));
    }
    DeclaredFunctions& known = functions_[text];
    std::size_t place = 0;
    for (const Node& parameter : function.child("parameters").children()) {
      const bool by_reference = parameter.child("declarator").is("reference_declarator") &&
                                parameter.child("declarator").text().substr(0, 2) != "&&" &&
                                !has_specifier(parameter, "const");
      (by_reference ? known.out : known.not_out).insert(place++);
    }
  }
}

}  // namespace instrument
}  // namespace anycapture
