// SPDX-License-Identifier: MIT
// NumPy's .npz format: a zip file with one .npy per array.
#pragma once

#include <anycapture/api.h>
#include <anycapture/safetensors.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace anycapture {

class ZipArchive;

namespace npz {

struct TensorInfo {
  std::string key;  ///< the member's name without .npy
  safetensors::Dtype dtype = safetensors::Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
  std::uint64_t member = 0;  ///< its number in the zip file
};

/// A file, open: the headers of its arrays are read, their elements on demand. One thread at a
/// time.
class ANYCAPTURE_API Reader {
 public:
  /// Throws FileError that starts with the path: for what is no npz, is damaged, encrypted or
  /// hostile, or holds an array that safetensors has no dtype for.
  explicit Reader(const std::string& path);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  ///< in file order
  /// Names of members that are no arrays, which NumPy gives as plain bytes.
  const std::vector<std::string>& others() const { return others_; }
  /// Unpacks one array, row by row, and checks its checksum. Throws FileError.
  safetensors::Bytes read(const TensorInfo& tensor) const;

 private:
  std::uint64_t add_member(std::uint64_t index);  // packed size, in bytes

  std::unique_ptr<ZipArchive> archive_;
  std::vector<TensorInfo> tensors_;
  std::vector<std::string> others_;
};

}  // namespace npz
}  // namespace anycapture
