// SPDX-License-Identifier: MIT
#include "core/utf8.h"

#include <algorithm>

namespace anycapture {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

bool is_continuation(const char* at, const char* end) {
  return at < end && (static_cast<unsigned char>(*at) & 0xC0) == 0x80;
}

// Length of a sequence by its first byte; 0 if no sequence starts so.
int sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF5 ? 4 : 0;
}

char32_t decode(const char*& at, const char* end) {
  const auto first = static_cast<unsigned char>(*at);
  const int length = sequence_length(first);
  if (length == 1) return static_cast<unsigned char>(*at++);
  if (length == 0) return kInvalid;
  char32_t code = first & (0x7Fu >> length);
  for (int i = 1; i < length; ++i) {
    if (!is_continuation(at + i, end)) return kInvalid;
    code = (code << 6) | (static_cast<unsigned char>(at[i]) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (overlong || surrogate || code > 0x10FFFF) return kInvalid;
  at += length;
  return code;
}

}  // namespace

char32_t next_code_point(const char*& at, const char* end) {
  const char32_t code = decode(at, end);
  return code != kInvalid ? code : static_cast<unsigned char>(*at++);
}

std::size_t find_invalid_utf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    if (decode(at, end) == kInvalid) return static_cast<std::size_t>(at - text.data());
  }
  return std::string_view::npos;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  const char* at = text.data();
  for (const char* const end = at + text.size(); at < end; ++count) next_code_point(at, end);
  return count;
}

std::size_t character_at(std::string_view text, std::size_t index) {
  const char* at = text.data();
  for (const char* const end = at + text.size(); at < end && index > 0; --index) {
    next_code_point(at, end);
  }
  return static_cast<std::size_t>(at - text.data());
}

}  // namespace anycapture
