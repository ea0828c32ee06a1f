// SPDX-License-Identifier: MIT
// One call of a hooked module: its forward hooks, and the sessions that ask for what goes in and
// out.
#pragma once

#include <anycapture/api.h>
#include <anycapture/detail/frame.h>
#include <anycapture/tensors.h>

#include <cstdint>
#include <memory>
#include <typeinfo>
#include <vector>

namespace anycapture {
namespace detail {

class HookList;

/// What makes a module hooked: a base of the classes that holders make. Holds its forward hooks.
class ANYCAPTURE_API Hookable {
 public:
  Hookable();
  Hookable(const Hookable&) : Hookable() {}  // hooks belong to one module
  Hookable& operator=(const Hookable&) { return *this; }
  virtual ~Hookable();

  const std::shared_ptr<HookList>& anycapture_hooks() const { return anycapture_hooks_; }

 private:
  std::shared_ptr<HookList> anycapture_hooks_;  // no name that a user's class has
};

/// Gives a module the name of its own type in place of its wrapper's, if it has none yet.
ANYCAPTURE_API void name_after(torch::nn::Module& module, const std::type_info& type);

/// Where modules of a type that is not hooked are heard.
enum class Heard : char { kNowhere, kThroughHolder };

/// Notes for reports why modules of a type are not hooked, or not everywhere.
ANYCAPTURE_API bool note_unhooked(const std::type_info& type, Heard heard, const char* reason);

/// Only made while `listening()`.
class ANYCAPTURE_API HookedCall {
 public:
  explicit HookedCall(const torch::nn::Module& module, Seen seen = Seen::kHolder);
  HookedCall(const HookedCall&) = delete;
  HookedCall& operator=(const HookedCall&) = delete;
  ~HookedCall();

  bool wants_input() const;
  bool wants_output() const;  ///< asked when forward has returned: it may have registered hooks
  /// Runs the pre-hooks, which may replace tensors.
  void before(Tensors& input);
  /// Runs the hooks, which may replace tensors.
  void after(Tensors& output);
  /// Something threw: runs the hooks that are always called and were not yet.
  void failed() noexcept;
  /// What goes in or out is of a type in which no tensor can be found.
  void unreadable(SiteDirection direction, const std::type_info& type);

 private:
  void call_always(Tensors& output) noexcept;

  const torch::nn::Module& module_;
  const HookList* hooks_;              // null for a module that can have none
  std::vector<std::uint64_t> called_;  // of the hooks that are always called
  Tensors input_;
  Frame frame_;
};

}  // namespace detail
}  // namespace anycapture
