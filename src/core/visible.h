// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>

#include <string>
#include <string_view>

namespace anycapture {

/// A text from a file as it goes to a terminal: whole, with control characters and invalid UTF-8 as
/// \xNN. printable() is the same for messages: quoted, and cut.
ANYCAPTURE_API std::string visible(std::string_view text);

}  // namespace anycapture
