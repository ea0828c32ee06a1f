// SPDX-License-Identifier: MIT
#include "eager/hook_list.h"

#include <anycapture/detail/hooked_call.h>
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <anycapture/tag.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "eager/hooking.h"

namespace anycapture {
namespace detail {
namespace {

std::size_t count(const Hooks& hooks) {
  return hooks.before.size() + hooks.after.size();
}

template <class Entries, class Entry>
void insert(Entries& entries, Entry entry, bool prepend) {
  entries.insert(prepend ? entries.begin() : entries.end(), std::move(entry));
}

template <class Entries>
bool erase_id(Entries& entries, std::uint64_t id) {
  const auto gone = std::remove_if(entries.begin(), entries.end(),
                                   [&](const auto& entry) { return entry.id == id; });
  const bool found = gone != entries.end();
  entries.erase(gone, entries.end());
  return found;
}

Hookable& hookable(torch::nn::Module& module) {
  if (auto* hookable = dynamic_cast<Hookable*>(&module)) return *hookable;
  throw Error(fmt::format("a {} has no forward hooks: {}", normalise_type(module.name()),
                          eager::why_unhooked(module)));
}

}  // namespace

HookList::~HookList() {
  listeners.fetch_sub(static_cast<int>(count(*hooks_)), std::memory_order_relaxed);
}

template <class Change>
HookHandle HookList::change(Change change) {
  HookHandle handle;
  handle.hooks_ = weak_from_this();
  std::shared_ptr<const Hooks>
      old;  // goes when the lock has gone: what hooks hold may come by here
  const std::lock_guard<std::mutex> lock(mutex_);
  handle.id_ = next_id_++;
  auto changed = std::make_shared<Hooks>(*hooks_);
  change(*changed, handle.id_);
  old = std::exchange(hooks_, std::move(changed));
  listeners.fetch_add(1, std::memory_order_relaxed);
  return handle;
}

HookHandle HookList::add(ForwardPreHook hook, const HookOptions& options) {
  auto call = std::make_shared<const ForwardPreHook>(std::move(hook));
  return change([&](Hooks& hooks, std::uint64_t id) {
    insert(hooks.before, Hooks::Pre{id, std::move(call)}, options.prepend);
  });
}

HookHandle HookList::add(ForwardHook hook, const HookOptions& options) {
  auto call = std::make_shared<const ForwardHook>(std::move(hook));
  return change([&](Hooks& hooks, std::uint64_t id) {
    insert(hooks.after, Hooks::Post{id, std::move(call), options.always_call}, options.prepend);
  });
}

void HookList::remove(std::uint64_t id) noexcept {
  std::shared_ptr<const Hooks> old;  // as in change()
  const std::lock_guard<std::mutex> lock(mutex_);
  auto changed = std::make_shared<Hooks>(*hooks_);
  if (!erase_id(changed->before, id) && !erase_id(changed->after, id)) return;
  old = std::exchange(hooks_, std::move(changed));
  listeners.fetch_sub(1, std::memory_order_relaxed);
}

std::shared_ptr<const Hooks> HookList::hooks() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return hooks_;
}

bool HookList::empty() const {
  return count(*hooks()) == 0;
}

Hookable::Hookable() : anycapture_hooks_(std::make_shared<HookList>()) {}

Hookable::~Hookable() = default;

HookHandle add_pre_hook(torch::nn::Module& module, ForwardPreHook hook,
                        const HookOptions& options) {
  return hookable(module).anycapture_hooks()->add(std::move(hook), options);
}

HookHandle add_hook(torch::nn::Module& module, ForwardHook hook, const HookOptions& options) {
  return hookable(module).anycapture_hooks()->add(std::move(hook), options);
}

}  // namespace detail

void HookHandle::remove() noexcept {
  if (const auto hooks = hooks_.lock()) hooks->remove(id_);
}

}  // namespace anycapture
