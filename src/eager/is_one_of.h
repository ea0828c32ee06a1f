// SPDX-License-Identifier: MIT
#pragma once

#include <torch/nn/module.h>

namespace anycapture {
namespace eager {

/// Whether a module is of one of the types, or derived from one.
template <class... Types>
bool is_one_of(const torch::nn::Module& module) {
  return ((dynamic_cast<const Types*>(&module) != nullptr) || ...);
}

}  // namespace eager
}  // namespace anycapture
