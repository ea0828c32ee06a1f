// SPDX-License-Identifier: MIT
// The numbers in a tensor's bytes, of every dtype that a file can hold.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace anycapture {

/// As PyTorch calls it, without `torch.`: `float32`, `float8_e4m3fn`, `float4_e2m1fn`.
ANYCAPTURE_API std::string_view torch_name(safetensors::Dtype dtype);

/// 2 for complex dtypes, else 1. Below, the element i of a complex tensor is the numbers 2i, its
/// real part, and 2i + 1, its imaginary part.
ANYCAPTURE_API std::uint64_t numbers_per_element(safetensors::Dtype dtype);

/// The number at `index`. Exact, but for integers beyond 2^53. `data` need not be aligned; an F4
/// in a byte's low half comes first, and F6 are a stream of bits, low ones first.
ANYCAPTURE_API double to_double(safetensors::Dtype dtype, const std::byte* data,
                                std::uint64_t index);

/// The `count` numbers from `first`.
ANYCAPTURE_API void to_doubles(safetensors::Dtype dtype, const std::byte* data, std::uint64_t first,
                               std::uint64_t count, double* out);

/// The code nearest to `value`, ties to even; only for floats of 8 and 16 bits. As PyTorch 2.13
/// casts: what is too large becomes infinity; where there is none, NaN in F8_E8M0 and the FNUZ
/// kinds, but the largest number in F8_E4M3. Rounds once, PyTorch to float32 first.
ANYCAPTURE_API std::uint16_t nearest_code(safetensors::Dtype dtype, double value);

/// Unaligned.
template <class T>
T load(const std::byte* data, std::uint64_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace anycapture
