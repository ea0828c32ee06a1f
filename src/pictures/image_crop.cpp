// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "pictures/image_check.h"

namespace anycapture {
namespace {

// Half of an even or odd number, ties to even, as Python's round() does it.
int rounded_half(int value) {
  return static_cast<int>(std::nearbyint(value / 2.0));
}

}  // namespace

void check_image(const Image& image) {
  const std::size_t pixels = static_cast<std::size_t>(std::max(image.width, 0)) *
                             static_cast<std::size_t>(std::max(image.height, 0));
  if (pixels == 0 || image.rgb.size() != 3 * pixels) {
    throw Error(fmt::format(
        "an image of {} x {} pixels with {} values; 3 values per pixel and at least one pixel are "
        "needed",
        image.width, image.height, image.rgb.size()));
  }
}

Image centre_crop(const Image& image, int width, int height) {
  check_image(image);
  if (width < 1 || height < 1 || width > image.width || height > image.height) {
    throw Error(fmt::format("cannot cut {} x {} out of an image of {} x {} pixels; resize it first",
                            width, height, image.width, image.height));
  }
  const int left = rounded_half(image.width - width);
  const int top = rounded_half(image.height - height);
  Image result{width, height, {}};
  result.rgb.reserve(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* row = image.pixel(left, top + y);
    result.rgb.insert(result.rgb.end(), row, row + 3 * static_cast<std::ptrdiff_t>(width));
  }
  return result;
}

Image timm_preprocess(const Image& image, int size, double crop_pct) {
  check_image(image);
  const double scaled = std::floor(size / crop_pct);
  const bool fits = crop_pct > 0.0 && crop_pct <= 1.0 && scaled < kMaxImagePixels;
  if (size < 1 || !fits) {
    throw Error(fmt::format(
        "cannot preprocess to size {} with crop_pct {}; a positive size and 0 < crop_pct <= 1 "
        "are needed",
        size, crop_pct));
  }
  const auto shorter = static_cast<std::int64_t>(scaled);
  const auto longer = [shorter](int long_side, int short_side) {
    const auto side = static_cast<std::int64_t>(static_cast<double>(shorter * long_side) /
                                                static_cast<double>(short_side));
    return static_cast<int>(std::min<std::int64_t>(side, std::numeric_limits<int>::max()));
  };
  const bool tall = image.width <= image.height;
  const int width = tall ? static_cast<int>(shorter) : longer(image.width, image.height);
  const int height = tall ? longer(image.height, image.width) : static_cast<int>(shorter);
  return centre_crop(resize(image, width, height), size, size);
}

}  // namespace anycapture
