// SPDX-License-Identifier: MIT
#include "instrument/heads.h"

#include "instrument/places.h"

namespace anycapture {
namespace instrument {
namespace {

void add_each(const std::vector<std::string>& names, const char* kind, std::size_t line,
              Assignments& to) {
  for (const std::string& name : names) {
    Assigned one{name, name, kind};
    one.line = line;
    to.all.push_back(std::move(one));
  }
}

Assignments loop_variables(const Node& loop) {
  Assignments head;
  head.declared = names_declared_by(loop.child("declarator"));
  head.declares_numbers = is_plain_number(loop.child("type"));
  if (!head.declares_numbers) add_each(head.declared, "loop variable", loop.line(), head);
  return head;
}

// `if (auto x = f())`: its parts stand in the declaration itself.
void add_condition_variable(const Node& declaration, Assignments& head) {
  const Node declarator = declaration.child("declarator");
  if (declarator.is("init_declarator") || is_plain_number(declaration.child("type"))) return;
  add_each(names_declared_by(declarator), "in a head", declarator.line(), head);
}

// Empty if a part of a head declares nothing.
Node declaration_in(const Node& part) {
  Node declaration = part;
  if (!declaration.is("declaration")) {
    for (const Node& inner : part.children()) {
      if (inner.is("init_statement")) declaration = inner.first_child();
      if (inner.is("declaration")) declaration = inner;
    }
  }
  return declaration.is("declaration") ? declaration : Node();
}

}  // namespace

Head declared_in_head(const Node& structure, const Scope& scope) {
  Head head;
  if (structure.is("for_range_loop")) {
    head.declared = loop_variables(structure);
    return head;
  }
  if (is_preprocessor(structure)) return head;
  for (const char* field : {"initializer", "condition"}) {
    const Node part = structure.child(field);
    const Node declaration = part ? declaration_in(part) : part;
    if (!declaration) continue;
    head.declared = assigned_by_declaration(declaration, scope);
    if (declaration == part.child("value")) add_condition_variable(declaration, head.declared);
    if (structure.is("switch_statement") && !head.declared.all.empty()) {
      head.left_alone.emplace_back(declaration, "a variable in the head of a switch");
      head.declared.all.clear();
    }
    for (Assigned& one : head.declared.all) one.kind = "in a head";
  }
  return head;
}

HeadAssignments assigned_in_head(const Node& structure, const Scope& scope) {
  HeadAssignments hidden;
  if (is_preprocessor(structure) || structure.is("switch_statement")) return hidden;
  for (const char* field : {"condition", "update", "right"}) {
    const Node part = structure.child(field);
    if (!part || !hides_assignment(part)) continue;
    Assignments inside = assigned_inside(part, scope);
    if (!inside.left_alone.empty()) hidden.left_alone.emplace_back(part, inside.left_alone);
    for (Assigned& one : inside.all) hidden.all.push_back(std::move(one));
  }
  return hidden;
}

}  // namespace instrument
}  // namespace anycapture
