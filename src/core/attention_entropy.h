// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "core/statistics.h"

namespace anycapture {

/// Entropy of attention in nats, one value per head: the mean over rows (and batch) of -sum p ln p.
/// Between 0, all on one token, and ln(keys), the same on each.
///
/// Nothing when the tensor holds no attention: shape (..., heads, queries, keys), no value negative
/// or not finite, and each row with the sum 1, to 0.01 since half precision rounds. `all`: its
/// statistics.
ANYCAPTURE_API std::optional<std::vector<double>> attention_entropy(
    const safetensors::TensorInfo& tensor, const std::byte* data, const Statistics& all);

}  // namespace anycapture
