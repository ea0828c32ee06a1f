// SPDX-License-Identifier: MIT
// How far two tensors of one shape are apart, in one pass over both on all cores.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>

namespace anycapture {

/// Two values are close when |a - b| <= atol + rtol * |b|, as torch.allclose has it; NaN is close
/// to NaN, and an infinity to itself.
struct Tolerance {
  double rtol = 1e-5;
  double atol = 1e-8;
};

struct TensorDifference {
  std::uint64_t far = 0;    ///< values that are not close
  std::uint64_t first = 0;  ///< index of the first of them, row-major
  double max_abs = 0;       ///< of |a - b|; infinite where only one is finite
  double max_rel = 0;       ///< of |a - b| / |b|; infinite where b alone is 0
  double mean_abs = 0;      ///< of |a - b|
  double cosine = 1;  ///< of the angle between both, over values finite in both; 1 if both are 0
};

struct TensorData {
  safetensors::Dtype dtype = safetensors::Dtype::kF32;
  const std::byte* data = nullptr;
};

/// Both hold `count` elements; the dtypes may differ, but a complex tensor only goes with another:
/// real and imaginary parts are compared each by itself.
ANYCAPTURE_API TensorDifference difference(const TensorData& a, const TensorData& b,
                                           std::uint64_t count, const Tolerance& tolerance);

}  // namespace anycapture
