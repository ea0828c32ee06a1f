// SPDX-License-Identifier: MIT
// From values to places on a colour bar.
#pragma once

#include <anycapture/pictures.h>

#include <string>
#include <vector>

namespace anycapture {

/// The values at the two ends of the colours, `low` < `high`, and how many values have no colour.
struct ColorRange {
  ANYCAPTURE_API double place(float value) const;  ///< 0..1, clamped

  double low = 0.0;
  double high = 1.0;
  bool below = false;  ///< there are values below `low`, which get its colour
  bool above = false;
  std::size_t not_finite = 0;
};

/// Spans the finite values of all maps, from 0 if the smallest is near it, or options.limits. One
/// value v alone gets the range between 0 and v, or 0 and 1 if it is 0 or there is none. Throws
/// Error when the limits are no range.
ANYCAPTURE_API ColorRange range_of(const std::vector<MapView>& maps, const FigureOptions& options);

struct Tick {
  double value;
  std::string label;
};

/// The two ends, and round values between them that keep `spacing` (0..1) apart from all others.
std::vector<Tick> ticks_of(const ColorRange& range, double spacing);

/// A round step, 1, 2 or 5 times a power of ten, that is at least `step`.
double round_step(double step);

/// What cells without a finite value are filled with: no map holds this colour.
Rgb not_finite_color(ColorMap map);

}  // namespace anycapture
