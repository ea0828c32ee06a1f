// SPDX-License-Identifier: MIT
// Attention weights, however a model computed them.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/options.h>
#include <anycapture/rollout.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace anycapture {

namespace attention {
class FusedCall;

/// Attention rollout of the maps of layers, by execution, each (heads, tokens, tokens) or (batch,
/// heads, tokens, tokens): (tokens, tokens) or (batch, tokens, tokens), float32 on the CPU, rows
/// sum to 1. Throws `Error` when shapes differ or are others, and as the function of
/// <anycapture/rollout.h> does.
ANYCAPTURE_API at::Tensor rollout(const std::vector<at::Tensor>& maps,
                                  const RolloutOptions& options = {});
/// The same with each head weighted by the gradients of what is to be explained, in the maps'
/// shapes: what a layer passes on is the mean over heads of map * gradient, where that is positive.
/// `options.fusion` has no part in it. After H. Chefer et al., "Transformer interpretability beyond
/// attention visualization", 2021.
ANYCAPTURE_API at::Tensor rollout(const std::vector<at::Tensor>& maps,
                                  const std::vector<at::Tensor>& gradients,
                                  const RolloutOptions& options = {});
}  // namespace attention

/// The weights of one attention, shape (batch ..., heads, queries, keys); rows are over keys and
/// sum to 1, but for rows that a mask closes whole: those are 0.
///
/// Weights that the model computed are held as they are. Those of a fused op, which computes none,
/// are made from its queries, keys and mask when they are asked for, row by row as many as are
/// asked for: what is held is those, not the weights. Queries in half precision give weights in
/// single precision. Before any part is first made, a sample of rows of all heads is multiplied
/// with the op's values and compared with what the op returned, but for what is NaN or infinite;
/// where dropout ran inside the op it cannot be: the weights are those before it. Copies share what
/// they hold.
///
/// All that gives tensors throws `StaleCaptureError` when queries, keys or mask, or what the op
/// projects them from, were changed in place since, unless told `Stale::allow`, and `Error` when
/// the sample does not agree, with the figure.
class ANYCAPTURE_API AttentionMap {
 public:
  /// Of weights; two dimensions at least.
  explicit AttentionMap(at::Tensor weights);
  /// What readers of captures use.
  explicit AttentionMap(std::shared_ptr<const attention::FusedCall> call,
                        Stale stale = Stale::raise);

  std::vector<std::int64_t> shape() const;
  /// The op that the weights are recomputed of, `scaled_dot_product_attention`; empty where they
  /// are the model's own.
  std::string recomputed_from() const;
  /// What cannot be known of them, as a sentence; empty for most.
  std::string note() const;

  at::Tensor whole() const;
  /// Of queries first to last - 1: (batch ..., heads, last - first, keys). Throws `Error` when
  /// there are no such rows.
  at::Tensor rows(std::int64_t first, std::int64_t last) const;
  /// (batch ..., queries, keys). Throws `Error` when there is no such head.
  at::Tensor head(std::int64_t index) const;
  /// Over heads, (batch ..., queries, keys), made head by head.
  at::Tensor mean() const;

 private:
  at::Tensor made(std::int64_t first, std::int64_t count, std::int64_t head) const;

  at::Tensor weights_;
  std::shared_ptr<const attention::FusedCall> call_;
  Stale stale_ = Stale::raise;
};

}  // namespace anycapture
