// SPDX-License-Identifier: MIT
// Decimal digits of numbers.
#pragma once

#include <anycapture/safetensors.h>

#include <string>

namespace anycapture {

/// A magnitude: 0.0123 is {"123", -2}. No zeros at either end of the digits, except for 0 itself.
struct Decimal {
  std::string digits = "0";
  int exponent = 0;  ///< of the first digit

  std::string whole() const;     ///< before the point
  std::string fraction() const;  ///< behind it, may be empty
};

/// The fewest digits that read back as the same number of the dtype; those nearest to it, if there
/// are several. F4, F6 and F8_E8M0 have the digits of float32. `magnitude` is one of dtype's
/// numbers.
Decimal shortest_decimal(safetensors::Dtype dtype, double magnitude);

/// No more than `places` behind the point: rounded from the number, not from its shortest digits.
Decimal shortest_fixed(safetensors::Dtype dtype, double magnitude, int places);

/// Digits behind the first one, no more than `places`.
Decimal rounded_scientific(double magnitude, int places);

/// The same, but no more than the number needs to read back.
Decimal shortest_scientific(safetensors::Dtype dtype, double magnitude, int places);

}  // namespace anycapture
