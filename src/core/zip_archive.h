// SPDX-License-Identifier: MIT
// A zip file to read from: npz files, and what PyTorch writes. Over libzip.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

struct zip;
struct zip_file;

namespace anycapture {

struct ZipMember {
  std::string name;
  std::uint64_t bytes = 0;   ///< as declared, unpacked
  std::uint64_t packed = 0;  ///< bytes, as declared
  bool encrypted = false;
  bool stored = false;    ///< not compressed
  bool deflated = false;  ///< not with another method
};

/// One thread at a time. Throws FileError that starts with the path.
class ANYCAPTURE_API ZipArchive {
 public:
  /// Checks that the list of members and the members themselves say the same.
  ZipArchive(const std::string& path, const char* wanted);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  std::uint64_t members() const;
  ZipMember member(std::uint64_t index) const;

  /// Unpacks a member from its start. The archive must outlive it.
  class ANYCAPTURE_API Stream {
   public:
    Stream(const ZipArchive& archive, std::uint64_t index);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Fills as much of the buffer as there is, and returns how many bytes that is. Checks the
    /// member's size and checksum when it comes to the end.
    std::size_t read(void* buffer, std::size_t size);

   private:
    [[noreturn]] void fail(const char* problem) const;

    std::string what_;
    zip_file* file_ = nullptr;
  };

 private:
  std::string path_;
  std::uint64_t file_bytes_ = 0;
  zip* archive_ = nullptr;
};

}  // namespace anycapture
