// SPDX-License-Identifier: MIT
// torch::nn models as a world: the modules below a root, and how each can be hooked.
#pragma once

#include <memory>

#include "capture/world.h"

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace capture {

/// `owner` is null for a root that no shared_ptr owns; it must then outlive the world.
std::shared_ptr<World> make_eager_world(torch::nn::Module& root,
                                        std::shared_ptr<const torch::nn::Module> owner);

}  // namespace capture
}  // namespace anycapture
