// SPDX-License-Identifier: MIT
// Files and folders that must not outlive their writing: what a program removes when a signal ends
// it.
#pragma once

#include <anycapture/api.h>

#include <string>

namespace anycapture {

/// The name of something temporary, known to remove_leftovers() as long as it is set. The sixteenth
/// of a process and those after it are not: a signal leaves them.
class ANYCAPTURE_API Leftover {
 public:
  Leftover() = default;
  ~Leftover() { clear(); }
  Leftover(const Leftover&) = delete;
  Leftover& operator=(const Leftover&) = delete;

  void set(std::string path);  ///< before it is there
  void clear();                ///< when it is gone, or in its place
  bool is_set() const { return !path_.empty(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int slot_ = -1;
};

/// Removes them all, folders with the files in them. For signal handlers: allocates and locks
/// nothing, and keeps errno.
ANYCAPTURE_API void remove_leftovers() noexcept;

}  // namespace anycapture
