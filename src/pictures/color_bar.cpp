// SPDX-License-Identifier: MIT
#include "pictures/color_bar.h"

#include <algorithm>

#include "pictures/paint.h"

namespace anycapture {
namespace {

constexpr double kBarWidth = 14;
constexpr double kLabelGap = 7;
constexpr double kLineHeight = 18;
constexpr double kLegendRoom = 26;
constexpr double kBaseLine = 4;  // from a line's middle down
constexpr char kLegend[] = "not finite";

double bar_height(const ColorRange& range, double height) {
  return range.not_finite > 0 ? height - kLegendRoom : height;
}

std::vector<Tick> bar_ticks(const ColorRange& range, double height) {
  return ticks_of(range, kLineHeight / bar_height(range, height));
}

// From light to dark downwards, one value per pixel.
std::vector<float> ramp(const ColorRange& range, int steps) {
  std::vector<float> values;
  for (int i = 0; i < steps; ++i) {
    const double place = 1.0 - (i + 0.5) / steps;
    values.push_back(static_cast<float>(range.low + place * (range.high - range.low)));
  }
  return values;
}

}  // namespace

double color_bar_width(const ColorRange& range, double height) {
  double label = range.not_finite > 0 ? text_width(kLegend, kSmallFont) : 0.0;
  for (const Tick& tick : bar_ticks(range, height)) {
    label = std::max(label, text_width(tick.label, kSmallFont));
  }
  return kBarWidth + kLabelGap + label;
}

void draw_color_bar(Canvas& canvas, const Rect& rect, const ColorRange& range, ColorMap colors) {
  const Rect bar{rect.x, rect.y, kBarWidth, bar_height(range, rect.height)};
  const double label_x = bar.right() + kLabelGap;
  if (range.not_finite > 0) {
    const Rect swatch{rect.x, rect.bottom() - kBarWidth, kBarWidth, kBarWidth};
    canvas.fill(swatch, not_finite_color(colors));
    cross_out(canvas, swatch);
    canvas.text({label_x, swatch.centre().y + kBaseLine}, kLegend, kSmallFont, Align::left);
  }
  const std::vector<float> values = ramp(range, canvas.raster_size(bar.height));
  const MapView map{values.data(), static_cast<int>(values.size()), 1};
  canvas.picture(bar, paint_map(map, range, colors, canvas.raster_size(bar.width), map.rows));
  canvas.outline(bar, kInk, 0.8);
  for (const Tick& tick : bar_ticks(range, rect.height)) {
    const double place = (tick.value - range.low) / (range.high - range.low);
    const double y = bar.bottom() - place * bar.height;
    canvas.line({bar.right(), y}, {bar.right() + 4, y}, kInk, 0.8);
    canvas.text({label_x, y + kBaseLine}, tick.label, kSmallFont, Align::left);
  }
}

void cross_out(Canvas& canvas, const Rect& cell) {
  constexpr double kSmallest = 6;
  if (std::min(cell.width, cell.height) < kSmallest) return;
  const double reach = 0.3 * std::min(cell.width, cell.height);
  const Point at = cell.centre();
  canvas.line({at.x - reach, at.y - reach}, {at.x + reach, at.y + reach}, kInk, 1.2);
  canvas.line({at.x - reach, at.y + reach}, {at.x + reach, at.y - reach}, kInk, 1.2);
}

}  // namespace anycapture
