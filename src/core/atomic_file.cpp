// SPDX-License-Identifier: MIT
#include "core/atomic_file.h"

#include <anycapture/error.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace anycapture {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMost = std::size_t{32} << 20;       // in one call
constexpr std::size_t kWorthAWish = std::size_t{1} << 16;  // to the kernel
constexpr std::size_t kBuffer = std::size_t{1} << 20;

std::string directory_of(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

// Renaming onto a link would replace the link.
std::string target_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
  const fs::path target = fs::canonical(path, error);
  return error ? path : target.string();
}

// Calls `make(name)` with one name after the other until there is none of it yet, or something else
// is wrong.
template <class Make>
int with_new_name(const std::string& target, Leftover& temporary, Make make) {
  static std::atomic<unsigned> count{0};
  while (true) {
    // Known before it is there: a signal may come in between.
    temporary.set(fmt::format("{}.{}-{}.tmp", target, ::getpid(), count++));
    const int result = make(temporary.path().c_str());
    if (result < 0) temporary.clear();
    if (result >= 0 || errno != EEXIST) return result;
  }
}

std::string in_proc(int file) {
  return fmt::format("/proc/self/fd/{}", file);
}

// Without a name, so that nothing is left of it however the process ends; -1 where the file system,
// or the system, has no such files.
int open_nameless(const std::string& target) {
  const int file = ::open(directory_of(target).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (file < 0 || ::access(in_proc(file).c_str(), F_OK) == 0) return file;
  ::close(file);  // no /proc: it could not be given a name
  return -1;
}

int open_temporary(const std::string& target, Leftover& temporary) {
  // What cannot have a name in the end is told at once.
  const std::string later = fmt::format("{}.{}-{}.tmp", target, ::getpid(), 1000);
  const bool nameable = ::access(later.c_str(), F_OK) == 0 || errno == ENOENT;
  const int file = nameable ? open_nameless(target) : -1;
  if (file >= 0) return file;
  return with_new_name(target, temporary, [](const char* path) {
    return ::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
}

int give_name(int file, const std::string& target, Leftover& temporary) {
  const std::string from = in_proc(file);
  return with_new_name(target, temporary, [&](const char* path) {
    return ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path, AT_SYMLINK_FOLLOW);
  });
}

// As much of a path as is there.
fs::path existing_part(fs::path path) {
  std::error_code ignored;
  while (path.has_parent_path() && path != path.parent_path() && !fs::exists(path, ignored)) {
    path = path.parent_path();
  }
  return path;
}

std::string advice_for_directory(const std::string& directory) {
  std::error_code ignored;
  if (fs::is_directory(directory, ignored)) {
    return fmt::format("no file can be made in {}: write to another directory", directory);
  }
  const fs::path found = existing_part(directory);
  if (fs::exists(found, ignored) && !fs::is_directory(found, ignored)) {
    return fmt::format("{} is a file: write to a directory", found.string());
  }
  return fmt::format("create the directory {} first", directory);
}

std::string advice_for(int error, std::uint64_t expected, const std::string& directory) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format("{}free space in {}, or write to another disk",
                         expected == 0 ? "" : fmt::format("{} bytes are needed: ", expected),
                         directory);
    case EFBIG:
      if (expected == 0) return "that is all that a file may have here (see ulimit -f)";
      return fmt::format("{} bytes are needed, more than a file may have here (see ulimit -f)",
                         expected);
    case EFAULT:  // the pages of a mapped file are gone
      return "the file that its data comes from was cut short, or its disk failed, meanwhile: "
             "write "
             "that one again";
    case ENOENT:
    case ENOTDIR:
      return advice_for_directory(directory);
    case ENAMETOOLONG:
      return "use a shorter name";
    case EACCES:
    case EPERM:
    case EROFS:
      return fmt::format("write to a directory where you may create files; {} is none", directory);
    default:
      return fmt::format("check {} and its disk", directory);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::string path, std::uint64_t expected)
    : path_(std::move(path)), target_(target_of(path_)), expected_(expected) {
  if (path_.empty()) throw FileError("the path is empty: give the path of a file");
  struct stat about {};
  if (::stat(target_.c_str(), &about) == 0 && !S_ISREG(about.st_mode)) {
    throw FileError(path_ + (S_ISDIR(about.st_mode)
                                 ? ": is a folder: give the path of a file in it"
                                 : ": is no regular file, so it cannot be replaced: give the path "
                                   "of a file"));
  }
  file_ = open_temporary(target_, temporary_);
  if (file_ < 0) fail("create it", errno);
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) ::close(file_);
  if (temporary_.is_set()) ::unlink(temporary_.path().c_str());
}

