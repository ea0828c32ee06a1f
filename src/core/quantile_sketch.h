// SPDX-License-Identifier: MIT
// Counts of values by magnitude, from which quantiles come with a small relative error.
#pragma once

#include <anycapture/api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace anycapture {

/// One bucket for each sign, exponent and first eight bits of the mantissa of a double: what it
/// gives is at most 1/256 (0.4 %) nearer to 0 than the true value. Exact for bfloat16, float8 and
/// integers up to 512. 2 KiB for each power of two that occurs.
class ANYCAPTURE_API QuantileSketch {
 public:
  /// `expected`: how many values will be added; many floats are counted in a table of 512 KiB.
  explicit QuantileSketch(std::uint64_t expected = 0);

  /// Finite values.
  void add(const double* values, std::size_t count);
  void add(const float* values, std::size_t count);
  void merge(QuantileSketch other);

  /// The value that `fraction` (0..1) of the values lie at or below; 0 of no values.
  double quantile(double fraction);
  /// How many values lie in each eighth of `low`..`high`, which holds all values.
  std::array<std::uint64_t, 8> histogram(double low, double high);

 private:
  static constexpr std::size_t kMantissas = 256;
  static constexpr std::size_t kPowers = 4096;  // sign and exponent: the first 12 bits
  using Counts = std::array<std::uint64_t, kMantissas>;

  // f(value, count) in ascending order of the values, until it gives false.
  template <class F>
  void each(F f);
  void add(double value, std::uint64_t count);
  void empty_float_counts();

  std::vector<std::unique_ptr<Counts>> powers_ = std::vector<std::unique_ptr<Counts>>(kPowers);
  // By a float's own first 17 bits, on the way to powers_. Empty where few are expected.
  std::vector<std::uint32_t> float_counts_;
  std::uint64_t floats_ = 0;  // counted there
};

/// Which eighth of `low`..`high` holds the value, 0..7; 0 where both are the same.
std::size_t eighth(double value, double low, double high);

}  // namespace anycapture
