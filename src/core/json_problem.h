// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>

#include <string>

namespace anycapture {

/// What an exception of the JSON library says, without its code and position and without the text
/// that was read, which may be long and hostile.
ANYCAPTURE_API std::string json_problem(std::string what);

}  // namespace anycapture
