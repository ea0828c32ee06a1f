// SPDX-License-Identifier: MIT
#include "cli/stats.h"
#include "core/attention_entropy.h"
#include "core/tensor_shape.h"

namespace anycapture {
namespace cli {

StatsRow stats_row(const safetensors::TensorInfo& tensor, const std::byte* data,
                   WithSpread with_spread) {
  StatsRow row{tensor.key, tensor.dtype, tensor.shape,
               statistics(tensor.dtype, data, element_count(tensor.shape), with_spread),
               std::nullopt};
  if (with_spread == WithSpread::yes) {
    row.entropy = attention_entropy(tensor, data, row.statistics);
  }
  return row;
}

}  // namespace cli
}  // namespace anycapture
