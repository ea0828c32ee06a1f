// SPDX-License-Identifier: MIT
#include "pictures/paint.h"

#include <algorithm>
#include <cmath>

namespace anycapture {
namespace {

float value_at(MapView map, int row, int col) {
  return map.row(row).data[col];
}

Rgb color_of(float value, const ColorRange& range, ColorMap colors) {
  return std::isfinite(value) ? color_at(colors, range.place(value)) : not_finite_color(colors);
}

std::uint8_t to_byte(double channel) {
  return static_cast<std::uint8_t>(std::lround(255.0 * channel));
}

// The cell that covers pixel `pixel` of `size`.
int cell_of(int pixel, int size, int cells) {
  return static_cast<int>(static_cast<std::int64_t>(pixel) * cells / size);
}

// Where a pixel lies among the centres of cells: between `lower` and `upper`, `part` of the way.
struct Between {
  int lower, upper;
  float part;
};

Between between(int pixel, int size, int cells) {
  const double place = (pixel + 0.5) * cells / size - 0.5;
  const double lower = std::floor(place);
  const int index = static_cast<int>(lower);
  return {std::max(index, 0), std::min(index + 1, cells - 1), static_cast<float>(place - lower)};
}

float mix(float a, float b, float part) {
  return a + part * (b - a);
}

// Beside a value that is not finite, the nearest one stands alone.
float smooth_value(MapView map, const Between& y, const Between& x) {
  const float upper = mix(value_at(map, y.lower, x.lower), value_at(map, y.lower, x.upper), x.part);
  const float lower = mix(value_at(map, y.upper, x.lower), value_at(map, y.upper, x.upper), x.part);
  const float value = mix(upper, lower, y.part);
  if (std::isfinite(value)) return value;
  return value_at(map, y.part < 0.5f ? y.lower : y.upper, x.part < 0.5f ? x.lower : x.upper);
}

// `color(x, y)` for each pixel, laid over the picture with `alpha`.
template <class F>
void blend(Image& picture, double alpha, F&& color) {
  std::uint8_t* out = picture.rgb.data();
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      const Rgb over = color(x, y);
      for (const double channel : {over.red, over.green, over.blue}) {
        *out = to_byte((1.0 - alpha) * (*out / 255.0) + alpha * channel);
        ++out;
      }
    }
  }
}

}  // namespace

Image enlarge(const Image& image, int width, int height) {
  Image result{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* pixel =
          image.pixel(cell_of(x, width, image.width), cell_of(y, height, image.height));
      result.rgb.insert(result.rgb.end(), pixel, pixel + 3);
    }
  }
  return result;
}

void make_grey(Image& picture) {
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
    std::uint8_t* rgb = picture.rgb.data() + i;
    const int luma = (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
    std::fill_n(rgb, 3, static_cast<std::uint8_t>(luma));
  }
}

Image paint_map(MapView map, const ColorRange& range, ColorMap colors, int width, int height) {
  Image result{width, height, {}};
  result.rgb.resize(3 * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  blend(result, 1.0, [&](int x, int y) {
    const int row = cell_of(y, height, map.rows);
    return color_of(value_at(map, row, cell_of(x, width, map.cols)), range, colors);
  });
  return result;
}

void paint_over(Image& picture, MapView map, const ColorRange& range,
                const FigureOptions& options) {
  blend(picture, options.alpha, [&](int x, int y) {
    const float value = options.overlay == Overlay::smooth
                            ? smooth_value(map, between(y, picture.height, map.rows),
                                           between(x, picture.width, map.cols))
                            : value_at(map, cell_of(y, picture.height, map.rows),
                                       cell_of(x, picture.width, map.cols));
    return color_of(value, range, options.color_map);
  });
}

std::vector<float> shrink(MapView map, int factor) {
  std::vector<float> result;
  for (int top = 0; top < map.rows; top += factor) {
    const int bottom = std::min(top + factor, map.rows);
    for (int left = 0; left < map.cols; left += factor) {
      const int right = std::min(left + factor, map.cols);
      double sum = 0.0;
      for (int row = top; row < bottom; ++row) {
        for (int col = left; col < right; ++col) sum += value_at(map, row, col);
      }
      result.push_back(static_cast<float>(sum / ((bottom - top) * (right - left))));
    }
  }
  return result;
}

}  // namespace anycapture
