// SPDX-License-Identifier: MIT
#include "pictures/write_file.h"

#include <anycapture/error.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace anycapture {
namespace {

[[noreturn]] void fail(const std::string& path, const char* what, int code) {
  throw FileError(fmt::format("{}: {}: {}; check the folder, its permissions and its free space",
                              path, what, std::generic_category().message(code)));
}

// A file that goes with the object, unless it has taken another's place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> count{0};
    do {
      name_ = fmt::format("{}.{}-{}.tmp", path, ::getpid(), count++);
      descriptor_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor_ < 0 && errno == EEXIST);
    if (descriptor_ < 0) fail(path_, "cannot be written", errno);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail(path_, "cannot be written", errno);
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
  }

  void take_place() {
    if (::fsync(descriptor_) != 0) fail(path_, "cannot be brought to disk", errno);
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail(path_, "cannot be written", errno);
    if (std::rename(name_.c_str(), path_.c_str()) != 0) fail(path_, "cannot be replaced", errno);
    name_.clear();
  }

 private:
  std::string path_;
  std::string name_;
  int descriptor_ = -1;
};

}  // namespace

void write_whole_file(const std::string& path, std::string_view bytes) {
  // A rename would put a plain file in the place of a device or a pipe.
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw FileError(fmt::format("{}: is no regular file; name a file to write", path));
  }
  TemporaryFile file(path);
  file.write(bytes);
  file.take_place();
}

}  // namespace anycapture
