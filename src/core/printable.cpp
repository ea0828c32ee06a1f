// SPDX-License-Identifier: MIT

#include <anycapture/error.h>
#include <fmt/format.h>

#include "core/utf8.h"

namespace anycapture {

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string result = "\"";
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t count = 0; at < end && count < kShown; ++count) {
    const char* const start = at;
    const char32_t code = next_code_point(at, end);
    const bool invalid = code >= 0x80 && at - start == 1;
    if (code < 0x20 || invalid || (code >= 0x7F && code < 0xA0)) {
      for (const char* byte = start; byte < at; ++byte) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned char>(*byte));
      }
    } else {
      result.append(start, at);
    }
  }
  return result + (at < end ? "...\"" : "\"");
}

}  // namespace anycapture
