// SPDX-License-Identifier: MIT
// Tags against local variables of the same name.
#pragma once

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// A tag of a module fired: a local of that name in the forward() that runs is not captured.
void tag_wins(const torch::nn::Module& module, const char* name);
/// The same of a tag in a free function.
void function_tag_wins(const char* function, const char* name);

}  // namespace eager
}  // namespace anycapture
