// SPDX-License-Identifier: MIT
// One call of a fused attention op, from which its weights can be made.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "capture/lazy_tensor.h"
#include "capture/store.h"

namespace anycapture {
namespace attention {

/// Queries, as far apart as `step`.
struct QueryRows {
  /// A view of these rows of (..., queries, width).
  at::Tensor of(const at::Tensor& tensor) const;

  std::int64_t first = 0;
  std::int64_t last = 0;  ///< behind them
  std::int64_t step = 1;
};

/// What an op took, (batch ..., heads, tokens, width each), and what it gave.
struct Operands {
  std::string op;  ///< `scaled_dot_product_attention`
  at::Tensor query, key, value, output;
  /// Of an op that projects queries, keys and values itself: makes them of `inputs`.
  std::function<void(Operands&)> project;
  std::vector<at::Tensor> inputs;
  std::vector<std::int64_t> shape;    ///< of the weights: of such an op; else it follows
  at::ScalarType dtype = at::kFloat;  ///< of the queries, or what autocast made them
  at::Tensor source;   ///< what `finish` reads beside weights of the model, if anything
  at::Tensor mask;     ///< bool: true takes part; else added to the scores
  at::Tensor present;  ///< (batch, queries, 1): those that the op computed, if it left some out
  bool causal = false;
  bool grouped = false;         ///< several heads of queries share one of keys
  std::optional<double> scale;  ///< 1 / sqrt(width) where there is none
  double dropout = 0;
  /// From `weights @ value` of some queries, (..., heads, n, width), what the op gave for them;
  /// empty where that is the same.
  std::function<at::Tensor(const Operands&, const at::Tensor& attended, const QueryRows& queries)>
      finish;
};

/// Which part of the weights: rows of all heads or of one.
struct Part {
  QueryRows rows;
  std::int64_t head = -1;
};

class ANYCAPTURE_API FusedCall : public capture::LazyTensor {
 public:
  /// Holds references, with a version check; `copy`: copies.
  FusedCall(Operands operands, bool detach, bool copy);

  std::vector<std::int64_t> shape() const override { return operands_.shape; }
  at::ScalarType dtype() const override;
  bool is_stale() const override;
  at::Tensor make() const override { return part({{0, operands_.shape.rbegin()[1]}, -1}); }
  std::string note() const override;
  const std::string& op() const { return operands_.op; }

  /// Throws Error when the sample does not agree.
  at::Tensor part(const Part& part) const;

 private:
  at::Tensor compute(const Part& part) const;
  at::Tensor keys_of(std::int64_t head) const;
  bool can_be_checked() const;
  void check(const at::Tensor& weights, const QueryRows& rows) const;

  const Operands& operands() const;  // projected

  mutable Operands operands_;
  mutable std::once_flag projected_;
  std::vector<capture::StoredCall> held_;      // what weights are made of
  std::vector<capture::StoredCall> to_check_;  // value, output and source
  mutable std::atomic<bool> checked_{false};
  mutable std::atomic<bool> not_finite_{false};  // some of what was to be checked
};

}  // namespace attention
}  // namespace anycapture
