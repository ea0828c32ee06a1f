// SPDX-License-Identifier: MIT
#include "fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/temp_dir.h"

namespace fuzz {
namespace {

constexpr std::size_t kLongestMessage = 3000;  // more than that is no line

bool is_control(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F;
}

}  // namespace

std::string file_of(std::string_view bytes) {
  static const int file = ::memfd_create("fuzz", MFD_CLOEXEC);
  // Emptied first: what an earlier mapping still shows must not be what this one reads.
  const bool written = ::ftruncate(file, 0) == 0 && ::pwrite(file, bytes.data(), bytes.size(), 0) ==
                                                        static_cast<ssize_t>(bytes.size());
  check(written, "the file in memory cannot be written");
  return "/proc/self/fd/" + std::to_string(file);
}

std::string file_to_write() {
  static const support::TempDir folder;
  return folder.file("written");
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", what);
  std::abort();
}

void check_message(std::string_view message, std::string_view start) {
  const bool shown = message.substr(0, start.size()) == start && message.size() > start.size() &&
                     message.size() <= kLongestMessage &&
                     std::none_of(message.begin(), message.end(), is_control);
  if (shown) return;
  std::fprintf(stderr, "fuzz: no message for a user: %s\n", std::string(message).c_str());
  std::abort();
}

bool reads(const std::string& path, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const anycapture::FileError& error) {
    check_message(error.what(), path + ": ");
  }
  return false;
}

void touch(const void* data, std::size_t size) {
  const auto* bytes = static_cast<const volatile unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) static_cast<void>(bytes[i]);
}

std::pair<std::string_view, std::string_view> halves(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return {bytes, {}};
  return {bytes.substr(0, end), bytes.substr(end + 1)};
}

void check_same(const anycapture::safetensors::Bytes& a, const anycapture::safetensors::Bytes& b) {
  check(a.size == b.size, "what was written reads back in another size");
  check(a.size == 0 || std::memcmp(a.data, b.data, a.size) == 0, "what was written reads the same");
}

}  // namespace fuzz
