// SPDX-License-Identifier: MIT
// Where a graph computes attention.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "exported/calls.h"
#include "exported/graph.h"

namespace anycapture {
namespace exported {

struct AttentionPlace {
  std::size_t node = 0;   ///< the softmax, or the fused operator
  std::size_t owner = 0;  ///< the node whose module the weights are of: what multiplies them
  bool fused = false;
  Slot weights = kNoSlot;  ///< of a softmax
  std::int64_t axis = -1;  ///< that it went over: the last one, or one that only a shape tells so
  Slot values = kNoSlot;   ///< what the weights are multiplied with
};

/// A softmax whose result is multiplied, and fused operators.
std::vector<AttentionPlace> attention_in(const Graph& graph, const Flow& flow);

}  // namespace exported
}  // namespace anycapture
