// SPDX-License-Identifier: MIT
#include "pictures/color_range.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace anycapture {
namespace {

constexpr char kAtMost[] = "\u2264 ";
constexpr char kAtLeast[] = "\u2265 ";

// A colour bar that starts at 7.25e-07 tells less than one that starts at 0.
constexpr float kNearZero = 0.05f;

struct Extremes {
  float low = std::numeric_limits<float>::infinity();
  float high = -std::numeric_limits<float>::infinity();
  std::size_t not_finite = 0;
};

void extend(Extremes& extremes, MapView map) {
  const std::size_t count = static_cast<std::size_t>(map.rows) * static_cast<std::size_t>(map.cols);
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isfinite(map.data[i])) {
      extremes.low = std::min(extremes.low, map.data[i]);
      extremes.high = std::max(extremes.high, map.data[i]);
    } else {
      ++extremes.not_finite;
    }
  }
}

ColorRange natural_range(float low, float high) {
  if (low > high || (low == 0.0f && high == 0.0f)) return {};
  if (low == high) return {std::min(low, 0.0f), std::max(high, 0.0f)};
  if (low > 0.0f && low < kNearZero * high) low = 0.0f;
  return {low, high};
}

std::string short_number(double value) {
  return fmt::format("{:.3g}", value == 0.0 ? 0.0 : value);  // no "-0"
}

}  // namespace

double ColorRange::place(float value) const {
  return std::clamp((value - low) / (high - low), 0.0, 1.0);
}

ColorRange range_of(const std::vector<MapView>& maps, const FigureOptions& options) {
  Extremes extremes;
  for (const MapView& map : maps) extend(extremes, map);
  ColorRange range = natural_range(extremes.low, extremes.high);
  if (options.limits) {
    range.low = options.limits->first;
    range.high = options.limits->second;
    if (!(range.low < range.high) || !std::isfinite(range.high - range.low)) {
      throw Error(fmt::format("the limits {} and {} are no range; give the smaller one first",
                              range.low, range.high));
    }
  }
  range.below = extremes.low < range.low;
  range.above = extremes.high > range.high;
  range.not_finite = extremes.not_finite;
  return range;
}

double round_step(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  }
  return 10.0 * power;
}

std::vector<Tick> ticks_of(const ColorRange& range, double spacing) {
  const double span = range.high - range.low;
  std::vector<Tick> ticks = {{range.low, (range.below ? kAtMost : "") + short_number(range.low)}};
  const double step = round_step(span * std::max(spacing, 0.2));
  const double margin = span * spacing;
  for (double i = std::ceil((range.low + margin) / step); i * step <= range.high - margin; ++i) {
    ticks.push_back({i * step, short_number(i * step)});
  }
  ticks.push_back({range.high, (range.above ? kAtLeast : "") + short_number(range.high)});
  return ticks;
}

Rgb not_finite_color(ColorMap map) {
  return map == ColorMap::grey ? Rgb{0.95, 0.55, 0.5} : Rgb{0.72, 0.72, 0.72};
}

}  // namespace anycapture
