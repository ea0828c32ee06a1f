// SPDX-License-Identifier: MIT
#include <anycapture/pictures.h>

#include "pictures/heat_map.h"

namespace anycapture {

void draw_head(const std::string& path, MapView map, const FigureOptions& options) {
  constexpr double kSide = 440;
  file_kind(path);
  const HeatMap heat_map(map, kSide);
  TileFigure figure;
  figure.width = heat_map.width();
  figure.height = heat_map.height();
  figure.left = left_axis_room(map.rows);
  figure.bottom = kBottomAxisRoom;
  figure.note = shrink_note(heat_map.factor());
  figure.tiles.push_back(
      {"", map, [&](Canvas& canvas, const Place& place, const ColorRange& range) {
         heat_map.draw(canvas, place, range, options);
       }});
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
