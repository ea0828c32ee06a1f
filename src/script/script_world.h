// SPDX-License-Identifier: MIT
// A torch::jit::Module as a world: its modules, and what each can be asked for.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <anycapture/program.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "capture/program_sites.h"
#include "capture/program_world.h"
#include "script/instrument.h"
#include "script/method_sites.h"

namespace anycapture {
namespace script {

using capture::Sessions;

class ScriptWorld : public capture::ProgramWorld {
 public:
  explicit ScriptWorld(torch::jit::Module root);

  const std::deque<capture::WorldModule>& modules() const override { return modules_; }
  capture::Hooking hooking(std::size_t module) const override;
  capture::Hooking hook(std::size_t module) override { return hooking(module); }
  std::int64_t heads_in_batch(const void* module) const override;
  /// Of torch.nn's attention that was traced: by `query`, of all heads in the batch.
  void find_heads(const void* module, const at::Tensor& query) const;
  std::string note(std::size_t module, const std::string& what) const override;
  void check_sites(const BoundSelectors& selectors) const override;

  const torch::jit::Module& root() const { return root_; }
  std::vector<std::string> methods() const override;
  c10::IValue call(const std::string& method, const Program::Inputs& inputs,
                   const Program::Keywords& keywords) override;
  std::string schema(const std::string& method) const override;
  std::vector<std::string> arguments(const std::string& method) const override;
  std::vector<ProgramSite> sites(const std::string& path) const override;
  std::vector<std::pair<std::string, at::Tensor>> named_parameters() const override;
  std::shared_ptr<capture::ProgramWorld> copy_of_state() const override;
  std::shared_ptr<capture::ProgramWorld> in_training() const override;
  const torch::jit::Module* module() const override { return &root_; }

  struct Identity {
    const void* id;  ///< what modules of a world are known by; of a second object, the first's
    std::string
        second_path;  ///< of an object that is a second one of a module; empty for any other
  };
  const Identity& identity_of(const void* object) const;
  /// Of this type, by index.
  const std::vector<std::size_t>& modules_of(const c10::ClassType* type) const;

  /// The method, with taps where any of the sessions listens. Kept per selectors, so that it is
  /// made once. `called`: by the program itself.
  std::shared_ptr<Instrumented> instrumented(const torch::jit::Function& method, bool called,
                                             const Sessions& sessions);

 private:
  /// All that can be asked for at a module of this type; looked for once.
  const std::vector<MethodSite>& sites_of_type(const c10::ClassType& type) const;
  Wants wants_of(const Sessions& sessions) const;
  std::optional<std::size_t> twin_of(const std::string& path) const;
  void add(const std::string& path, const torch::jit::Module& module);

  torch::jit::Module root_;
  std::deque<capture::WorldModule> modules_;
  std::vector<const c10::ClassType*> types_;                         // by module
  std::unordered_map<const void*, Identity> identities_;             // by object
  using Weights = std::pair<const void*, std::vector<const void*>>;  // of a type
  std::map<Weights, std::size_t> by_weights_;
  std::unordered_map<std::string, std::size_t> by_path_;
  std::unordered_map<const c10::ClassType*, std::vector<std::size_t>> by_type_;
  mutable std::mutex heads_mutex_;
  mutable std::map<const void*, std::int64_t> heads_;  // by module
  mutable std::mutex sites_mutex_;                     // of what follows
  mutable std::unordered_map<const c10::ClassType*, std::vector<MethodSite>> sites_;
  std::mutex mutex_;  // of what follows
  std::map<std::string, std::shared_ptr<Instrumented>> instrumented_;
};

}  // namespace script
}  // namespace anycapture
