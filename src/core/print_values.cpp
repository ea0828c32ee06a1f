// SPDX-License-Identifier: MIT
#include "core/print_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/decimal.h"
#include "core/element.h"
#include "core/printed_layout.h"

namespace anycapture {
namespace {

using safetensors::Dtype;
using Words = std::vector<std::string>;

constexpr int kPlaces = 8;
constexpr double kLeastFixed = 1e-4;
constexpr std::size_t kBoolWidth = 5;

enum class Kind { kBool, kInteger, kFloat, kComplex };

Kind kind_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool:
      return Kind::kBool;
    case Dtype::kU8:
    case Dtype::kI8:
    case Dtype::kI16:
    case Dtype::kU16:
    case Dtype::kI32:
    case Dtype::kU32:
    case Dtype::kI64:
    case Dtype::kU64:
      return Kind::kInteger;
    case Dtype::kC64:
      return Kind::kComplex;
    default:
      return Kind::kFloat;
  }
}

enum class Sign { kIfNegative, kAlways };

// `nan` has no sign of its own.
std::string sign_of(double value, Sign sign) {
  if (std::signbit(value) && !std::isnan(value)) return "-";
  return sign == Sign::kAlways ? "+" : "";
}

std::string special_text(double value, Sign sign) {
  return sign_of(value, sign) + (std::isnan(value) ? "nan" : "inf");
}

// `e+05`
std::string exponent_text(int exponent, std::size_t digits = 2) {
  return fmt::format("e{}{:0>{}}", exponent < 0 ? '-' : '+', std::abs(exponent), digits);
}

// The dtype's arithmetic decides how numbers are written, as it does in NumPy.
double rounded(Dtype dtype, double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  if (dtype == Dtype::kF32 || dtype == Dtype::kC64) {
    return static_cast<float>(std::min(value, kMost));
  }
  if (safetensors::bits(dtype) != 16) return value;
  const std::uint16_t code = nearest_code(dtype, value);
  return to_double(dtype, reinterpret_cast<const std::byte*>(&code), 0);
}

// From here on the dtype may not hold each digit before the point.
double least_large(Dtype dtype) {
  if (dtype == Dtype::kF64) return 1e8;
  return dtype == Dtype::kF32 || dtype == Dtype::kC64 ? 1e6 : 1e3;
}

bool need_exponents(Dtype dtype, const std::vector<double>& values) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (double value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    least = std::min(least, std::fabs(value));
    most = std::max(most, std::fabs(value));
  }
  if (most == 0) return false;
  return most >= least_large(dtype) || least < rounded(dtype, kLeastFixed) ||
         rounded(dtype, most / least) > 1000;
}

// What is written of a number, in parts that are brought to common widths.
struct Number {
  bool finite;
  std::string left;  // of the point, with the sign; all of a number that is not finite
  std::string fraction;
  int exponent = 0;
};

Number fixed_number(Dtype dtype, double value, Sign sign) {
  const Decimal decimal = shortest_fixed(dtype, std::fabs(value), kPlaces);
  return {true, sign_of(value, sign) + decimal.whole(), decimal.fraction()};
}

Number scientific_number(Dtype dtype, double value, Sign sign, int places) {
  Decimal decimal = shortest_scientific(dtype, std::fabs(value), places);
  const bool needs_all = static_cast<int>(decimal.digits.size()) - 1 == places;
  if (!needs_all) decimal = rounded_scientific(std::fabs(value), places);
  return {true, sign_of(value, sign) + decimal.digits[0], decimal.digits.substr(1),
          decimal.exponent};
}

// With exponents all have the digits that one of them needs, even if some read back from fewer.
int places_needed(Dtype dtype, const std::vector<double>& values) {
  int places = 0;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    const Decimal decimal = shortest_scientific(dtype, std::fabs(value), kPlaces);
    places = std::max(places, static_cast<int>(decimal.digits.size()) - 1);
  }
  return places;
}

std::vector<Number> numbers_of(Dtype dtype, const std::vector<double>& values, Sign sign,
                               bool with_exponent) {
  const int places = with_exponent ? places_needed(dtype, values) : 0;
  std::vector<Number> numbers;
  for (double value : values) {
    if (!std::isfinite(value)) {
      numbers.push_back({false, special_text(value, sign), ""});
    } else if (with_exponent) {
      numbers.push_back(scientific_number(dtype, value, sign, places));
    } else {
      numbers.push_back(fixed_number(dtype, value, sign));
    }
  }
  return numbers;
}

struct Widths {
  std::size_t left = 0;
  std::size_t fraction = 0;
  std::size_t exponent = 2;  // its digits
  std::size_t special = 0;   // numbers that are not finite
};

Widths widths_of(const std::vector<Number>& numbers) {
  Widths widths;
  for (const Number& number : numbers) {
    if (!number.finite) {
      widths.special = std::max(widths.special, number.left.size());
      continue;
    }
    widths.left = std::max(widths.left, number.left.size());
    widths.fraction = std::max(widths.fraction, number.fraction.size());
    widths.exponent =
        std::max(widths.exponent, fmt::formatted_size("{}", std::abs(number.exponent)));
  }
  return widths;
}

