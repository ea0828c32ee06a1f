// SPDX-License-Identifier: MIT
#include "core/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace anycapture {
namespace {

constexpr int kPowerShift = 52;
constexpr int kMantissaShift = kPowerShift - 8;

}  // namespace

void QuantileSketch::add(const double* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    std::unique_ptr<Counts>& counts = powers_[bits >> kPowerShift];
    if (counts == nullptr) counts = std::make_unique<Counts>();
    ++(*counts)[(bits >> kMantissaShift) % kMantissas];
  }
}

void QuantileSketch::add(const float* values, std::size_t count) {
  double wide[256];
  for (std::size_t done = 0; done < count; done += std::size(wide)) {
    const std::size_t piece = std::min(std::size(wide), count - done);
    std::copy_n(values + done, piece, wide);
    add(wide, piece);
  }
}

void QuantileSketch::merge(const QuantileSketch& other) {
  for (std::size_t power = 0; power < kPowers; ++power) {
    if (other.powers_[power] == nullptr) continue;
    if (powers_[power] == nullptr) powers_[power] = std::make_unique<Counts>();
    for (std::size_t m = 0; m < kMantissas; ++m) {
      (*powers_[power])[m] += (*other.powers_[power])[m];
    }
  }
}

template <class F>
void QuantileSketch::each(F f) const {
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

double QuantileSketch::quantile(double fraction) const {
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

std::array<std::uint64_t, 8> QuantileSketch::histogram(double low, double high) const {
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
