// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <fmt/format.h>

namespace anycapture {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_encoded(char c) {
  return c == ':' || c == '#' || c == '%';
}

}  // namespace

std::string encode_path(std::string_view path) {
  std::string result;
  result.reserve(path.size());
  for (char c : path) {
    if (is_encoded(c)) {
      result += fmt::format("%{:02X}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result;
}

std::string decode_path(std::string_view path) {
  std::string result;
  result.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size()) {
      const int code = hex_digit(path[i + 1]) * 16 + hex_digit(path[i + 2]);
      if (hex_digit(path[i + 1]) >= 0 && hex_digit(path[i + 2]) >= 0 &&
          is_encoded(static_cast<char>(code))) {
        result += static_cast<char>(code);
        i += 2;
        continue;
      }
    }
    result += path[i];
  }
  return result;
}

}  // namespace anycapture
