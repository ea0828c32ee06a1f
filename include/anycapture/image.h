// SPDX-License-Identifier: MIT
// Pictures in memory: reading JPEG and PNG, writing PNG, and what models do to a picture first.
#pragma once

#include <anycapture/api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace anycapture {

/// 8-bit RGB, shape (height, width, 3), row-major.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< 3 * width * height values

  /// The three values of the pixel in column `x` of row `y`; both must be inside.
  const std::uint8_t* pixel(int x, int y) const {
    return rgb.data() + 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                             static_cast<std::size_t>(x));
  }
};

/// Largest picture that read_image() takes, in pixels: larger ones are refused by their header.
constexpr std::int64_t kMaxImagePixels = 100'000'000;

/// Reads a JPEG or a PNG, told apart by what the file holds, not by its name. Grey, palette, 16-bit
/// and CMYK become 8-bit RGB, transparent parts are laid over white, a JPEG is turned as its EXIF
/// orientation says. Throws `FileError` when there is no such file, when it is no picture, is cut
/// short or damaged, or has more than kMaxImagePixels.
ANYCAPTURE_API Image read_image(const std::string& path);

/// Replaces the file whole, or leaves the old one. Throws `FileError` when it cannot be written and
/// `Error` when the image is empty or `rgb` has not 3 * width * height values.
ANYCAPTURE_API void write_png(const std::string& path, const Image& image);

/// Antialiased bicubic resizing, value for value what Pillow's `Image.resize(size, BICUBIC)` gives.
/// Throws `Error` when a side is not positive or the image is empty.
ANYCAPTURE_API Image resize(const Image& image, int width, int height);

/// The middle part, as torchvision's `CenterCrop` takes it: the offset is half the difference,
/// rounded to even. Throws `Error` when the part is larger than the image or empty.
ANYCAPTURE_API Image centre_crop(const Image& image, int width, int height);

/// What timm's evaluation transform does to a picture before it is normalised: the shorter side is
/// resized to floor(size / crop_pct), then the middle size x size is cut out. Attention belongs
/// over this picture, not over the original, whose borders the model has not seen. Throws `Error`
/// unless size > 0 and 0 < crop_pct <= 1.
ANYCAPTURE_API Image timm_preprocess(const Image& image, int size = 224, double crop_pct = 0.9);

}  // namespace anycapture
