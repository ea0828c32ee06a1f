// SPDX-License-Identifier: MIT
// From values and pictures to the pixels of a panel.
#pragma once

#include <anycapture/pictures.h>

#include "pictures/color_range.h"

namespace anycapture {

/// The picture at a panel's size, its pixels squares.
Image enlarge(const Image& image, int width, int height);

void make_grey(Image& picture);

/// The map at a panel's size, each value one block of its colour.
ANYCAPTURE_API Image paint_map(MapView map, const ColorRange& range, ColorMap colors, int width,
                               int height);

/// Lays the map's colours over the whole picture, with options.alpha.
ANYCAPTURE_API void paint_over(Image& picture, MapView map, const ColorRange& range,
                               const FigureOptions& options);

/// The mean over blocks of `factor` x `factor` cells, smaller at the right and lower edge. A block
/// with a cell that is not finite is not finite.
std::vector<float> shrink(MapView map, int factor);

}  // namespace anycapture
