// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <string_view>

namespace anycapture {

/// The code point at `at`, which moves behind it; a byte that is no valid UTF-8 counts for itself.
ANYCAPTURE_API char32_t next_code_point(const char*& at, const char* end);

/// Offset of the first byte that is no valid UTF-8 (overlong forms and surrogates are not); npos if
/// all are.
std::size_t find_invalid_utf8(std::string_view text);

/// Whether all bytes are below 0x80.
bool is_ascii(std::string_view text);

/// Number of characters.
ANYCAPTURE_API std::size_t count_characters(std::string_view text);
/// Where the character of this index begins; the text's size behind the last.
ANYCAPTURE_API std::size_t character_at(std::string_view text, std::size_t index);

}  // namespace anycapture
