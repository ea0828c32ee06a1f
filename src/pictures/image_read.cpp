// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "core/input_file.h"
#include "pictures/image_decode.h"

namespace anycapture {
namespace {

constexpr std::size_t kStartBytes = 12;

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// `a WebP`, by the bytes that such files start with; empty if they are none of these.
std::string_view other_kind(std::string_view start) {
  using namespace std::string_view_literals;
  if (starts_with(start, "RIFF") && starts_with(start.substr(8), "WEBP")) return "a WebP";
  if (starts_with(start, "GIF8")) return "a GIF";
  // The four bytes are reserved: text may start with the two letters.
  if (starts_with(start, "BM") && starts_with(start.substr(6), "\0\0\0\0"sv)) return "a BMP";
  if (starts_with(start, "II*\0"sv) || starts_with(start, "MM\0*"sv)) return "a TIFF";
  if (!starts_with(start.substr(4), "ftyp")) return "";
  const std::string_view brand = start.substr(8);
  if (starts_with(brand, "avi")) return "an AVIF";
  if (starts_with(brand, "hei") || starts_with(brand, "hev")) return "a HEIC";
  return starts_with(brand, "mif1") || starts_with(brand, "msf1") ? "a HEIC or AVIF" : "";
}

[[noreturn]] void throw_no_picture(const std::string& path, std::string_view start) {
  if (start.empty()) {
    throw FileError(fmt::format("{}: is empty; a JPEG or PNG is needed", path));
  }
  if (start.size() == kStartBytes && !other_kind(start).empty()) {
    throw FileError(
        fmt::format("{}: is {} picture; convert it to JPEG or PNG", path, other_kind(start)));
  }
  std::string bytes;
  for (const char byte : start.substr(0, 8)) {
    bytes += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
  }
  throw FileError(fmt::format(
      "{}: is neither JPEG nor PNG (it starts with the bytes{}); convert it to one of them", path,
      bytes));
}

}  // namespace

Image read_image(const std::string& path) {
  const InputFile file = open_input(path, "a JPEG or PNG");
  char buffer[kStartBytes] = {};
  const std::string_view start(buffer, std::fread(buffer, 1, sizeof buffer, file.get()));
  const bool jpeg = starts_with(start, "\xFF\xD8\xFF");
  const bool png = starts_with(start, "\x89PNG\r\n\x1A\n");
  if (!jpeg && !png) throw_no_picture(path, start);
  std::rewind(file.get());
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
