// SPDX-License-Identifier: MIT
#include "pictures/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace anycapture {
namespace {

constexpr int kUpright = 1;
constexpr std::uint32_t kOrientationTag = 0x0112;

// Numbers of a TIFF structure, in its byte order; 0 beyond its end.
class Tiff {
 public:
  Tiff(const std::uint8_t* data, std::size_t size)
      : data_(data), size_(size), little_(size > 0 && data[0] == 'I') {}

  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }

 private:
  std::uint32_t number(std::size_t at, std::size_t bytes) const {
    if (at > size_ || size_ - at < bytes) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = (value << 8) | data_[little_ ? at + bytes - 1 - i : at + i];
    }
    return value;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  bool little_;
};

}  // namespace

int exif_orientation(const std::uint8_t* marker, std::size_t size) {
  constexpr char kStart[] = "Exif\0";  // and the array's own zero
  if (size < sizeof kStart || std::memcmp(marker, kStart, sizeof kStart) != 0) return kUpright;
  const Tiff tiff(marker + sizeof kStart, size - sizeof kStart);
  const std::size_t directory = tiff.u32(4);
  const std::size_t entries = tiff.u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (tiff.u16(entry) != kOrientationTag) continue;
    const std::uint32_t value = tiff.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kUpright;
  }
  return kUpright;
}

Image turn_upright(Image image, int orientation) {
  if (orientation == kUpright) return image;
  // 2 and 4 are mirrored, 3 upside down; 5 to 8 are those with rows and columns exchanged.
  const bool exchanged = orientation >= 5;
  const bool mirror_x =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image result{image.width, image.height, std::vector<std::uint8_t>(image.rgb.size())};
  if (exchanged) std::swap(result.width, result.height);
  std::uint8_t* out = result.rgb.data();
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      int from_x = exchanged ? y : x;
      int from_y = exchanged ? x : y;
      if (mirror_x) from_x = image.width - 1 - from_x;
      if (mirror_y) from_y = image.height - 1 - from_y;
      out = std::copy_n(image.pixel(from_x, from_y), 3, out);
    }
  }
  return result;
}

}  // namespace anycapture
