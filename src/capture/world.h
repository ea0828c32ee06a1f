// SPDX-License-Identifier: MIT
// What a world (eager, script, exported) gives a session: its modules, and a way to hook them.
#pragma once

#include <anycapture/selector.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

namespace anycapture {
namespace capture {

struct WorldModule {
  ModuleName name;  ///< first path in named_modules() order, type, further paths
  const void* id;   ///< what its calls come with; for torch::nn a `torch::nn::Module*`
  std::weak_ptr<const void> life;  ///< empty control block where the module is not in a shared_ptr
  bool owned = false;              ///< whether `life` says anything
  bool overwrites_input = false;   ///< it writes into its own input
  bool output_is_overwritten = false;  ///< what runs behind it writes into its output
};

/// What can be heard of a module beside its tags.
struct Hooking {
  bool input = false;
  bool output = false;
  std::string advice;  ///< where either is missing: why, and the one-line change that would hook it
  std::string no_ops;  ///< why no op runs in it although it is heard; empty for most
};

class World {
 public:
  virtual ~World() = default;
  /// A world may grow while a session listens to it: a module keeps its index and its address.
  virtual const std::deque<WorldModule>& modules() const = 0;
  /// What hook() would give, without touching the model.
  virtual Hooking hooking(std::size_t module) const = 0;
  /// Makes the inputs and outputs of a module reach the door. What it installs is inert while no
  /// session listens, and may stay.
  virtual Hooking hook(std::size_t module) = 0;
  /// Why a module may stay silent that nothing else is known of.
  virtual const char* why_silent() const {
    return "its forward was not called, or not through its holder";
  }
  /// The number of heads that attention of a module has in its first axis together with the batch,
  /// as torch.nn.MultiheadAttention computes it; 0 where that is not known.
  virtual std::int64_t heads_in_batch(const void* /*module*/) const { return 0; }
  /// What is to be known of the values of a site that fired; empty for most.
  virtual std::string note(std::size_t /*module*/, const std::string& /*what*/) const { return ""; }
  /// Whether sessions are told of each write, by about_to_write(): what was captured becomes a copy.
  virtual bool tells_writes() const { return false; }
  /// Throws `SelectorError` when a selector asks for what its modules are known not to have.
  virtual void check_sites(const BoundSelectors&) const {}
  /// A session that asks for ops was opened, or ended, on this thread: makes the ops that run here
  /// reach the door while ThreadSessions has one that asks.
  virtual void update_op_tap() {}
};

}  // namespace capture
}  // namespace anycapture
