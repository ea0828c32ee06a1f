// SPDX-License-Identifier: MIT
// The layout that all figures share: title, tiles with their own titles, colour bar.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pictures/canvas.h"
#include "pictures/color_range.h"

namespace anycapture {

/// Where a tile stands.
struct Place {
  Rect body;
  bool leftmost;  ///< axis labels fit to its left
  bool lowest;    ///< axis labels fit below it
};

struct Tile {
  std::string title;
  MapView values;  ///< what its colours stand for; no rows: nothing
  std::function<void(Canvas&, const Place&, const ColorRange&)> draw;
};

struct TileFigure {
  double width = 0;  ///< of each tile's body
  double height = 0;
  double left = 0;    ///< room for axis labels beside the leftmost tiles
  double bottom = 0;  ///< and below the lowest ones
  std::vector<Tile> tiles;
  std::string note;  ///< goes below the subtitle
};

/// Throws Error when an option is out of its range, FileError when the file cannot be written.
void draw_tiles(const std::string& path, const TileFigure& figure, const FigureOptions& options);

/// Columns for `count` tiles such that the figure is about twice as wide as high, with few gaps.
ANYCAPTURE_API int choose_columns(int count, double width, double height);

}  // namespace anycapture