Words float_words(Dtype dtype, const std::vector<double>& values, Sign sign) {
  const bool with_exponent = need_exponents(dtype, values);
  const std::vector<Number> numbers = numbers_of(dtype, values, sign, with_exponent);
  const Widths widths = widths_of(numbers);
  const std::size_t right = widths.fraction + (with_exponent ? 2 + widths.exponent : 0);
  const std::size_t width = std::max(widths.left + 1 + right, widths.special);

  Words words;
  for (const Number& number : numbers) {
    std::string text = number.left;
    if (number.finite) {
      const char fill = with_exponent ? '0' : ' ';
      text += '.' + number.fraction;
      text.append(widths.fraction - number.fraction.size(), fill);
      if (with_exponent) text += exponent_text(number.exponent, widths.exponent);
    }
    words.push_back(fmt::format("{:>{}}", text, width));
  }
  return words;
}

// The `j` comes before the spaces that align the imaginary parts.
Words complex_words(const Words& real, const Words& imaginary) {
  Words words;
  for (std::size_t i = 0; i < real.size(); ++i) {
    const std::size_t end = imaginary[i].find_last_not_of(' ') + 1;
    words.push_back(real[i] + imaginary[i].substr(0, end) + 'j' + imaginary[i].substr(end));
  }
  return words;
}

std::string integer_text(Dtype dtype, const std::byte* data, std::uint64_t index) {
  if (dtype == Dtype::kI64) return fmt::to_string(load<std::int64_t>(data, index));
  if (dtype == Dtype::kU64) return fmt::to_string(load<std::uint64_t>(data, index));
  return fmt::to_string(static_cast<std::int64_t>(to_double(dtype, data, index)));
}

const char* bool_text(const std::byte* data, std::uint64_t index) {
  return to_double(Dtype::kBool, data, index) != 0 ? "True" : "False";
}

Words aligned(Words words, std::size_t width) {
  for (const std::string& word : words) width = std::max(width, word.size());
  for (std::string& word : words) word.insert(0, width - word.size(), ' ');
  return words;
}

std::vector<double> parts_of(Dtype dtype, const std::byte* data,
                             const std::vector<std::uint64_t>& elements, std::uint64_t part) {
  std::vector<double> numbers;
  for (std::uint64_t element : elements) {
    numbers.push_back(to_double(dtype, data, element * numbers_per_element(dtype) + part));
  }
  return numbers;
}

Words words_of(Dtype dtype, const std::byte* data, const std::vector<std::uint64_t>& elements) {
  const auto floats = [&](std::uint64_t part, Sign sign) {
    return float_words(dtype, parts_of(dtype, data, elements, part), sign);
  };
  const Kind kind = kind_of(dtype);
  if (kind == Kind::kFloat) return floats(0, Sign::kIfNegative);
  if (kind == Kind::kComplex) {
    return complex_words(floats(0, Sign::kIfNegative), floats(1, Sign::kAlways));
  }
  Words words;
  for (std::uint64_t element : elements) {
    words.push_back(kind == Kind::kBool ? bool_text(data, element)
                                        : integer_text(dtype, data, element));
  }
  return aligned(words, kind == Kind::kBool ? kBoolWidth : 0);
}

// `whole` is what a number without a fraction ends in.
std::string float_text(Dtype dtype, double value, Sign sign, const char* whole) {
  if (!std::isfinite(value)) return special_text(value, sign);
  const double magnitude = std::fabs(value);
  const double least_with_exponent = dtype == Dtype::kF64 ? 1e16 : least_large(dtype);
  const Decimal decimal = shortest_decimal(dtype, magnitude);
  std::string text = sign_of(value, sign);
  if (magnitude == 0 || (magnitude >= kLeastFixed && magnitude < least_with_exponent)) {
    const std::string fraction = decimal.fraction();
    return text + decimal.whole() + (fraction.empty() ? whole : "." + fraction);
  }
  text += decimal.digits[0];
  if (decimal.digits.size() > 1) text += "." + decimal.digits.substr(1);
  return text + exponent_text(decimal.exponent);
}

std::string complex_text(double real, double imaginary) {
  const bool only_imaginary = real == 0 && !std::signbit(real);
  const Sign sign = only_imaginary ? Sign::kIfNegative : Sign::kAlways;
  const std::string text = float_text(Dtype::kC64, imaginary, sign, "") + "j";
  if (only_imaginary) return text;
  return "(" + float_text(Dtype::kC64, real, Sign::kIfNegative, "") + text + ")";
}

// A single value is written by rules of its own.
std::string single_text(Dtype dtype, const std::byte* data) {
  switch (kind_of(dtype)) {
    case Kind::kBool:
      return bool_text(data, 0);
    case Kind::kInteger:
      return integer_text(dtype, data, 0);
    case Kind::kFloat:
      return float_text(dtype, to_double(dtype, data, 0), Sign::kIfNegative, ".0");
    case Kind::kComplex:
      return complex_text(to_double(dtype, data, 0), to_double(dtype, data, 1));
  }
  return "";
}

}  // namespace

std::string print_values(Dtype dtype, const std::vector<std::int64_t>& shape,
                         const std::byte* data) {
  if (shape.empty()) return single_text(dtype, data);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return "[]";
  return lay_out(shape, words_of(dtype, data, shown_elements(shape)));
}

}  // namespace anycapture
