// SPDX-License-Identifier: MIT
#include <anycapture/attention.h>
#include <anycapture/captures.h>
#include <anycapture/error.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "attention/fused_call.h"
#include "capture/listening.h"
#include "capture/store.h"

namespace anycapture {
namespace {

using attention::FusedCall;

void check_index(std::int64_t index, std::int64_t count, const char* what) {
  if (index >= 0 && index < count) return;
  throw Error(fmt::format("there is no {} {}: the attention has {}", what, index, count));
}

std::shared_ptr<const FusedCall> fused(const capture::StoredCall& call) {
  return std::dynamic_pointer_cast<const FusedCall>(call.lazy);
}

}  // namespace

AttentionMap::AttentionMap(at::Tensor weights) : weights_(std::move(weights)) {
  if (weights_.defined() && weights_.dim() >= 2) return;
  throw Error(fmt::format(
      "attention weights have the shape (..., queries, keys), this tensor is {}",
      weights_.defined() ? fmt::format("[{}]", fmt::join(weights_.sizes(), ", ")) : "not defined"));
}

AttentionMap::AttentionMap(std::shared_ptr<const FusedCall> call, Stale stale)
    : call_(std::move(call)), stale_(stale) {}

at::Tensor AttentionMap::made(std::int64_t first, std::int64_t count, std::int64_t head) const {
  if (stale_ == Stale::raise && call_->is_stale()) {
    throw StaleCaptureError(fmt::format(
        "what {} took was changed in place after the capture, so its weights can no longer be "
        "made: open the session with options.keep = Keep::clone, or read it with "
        "Stale::allow if the write hit another part of the same storage",
        call_->op()));
  }
  return call_->part({{first, first + count}, head});
}

std::vector<std::int64_t> AttentionMap::shape() const {
  return call_ != nullptr ? call_->shape() : weights_.sizes().vec();
}

std::string AttentionMap::recomputed_from() const {
  return call_ != nullptr ? call_->op() : "";
}

std::string AttentionMap::note() const {
  return call_ != nullptr ? call_->note() : "";
}

at::Tensor AttentionMap::whole() const {
  return call_ != nullptr ? made(0, shape().rbegin()[1], -1) : weights_;
}

at::Tensor AttentionMap::rows(std::int64_t first, std::int64_t last) const {
  const std::int64_t queries = shape().rbegin()[1];
  if (first < 0 || last > queries || first > last) {
    throw Error(
        fmt::format("rows {} to {} are asked for: the attention has {}", first, last, queries));
  }
  if (call_ != nullptr) return made(first, last - first, -1);
  const capture::Deaf deaf;
  return weights_.narrow(-2, first, last - first);
}

at::Tensor AttentionMap::head(std::int64_t index) const {
  const std::vector<std::int64_t> all = shape();
  check_index(index, all.size() < 3 ? 1 : all.rbegin()[2], "head");
  const capture::Deaf deaf;
  if (all.size() < 3) return whole();
  if (call_ != nullptr) return made(0, all.rbegin()[1], index).squeeze(-3);
  return weights_.select(-3, index);
}

at::Tensor AttentionMap::mean() const {
  const std::vector<std::int64_t> all = shape();
  const capture::Deaf deaf;
  if (all.size() < 3) return whole();
  if (call_ == nullptr) return weights_.mean(-3);
  const std::int64_t heads = all.rbegin()[2];
  at::Tensor sum = head(0).clone();
  for (std::int64_t i = 1; i < heads; ++i) sum += head(i);
  return sum.div_(static_cast<double>(heads));
}

AttentionMap CaptureReader::attention(std::string_view key, Stale stale) const {
  const capture::StoredSite& site = store_->require(key);
  const bool once = site.calls.size() == 1 && site.fired == 1;
  const auto call = once ? fused(site.calls.front()) : nullptr;
  return call != nullptr ? AttentionMap(call, stale) : AttentionMap(at(key, stale));
}

std::vector<AttentionMap> CaptureReader::attentions(std::string_view key, Stale stale) const {
  const capture::StoredSite& site = store_->require(key);
  std::vector<AttentionMap> maps;
  for (const capture::StoredCall& call : site.calls) {
    const auto one = fused(call);
    maps.push_back(one != nullptr ? AttentionMap(one, stale)
                                  : AttentionMap(store_->read(site, call, stale)));
  }
  return maps;
}

}  // namespace anycapture
