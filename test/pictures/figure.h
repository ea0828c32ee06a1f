// SPDX-License-Identifier: MIT
// Looking at a figure that was drawn.
#pragma once

#include <anycapture/pictures.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>

#include "support/temp_dir.h"

namespace figure {

using Color = std::array<int, 3>;

inline Color color(const anycapture::Image& image, int x, int y) {
  const std::uint8_t* pixel = image.pixel(x, y);
  return {pixel[0], pixel[1], pixel[2]};
}

inline Color bytes(anycapture::Rgb color) {
  const auto byte = [](double value) { return static_cast<int>(std::lround(255 * value)); };
  return {byte(color.red), byte(color.green), byte(color.blue)};
}

/// Red, green and blue are within 1 of the expected color's.
MATCHER_P(IsColor, expected, "") {
  for (std::size_t c = 0; c < 3; ++c) {
    if (std::abs(arg[c] - expected[c]) > 1) return false;
  }
  return true;
}

/// The smallest box around all pixels of a color, from column `from` on.
struct Box {
  bool found() const { return left <= right; }
  int width() const { return right - left + 1; }
  int height() const { return bottom - top + 1; }

  int left = 1 << 30, top = 1 << 30, right = -1, bottom = -1;
};

inline Box box_of(const anycapture::Image& image, const Color& wanted, int from, int to) {
  Box box;
  for (int y = 0; y < image.height; ++y) {
    for (int x = from; x < std::min(to, image.width); ++x) {
      if (color(image, x, y) != wanted) continue;
      box.left = std::min(box.left, x);
      box.right = std::max(box.right, x);
      box.top = std::min(box.top, y);
      box.bottom = std::max(box.bottom, y);
    }
  }
  return box;
}

inline anycapture::Image solid(int width, int height, const Color& color) {
  anycapture::Image image{width, height, {}};
  for (int i = 0; i < width * height; ++i) {
    for (const int value : color) image.rgb.push_back(static_cast<std::uint8_t>(value));
  }
  return image;
}

/// What `draw`, given a path, draws as PNG.
inline anycapture::Image drawn(const std::function<void(const std::string&)>& draw) {
  const support::TempDir dir;
  draw(dir.file("figure.png"));
  return anycapture::read_image(dir.file("figure.png"));
}

}  // namespace figure
