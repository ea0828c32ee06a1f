// SPDX-License-Identifier: MIT
#include "core/minifloat.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::uint32_t kNoNan = 0xFFFFFFFF;

struct Row {
  Dtype dtype;
  Minifloat format;
};

constexpr Row kRows[] = {
    {Dtype::kF4, {2, 1, 1, 0x7, 0x7, kNoNan}},
    {Dtype::kF6E2M3, {2, 3, 1, 0x1F, 0x1F, kNoNan}},
    {Dtype::kF6E3M2, {3, 2, 3, 0x1F, 0x1F, kNoNan}},
    {Dtype::kF8E5M2, {5, 2, 15, 0x7B, 0x7C, 0x7F}},
    {Dtype::kF8E4M3, {4, 3, 7, 0x7E, 0x7E, 0x7F}},
    {Dtype::kF8E4M3FNUZ, {4, 3, 8, 0x7F, 0x80, 0x80}},
    {Dtype::kF8E5M2FNUZ, {5, 2, 16, 0x7F, 0x80, 0x80}},
    {Dtype::kF16, {5, 10, 15, 0x7BFF, 0x7C00, 0x7E00}},
    {Dtype::kBF16, {8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0}},
};

}  // namespace

double Minifloat::value(std::uint32_t code) const {
  const std::uint32_t magnitude = code & (sign_bit() - 1);
  const double sign = code == magnitude ? 1.0 : -1.0;
  if (magnitude > largest || code == nan) {
    return code != nan && magnitude == beyond ? sign * kInfinity : kNan;
  }
  const std::uint32_t hidden = 1u << mantissa_bits;
  const std::uint32_t mantissa = magnitude & (hidden - 1);
  const int exponent = static_cast<int>(magnitude >> mantissa_bits);
  const int scale = std::max(exponent, 1) - bias - mantissa_bits;
  return sign * std::ldexp(exponent == 0 ? mantissa : mantissa | hidden, scale);
}

std::uint32_t Minifloat::code(double value) const {
  if (std::isnan(value)) return nan;
  const double magnitude = std::fabs(value);
  std::uint32_t code = beyond;
  if (magnitude < 2 * this->value(largest)) {
    // A mantissa that rounds up to the next power of two carries into the exponent.
    const int least = 1 - bias;
    const int exponent = magnitude == 0 ? least : std::max(std::ilogb(magnitude), least);
    const double mantissa = std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));
    code = static_cast<std::uint32_t>(mantissa) +
           (static_cast<std::uint32_t>(exponent - least) << mantissa_bits);
    code = code > largest ? beyond : code;
  }
  const bool zero_has_sign = nan != sign_bit();
  return std::signbit(value) && (code != 0 || zero_has_sign) ? code | sign_bit() : code;
}

const Minifloat& minifloat_of(Dtype dtype) {
  return std::find_if(std::begin(kRows), std::end(kRows),
                      [dtype](const Row& row) { return row.dtype == dtype; })
      ->format;
}

double e8m0_value(std::uint32_t code) {
  return code == 0xFF ? kNan : std::ldexp(1.0, static_cast<int>(code) - 127);
}

std::uint32_t e8m0_code(double value) {
  const double magnitude = std::fabs(value);
  if (!(magnitude < e8m0_value(0xFE) * 1.5)) return 0xFF;
  if (magnitude < e8m0_value(1)) return magnitude > e8m0_value(0) ? 1 : 0;
  const int exponent = std::ilogb(magnitude);
  const bool up = magnitude >= std::ldexp(1.5, exponent);
  return static_cast<std::uint32_t>(exponent + 127 + (up ? 1 : 0));
}

}  // namespace anycapture
