// SPDX-License-Identifier: MIT
#include "core/key.h"

namespace anycapture {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The digits that `text` begins with.
std::string_view number_of(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  return text.substr(0, end);
}

}  // namespace

KeyCall split_call(const std::string& name) {
  constexpr std::size_t kDigits = 9;  // more calls than anybody keeps
  const std::size_t mark = name.rfind('#');
  if (mark == std::string::npos) return {name, 0};
  const std::string_view number = std::string_view(name).substr(mark + 1);
  if (number.empty() || number.size() > kDigits || number_of(number) != number) return {name, 0};
  if (number[0] == '0') return {name, 0};  // the first call has no number, and no writer pads
  return {name.substr(0, mark), std::stoul(std::string(number))};
}

bool natural_less(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const std::string_view x = number_of(a), y = number_of(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
      a.remove_prefix(x.size());
      b.remove_prefix(y.size());
    } else {
      if (a[0] != b[0]) return a[0] < b[0];
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

}  // namespace anycapture
