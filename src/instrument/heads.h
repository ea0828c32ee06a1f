// SPDX-License-Identifier: MIT
// What the heads of `if`, `for`, `while` and `switch` declare and assign.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "instrument/assignments.h"
#include "instrument/syntax.h"

namespace anycapture {
namespace instrument {

struct Head {
  Assignments declared;
  std::vector<std::pair<Node, std::string>> left_alone;  ///< and why
};

/// `for (auto& t : v)`, `if (auto x = f(); x.defined())`, `if (auto x = f())`.
Head declared_in_head(const Node& structure, const Scope& scope);

struct HeadAssignments {
  std::vector<Assigned> all;
  std::vector<std::pair<Node, std::string>> left_alone;
};

/// `while ((x = next()).defined())`: x is looked at in the body, and behind it.
HeadAssignments assigned_in_head(const Node& structure, const Scope& scope);

}  // namespace instrument
}  // namespace anycapture
