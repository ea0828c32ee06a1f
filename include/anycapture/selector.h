// SPDX-License-Identifier: MIT
// Selectors: text that chooses sites, `[!]module[:what]`.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {

/// A module as selectors see it.
struct ModuleName {
  std::string path;                  ///< dotted, the root's is empty
  std::string type;                  ///< as the object says it: `torch::nn::LinearImpl`
  std::vector<std::string> aliases;  ///< further paths of the same module
};

}  // namespace anycapture
