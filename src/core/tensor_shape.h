// SPDX-License-Identifier: MIT
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstdint>
#include <vector>

namespace anycapture {

/// Number of elements; 1 of a tensor without axes.
ANYCAPTURE_API std::uint64_t element_count(const std::vector<std::int64_t>& shape);
/// One index per axis of the element that is `flat` in row-major order.
ANYCAPTURE_API std::vector<std::int64_t> index_of(std::uint64_t flat,
                                                  const std::vector<std::int64_t>& shape);

}  // namespace anycapture
