// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace anycapture {

/// A text from a file, for a message: quoted, cut after 100 characters, with control characters and
/// invalid UTF-8 as \xNN, so that a hostile file cannot write to the terminal.
std::string printable(std::string_view text);

}  // namespace anycapture