void AtomicFile::fail(const std::string& step, int error) const {
  throw FileError(fmt::format("{}: cannot {}: {}; {}", path_, step,
                              std::generic_category().message(error),
                              advice_for(error, expected_, directory_of(target_))));
}

void AtomicFile::fail_to_write(int error) const {
  const std::string of = expected_ == 0 ? "" : fmt::format(" of {}", expected_);
  fail(fmt::format("write it after {}{} bytes", written_, of), error);
}

void AtomicFile::write(const void* data, std::size_t size) {
  write_over(written_, data, size);
}

void AtomicFile::write_over(std::uint64_t offset, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t done = ::pwrite(file_, at, std::min(size, kMost), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail_to_write(errno);
    const auto count = static_cast<std::size_t>(done);
    wrote(offset, count);
    at += count;
    size -= count;
    offset += count;
  }
}

void AtomicFile::wrote(std::uint64_t offset, std::size_t size) {
  written_ = std::max<std::uint64_t>(written_, offset + size);
  // The disk begins while the next part is copied, not at the end; only a wish.
  if (scratch_ || size < kWorthAWish) return;
  ::sync_file_range(file_, static_cast<off_t>(offset), static_cast<off_t>(size),
                    SYNC_FILE_RANGE_WRITE);
}

void AtomicFile::make_scratch() {
  scratch_ = true;
  if (!temporary_.is_set()) return;
  ::unlink(temporary_.path().c_str());
  temporary_.clear();
}

void AtomicFile::move_from(AtomicFile& other, std::uint64_t offset, std::uint64_t size) {
  while (size > 0) {
    const std::size_t part = std::min<std::uint64_t>(size, kMost);
    const std::size_t done = copy_from(other, offset, part);
    // Blocks that are full of what was moved go; where the file system cannot, they stay.
    if (done >= kWorthAWish) {
      ::fallocate(other.file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(offset), static_cast<off_t>(done));
    }
    offset += done;
    size -= done;
  }
}

// Shares the blocks where the file system can, else copies them without a way through memory of
// ours; where neither is possible, reads and writes.
std::size_t AtomicFile::copy_from(const AtomicFile& other, std::uint64_t offset, std::size_t size) {
  auto from = static_cast<off_t>(offset), to = static_cast<off_t>(written_);
  const ssize_t done = ::copy_file_range(other.file_, &from, file_, &to, size, 0);
  if (done > 0) {
    wrote(written_, static_cast<std::size_t>(done));
    return static_cast<std::size_t>(done);
  }
  if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) fail_to_write(errno);
  std::vector<char> buffer(std::min(size, kBuffer));
  const ssize_t got = ::pread(other.file_, buffer.data(), buffer.size(), from);
  if (got <= 0) fail("read what was written before", got < 0 ? errno : EIO);
  write(buffer.data(), static_cast<std::size_t>(got));
  return static_cast<std::size_t>(got);
}

void AtomicFile::commit() {
  if (::fsync(file_) != 0) fail_to_write(errno);
  if (!temporary_.is_set() && give_name(file_, target_, temporary_) != 0) {
    fail("name the finished file", errno);
  }
  if (::close(std::exchange(file_, -1)) != 0) fail_to_write(errno);
  if (std::rename(temporary_.path().c_str(), target_.c_str()) != 0)
    fail("put the finished file in its place", errno);
  temporary_.clear();
  const int directory = ::open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;  // the file is in place; only a power cut could still undo the rename
  const int result = ::fsync(directory);
  const int error = errno;
  ::close(directory);
  // Some file systems cannot sync a directory, and say so with EINVAL.
  if (result != 0 && error != EINVAL) fail("put its name on disk", error);
}

void write_whole_file(const std::string& path, std::string_view bytes) {
  AtomicFile file(path, bytes.size());
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace anycapture
