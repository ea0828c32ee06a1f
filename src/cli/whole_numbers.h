// SPDX-License-Identifier: MIT
// Whole numbers in what a user typed.
#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace anycapture {
namespace cli {

/// Of a text that is nothing else.
template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Two whole numbers, of at least `least`, apart by `separator`.
inline std::optional<std::array<int, 2>> pair_of(std::string_view text, char separator, int least) {
  const std::size_t middle = text.find(separator);
  if (middle == std::string_view::npos) return std::nullopt;
  const auto first = whole_number<int>(text.substr(0, middle));
  const auto second = whole_number<int>(text.substr(middle + 1));
  if (!first || !second || *first < least || *second < least) return std::nullopt;
  return std::array<int, 2>{*first, *second};
}

}  // namespace cli
}  // namespace anycapture
