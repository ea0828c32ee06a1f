// SPDX-License-Identifier: MIT
// Which tensors of a capture are attention maps.
#pragma once

#include <anycapture/api.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "pictures/tensor_part.h"

namespace anycapture {
namespace viewer {

/// A tensor of shape (batch, heads, queries, keys), (heads, queries, keys) or (queries, keys).
struct AttentionMaps {
  const safetensors::Source* source = nullptr;
  std::int64_t batch = 1;
  std::int64_t heads = 1;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
};

/// Those whose what is `attention`, and those whose rows sum to about 1; as they stand in
/// `sources`, which must outlive them.
ANYCAPTURE_API std::vector<AttentionMaps> attention_maps(
    const std::vector<safetensors::Source>& sources, const CaptureMetadata& metadata);

/// One item of the batch: of rank 3, (heads, queries, keys), or 2. Throws Error where there is no
/// such item.
ANYCAPTURE_API TensorPart maps_of(const AttentionMaps& maps, std::optional<std::int64_t> batch);

}  // namespace viewer
}  // namespace anycapture
