// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>

#include <string>
#include <string_view>

namespace anycapture {

/// What an exception of the JSON library says, without its code and position and without the text
/// that was read, which may be long and hostile.
ANYCAPTURE_API std::string json_problem(std::string what);

/// Whether objects and arrays of the text lie deeper in one another. The JSON library builds and
/// frees a tree recursively: ask in front of it.
ANYCAPTURE_API bool is_json_deeper(std::string_view text, int deepest);

}  // namespace anycapture
