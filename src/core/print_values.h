// SPDX-License-Identifier: MIT
// The values of a tensor as text.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {

/// As NumPy 2.4 prints an array with its default options, without a newline at the end: of more
/// than 1000 elements only the outer three along each axis, and only they are read. Bfloat16, which
/// NumPy has not, follows the rules of float16: 0.1 in bfloat16 is `0.1`. Smaller floats show their
/// exact digits. `shape` and `data` must be those of a tensor that a file holds; the data need not
/// be aligned.
ANYCAPTURE_API std::string print_values(safetensors::Dtype dtype,
                                        const std::vector<std::int64_t>& shape,
                                        const std::byte* data);

}  // namespace anycapture
