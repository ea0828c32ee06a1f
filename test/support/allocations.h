// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace support {

/// Calls of operator new, in all its forms but the aligned, on this thread so far.
std::int64_t allocations();

}  // namespace support
