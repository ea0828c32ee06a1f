// SPDX-License-Identifier: MIT
#include "core/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace anycapture {
namespace {

constexpr int kPowerShift = 52;
constexpr int kMantissaShift = kPowerShift - 8;
constexpr int kFloatShift = 32 - 17;
constexpr std::uint64_t kManyFloats = 1 << 20;

}  // namespace

QuantileSketch::QuantileSketch(std::uint64_t expected)
    : float_counts_(expected >= kManyFloats ? std::size_t{1} << 17 : 0, 0) {}

void QuantileSketch::add(double value, std::uint64_t count) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  std::unique_ptr<Counts>& counts = powers_[bits >> kPowerShift];
  if (counts == nullptr) counts = std::make_unique<Counts>();
  (*counts)[(bits >> kMantissaShift) % kMantissas] += count;
}

void QuantileSketch::add(const double* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) add(values[i], 1);
}

void QuantileSketch::add(const float* values, std::size_t count) {
  if (float_counts_.empty()) {
    for (std::size_t i = 0; i < count; ++i) add(static_cast<double>(values[i]), 1);
    return;
  }
  if (floats_ + count > std::numeric_limits<std::uint32_t>::max()) empty_float_counts();
  floats_ += count;
  std::uint32_t* const counts = float_counts_.data();
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    ++counts[bits >> kFloatShift];
  }
}

void QuantileSketch::empty_float_counts() {
  for (std::size_t i = 0; i < float_counts_.size(); ++i) {
    if (float_counts_[i] == 0) continue;
    const auto bits = static_cast<std::uint32_t>(i << kFloatShift);
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    add(static_cast<double>(value), float_counts_[i]);
    float_counts_[i] = 0;
  }
  floats_ = 0;
}

void QuantileSketch::merge(QuantileSketch other) {
  other.empty_float_counts();
  for (std::size_t power = 0; power < kPowers; ++power) {
    if (other.powers_[power] == nullptr) continue;
    if (powers_[power] == nullptr) powers_[power] = std::make_unique<Counts>();
    for (std::size_t m = 0; m < kMantissas; ++m) {
      (*powers_[power])[m] += (*other.powers_[power])[m];
    }
  }
}

template <class F>
void QuantileSketch::each(F f) {
  empty_float_counts();
  // Gives false when f does.
  const auto visit = [&](std::size_t power, std::size_t mantissa) {
    const std::uint64_t count = (*powers_[power])[mantissa];
    if (count == 0) return true;
    const std::uint64_t bits = (static_cast<std::uint64_t>(power) << kPowerShift) |
                               (static_cast<std::uint64_t>(mantissa) << kMantissaShift);
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return f(value, count);
  };
  for (std::size_t power = kPowers; power-- > kPowers / 2;) {  // negative ones
    for (std::size_t m = kMantissas; powers_[power] != nullptr && m-- > 0;) {
      if (!visit(power, m)) return;
    }
  }
  for (std::size_t power = 0; power < kPowers / 2; ++power) {
    for (std::size_t m = 0; powers_[power] != nullptr && m < kMantissas; ++m) {
      if (!visit(power, m)) return;
    }
  }
}

double QuantileSketch::quantile(double fraction) {
  std::uint64_t all = 0;
  each([&](double, std::uint64_t count) { return all += count, true; });
  const double rank = std::max(1.0, std::ceil(fraction * static_cast<double>(all)));
  std::uint64_t below = 0;
  double result = 0;
  each([&](double value, std::uint64_t count) {
    below += count;
    result = value;
    return static_cast<double>(below) < rank;
  });
  return result == 0 ? 0 : result;  // no -0
}

std::array<std::uint64_t, 8> QuantileSketch::histogram(double low, double high) {
  std::array<std::uint64_t, 8> bins{};
  each([&](double value, std::uint64_t count) {
    bins[eighth(value, low, high)] += count;
    return true;
  });
  return bins;
}

std::size_t eighth(double value, double low, double high) {
  if (!(high > low)) return 0;
  // Halves, so that the width of -1e308..1e308 is finite.
  const double place = (value / 2 - low / 2) / (high / 2 - low / 2) * 8;
  return static_cast<std::size_t>(std::clamp(place, 0.0, 7.0));
}

}  // namespace anycapture
