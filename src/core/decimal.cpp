// SPDX-License-Identifier: MIT
#include "core/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "core/element.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

// From any form that the formatting library writes: `0.0012`, `12`, `1.2e-05`.
Decimal parse(std::string_view text) {
  const std::size_t e = std::min(text.find('e'), text.size());
  const std::string mantissa(text.substr(0, e));
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits = mantissa;
  if (point < digits.size()) digits.erase(point, 1);
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  const std::size_t last = digits.find_last_not_of('0');
  const int exponent = e < text.size() ? std::stoi(std::string(text.substr(e + 1))) : 0;
  return {digits.substr(first, last + 1 - first),
          exponent + static_cast<int>(point) - 1 - static_cast<int>(first)};
}

// Whether the dtype's numbers are so coarse that their exact digits say more than they know.
bool is_coarse(Dtype dtype) {
  return dtype == Dtype::kF16 || dtype == Dtype::kBF16;
}

// No decimal point, which strtod() would take from the locale.
double read(const Decimal& decimal) {
  const int exponent = decimal.exponent + 1 - static_cast<int>(decimal.digits.size());
  return std::strtod(fmt::format("{}e{}", decimal.digits, exponent).c_str(), nullptr);
}

// The next larger one with as many digits.
Decimal above(const Decimal& decimal, int places) {
  return rounded_scientific(read(decimal) + std::pow(10.0, decimal.exponent - places), places);
}

Decimal shortest_coarse(Dtype dtype, double magnitude) {
  const std::uint16_t code = nearest_code(dtype, magnitude);
  const auto reads_back = [&](const Decimal& decimal) {
    return nearest_code(dtype, read(decimal)) == code;
  };
  int exponent = 0;
  const bool power_of_two = std::frexp(magnitude, &exponent) == 0.5;
  for (int places = 0;; ++places) {
    const Decimal nearest = rounded_scientific(magnitude, places);
    if (reads_back(nearest)) return nearest;
    // Above a power of two the numbers lie farther apart than below it: what is not the nearest
    // decimal may still read back.
    const Decimal next = above(nearest, places);
    if (power_of_two && reads_back(next)) return next;
  }
}

}  // namespace

std::string Decimal::whole() const {
  if (exponent < 0) return "0";
  return fmt::format("{:0<{}}", digits.substr(0, static_cast<std::size_t>(exponent) + 1),
                     exponent + 1);
}

std::string Decimal::fraction() const {
  if (exponent < 0) return std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  return whole < digits.size() ? digits.substr(whole) : "";
}

Decimal shortest_decimal(Dtype dtype, double magnitude) {
  if (is_coarse(dtype)) return shortest_coarse(dtype, magnitude);
  if (safetensors::bits(dtype) == 64 && dtype != Dtype::kC64) {
    return parse(fmt::format("{}", magnitude));
  }
  return parse(fmt::format("{}", static_cast<float>(magnitude)));
}

Decimal shortest_fixed(Dtype dtype, double magnitude, int places) {
  const Decimal decimal = shortest_decimal(dtype, magnitude);
  const int last = static_cast<int>(decimal.digits.size()) - 1 - decimal.exponent;
  return last <= places ? decimal : parse(fmt::format("{:.{}f}", magnitude, places));
}

Decimal rounded_scientific(double magnitude, int places) {
  return parse(fmt::format("{:.{}e}", magnitude, places));
}

Decimal shortest_scientific(Dtype dtype, double magnitude, int places) {
  const Decimal decimal = shortest_decimal(dtype, magnitude);
  const int last = static_cast<int>(decimal.digits.size()) - 1;
  return last <= places ? decimal : rounded_scientific(magnitude, places);
}

}  // namespace anycapture
