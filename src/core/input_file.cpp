// SPDX-License-Identifier: MIT
#include "core/input_file.h"

#include <anycapture/error.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace anycapture {
namespace {

[[noreturn]] void throw_unreadable(const std::string& path, int error) {
  throw FileError(fmt::format("{}: cannot be read: {}; check the path and its permissions", path,
                              std::generic_category().message(error)));
}

}  // namespace

InputFile open_input(const std::string& path, const char* wanted) {
  if (path.empty()) throw FileError("the path is empty: give the path of a file");
  // Not to wait for a writer when the path is a pipe.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw_unreadable(path, errno);
  InputFile file(::fdopen(descriptor, "rb"));
  if (file == nullptr) {
    const int error = errno;
    ::close(descriptor);
    throw_unreadable(path, error);
  }
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) throw_unreadable(path, errno);
  if (S_ISDIR(about.st_mode)) {
    throw FileError(fmt::format("{}: is a folder: name {} in it", path, wanted));
  }
  if (!S_ISREG(about.st_mode)) {
    throw FileError(fmt::format("{}: is no regular file: give the path of {}", path, wanted));
  }
  return file;
}

}  // namespace anycapture
