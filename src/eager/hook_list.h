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
    std::shared_ptr<const ForwardPreHook> call;
  };
  struct Post {
    std::uint64_t id;
    std::shared_ptr<const ForwardHook> call;
    bool always;
  };
  std::vector<Pre> before;
  std::vector<Post> after;
};

/// A call reads it before and after forward, and works on what it read: hooks may change it
/// meanwhile.
class HookList : public std::enable_shared_from_this<HookList> {
 public:
  HookList() = default;
  HookList(const HookList&) = delete;
  HookList& operator=(const HookList&) = delete;
  ~HookList();

  HookHandle add(ForwardPreHook hook, const HookOptions& options);
  HookHandle add(ForwardHook hook, const HookOptions& options);
  void remove(std::uint64_t id) noexcept;
  /// Never null.
  std::shared_ptr<const Hooks> hooks() const;
  bool empty() const;

 private:
  template <class Change>
  HookHandle change(Change change);

  mutable std::mutex mutex_;
  std::shared_ptr<const Hooks> hooks_ = std::make_shared<Hooks>();
  std::uint64_t next_id_ = 1;
};

}  // namespace detail
}  // namespace anycapture
