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

/// Red, green and blue are within 1 of each other: cairo and lround() round halves differently.
inline bool alike(const Color& a, const Color& b) {
  for (std::size_t c = 0; c < 3; ++c) {
    if (std::abs(a[c] - b[c]) > 1) return false;
  }
  return true;
}

MATCHER_P(IsColor, expected, "") {
  return alike(arg, expected);
}

/// Columns and rows, both ends included.
struct Box {
  bool found() const { return left <= right; }
  int width() const { return right - left + 1; }
  int height() const { return bottom - top + 1; }

  int left = 1 << 30, top = 1 << 30, right = -1, bottom = -1;
};

/// The smallest box around all pixels of a color, of those inside `within`.
inline Box box_of(const anycapture::Image& image, const Color& wanted, const Box& within) {
  Box box;
  for (int y = within.top; y <= within.bottom; ++y) {
    for (int x = within.left; x <= within.right; ++x) {
      if (!alike(color(image, x, y), wanted)) continue;
      box.left = std::min(box.left, x);
      box.right = std::max(box.right, x);
      box.top = std::min(box.top, y);
      box.bottom = std::max(box.bottom, y);
    }
  }
  return box;
}

/// As above, from column `from` to before column `to`.
inline Box box_of(const anycapture::Image& image, const Color& wanted, int from, int to) {
  return box_of(image, wanted, {from, 0, std::min(to, image.width) - 1, image.height - 1});
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
