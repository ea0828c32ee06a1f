// SPDX-License-Identifier: MIT
// Files in the safetensors format: a strict reader over a mapped file, and streaming writers.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace safetensors {

/// All that the format knows, by ascending size.
enum class Dtype {
  kF4,
  kF6E2M3,
  kF6E3M2,
  kBool,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3FNUZ,
  kF8E5M2FNUZ,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kF64,
  kI64,
  kU64,
  kC64,
};

/// As in the file: `BF16`, `F8_E4M3`.
ANYCAPTURE_API std::string_view name(Dtype dtype);
/// Size of one element, in bits.
ANYCAPTURE_API std::uint64_t bits(Dtype dtype);

struct TensorInfo {
  std::string key;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;  ///< row-major, empty for a single value
  std::uint64_t offset = 0;         ///< bytes from the start of the data section
  std::uint64_t bytes = 0;
};

/// What the file says beside its tensors: the entries of `__metadata__`.
using Metadata = std::map<std::string, std::string>;

/// A file, mapped: only its header is read until data is touched. The mapping is private, so what
/// is written to it does not reach the file. A file that is cut short while it is mapped ends the
/// process on the next touch, as with every mapping; write() replaces files whole.
class ANYCAPTURE_API Reader {
 public:
  /// Throws `FileError` when the file cannot be read or breaks any rule of the format.
  explicit Reader(const std::string& path);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  ///< in file order
  /// nullptr if there is none of this name.
  const TensorInfo* find(std::string_view key) const;
  /// The tensor's first byte. Aligned to its dtype when the writer saw to that, as write() does.
  const std::byte* data(const TensorInfo& tensor) const;
  const Metadata& metadata() const { return metadata_; }
  /// Keeps the mapped bytes alive after the reader.
  std::shared_ptr<const void> mapping() const;

 private:
  class File;
  std::shared_ptr<const File> file_;
  std::uint64_t data_start_ = 0;
  std::vector<TensorInfo> tensors_;
  std::vector<std::size_t> by_key_;  // indexes of tensors_, sorted by key
  Metadata metadata_;
};

/// Bytes to write, and what keeps them alive meanwhile.
struct Bytes {
  const void* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<const void> owner;
};

/// A tensor to write. `bytes` is called once, when its turn comes, so that only one tensor at a
/// time need be brought into memory; it gives row-major little-endian elements.
struct Source {
  std::string key;
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  std::function<Bytes()> bytes;
};

/// Writes a file, or leaves the old one: a temporary file in the same directory takes its place
/// when it is whole and on disk. The data starts on a 64-byte boundary, tensors follow without gaps
/// by descending size of their dtype, then by key. The same input gives the same bytes. Throws
/// `FileError`; what `bytes` throws passes through.
ANYCAPTURE_API void write(const std::string& path, const std::vector<Source>& sources,
                          const Metadata& metadata = {});

/// Writes the same file tensor by tensor as they come, in any order; none stays in memory. Without
/// finish() the old file stays, or none. All throw `FileError`; nothing is added by an add() that
/// throws, and after one that could not write, finish() throws too.
class ANYCAPTURE_API Writer {
 public:
  /// For tensors that nobody knows beforehand. Their data goes to a file without a name in the same
  /// directory, and finish() moves it into its order: while that goes on, the disk holds little
  /// more than the data where the file system can free parts of a file, else twice the data.
  explicit Writer(const std::string& path);
  /// For tensors whose keys, dtypes and shapes are known; their `bytes` is not called. Each goes to
  /// its place in the file at once. `metadata` is what finish() will get, as far as it is known:
  /// when the header comes out as long as that, nothing is moved.
  Writer(const std::string& path, const std::vector<Source>& expected,
         const Metadata& metadata = {});
  ~Writer();
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Calls `source.bytes` and writes what it gives.
  void add(const Source& source);
  /// Puts the file in its place. Throws also when a tensor that was expected is missing.
  void finish(const Metadata& metadata = {});

 private:
  class File;
  std::unique_ptr<File> file_;
};

}  // namespace safetensors
}  // namespace anycapture
