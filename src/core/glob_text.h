// SPDX-License-Identifier: MIT
// The text of globs: brackets, braces, and what is wrong with them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anycapture {

/// Where a pattern stands in the text that the user wrote, for messages.
struct PatternPlace {
  std::string_view whole;
  std::size_t offset = 0;
};

/// Throws SelectorError: `selector "whole", character N: problem`; `at` counts bytes of the whole.
[[noreturn]] void throw_malformed(std::string_view whole, std::size_t at,
                                  const std::string& problem);

/// A set of code points: `[0-5x]`, `[!a]`.
struct GlobClass {
  bool negated = false;
  std::vector<std::pair<char32_t, char32_t>> ranges;
};

/// Offset of the `]` that ends the class which starts at `start`; npos if it has none.
std::size_t glob_class_end(std::string_view pattern, std::size_t start);

/// From the text between the brackets.
GlobClass parse_glob_class(std::string_view inside);

/// Whether the text holds anything that a glob gives a meaning to.
bool has_wildcard(std::string_view text);

/// Throws SelectorError when brackets or braces do not balance, or a range is upside down.
void check_glob(std::string_view pattern, PatternPlace place);

/// What the braces of a checked pattern spell out: `a{b,c}` -> `ab`, `ac`. Throws SelectorError
/// when there are more than 1024.
std::vector<std::string> expand_braces(std::string_view pattern, PatternPlace place);

}  // namespace anycapture
