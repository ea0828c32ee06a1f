// SPDX-License-Identifier: MIT
#include "capture/store.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "core/what_pattern.h"

namespace anycapture {
namespace capture {

bool StoredCall::is_stale() const {
  if (storage == nullptr) return false;
  const c10::TensorImpl* impl = value.unsafeGetTensorImpl();
  return impl->version_counter().current_version() != version ||
         impl->storage().unsafeGetStorageImpl() != storage;
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
    const std::size_t colon = key.rfind(':');
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
    throw KeyError(fmt::format(
        "nothing was captured under \"{}\", nor under any other key: run the model's forward while "
        "the session is open, and print report() to see what each selector matched",
        key));
  }
  std::vector<std::string> names;
  for (const StoredSite* other : fired_) names.push_back(other->site.key);
  const std::vector<std::string> close = nearest(key, names, 3);
  throw KeyError(fmt::format(
      "nothing was captured under \"{}\"; {} \"{}\" (keys() lists all {})", key,
      close.empty() ? "there is for example" : "the nearest keys are",
      close.empty() ? names.front() : fmt::format("{}", fmt::join(close, "\", \"")), names.size()));
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
  fired_.clear();
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
