// SPDX-License-Identifier: MIT
// Which modules are hooked, and what would hook the others.
#pragma once

#include <string>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// Whether a holder made it hooked, or its type is heard by interposition.
bool is_hooked(const torch::nn::Module& module);

/// Whether a method of its class, or of a base, was compiled from an instrumented source.
bool is_instrumented(const torch::nn::Module& module);

/// Why such a module may not have been heard.
std::string why_silent_though_instrumented();

/// Whether some of its calls are heard although it is not: those through its holder.
bool is_half_hooked(const torch::nn::Module& module);

/// The reason and the one-line change that would hook it, for a module that is not hooked.
std::string why_unhooked(const torch::nn::Module& module);

}  // namespace eager
}  // namespace anycapture
