// SPDX-License-Identifier: MIT
// The forward hooks of one module.
#pragma once

#include <anycapture/hooks.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace anycapture {
namespace detail {

struct Hooks {
  struct Pre {
    std::uint64_t id;
    ForwardPreHook call;
  };
  struct Post {
    std::uint64_t id;
    ForwardHook call;
    bool always;
  };
  std::vector<Pre> before;
  std::vector<Post> after;
};

/// A call works on the list that stood when it began, so that hooks may change it meanwhile.
class HookList : public std::enable_shared_from_this<HookList> {
 public:
  HookList() = default;
  HookList(const HookList&) = delete;
  HookList& operator=(const HookList&) = delete;
  ~HookList();

  HookHandle add(ForwardPreHook hook, const HookOptions& options);
  HookHandle add(ForwardHook hook, const HookOptions& options);
  void remove(std::uint64_t id) noexcept;
  /// Null when there are no hooks.
  std::shared_ptr<const Hooks> hooks() const;

 private:
  template <class Change>
  HookHandle change(Change change);

  mutable std::mutex mutex_;
  std::shared_ptr<const Hooks> hooks_;
  std::uint64_t next_id_ = 1;
};

}  // namespace detail
}  // namespace anycapture
