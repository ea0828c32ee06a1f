// SPDX-License-Identifier: MIT
#pragma once

#include "pictures/canvas.h"
#include "pictures/color_range.h"

namespace anycapture {

/// Width of a colour bar with its labels.
double color_bar_width(const ColorRange& range, double height);

/// Fills the left part of `rect`; the labels of the two ends stick out by half a line.
void draw_color_bar(Canvas& canvas, const Rect& rect, const ColorRange& range, ColorMap colors);

/// Marks a cell that has no colour: a cross, where there is room for one.
void cross_out(Canvas& canvas, const Rect& cell);

}  // namespace anycapture
