// SPDX-License-Identifier: MIT
//
// The arithmetic is that of _scaled_dot_product_attention_math (aten/src/ATen/native/transformers/
// attention.cpp), but that queries alone are scaled, as models that compute weights do: scores of
// half precision are computed in single precision, and a row that is masked whole is 0.
#include "attention/fused_call.h"

#include <anycapture/error.h>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "capture/keep.h"
#include "capture/listening.h"

namespace anycapture {
namespace attention {
namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

bool is_half(at::ScalarType dtype) {
  return dtype == at::kHalf || dtype == at::kBFloat16;
}

// Of what may be broadcast over heads; `head` -1: all.
at::Tensor of_head(const at::Tensor& tensor, std::int64_t head) {
  if (head < 0 || tensor.dim() < 3) return tensor;
  return tensor.narrow(-3, tensor.size(-3) > 1 ? head : 0, 1);
}

// Of queries, or of a mask, which may be broadcast over rows too.
at::Tensor part_of(const at::Tensor& tensor, const Part& part) {
  const bool has_rows = tensor.dim() >= 2 && tensor.size(-2) > 1;
  return of_head(has_rows ? tensor.narrow(-2, part.first, part.count) : tensor, part.head);
}

// Keys and values as there are heads of queries.
at::Tensor of_each_head(const at::Tensor& keys, const at::Tensor& query, bool grouped) {
  if (!grouped || keys.dim() < 3 || keys.size(-3) == query.size(-3)) return keys;
  return keys.repeat_interleave(query.size(-3) / keys.size(-3), -3);
}

double tolerance_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return 1e-9;
    case at::kHalf:
      return 5e-3;
    case at::kBFloat16:
      return 4e-2;
    default:
      return 1e-4;
  }
}

// Four of them, or a few more; the last, which no causal mask closes, is one.
QueryRows sample_of(std::int64_t first, std::int64_t count) {
  const std::int64_t step = std::max<std::int64_t>(1, (count - 1) / 3);
  return {first + (count - 1) % step, first + count, step};
}

std::vector<std::int64_t> numbers_of(const QueryRows& rows) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t row = rows.first; row < rows.last; row += rows.step) numbers.push_back(row);
  return numbers;
}

double largest_of(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return 0;
  const auto [least, most] = at::aminmax(tensor);
  return std::max(std::abs(least.item<double>()), std::abs(most.item<double>()));
}

// Of (batch ..., heads, tokens, width), as they are broadcast to each other.
std::vector<std::int64_t> shape_of(const at::Tensor& query, const at::Tensor& key) {
  std::vector<std::int64_t> shape(query.sizes().begin(), query.sizes().end());
  shape.back() = key.size(-2);
  for (std::int64_t i = 3; i <= std::min(query.dim(), key.dim()); ++i) {
    std::int64_t& size = shape[shape.size() - static_cast<std::size_t>(i)];
    size = std::max(size, key.size(-i));
  }
  return shape;
}

void hold(std::vector<capture::StoredCall>& held, at::Tensor& tensor, bool detach, bool copy) {
  if (!tensor.defined()) return;
  capture::StoredCall call = capture::keep_reference(tensor, detach);
  if (copy && call.storage != nullptr) capture::own(call, detach);
  tensor = call.value;
  held.push_back(std::move(call));
}

bool any_stale(const std::vector<capture::StoredCall>& held) {
  return std::any_of(held.begin(), held.end(),
                     [](const capture::StoredCall& one) { return one.is_stale(); });
}

}  // namespace

at::Tensor QueryRows::of(const at::Tensor& tensor) const {
  return tensor.slice(-2, first, last, step);
}

// Copies are of what was projected, not of the model's weights.
FusedCall::FusedCall(Operands operands, bool detach, bool copy) : operands_(std::move(operands)) {
  if (!operands_.project) {
    operands_.shape = shape_of(operands_.query, operands_.key);
    operands_.dtype = operands_.query.scalar_type();
  }
  if (copy) {
    this->operands();
    operands_.inputs.clear();
  }
  for (at::Tensor& one : operands_.inputs) hold(held_, one, detach, copy);
  for (at::Tensor* one : {&operands_.query, &operands_.key, &operands_.mask})
    hold(held_, *one, detach, copy);
  for (at::Tensor* one : {&operands_.value, &operands_.output, &operands_.source})
    hold(to_check_, *one, detach, copy);
}

const Operands& FusedCall::operands() const {
  std::call_once(projected_, [this] {
    if (!operands_.project) return;
    const capture::Deaf deaf;
    const at::AutoGradMode no_grad(false);
    operands_.project(operands_);
  });
  return operands_;
}

