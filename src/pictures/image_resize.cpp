// SPDX-License-Identifier: MIT
// Pillow's resampling, restated: a horizontal pass, then a vertical one, each with weights of 22
// fractional bits and a result rounded to 8 bits.
#include <anycapture/error.h>
#include <anycapture/image.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pictures/image_check.h"

namespace anycapture {
namespace {

constexpr int kFractionBits = 22;
constexpr double kSupport = 2.0;  // of the cubic filter, in source pixels

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

// The source pixels that make one target pixel, and how much each counts.
struct Taps {
  int first = 0;
  std::vector<int> weights;
};

Taps taps_of(int target, double scale, int source_size) {
  const double stretch = std::max(scale, 1.0);  // when shrinking the filter covers all pixels
  const double support = kSupport * stretch;
  const double centre = (target + 0.5) * scale;
  Taps taps;
  taps.first = std::max(0, static_cast<int>(centre - support + 0.5));
  const int end = std::min(source_size, static_cast<int>(centre + support + 0.5));
  std::vector<double> weights;
  double sum = 0.0;
  for (int x = taps.first; x < end; ++x) {
    weights.push_back(cubic((x - centre + 0.5) / stretch));
    sum += weights.back();
  }
  for (const double weight : weights) {
    const double scaled = weight / sum * (1 << kFractionBits);
    taps.weights.push_back(static_cast<int>(scaled + (scaled < 0 ? -0.5 : 0.5)));
  }
  return taps;
}

std::vector<Taps> all_taps(int source_size, int target_size) {
  std::vector<Taps> taps;
  const double scale = static_cast<double>(source_size) / target_size;
  for (int i = 0; i < target_size; ++i) taps.push_back(taps_of(i, scale, source_size));
  return taps;
}

// One value from `values`, whose neighbours along the pass are `step` apart.
std::uint8_t weigh(const std::uint8_t* values, std::size_t step, const std::vector<int>& weights) {
  int sum = 1 << (kFractionBits - 1);
  for (const int weight : weights) {
    sum += *values * weight;
    values += step;
  }
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_width(const Image& image, int width) {
  const std::vector<Taps> taps = all_taps(image.width, width);
  Image result{width, image.height, {}};
  result.rgb.reserve(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(image.height));
  for (int y = 0; y < image.height; ++y) {
    for (const Taps& tap : taps) {
      const std::uint8_t* values = image.pixel(tap.first, y);
      for (int c = 0; c < 3; ++c) result.rgb.push_back(weigh(values + c, 3, tap.weights));
    }
  }
  return result;
}

Image resize_height(const Image& image, int height) {
  const std::size_t row = 3 * static_cast<std::size_t>(image.width);
  Image result{image.width, height, {}};
  result.rgb.reserve(row * static_cast<std::size_t>(height));
  for (const Taps& tap : all_taps(image.height, height)) {
    const std::uint8_t* values = image.pixel(0, tap.first);
    for (std::size_t i = 0; i < row; ++i) result.rgb.push_back(weigh(values + i, row, tap.weights));
  }
  return result;
}

}  // namespace

Image resize(const Image& image, int width, int height) {
  check_image(image);
  if (width < 1 || height < 1 || width > kMaxImagePixels / height) {
    throw Error(fmt::format("cannot resize to {} x {} pixels; 1 to {} million pixels are possible",
                            width, height, kMaxImagePixels / 1'000'000));
  }
  const Image wide = width == image.width ? image : resize_width(image, width);
  return height == image.height ? wide : resize_height(wide, height);
}

}  // namespace anycapture
