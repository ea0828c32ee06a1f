// SPDX-License-Identifier: MIT
#include "capture/dtype.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/view_as_real.h>
#include <anycapture/torch_version.h>

#include <utility>
#include <vector>

namespace anycapture {
namespace capture {
namespace {

using safetensors::Dtype;

struct Pair {
  at::ScalarType torch;
  Dtype file;
};

const std::vector<Pair>& pairs() {
  static const std::vector<Pair> all {
    {at::kBool, Dtype::kBool}, {at::kByte, Dtype::kU8}, {at::kChar, Dtype::kI8},
        {at::kShort, Dtype::kI16}, {at::kInt, Dtype::kI32}, {at::kLong, Dtype::kI64},
        {at::kHalf, Dtype::kF16}, {at::kBFloat16, Dtype::kBF16}, {at::kFloat, Dtype::kF32},
        {at::kDouble, Dtype::kF64}, {at::kComplexFloat, Dtype::kC64},
#if ANYCAPTURE_TORCH_AT_LEAST(2, 3)
        {at::kUInt16, Dtype::kU16}, {at::kUInt32, Dtype::kU32}, {at::kUInt64, Dtype::kU64},
#endif
#if ANYCAPTURE_TORCH_AT_LEAST(2, 2)
        {at::kFloat8_e5m2, Dtype::kF8E5M2}, {at::kFloat8_e4m3fn, Dtype::kF8E4M3},
#endif
  };
  return all;
}

}  // namespace

std::optional<Dtype> file_dtype(at::ScalarType dtype) {
  for (const Pair& pair : pairs()) {
    if (pair.torch == dtype) return pair.file;
  }
  return std::nullopt;
}

std::optional<at::ScalarType> torch_dtype(Dtype dtype) {
  for (const Pair& pair : pairs()) {
    if (pair.file == dtype) return pair.torch;
  }
  return std::nullopt;
}

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kBool:
      return "bool";
    case at::kByte:
      return "uint8";
    case at::kChar:
      return "int8";
    case at::kShort:
      return "int16";
    case at::kInt:
      return "int32";
    case at::kLong:
      return "int64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kComplexHalf:
      return "complex32";
    case at::kComplexFloat:
      return "complex64";
    case at::kComplexDouble:
      return "complex128";
    default:
      return at::toString(dtype);
  }
}

at::ScalarType storable_dtype(const at::Tensor& value) {
  if (value.is_quantized()) return at::kFloat;
  if (value.scalar_type() == at::kComplexDouble) return at::kDouble;
  if (value.scalar_type() == at::kComplexHalf) return at::kHalf;
  return value.scalar_type();
}

std::vector<std::int64_t> storable_shape(const at::Tensor& value) {
  std::vector<std::int64_t> shape = value.sizes().vec();
  if (value.is_complex() && storable_dtype(value) != value.scalar_type()) shape.push_back(2);
  return shape;
}

at::Tensor storable(const at::Tensor& value) {
  at::NoGradGuard no_grad;
  at::Tensor result = value.detach();
  if (result.is_quantized()) result = result.dequantize();
  if (result.layout() != at::kStrided) result = result.to_dense();
  result = result.cpu().resolve_conj().resolve_neg();
  if (storable_dtype(value) != value.scalar_type() && value.is_complex()) {
    result = at::view_as_real(result);
  }
  return result.contiguous();
}

}  // namespace capture
}  // namespace anycapture
