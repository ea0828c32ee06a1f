// SPDX-License-Identifier: MIT
#include <anycapture/captures.h>

#include <ATen/ops/stack.h>
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "capture/listening.h"
#include "capture/store.h"

namespace anycapture {
namespace {

using capture::Store;
using capture::StoredCall;
using capture::StoredSite;

const StoredCall& only_call(const StoredSite& site) {
  if (site.fired != 1) {
    const std::size_t kept = site.calls.size();
    const std::string those = kept == site.fired ? "all of them"
                              : kept == 1        ? "the one that is kept"
                                                 : fmt::format("the {} that are kept", kept);
    throw KeyError(fmt::format(
        "\"{0}\" fired {1} times: read calls(\"{0}\") for {2}, last(\"{0}\") for the last one, or "
        "clear() between forwards",
        site.site.key, site.fired, those));
  }
  return site.calls.front();
}

std::vector<Call> all_calls(const Store& store, const StoredSite& site, Stale stale) {
  std::vector<Call> calls;
  const std::size_t dropped = site.fired - site.calls.size();
  for (const StoredCall& call : site.calls) {
    calls.push_back({store.read(site, call, stale), dropped + calls.size(), call.thread,
                     call.sequence, call.path.empty() ? site.site.path : call.path});
  }
  return calls;
}

std::string nearest_keys(std::string_view glob, const std::vector<std::string>& keys) {
  const std::vector<std::string> close = nearest(glob, keys, 2);
  return close.empty() ? "" : fmt::format("; nearest: \"{}\"", fmt::join(close, "\", \""));
}

}  // namespace

CaptureReader::CaptureReader() : store_(std::make_shared<capture::Store>()) {}
CaptureReader::CaptureReader(std::shared_ptr<capture::Store> store) : store_(std::move(store)) {}
CaptureReader::~CaptureReader() = default;
CaptureReader::CaptureReader(const CaptureReader&) = default;
CaptureReader& CaptureReader::operator=(const CaptureReader&) = default;

Captures::Captures() = default;
Captures::Captures(std::shared_ptr<capture::Store> store) : CaptureReader(std::move(store)) {}
Captures Captures::of(std::shared_ptr<capture::Store> store) {
  return Captures(std::move(store));
}

at::Tensor CaptureReader::at(std::string_view key, Stale stale) const {
  const StoredSite& site = store_->require(key);
  return store_->read(site, only_call(site), stale);
}

std::vector<Call> CaptureReader::calls(std::string_view key, Stale stale) const {
  return all_calls(*store_, store_->require(key), stale);
}

at::Tensor CaptureReader::last(std::string_view key, Stale stale) const {
  const StoredSite& site = store_->require(key);
  return store_->read(site, site.calls.back(), stale);
}

at::Tensor CaptureReader::stack(std::string_view glob) const {
  std::vector<const StoredSite*> sites = store_->matching(glob);
  if (sites.empty()) {
    const std::vector<std::string> all = keys();
    throw KeyError(
        all.empty()
            ? fmt::format("no key matches \"{}\", since nothing was captured: {}", glob,
                          store_->why_empty())
            : fmt::format("no key matches \"{}\" among the {} that fired{} (keys() lists them)",
                          glob, all.size(), nearest_keys(glob, all)));
  }
  std::stable_sort(sites.begin(), sites.end(),
                   [](const StoredSite* a, const StoredSite* b) { return a->order < b->order; });
  std::string stale;
  for (const StoredSite* site : sites) {
    if (only_call(*site).is_stale()) stale += (stale.empty() ? "" : ", ") + site->site.key;
  }
  if (!stale.empty()) {
    throw StaleCaptureError(
        fmt::format("changed in place after their capture: {}; open the session with options.keep "
                    "= Keep::clone",
                    stale));
  }
  std::vector<at::Tensor> tensors;
  for (const StoredSite* site : sites) {
    tensors.push_back(store_->value_of(*site, site->calls.front()));
    if (tensors.back().sizes() != tensors.front().sizes()) {
      throw Error(fmt::format(
          "cannot stack \"{}\": \"{}\" is {} but \"{}\" is {}; choose keys of one shape", glob,
          sites.front()->site.key, tensors.front().sizes().vec(), site->site.key,
          tensors.back().sizes().vec()));
    }
  }
  const capture::Deaf deaf;
  return at::stack(tensors);
}

std::vector<std::string> CaptureReader::keys(std::string_view glob) const {
  std::vector<std::string> result;
  for (const StoredSite* site : store_->matching(glob)) result.push_back(site->site.key);
  return result;
}

bool CaptureReader::contains(std::string_view key) const {
  return store_->find(key) != nullptr;
}
std::size_t CaptureReader::size() const {
  return store_->fired().size();
}

CaptureReader::Iterator CaptureReader::begin() const {
  return Iterator(this, 0);
}
CaptureReader::Iterator CaptureReader::end() const {
  return Iterator(this, size());
}

CaptureReader::Entry CaptureReader::Iterator::operator*() const {
  const StoredSite& site = *reader_->store_->fired()[index_];
  return {site.site.key, all_calls(*reader_->store_, site, Stale::raise)};
}

}  // namespace anycapture
