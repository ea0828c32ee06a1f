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
  return of_head(has_rows ? part.rows.of(tensor) : tensor, part.head);
}

// Autocast casts what an op is given behind the place where its arguments are seen.
at::Tensor as_cast(const at::Tensor& tensor, const Operands& all) {
  const bool is_cast = all.query.scalar_type() != all.dtype && tensor.is_floating_point();
  return is_cast ? tensor.to(all.dtype) : tensor;
}

// Keys and values as there are heads of queries.
at::Tensor of_each_head(const at::Tensor& keys, const at::Tensor& query, bool grouped) {
  if (!grouped || keys.dim() < 3 || keys.size(-3) == query.size(-3)) return keys;
  return keys.repeat_interleave(query.size(-3) / keys.size(-3), -3);
}

// How far rounding takes a fused op and its weights apart: as many parts of the root of the squared
// terms of a sum, in which roundings meet by chance, and of all terms, where they do not.
struct Tolerance {
  double by_chance, at_worst;
};

Tolerance tolerance_of(at::ScalarType dtype) {
  switch (dtype) {
    case at::kDouble:
      return {1e-9, 1e-14};
    case at::kHalf:
      return {5e-3, 5e-4};
    case at::kBFloat16:
      return {4e-2, 4e-3};
    default:
      return {1e-4, 1e-6};
  }
}

at::Tensor allowed_of(const at::Tensor& weights, const at::Tensor& value, const at::Tensor& output,
                      const Tolerance& tolerance) {
  const at::Tensor by_chance = weights.square().matmul(value.square()).sqrt() + output.abs();
  return tolerance.by_chance * by_chance + tolerance.at_worst * weights.matmul(value.abs());
}

// Four of them, or a few more; the last, which no causal mask closes, is one.
QueryRows sample_of(std::int64_t count) {
  const std::int64_t step = std::max<std::int64_t>(1, (count - 1) / 3);
  return {(count - 1) % step, count, step};
}

std::vector<std::int64_t> numbers_of(const QueryRows& rows) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t row = rows.first; row < rows.last; row += rows.step) numbers.push_back(row);
  return numbers;
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
    const at::Tensor& output = operands_.output;
    if (output.defined() && is_half(output.scalar_type())) operands_.dtype = output.scalar_type();
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
  if (not_finite_.load(std::memory_order_acquire)) {
    return fmt::format("{} took or gave NaN or Inf: rows with them are not checked", operands_.op);
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
  at::Tensor query = as_cast(part_of(all.query, part), all);
  at::Tensor key = as_cast(keys_of(part.head), all);
  if (is_half(all.dtype)) {
    query = query.to(at::kFloat);
    key = key.to(at::kFloat);
  }
  const double scale = all.scale.value_or(1 / std::sqrt(static_cast<double>(all.query.size(-1))));
  at::Tensor scores = (query * scale).matmul(key.transpose(-2, -1));
  const bool masked = all.causal || all.mask.defined();
  if (all.causal) {
    const at::TensorOptions index = scores.options().dtype(at::kLong);
    const at::Tensor rows = at::arange(part.rows.first, part.rows.last, part.rows.step, index);
    const at::Tensor closed = at::arange(scores.size(-1), index) > rows.unsqueeze(1);
    scores = scores.masked_fill(closed, kMinusInfinity);
  }
  if (all.mask.defined()) {
    const at::Tensor mask = as_cast(part_of(all.mask, part), all);
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

// `weights`: of the rows, and of all heads. Nearly always each value is close to what was given, as
// large as its channel is among the rows; only else is every term of it looked at.
void FusedCall::check(const at::Tensor& weights, const QueryRows& rows) const {
  const Operands& all = operands();
  const at::Tensor value =
      as_cast(of_each_head(all.value, all.query, all.grouped), all).to(weights.scalar_type());
  at::Tensor ours = weights.matmul(value);
  if (all.finish) ours = all.finish(all, ours, rows);
  const at::Tensor theirs = rows.of(all.output).to(ours.scalar_type());
  at::Tensor apart = (ours - theirs).abs_();
  if (all.present.defined()) apart.masked_fill_(rows.of(all.present).logical_not(), 0);
  const Tolerance tolerance = tolerance_of(all.dtype);
  at::Tensor allowed =
      theirs.abs().amax(all.finish ? -1 : -2, /*keepdim=*/true).mul_(tolerance.by_chance);
  if (apart.le(allowed).all().item<bool>()) return;
  allowed = all.finish ? allowed.expand_as(apart) : allowed_of(weights, value, theirs, tolerance);
  const at::Tensor is_wrong = apart.gt(allowed);  // no where it cannot be told, for NaN
  not_finite_.store(!apart.isfinite().all().item<bool>(), std::memory_order_release);
  if (!is_wrong.any().item<bool>()) return;
  const std::int64_t worst =
      (apart - allowed).masked_fill(is_wrong.logical_not(), 0).argmax().item<std::int64_t>();
  throw Error(fmt::format(
      "the attention recomputed from what {} took does not give what it returned: rows {} differ "
      "by up to {:.3g}, where {:.3g} is allowed for {}; capture queries, keys and mask themselves, "
      "and please report it",
      all.op, fmt::join(numbers_of(rows), ", "), apart.flatten()[worst].item<double>(),
      allowed.flatten()[worst].item<double>(), at::toString(all.dtype)));
}

bool FusedCall::can_be_checked() const {
  return operands_.dropout == 0 && operands_.output.defined() && !any_stale(to_check_);
}

// Whatever part is read, the same rows of all heads are checked: few rows can be right by chance,
// such as the first of a causal map.
at::Tensor FusedCall::part(const Part& part) const {
  const capture::Deaf deaf;
  const at::Tensor weights = compute(part);
  if (checked_.load(std::memory_order_acquire) || weights.numel() == 0) return weights;
  const std::int64_t queries = operands_.shape.rbegin()[1];
  const QueryRows sample = sample_of(queries);
  const bool is_whole = part.head < 0 && weights.size(-2) == queries;
  if (can_be_checked()) {
    const at::AutoGradMode no_grad(false);
    check(is_whole ? sample.of(weights) : compute({sample, -1}), sample);
  }
  checked_.store(true, std::memory_order_release);
  return weights;
}

}  // namespace attention
}  // namespace anycapture
