// SPDX-License-Identifier: MIT
// NumPy's .npy format: a header in Python's syntax, then the elements.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace anycapture {
namespace npy {

/// What stands in front of the elements.
struct Header {
  safetensors::Dtype dtype = safetensors::Dtype::kF32;
  std::vector<std::int64_t> shape;
  bool fortran_order = false;    ///< the elements lie by columns
  std::uint64_t data_start = 0;  ///< bytes in front of the elements
  std::uint64_t bytes = 0;       ///< of the elements
};

/// Fills as much of the buffer as there is, and returns how many bytes that is.
using Read = std::function<std::size_t(void* buffer, std::size_t size)>;

/// What to write in front of the elements, a multiple of 64 bytes. `what` starts every message: the
/// file's path, and the tensor. Throws FileError for a dtype or a shape that NumPy cannot have.
ANYCAPTURE_API std::string header(safetensors::Dtype dtype, const std::vector<std::int64_t>& shape,
                                  const std::string& what);

/// The header of an array that is `size` bytes long as a whole. Reads up to its elements. Throws
/// FileError that starts with `what`: for what is no array, holds no numbers, or is not as long as
/// its header says.
ANYCAPTURE_API Header read_header(const Read& read, std::uint64_t size, const std::string& what);

/// The elements that follow, row by row. Throws FileError that starts with `what`: for too few or
/// too many, or more than this machine has memory for.
ANYCAPTURE_API safetensors::Bytes read_elements(const Read& read, const Header& header,
                                                const std::string& what);

struct Array {
  safetensors::Dtype dtype;
  std::vector<std::int64_t> shape;
  safetensors::Bytes bytes;
};

/// A file's header; nothing of its elements is read. Throws FileError that starts with the path.
ANYCAPTURE_API Header inspect(const std::string& path);
/// A whole file. Throws FileError that starts with the path.
ANYCAPTURE_API Array read(const std::string& path);
/// Writes a file, or leaves the old one. The source's key is for messages. Throws FileError that
/// starts with the path; what `bytes` throws passes through.
ANYCAPTURE_API void write(const std::string& path, const safetensors::Source& source);

/// A source's elements. Throws FileError that starts with `what` unless they fill its shape.
safetensors::Bytes checked_bytes(const safetensors::Source& source, const std::string& what);

}  // namespace npy
}  // namespace anycapture
