// SPDX-License-Identifier: MIT
#include <anycapture/safetensors.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "core/safetensors_header.h"

namespace anycapture {
namespace safetensors {
namespace {

struct Row {
  Dtype dtype;
  std::string_view name;
  std::uint64_t bits;
};

constexpr Row kRows[] = {
    {Dtype::kF4, "F4", 4},
    {Dtype::kF6E2M3, "F6_E2M3", 6},
    {Dtype::kF6E3M2, "F6_E3M2", 6},
    {Dtype::kBool, "BOOL", 8},
    {Dtype::kU8, "U8", 8},
    {Dtype::kI8, "I8", 8},
    {Dtype::kF8E5M2, "F8_E5M2", 8},
    {Dtype::kF8E4M3, "F8_E4M3", 8},
    {Dtype::kF8E8M0, "F8_E8M0", 8},
    {Dtype::kF8E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {Dtype::kF8E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {Dtype::kI16, "I16", 16},
    {Dtype::kU16, "U16", 16},
    {Dtype::kF16, "F16", 16},
    {Dtype::kBF16, "BF16", 16},
    {Dtype::kI32, "I32", 32},
    {Dtype::kU32, "U32", 32},
    {Dtype::kF32, "F32", 32},
    {Dtype::kF64, "F64", 64},
    {Dtype::kI64, "I64", 64},
    {Dtype::kU64, "U64", 64},
    {Dtype::kC64, "C64", 64},
};

const Row& row_of(Dtype dtype) {
  return *std::find_if(std::begin(kRows), std::end(kRows),
                       [dtype](const Row& row) { return row.dtype == dtype; });
}

}  // namespace

std::string_view name(Dtype dtype) {
  return row_of(dtype).name;
}

std::uint64_t bits(Dtype dtype) {
  return row_of(dtype).bits;
}

std::optional<Dtype> dtype_named(std::string_view text) {
  for (const Row& row : kRows) {
    if (row.name == text) return row.dtype;
  }
  return std::nullopt;
}

TensorSize size_of(Dtype dtype, const std::vector<std::int64_t>& shape) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t elements = 1;
  for (std::int64_t length : shape) {
    const auto factor = static_cast<std::uint64_t>(length);
    if (factor != 0 && elements > kMax / factor) return {0, SizeProblem::kOverflow};
    elements *= factor;
  }
  if (elements > kMax / bits(dtype)) return {0, SizeProblem::kOverflow};
  const std::uint64_t all_bits = elements * bits(dtype);
  if (all_bits % 8 != 0) return {0, SizeProblem::kPartOfByte};
  return {all_bits / 8, SizeProblem::kNone};
}

}  // namespace safetensors
}  // namespace anycapture
