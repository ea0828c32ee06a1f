// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "pictures/image_decode.h"

namespace anycapture {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

File open(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw FileError(fmt::format("{}: is a folder; name a JPEG or PNG in it", path));
  }
  File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    throw FileError(fmt::format("{}: cannot be opened: {}; check the path and its permissions",
                                path, std::generic_category().message(errno)));
  }
  return file;
}

[[noreturn]] void throw_no_picture(const std::string& path, std::string_view start) {
  if (start.empty()) {
    throw FileError(fmt::format("{}: is empty; a JPEG or PNG is needed", path));
  }
  std::string bytes;
  for (const char byte : start) bytes += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  throw FileError(fmt::format(
      "{}: is neither JPEG nor PNG (it starts with the bytes{}); convert it to one of them", path,
      bytes));
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

Image read_image(const std::string& path) {
  const File file = open(path);
  char buffer[8] = {};
  const std::string_view start(buffer, std::fread(buffer, 1, sizeof buffer, file.get()));
  const bool jpeg = starts_with(start, "\xFF\xD8\xFF");
  const bool png = starts_with(start, "\x89PNG\r\n\x1A\n");
  if (!jpeg && !png) throw_no_picture(path, start);
  if (std::fseek(file.get(), 0, SEEK_SET) != 0) {
    throw FileError(fmt::format("{}: is no regular file; save the picture to one first", path));
  }
  return jpeg ? decode_jpeg(file.get(), path) : decode_png(file.get(), path);
}

void check_image_size(const std::string& path, std::uint64_t width, std::uint64_t height) {
  if (width == 0 || height == 0) {
    throw FileError(fmt::format("{}: is {} x {} pixels; a picture with at least one is needed",
                                path, width, height));
  }
  if (width > static_cast<std::uint64_t>(kMaxImagePixels) / height) {
    throw FileError(
        fmt::format("{}: is {} x {} pixels, and at most {} million are read; make it smaller first",
                    path, width, height, kMaxImagePixels / 1'000'000));
  }
}

void throw_cut_short(const std::string& path, const std::string& detail) {
  throw FileError(fmt::format(
      "{}: ends before the picture is complete ({}); copy or download it again", path, detail));
}

void throw_damaged(const std::string& path, const std::string& detail) {
  throw FileError(fmt::format("{}: is damaged ({}); copy or download it again", path, detail));
}

}  // namespace anycapture
