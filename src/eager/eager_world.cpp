// SPDX-License-Identifier: MIT
#include "eager/eager_world.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>

#include <fmt/format.h>

#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "eager/hooking.h"
#include "eager/in_place.h"
#include "eager/op_tap.h"
#include "eager/relay.h"
#include "eager/unnamed_headers.h"

namespace anycapture {
namespace capture {
namespace {

using torch::nn::Module;
using torch::nn::SequentialImpl;

class EagerWorld : public World {
 public:
  EagerWorld(Module& root, std::shared_ptr<const Module> owner) {
    walk(root, owner, "");
    for (const std::size_t sequential : sequentials_) look_into(sequential);
    for (const std::size_t sequential : sequentials_) note_no_ops(sequential);
  }

  const std::deque<WorldModule>& modules() const override { return modules_; }
  Hooking hooking(std::size_t module) const override { return hookings_[module]; }

  Hooking hook(std::size_t module) override {
    for (const std::size_t sequential : relays_of_[module]) {
      const WorldModule& owner = modules_[sequential];
      if (owner.owned && owner.life.expired()) continue;
      eager::install_relays(*sequential_at(sequential));
    }
    return hookings_[module];
  }

  // The function behind torch::nn::MultiheadAttention puts heads into the batch.
  std::int64_t heads_in_batch(const void* module) const override {
    const auto* attention =
        dynamic_cast<const torch::nn::MultiheadAttentionImpl*>(static_cast<const Module*>(module));
    return attention == nullptr ? 0 : attention->options.num_heads();
  }

  void update_op_tap() override { eager::update_op_tap(); }

 private:
  // Depth first, as named_modules() goes; a module met again gets a further path.
  void walk(Module& module, const std::shared_ptr<const Module>& owner, const std::string& path) {
    const auto [known, added] = index_.try_emplace(&module, modules_.size());
    if (!added) {
      modules_[known->second].name.aliases.push_back(path);
      return;
    }
    if (dynamic_cast<SequentialImpl*>(&module) != nullptr) sequentials_.push_back(modules_.size());
    modules_.push_back({{path, module.name(), {}}, &module, owner, owner != nullptr});
    modules_.back().overwrites_input = eager::writes_into_input(module);
    hookings_.push_back(hooking_of(module));
    relays_of_.emplace_back();
    for (const auto& child : module.named_children()) {
      walk(*child.value(), child.value(), path.empty() ? child.key() : path + "." + child.key());
    }
  }

  // A Sequential and its children are heard through its relays; a class derived from it has a
  // forward of its own, which they do not see.
  void look_into(std::size_t index) {
    const SequentialImpl& sequential = *sequential_at(index);
    if (sequential.is_empty()) return;
    if (typeid(sequential) == typeid(SequentialImpl)) hear_through(index, index);
    for (std::size_t i = 0; i < sequential.size(); ++i) {
      const auto child = index_.find(sequential.ptr(i).get());
      if (child == index_.end()) continue;  // never registered as a child
      hear_through(index, child->second);
      if (eager::output_is_overwritten(sequential, i)) mark_overwritten(child->second);
    }
  }

  void note_no_ops(std::size_t index) {
    if (typeid(*sequential_at(index)) != typeid(SequentialImpl)) return;
    const std::string& path = modules_[index].name.path;
    hookings_[index].no_ops =
        fmt::format("a Sequential runs no op of its own: choose what it holds, \"{}*:@*\"",
                    path.empty() ? "" : path + ".");
  }

  void mark_overwritten(std::size_t module) {
    if (std::exchange(modules_[module].output_is_overwritten, true)) return;
    const SequentialImpl* row = sequential_at(module);
    if (row == nullptr) return;
    for (const Module* giver : eager::givers_of_output(*row)) {
      const auto known = index_.find(giver);
      if (known != index_.end()) mark_overwritten(known->second);
    }
  }

  void hear_through(std::size_t sequential, std::size_t module) {
    relays_of_[module].push_back(sequential);
    hookings_[module] = {true, true, "", ""};
  }

  static Hooking hooking_of(const Module& module) {
    if (eager::is_hooked(module)) return {true, true, "", ""};
    const std::string header = eager::why_header_is_silent(module);
    if (eager::is_instrumented(module)) {
      return {true, true, header.empty() ? eager::why_silent_though_instrumented() : header, ""};
    }
    const bool half = eager::is_half_hooked(module);
    return {half, half, header.empty() ? eager::why_unhooked(module) : header, ""};
  }

  SequentialImpl* sequential_at(std::size_t index) const {
    auto* module = static_cast<Module*>(const_cast<void*>(modules_[index].id));
    return dynamic_cast<SequentialImpl*>(module);
  }

  std::deque<WorldModule> modules_;
  std::vector<Hooking> hookings_;
  std::vector<std::size_t> sequentials_;
  std::vector<std::vector<std::size_t>> relays_of_;  // per module: the Sequentials that relay it
  std::unordered_map<const Module*, std::size_t> index_;
};

}  // namespace

std::shared_ptr<World> make_eager_world(Module& root, std::shared_ptr<const Module> owner) {
  return std::make_shared<EagerWorld>(root, std::move(owner));
}

}  // namespace capture
}  // namespace anycapture
