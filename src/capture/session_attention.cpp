// SPDX-License-Identifier: MIT
// What a session does with attention.
#include <utility>

#include "capture/count_bytes.h"
#include "capture/keep.h"
#include "capture/listening.h"
#include "capture/session.h"

namespace anycapture {
namespace capture {
namespace {

// (batch * heads, queries, keys), as torch.nn.MultiheadAttention computes it, by head.
at::Tensor by_head(const at::Tensor& weights, std::int64_t heads) {
  if (heads == 0 || weights.dim() != 3 || weights.size(0) % heads != 0) return weights;
  const Deaf deaf;
  return weights.view({weights.size(0) / heads, heads, weights.size(1), weights.size(2)});
}

}  // namespace

StoredSite* Session::attention_site(const void* module) {
  const auto known = modules_.find(module);
  if (failed() || known == modules_.end()) return nullptr;
  heard_ = true;
  const WorldModule& owner = world_->modules()[known->second];
  if (owner.owned && owner.life.expired()) return nullptr;
  return field_site(known->second, SiteKind::kAttention, "attention");
}

void Session::fire_attention(const void* module, const at::Tensor& weights, bool copy) noexcept {
  try {
    StoredSite* site = attention_site(module);
    if (site == nullptr) return;
    keep_op(*site, by_head(weights, world_->heads_in_batch(module)), copy);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Session::fire_attention(
    const void* module,
    const std::function<std::shared_ptr<const LazyTensor>()>& weights) noexcept {
  try {
    StoredSite* site = attention_site(module);
    if (site == nullptr) return;
    if (const auto made = weights()) record(*site, made);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

// What the options make of it needs all of it at once, but where it is only counted.
void Session::record(StoredSite& site, const std::shared_ptr<const LazyTensor>& value) {
  StoredCall call;
  if (const auto* counted = options_.transform.target<CountBytes>()) {
    call.value = (*counted)(*value);
    return keep(site, std::move(call));
  }
  const bool at_once = options_.transform || options_.device || options_.dtype ||
                       !options_.write_to.empty() || options_.on_nonfinite == OnNonFinite::raise;
  if (at_once) return record(site, value->make(), false);
  call.lazy = value;
  keep(site, std::move(call));
}

}  // namespace capture
}  // namespace anycapture
