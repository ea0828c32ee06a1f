// SPDX-License-Identifier: MIT
// Floats of one dtype as another.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>

namespace anycapture {

/// Whether the dtype is a real float, of any size.
ANYCAPTURE_API bool is_float(safetensors::Dtype dtype);

struct Cast {
  safetensors::Bytes bytes;
  std::uint64_t overflowed = 0;  ///< finite values that became infinite
};

/// The nearest values, ties to even, as PyTorch casts. `from` is a float dtype; `to` is F16, BF16,
/// F32 or F64.
ANYCAPTURE_API Cast cast_floats(safetensors::Dtype from, const std::byte* data, std::uint64_t count,
                                safetensors::Dtype to);

}  // namespace anycapture
