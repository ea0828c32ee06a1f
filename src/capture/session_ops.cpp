// SPDX-License-Identifier: MIT
// What a session does with ops.
#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "capture/keep.h"
#include "capture/session.h"
#include "core/what_pattern.h"

namespace anycapture {
namespace capture {

void Session::find_unhooked_root() {
  if (!hears_ops() || world_->modules().empty()) return;
  const WorldModule& first = world_->modules().front();
  const Hooking hooking = world_->hooking(0);
  const bool is_root = first.name.path.empty();  // in a world that grows it may be none
  if (is_root && !hooking.input && !hooking.output) unhooked_root_ = first.id;
}

void Session::check_ops_heard(std::size_t selector) const {
  const std::vector<std::size_t>& modules = selectors_.modules_of(selector);
  std::string why;
  for (const std::size_t module : modules) {
    const Hooking hooking = world_->hooking(module);
    const bool hooked = hooking.input || hooking.output;
    if (hooked ? hooking.no_ops.empty() : world_->modules()[module].id == unhooked_root_) return;
    if (!why.empty()) continue;
    why = hooked ? hooking.no_ops
                 : hooking.advice +
                       "; till then its ops are those of the hooked module around it, "
                       "else of the root";
  }
  const std::string& example = world_->modules()[modules.front()].name.path;
  throw SelectorError(fmt::format(
      "selector \"{}\": of the {} module{} that it matches, such as {}, none has ops that can be "
      "heard: {}",
      selectors_.selectors()[selector].text(), modules.size(), modules.size() == 1 ? "" : "s",
      example.empty() ? "the root" : example, why));
}

void Session::fire_op(const void* module, SiteKind kind, const std::string& what,
                      std::size_t number, const at::Tensor& value, bool copy) noexcept {
  try {
    const auto known = modules_.find(module);
    if (failed() || known == modules_.end()) return;
    heard_ = true;
    const bool asked = selectors_.may_choose(known->second, SiteKind::kOp) ||
                       selectors_.may_choose(known->second, SiteKind::kOpInput);
    if (asked) record_op(known->second, kind, what, number, value, copy);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Session::record_op(std::size_t module, SiteKind kind, const std::string& what,
                        std::size_t number, const at::Tensor& value, bool copy) {
  const WorldModule& owner = world_->modules()[module];
  if (owner.owned && owner.life.expired()) return;
  copy = copy || is_borrowed(value);  // a view of what the caller may fill anew
  if (StoredSite* site = op_site(module, kind, what)) keep_op(*site, value, copy);
  if (!numbers_ops_) return;
  // Not remembered: in a long loop there is no end of them.
  StoredSite* numbered = chosen_site(owner, module, kind, fmt::format("{}[{}]", what, number));
  if (numbered != nullptr) keep_op(*numbered, value, copy);
}

void Session::keep_op(StoredSite& site, const at::Tensor& value, bool copy) {
  record(site, value, copy);
  if (site.calls.empty()) return;
  const StoredCall& call = site.calls.back();
  if (call.storage == nullptr) return;
  if (references_.size() >= references_at_most_) {
    for (auto it = references_.begin(); it != references_.end();)
      it = it->second.call() == nullptr ? references_.erase(it) : std::next(it);
    references_at_most_ = 2 * references_.size() + 1024;
  }
  references_.emplace(call.storage, KeptReference{&site, call.sequence});
}

StoredCall* Session::KeptReference::call() const {
  const auto found = std::lower_bound(
      site->calls.begin(), site->calls.end(), sequence,
      [](const StoredCall& call, std::uint64_t wanted) { return call.sequence < wanted; });
  return found == site->calls.end() || found->sequence != sequence ? nullptr : found;
}

void Session::about_to_write(const at::Tensor& value) noexcept {
  const auto [first, last] = references_.equal_range(storage_of(value));
  if (first == last || failed()) return;
  try {
    for (auto it = first; it != last; ++it) {
      StoredCall* call = it->second.call();
      if (call != nullptr && !call->is_stale()) own(*call, options_.detach);
    }
    references_.erase(first, last);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

StoredSite* Session::op_site(std::size_t module, SiteKind kind, const std::string& what) {
  ModuleState& state = states_[module];
  const auto known = state.ops.find(what);
  if (known != state.ops.end()) return known->second;
  StoredSite* site = chosen_site(world_->modules()[module], module, kind, what);
  state.ops.emplace(what, site);
  const bool noted = std::count(state.unchosen.begin(), state.unchosen.end(), what) != 0;
  if (site == nullptr && kind == SiteKind::kOp && is_plain_op(what) && !noted)
    state.unchosen.push_back(what);
  return site;
}

}  // namespace capture
}  // namespace anycapture
