// SPDX-License-Identifier: MIT
// The commands that need LibTorch stand in a second program, beside this one, so that the others
// start without it.
#pragma once

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

constexpr const char* kTorchProgram = "anycapture-torch";

/// Becomes the second program, with these arguments. Gives an exit status when it is not there.
int become_torch_program(const std::vector<std::string>& arguments);

}  // namespace cli
}  // namespace anycapture
