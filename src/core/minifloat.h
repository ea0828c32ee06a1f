// SPDX-License-Identifier: MIT
// Floats of at most 16 bits.
#pragma once

#include <anycapture/safetensors.h>

#include <cstdint>

namespace anycapture {

/// How a float is coded: sign, exponent, mantissa. Codes without sign ascend with their values.
struct Minifloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  std::uint32_t largest;  ///< the last finite code
  std::uint32_t beyond;   ///< what larger values become: infinity, NaN, or the largest
  std::uint32_t nan;      ///< one of them; the code of -0 where that is NaN

  std::uint32_t sign_bit() const { return 1u << (exponent_bits + mantissa_bits); }
  double value(std::uint32_t code) const;
  /// To nearest, ties to even. F4 and F6 have no code for NaN.
  std::uint32_t code(double value) const;
};

/// All floats of at most 16 bits but F8_E8M0, which has neither sign nor zero.
const Minifloat& minifloat_of(safetensors::Dtype dtype);

/// F8_E8M0: powers of two.
double e8m0_value(std::uint32_t code);
/// As c10 rounds: the sign is dropped, a tie goes up, and so does all between the two least codes.
std::uint32_t e8m0_code(double value);

}  // namespace anycapture
