// SPDX-License-Identifier: MIT
#include "eager/eager_world.h"

#include <torch/nn/module.h>

#include <unordered_map>
#include <utility>

namespace anycapture {
namespace capture {
namespace {

using torch::nn::Module;

class EagerWorld : public World {
 public:
  EagerWorld(Module& root, std::shared_ptr<const Module> owner) { walk(root, owner, ""); }

  const std::vector<WorldModule>& modules() const override { return modules_; }
  Hooking hooking(std::size_t module) const override {
    const std::string type = normalise_type(modules_[module].name.type);
    Hooking result;
    result.advice = "write ANYCAPTURE_MODULE(" + type + "); or use anycapture::nn::" + type;
    return result;
  }
  Hooking hook(std::size_t module) override { return hooking(module); }

 private:
  // Depth first, as named_modules() goes; a module met again gets a further path.
  void walk(Module& module, const std::shared_ptr<const Module>& owner, const std::string& path) {
    const auto [known, added] = index_.try_emplace(&module, modules_.size());
    if (!added) {
      modules_[known->second].name.aliases.push_back(path);
      return;
    }
    modules_.push_back({{path, module.name(), {}}, &module, owner, owner != nullptr});
    for (const auto& child : module.named_children()) {
      walk(*child.value(), child.value(), path.empty() ? child.key() : path + "." + child.key());
    }
  }

  std::vector<WorldModule> modules_;
  std::unordered_map<const Module*, std::size_t> index_;
};

}  // namespace

std::shared_ptr<World> make_eager_world(Module& root, std::shared_ptr<const Module> owner) {
  return std::make_shared<EagerWorld>(root, std::move(owner));
}

}  // namespace capture
}  // namespace anycapture
