// SPDX-License-Identifier: MIT
// The JSON header of a safetensors file.
#pragma once

#include <anycapture/safetensors.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace safetensors {

/// As in the reference implementation.
constexpr std::uint64_t kMaxHeader = 100'000'000;

struct Header {
  std::vector<TensorInfo> tensors;  ///< in file order
  Metadata metadata;
};

/// Throws FileError that starts with `path`: not UTF-8, not JSON, not what the format says.
Header parse_header(std::string_view json, const std::string& path);

/// Throws FileError unless the tensors lie without gaps in exactly `data_bytes` bytes.
void check_layout(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                  const std::string& path);

/// `1 byte`, `7 bytes`
std::string byte_count(std::uint64_t bytes);

std::optional<Dtype> dtype_named(std::string_view text);

/// Why a tensor of this shape has no size.
enum class SizeProblem { kNone, kOverflow, kPartOfByte };

struct TensorSize {
  std::uint64_t bytes = 0;
  SizeProblem problem = SizeProblem::kNone;
};

ANYCAPTURE_API TensorSize size_of(Dtype dtype, const std::vector<std::int64_t>& shape);

}  // namespace safetensors
}  // namespace anycapture
