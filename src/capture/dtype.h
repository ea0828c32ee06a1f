// SPDX-License-Identifier: MIT
// LibTorch's dtypes in the terms of the capture file, and back.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <optional>
#include <string>

namespace anycapture {
namespace capture {

/// The file's dtype, or none where the format has no such type (complex128, quantised ...).
std::optional<safetensors::Dtype> file_dtype(at::ScalarType dtype);

/// LibTorch's dtype, or none where this LibTorch has no such type (float8 on 1.13).
ANYCAPTURE_API std::optional<at::ScalarType> torch_dtype(safetensors::Dtype dtype);

/// Python's name: `float32`, `complex128`.
std::string dtype_name(at::ScalarType dtype);

/// A tensor that the file can hold, contiguous on the CPU: complex types without a place in the
/// format as pairs of reals (a last axis of 2), quantised ones dequantised, sparse ones dense.
at::Tensor storable(const at::Tensor& value);

/// The dtype that storable() gives, without computing anything.
at::ScalarType storable_dtype(const at::Tensor& value);

/// The shape that storable() gives.
std::vector<std::int64_t> storable_shape(const at::Tensor& value);

}  // namespace capture
}  // namespace anycapture
