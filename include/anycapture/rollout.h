// SPDX-License-Identifier: MIT
// Attention rollout: how much each token of the last layer draws from each of the first, when what
// a layer passes on is half its attention and half the token itself.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <vector>

namespace anycapture {

/// How the maps of a layer's heads become one.
enum class HeadFusion { mean, max, min };

struct RolloutOptions {
  HeadFusion fusion = HeadFusion::mean;
  /// Part of each row, 0 to below 1, whose smallest values become 0 before the rest is normalised;
  /// never the diagonal nor the class token's column.
  double discard_ratio = 0;
  std::size_t start_layer = 0;  ///< the first that counts
  int class_token = 0;          ///< its column; -1: there is none
};

/// One layer, not owned: shape (heads, tokens, tokens), row-major without gaps.
struct LayerMaps {
  const float* data = nullptr;
  std::size_t heads = 0;
};

/// The product A_last ... A_start of shape (tokens, tokens), row-major; A = (fused + I) with each
/// row divided by its sum, so that the rows of the result sum to 1. As S. Abnar and W. Zuidema,
/// "Quantifying attention flow in transformers", 2020, in the order of H. Chefer's code.
///
/// `layers`: by execution. Throws Error when there is none from start_layer on, when the options
/// are out of range, or when a row that is used is not finite.
ANYCAPTURE_API std::vector<float> rollout(const std::vector<LayerMaps>& layers, std::size_t tokens,
                                          const RolloutOptions& options = {});

}  // namespace anycapture
