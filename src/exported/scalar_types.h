// SPDX-License-Identifier: MIT
// The numbers by which the file's schema names dtypes, layouts and devices:
// torch/_export/serde/schema.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace anycapture {
namespace exported {

/// None for one that this LibTorch lacks.
std::optional<at::ScalarType> scalar_type(std::int64_t number);
std::optional<at::Layout> layout(std::int64_t number);
std::optional<at::MemoryFormat> memory_format(std::int64_t number);
/// `{"type": "cuda", "index": 0}`. Throws c10::Error for a device that is not known.
at::Device device(const nlohmann::json& json);

}  // namespace exported
}  // namespace anycapture