at::ScalarType FusedCall::dtype() const {
  return is_half(operands_.dtype) ? at::kFloat : operands_.dtype;
}

bool FusedCall::is_stale() const {
  return any_stale(held_);
}

std::string FusedCall::note() const {
  if (operands_.dropout > 0) {
    return fmt::format(
        "{} dropped weights out (p = {}): what it dropped cannot be known, these are the weights "
        "before that",
        operands_.op, operands_.dropout);
  }
  if (any_stale(to_check_)) {
    return fmt::format(
        "what {} took or gave was changed in place since, so that the weights cannot be checked "
        "against it",
        operands_.op);
  }
  return "";
}

// With grouped heads, of the one that the head of queries shares; copied only where all are wanted.
at::Tensor FusedCall::keys_of(std::int64_t head) const {
  const Operands& all = operands();
  if (head < 0) return of_each_head(all.key, all.query, all.grouped);
  const bool shared = all.grouped && all.key.dim() >= 3;
  return of_head(all.key, shared ? head * all.key.size(-3) / all.query.size(-3) : head);
}

at::Tensor FusedCall::compute(const Part& part) const {
  const Operands& all = operands();
  at::Tensor query = part_of(all.query, part);
  at::Tensor key = keys_of(part.head);
  if (is_half(all.dtype)) {
    query = query.to(at::kFloat);
    key = key.to(at::kFloat);
  }
  const double scale = all.scale.value_or(1 / std::sqrt(static_cast<double>(all.query.size(-1))));
  at::Tensor scores = (query * scale).matmul(key.transpose(-2, -1));
  const bool masked = all.causal || all.mask.defined();
  if (all.causal) {
    const at::TensorOptions index = scores.options().dtype(at::kLong);
    const at::Tensor rows = at::arange(part.first, part.first + part.count, index);
    const at::Tensor closed = at::arange(scores.size(-1), index) > rows.unsqueeze(1);
    scores = scores.masked_fill(closed, kMinusInfinity);
  }
  if (all.mask.defined()) {
    const at::Tensor mask = part_of(all.mask, part);
    scores = mask.scalar_type() == at::kBool
                 ? scores.masked_fill(mask.logical_not(), kMinusInfinity)
                 : scores + mask.to(scores.scalar_type());
  }
  at::Tensor weights = scores.softmax(-1);
  if (masked) {
    const at::Tensor closed = scores.eq(kMinusInfinity).all(-1, /*keepdim=*/true);
    weights = weights.masked_fill(closed, 0);
  }
  return weights;
}

// `weights`: of some queries, and of all heads.
void FusedCall::check(const at::Tensor& weights, std::int64_t first) const {
  const Operands& all = operands();
  const at::AutoGradMode no_grad(false);
  const std::int64_t count = weights.size(-2);
  const QueryRows rows = sample_of(first, count);
  const at::Tensor value = of_each_head(all.value, all.query, all.grouped);
  at::Tensor ours = sample_of(0, count).of(weights).matmul(value.to(weights.scalar_type()));
  if (all.finish) ours = all.finish(all, ours, rows);
  const at::Tensor theirs = rows.of(all.output).to(ours.scalar_type());
  const at::Tensor apart = ours.sub_(theirs).abs_();
  double figure = apart.max().item<double>();
  // A fused op may give NaN for a row that is masked whole.
  if (std::isnan(figure)) figure = apart.masked_fill(theirs.isnan(), 0).max().item<double>();
  const double tolerance = tolerance_of(all.dtype);
  if (figure <= tolerance) return;
  const double allowed = tolerance * std::max(1.0, largest_of(all.value));
  if (figure <= allowed) return;
  throw Error(fmt::format(
      "the attention recomputed from what {} took does not give what it returned: rows {} differ "
      "by up to {:.3g}, where {:.3g} is allowed for {}; capture queries, keys and mask themselves, "
      "and please report it",
      all.op, fmt::join(numbers_of(rows), ", "), figure, allowed, at::toString(all.dtype)));
}

bool FusedCall::can_be_checked() const {
  return operands_.dropout == 0 && operands_.output.defined() && !any_stale(to_check_);
}

at::Tensor FusedCall::part(const Part& part) const {
  const capture::Deaf deaf;
  const at::Tensor weights = compute(part);
  if (checked_.load(std::memory_order_acquire) || weights.numel() == 0) return weights;
  const bool of_all_heads = part.head < 0;
  const std::int64_t first = of_all_heads ? part.first : 0;
  if (can_be_checked()) check(of_all_heads ? weights : compute({0, 1, -1}), first);
  checked_.store(true, std::memory_order_release);
  return weights;
}

}  // namespace attention
}  // namespace anycapture
