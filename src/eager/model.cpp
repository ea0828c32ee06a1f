// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/model.h>

#include <torch/nn/module.h>

#include "eager/eager_world.h"

namespace anycapture {
namespace detail {

std::shared_ptr<capture::World> eager_world(const std::shared_ptr<torch::nn::Module>& model) {
  if (model == nullptr) {
    throw Error(
        "the model is null, an empty holder or shared_ptr: construct it before the session");
  }
  return capture::make_eager_world(*model, model);
}

std::shared_ptr<capture::World> eager_world(torch::nn::Module& model) {
  return capture::make_eager_world(model, model.weak_from_this().lock());
}

std::vector<ModuleName> modules(const capture::World& world) {
  std::vector<ModuleName> names;
  names.reserve(world.modules().size());
  for (const capture::WorldModule& module : world.modules()) names.push_back(module.name);
  return names;
}

void prepare(capture::World& world) {
  for (std::size_t i = 0; i < world.modules().size(); ++i) world.hook(i);
}

}  // namespace detail
}  // namespace anycapture
