// SPDX-License-Identifier: MIT
// Where tensors stand in a file that is going to be written, and the header that says so.
#pragma once

#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {
namespace safetensors {

/// What the header says of a tensor, but for its place. Throws FileError that starts with `path`
/// when the format has no such tensor.
TensorInfo described(const Source& source, const std::string& path);

struct Layout {
  std::string header;                  ///< with its length, up to the first tensor
  std::vector<std::uint64_t> offsets;  ///< of each tensor, from the end of the header
  std::vector<std::size_t> order;      ///< indexes of the tensors as they follow in the file
  std::uint64_t data_bytes = 0;
};

/// Throws FileError that starts with `path`.
Layout lay_out(const std::vector<TensorInfo>& tensors, const Metadata& metadata,
               const std::string& path);

/// Calls `source.bytes`. Throws FileError when that gives another number of bytes than
/// `described(source)` has.
Bytes checked_bytes(const Source& source, std::uint64_t bytes, const std::string& path);

}  // namespace safetensors
}  // namespace anycapture
