// SPDX-License-Identifier: MIT

#include <anycapture/error.h>
#include <fmt/format.h>

#include "core/utf8.h"
#include "core/visible.h"

namespace anycapture {

namespace {

// The character at `at`, which moves behind it.
void append_visible(std::string& result, const char*& at, const char* end) {
  const char* const start = at;
  const char32_t code = next_code_point(at, end);
  const bool invalid = code >= 0x80 && at - start == 1;
  if (code >= 0x20 && !invalid && (code < 0x7F || code >= 0xA0)) {
    result.append(start, at);
    return;
  }
  for (const char* byte = start; byte < at; ++byte) {
    result += fmt::format("\\x{:02x}", static_cast<unsigned char>(*byte));
  }
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 100;
  std::string result = "\"";
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t count = 0; at < end && count < kShown; ++count) append_visible(result, at, end);
  return result + (at < end ? "...\"" : "\"");
}

std::string visible(std::string_view text) {
  std::string result;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) append_visible(result, at, end);
  return result;
}

}  // namespace anycapture
