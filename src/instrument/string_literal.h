// SPDX-License-Identifier: MIT
// A text as a string literal.
#pragma once

#include <string>
#include <string_view>

namespace anycapture {
namespace instrument {

inline std::string string_literal(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '\\' || c == '"') literal += '\\';
    literal += c;
  }
  return literal + '"';
}

}  // namespace instrument
}  // namespace anycapture
