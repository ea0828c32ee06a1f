// SPDX-License-Identifier: MIT
#include "instrument/places.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>

#include "instrument/declarations.h"

namespace anycapture {
namespace instrument {
namespace {

bool is_any_of(std::string_view kind, std::initializer_list<std::string_view> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

}  // namespace

Place place_of(const Node& statement) {
  const Node around = statement.parent();
  if (around.is("compound_statement")) return Place::kBlock;
  if (around.is("case_statement")) {
    return around.parent().is("compound_statement") ? Place::kBlock : Place::kOther;
  }
  if (is_preprocessor(around)) {
    return place_of(around) == Place::kBlock ? Place::kBlock : Place::kOther;
  }
  if (is_any_of(around.kind(), {"if_statement", "else_clause", "for_statement", "for_range_loop",
                                "while_statement", "do_statement"})) {
    return Place::kBranch;
  }
  return Place::kOther;
}

bool is_preprocessor(const Node& node) {
  return node.kind().substr(0, 8) == "preproc_";
}

bool is_structure(const Node& statement) {
  return is_preprocessor(statement) ||
         is_any_of(statement.kind(), {"if_statement", "for_statement", "for_range_loop",
                                      "while_statement", "do_statement", "switch_statement",
                                      "try_statement", "case_statement", "labeled_statement"});
}

bool is_body(const Node& part, const Node& structure) {
  if (is_preprocessor(structure)) return true;
  if (structure.is("case_statement")) return !(part == structure.child("value"));
  if (structure.is("labeled_statement")) return !part.is("statement_identifier");
  if (structure.is("try_statement")) return true;
  return part == structure.child("body") || part == structure.child("consequence") ||
         part == structure.child("alternative");
}

bool is_macro_argument(const Node& node) {
  for (Node at = node.parent(); at && !at.is("compound_statement"); at = at.parent()) {
    if (!at.is("call_expression")) continue;
    const std::string_view name = last_name(at.child("function")).text();
    if (name.size() > 2 && std::none_of(name.begin(), name.end(),
                                        [](unsigned char c) { return std::islower(c) != 0; })) {
      return true;
    }
  }
  return false;
}

}  // namespace instrument
}  // namespace anycapture
