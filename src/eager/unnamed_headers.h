// SPDX-License-Identifier: MIT
// Headers that instrumented sources include and that HEADERS does not name.
#pragma once

#include <string>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// Which header to name so that the locals of a module's methods are heard; empty if that is none.
std::string why_header_is_silent(const torch::nn::Module& module);

}  // namespace eager
}  // namespace anycapture
