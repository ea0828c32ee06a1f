// SPDX-License-Identifier: MIT
// Preloaded by tests (LD_PRELOAD): a file system that has neither files without a name (O_TMPFILE),
// nor copies inside the kernel, nor holes, as NFS and vfat are.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>

namespace {

using Open = int (*)(const char*, int, ...);

int open_or_refuse(const char* symbol, const char* path, int flags, mode_t mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return reinterpret_cast<Open>(::dlsym(RTLD_NEXT, symbol))(path, flags, mode);
}

mode_t mode_in(int flags, std::va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return open_or_refuse("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_in(flags, arguments);
  va_end(arguments);
  return open_or_refuse("open64", path, flags, mode);
}

ssize_t copy_file_range(int, off64_t*, int, off64_t*, size_t, unsigned int) {
  errno = EXDEV;
  return -1;
}

int fallocate(int, int, off_t, off_t) {
  errno = EOPNOTSUPP;
  return -1;
}

}  // extern "C"
