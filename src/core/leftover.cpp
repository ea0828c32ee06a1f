// SPDX-License-Identifier: MIT
#include "core/leftover.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace anycapture {
namespace {

// A copy of the path, not the string: a handler may still read it when that is gone.
struct Slot {
  enum class State : int { kFree, kFilled, kReady };
  std::atomic<State> state{State::kFree};
  char path[PATH_MAX];
};
static_assert(std::atomic<Slot::State>::is_always_lock_free, "for signal handlers");

Slot slots[15];

// What getdents64 gives: an inode's number and an offset, the length of the entry, its type, name.
struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  unsigned char type;
  char name[1];
};

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

// readdir() allocates.
void remove_files_in(const char* folder) {
  const int directory = ::open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  alignas(Entry) char entries[4096];
  while (true) {
    const long size = ::syscall(SYS_getdents64, directory, entries, sizeof entries);
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const Entry*>(entries + at);
      const char* name = entries + at + offsetof(Entry, name);
      if (!is_dots(name)) ::unlinkat(directory, name, 0);
      at += entry->length;
    }
  }
  ::close(directory);
}

void remove_path(const char* path) {
  if (::unlink(path) == 0 || (errno != EISDIR && errno != EPERM)) return;
  // Another thread may go on writing into it.
  for (int tries = 0; tries < 100; ++tries) {
    remove_files_in(path);
    if (::rmdir(path) == 0 || errno != ENOTEMPTY) return;
  }
}

}  // namespace

void Leftover::set(std::string path) {
  clear();
  path_ = std::move(path);
  if (path_.size() >= sizeof Slot::path) return;
  for (Slot& slot : slots) {
    Slot::State free = Slot::State::kFree;
    if (!slot.state.compare_exchange_strong(free, Slot::State::kFilled)) continue;
    std::memcpy(slot.path, path_.c_str(), path_.size() + 1);
    slot.state.store(Slot::State::kReady);
    slot_ = static_cast<int>(&slot - slots);
    return;
  }
}

void Leftover::clear() {
  path_.clear();
  if (slot_ >= 0) slots[slot_].state.store(Slot::State::kFree);
  slot_ = -1;
}

void remove_leftovers() noexcept {
  const int error = errno;
  for (Slot& slot : slots) {
    if (slot.state.load() == Slot::State::kReady) remove_path(slot.path);
  }
  errno = error;
}

}  // namespace anycapture
