// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>

#include <cstdint>
#include <string>

namespace anycapture {

/// `792.2 KiB`: in the unit that leaves less than 1024.
ANYCAPTURE_API std::string size_text(std::uint64_t bytes);

}  // namespace anycapture
