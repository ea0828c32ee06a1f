// SPDX-License-Identifier: MIT
#include <anycapture/image.h>

#include <algorithm>
#include <cstdint>

#include "fuzz/fuzz.h"
#include "pictures/exif.h"

namespace {

using anycapture::Image;

constexpr std::uint64_t kMostPixels = 1 << 18;  // larger ones are sound too, but slow

std::uint64_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = at; i < at + size && i < bytes.size(); ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

// What a PNG's first chunk, or any place that looks like a JPEG's frame header, says.
std::uint64_t pixels_promised(std::string_view bytes) {
  if (bytes.substr(0, 4) == "\x89PNG") return number(bytes, 16, 4) * number(bytes, 20, 4);
  std::uint64_t most = 0;
  for (std::size_t i = 0; i + 8 < bytes.size(); ++i) {
    const bool frame = bytes[i] == '\xFF' && (bytes[i + 1] & '\xF0') == '\xC0';
    if (frame) most = std::max(most, number(bytes, i + 5, 2) * number(bytes, i + 7, 2));
  }
  return most;
}

void check_exif(std::string_view marker) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(marker.data());
  const int orientation = anycapture::exif_orientation(data, marker.size());
  fuzz::check(orientation >= 1 && orientation <= 8, "an orientation is one of eight");
  const Image image = anycapture::turn_upright({2, 1, {1, 2, 3, 4, 5, 6}}, orientation);
  fuzz::check((image.width == 1) == (orientation >= 5), "a side view has its sides exchanged");
}

}  // namespace

void fuzz::picture(std::string_view bytes) {
  if (bytes.substr(0, 4) == "Exif") return check_exif(bytes);
  if (pixels_promised(bytes) > kMostPixels) return;
  const std::string path = file_of(bytes);
  Image image;
  if (!reads(path, [&] { image = anycapture::read_image(path); })) return;
  check(image.width > 0 && image.height > 0, "a picture has a pixel");
  const std::size_t pixels =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  check(image.rgb.size() == 3 * pixels, "each pixel has three values");
  anycapture::write_png(file_to_write(), image);
  const Image again = anycapture::read_image(file_to_write());
  check(again.width == image.width && again.height == image.height && again.rgb == image.rgb,
        "a picture that was written reads the same");
}
