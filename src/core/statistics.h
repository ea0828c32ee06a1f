// SPDX-License-Identifier: MIT
// What the values of a tensor are like, in one pass over it on all cores.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace anycapture {

/// Of complex values, their magnitudes are meant. What follows `zeros` is of the finite values
/// alone, and 0 where there is none.
struct Statistics {
  struct Spread {
    double p1 = 0;
    double median = 0;
    double p99 = 0;
    std::array<std::uint64_t, 8> histogram{};  ///< values in each eighth of min..max
  };

  std::uint64_t finite() const { return count - nans - infinities; }

  std::uint64_t count = 0;
  std::uint64_t nans = 0;
  std::uint64_t infinities = 0;  ///< of both signs
  std::uint64_t zeros = 0;
  double min = 0;
  double max = 0;
  std::uint64_t min_index = 0;  ///< row-major, the first of that value
  std::uint64_t max_index = 0;
  double mean = 0;
  double std = 0;  ///< of the population, as numpy.std
  /// Where it was asked for. As numpy.percentile up to 4,096 values, else of a QuantileSketch, at
  /// most 0.4 % off.
  std::optional<Spread> spread;
};

enum class WithSpread : bool { no, yes };

/// `data`: `count` elements, of any alignment. The same input gives the same bits, on any number of
/// cores.
ANYCAPTURE_API Statistics statistics(safetensors::Dtype dtype, const std::byte* data,
                                     std::uint64_t count, WithSpread with_spread);

/// Index of the first value that is NaN or infinite; `count` if all are finite.
ANYCAPTURE_API std::uint64_t first_not_finite(safetensors::Dtype dtype, const std::byte* data,
                                              std::uint64_t count);

}  // namespace anycapture
