// SPDX-License-Identifier: MIT
// A torch.export archive from its file.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>

namespace anycapture {
namespace capture {
class ProgramWorld;
}
namespace exported {

/// Throws FileError, as Program::load says.
std::shared_ptr<capture::ProgramWorld> load(const std::string& path,
                                            std::optional<at::Device> device);

}  // namespace exported
}  // namespace anycapture
