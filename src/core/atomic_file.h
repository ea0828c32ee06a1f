// SPDX-License-Identifier: MIT
// A file that appears whole or not at all.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/leftover.h"

namespace anycapture {

/// Writes to a temporary file in the same directory, which has no name where the file system allows
/// that; commit() puts it in the path's place. Without commit() it is removed and an old file
/// stays; one without a name goes even when the process is killed, one with a name is a Leftover.
/// All throw FileError that starts with the path.
class AtomicFile {
 public:
  /// `expected` is the number of bytes that will be written, for messages; 0 if nobody knows.
  AtomicFile(std::string path, std::uint64_t expected);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size);
  /// From `offset` bytes on, also over what was written before; write() goes on at the end.
  void write_over(std::uint64_t offset, const void* data, std::size_t size);
  /// Appends what another holds, inside the kernel where that is possible. The other gives its disk
  /// space back as it goes: what was moved is zero there.
  void move_from(AtomicFile& other, std::uint64_t offset, std::uint64_t size);
  /// This one is never committed: it keeps no name, and nothing of it need be on disk.
  void make_scratch();
  /// On disk when it returns.
  void commit();

 private:
  [[noreturn]] void fail(const std::string& step, int error) const;
  [[noreturn]] void fail_to_write(int error) const;
  void wrote(std::uint64_t offset, std::size_t size);
  std::size_t copy_from(const AtomicFile& other, std::uint64_t offset, std::size_t size);

  std::string path_;
  std::string target_;  // what the path stands for, when it is a symbolic link
  Leftover temporary_;  // not set while the file has no name
  std::uint64_t expected_;
  std::uint64_t written_ = 0;
  int file_ = -1;
  bool scratch_ = false;
};

/// Replaces the file whole, or leaves the old one. Throws FileError that starts with the path.
ANYCAPTURE_API void write_whole_file(const std::string& path, std::string_view bytes);

}  // namespace anycapture
