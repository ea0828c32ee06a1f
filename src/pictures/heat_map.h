// SPDX-License-Identifier: MIT
// One matrix as coloured cells with indexes along the axes.
#pragma once

#include <string>
#include <vector>

#include "pictures/tiles.h"

namespace anycapture {

/// A map at a size that can be seen: large cells for small maps, means of blocks for large ones.
class HeatMap {
 public:
  /// The longer side becomes about `target` long. Throws Error when the map is empty.
  HeatMap(MapView map, double target);

  double width() const { return cell_width_ * shown().cols; }
  double height() const { return cell_height_ * shown().rows; }
  /// How many cells are one point, along each axis.
  int factor() const { return factor_; }
  void draw(Canvas& canvas, const Place& place, const ColorRange& range,
            const FigureOptions& options) const;

 private:
  MapView shown() const;
  void draw_left_axis(Canvas& canvas, const Rect& body, const std::string& name) const;
  void draw_bottom_axis(Canvas& canvas, const Rect& body, const std::string& name) const;

  MapView map_;
  int factor_ = 1;
  std::vector<float> shrunk_;
  double cell_width_ = 1;
  double cell_height_ = 1;
};

/// Room beside and below the map for its axes.
double left_axis_room(int rows);
constexpr double kBottomAxisRoom = 38;

/// What to say about the factor: nothing when it is 1.
std::string shrink_note(int factor);

}  // namespace anycapture
