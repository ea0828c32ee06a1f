// SPDX-License-Identifier: MIT
// The values of a tensor piece by piece, as floats where they are, else as doubles.
#pragma once

#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>

namespace anycapture {

/// Values that are worked on at a time: they and their copies stay in the first-level cache.
constexpr std::size_t kPiece = 2048;
/// Values that one core takes at a time.
constexpr std::uint64_t kChunk = 128 * kPiece;

/// At most kPiece values from `first`, where they lie if they are aligned, else in `buffer`; of F32
/// alone.
const float* read_values(safetensors::Dtype dtype, const std::byte* data, std::uint64_t first,
                         std::size_t count, float* buffer);
/// Of any dtype; of complex values their magnitudes.
const double* read_values(safetensors::Dtype dtype, const std::byte* data, std::uint64_t first,
                          std::size_t count, double* buffer);

/// The same with complex values as two numbers each, the real part first: so many numbers.
const float* read_numbers(safetensors::Dtype dtype, const std::byte* data, std::uint64_t first,
                          std::size_t count, float* buffer);
const double* read_numbers(safetensors::Dtype dtype, const std::byte* data, std::uint64_t first,
                           std::size_t count, double* buffer);

}  // namespace anycapture
