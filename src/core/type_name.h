// SPDX-License-Identifier: MIT
// The names that a module's type goes by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anycapture {

struct TypeNames {
  std::string normalised;          ///< `Linear`
  std::vector<std::string> plain;  ///< without namespace: `Linear`, `LinearImpl`
  std::vector<std::string> full;   ///< spelled out: `torch::nn::Linear`, `torch::nn::LinearImpl`
};

TypeNames names_of_type(std::string_view type);

/// Whether a pattern names a namespace, outside template arguments.
bool spells_namespace(std::string_view pattern);

}  // namespace anycapture
