// SPDX-License-Identifier: MIT
#include "capture/store.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/what_pattern.h"

namespace anycapture {
namespace capture {
namespace {

// What to write where there is no such key.
std::string what_key_was_meant(std::string_view key, const std::vector<std::string>& names) {
  const std::size_t mark = key.rfind('#');
  if (mark != std::string_view::npos &&
      std::find(names.begin(), names.end(), key.substr(0, mark)) != names.end()) {
    return fmt::format("; call {0} is calls(\"{1}\")[{0}]", key.substr(mark + 1),
                       key.substr(0, mark));
  }
  if (key.find_first_of("*?{[") != std::string_view::npos) {
    return "; a key is no pattern: keys() and stack() take one";
  }
  std::vector<std::string> close = nearest(key, names, 3);
  const char* text = close.size() == 1 ? "the nearest key is" : "the nearest keys are";
  if (close.empty()) {
    text = "there is for example";
    close = {names.front()};
  }
  for (std::string& name : close) name = printable(name);
  const bool has_what = key.find(':') != std::string_view::npos;
  return fmt::format("; {}{} {}", has_what ? "" : "keys are path:what, ", text,
                     fmt::join(close, ", "));
}

}  // namespace

bool StoredCall::is_stale() const {
  if (lazy != nullptr) return lazy->is_stale();
  if (storage == nullptr) return false;
  const c10::TensorImpl* impl = value.unsafeGetTensorImpl();
  return impl->version_counter().current_version() != version ||
         impl->storage().unsafeGetStorageImpl() != storage;
}

at::ScalarType StoredCall::dtype() const {
  return lazy != nullptr ? lazy->dtype() : value.scalar_type();
}

std::uint64_t StoredCall::bytes() const {
  if (lazy != nullptr) {
    std::uint64_t elements = 1;
    for (const std::int64_t size : lazy->shape()) elements *= static_cast<std::uint64_t>(size);
    return elements * c10::elementSize(lazy->dtype());
  }
  if (!value.defined()) return 0;
  return static_cast<std::uint64_t>(value.numel()) * value.element_size();
}

StoredSite& Store::site(Site site, std::size_t order, int selector) {
  auto [found, added] = by_key_.try_emplace(site.key, nullptr);
  if (added) {
    sites_.emplace_back();
    found->second = &sites_.back();
    found->second->site = std::move(site);
    found->second->order = order;
    found->second->selector = selector;
  }
  return *found->second;
}

const StoredSite* Store::find(std::string_view key) const {
  auto found = by_key_.find(std::string(key));
  if (found == by_key_.end()) {
    const std::size_t colon = find_separator(key);
    if (colon == std::string_view::npos) return nullptr;
    const auto alias = aliases.find(key.substr(0, colon));
    if (alias == aliases.end()) return nullptr;
    found = by_key_.find(alias->second + std::string(key.substr(colon)));
    if (found == by_key_.end()) return nullptr;
  }
  return found->second->fired == 0 ? nullptr : found->second;
}

const StoredSite& Store::require(std::string_view key) const {
  if (const StoredSite* site = find(key)) return *site;
  if (fired_.empty()) {
    throw KeyError(fmt::format("nothing was captured under {}, nor under any other key: {}",
                               printable(key), why_empty()));
  }
  std::vector<std::string> names;
  for (const StoredSite* other : fired_) names.push_back(other->site.key);
  throw KeyError(fmt::format("nothing was captured under {}{} (keys() lists all {})",
                             printable(key), what_key_was_meant(key, names), names.size()));
}

at::Tensor Store::read(const StoredSite& site, const StoredCall& call, Stale stale) const {
  if (stale == Stale::raise && call.is_stale()) {
    throw StaleCaptureError(fmt::format(
        "\"{}\" was changed in place after its capture, so its values are no longer those of the "
        "capture: open the session with options.keep = Keep::clone, or read it with Stale::allow "
        "if the write hit another part of the same storage",
        site.site.key));
  }
  return value_of(site, call);
}

std::string Store::why_empty() const {
  if (emptied_by != nullptr) {
    return fmt::format("what there was went with {}; run the model's forward again", emptied_by);
  }
  return "run the model's forward while the session is open, and print report() to see what each "
         "selector matched";
}

void Store::append(StoredSite& site, StoredCall&& call, std::size_t keep_last) {
  if (site.fired++ == 0) fired_.push_back(&site);
  site.calls.push_back(std::move(call));
  if (keep_last != 0 && site.calls.size() > keep_last) site.calls.erase(site.calls.begin());
}

void Store::clear() {
  for (StoredSite* site : fired_) {
    site->calls.clear();
    site->fired = 0;
  }
  if (!fired_.empty()) emptied_by = "clear()";
  fired_.clear();
}

at::Tensor Store::value_of(const StoredSite& site, const StoredCall& call) const {
  if (call.lazy != nullptr) return call.lazy->make();
  if (call.value.defined()) return call.value;
  throw Error(
      fmt::format("\"{}\" is in {} and not in memory: close() the session, then read it from "
                  "Captures::load(\"{}\")",
                  site.site.key, written_to, written_to));
}

std::vector<const StoredSite*> Store::matching(std::string_view glob) const {
  const KeyGlob pattern(glob);
  std::vector<const StoredSite*> result;
  for (const StoredSite* site : fired_) {
    if (pattern.matches(site->site.key)) result.push_back(site);
  }
  return result;
}

}  // namespace capture
}  // namespace anycapture
