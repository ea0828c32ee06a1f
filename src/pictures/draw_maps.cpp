// SPDX-License-Identifier: MIT
#include <anycapture/pictures.h>

#include "pictures/heat_map.h"
#include "pictures/same_shape.h"

namespace anycapture {
namespace {

double side_for(std::size_t tiles) {
  return tiles <= 3 ? 300 : tiles <= 9 ? 220 : 180;
}

}  // namespace

void draw_maps(const std::string& path, const std::vector<MapView>& maps,
               const FigureOptions& options) {
  file_kind(path);
  check_same_shape(maps, "map");
  check_names(options, maps.size());
  std::vector<HeatMap> heat_maps;
  for (const MapView& map : maps) heat_maps.emplace_back(map, side_for(maps.size()));

  TileFigure figure;
  figure.width = heat_maps[0].width();
  figure.height = heat_maps[0].height();
  figure.left = left_axis_room(maps[0].rows);
  figure.bottom = kBottomAxisRoom;
  figure.note = shrink_note(heat_maps[0].factor());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const HeatMap& heat_map = heat_maps[i];
    const auto draw = [&](Canvas& canvas, const Place& place, const ColorRange& range) {
      heat_map.draw(canvas, place, range, options);
    };
    figure.tiles.push_back(
        {options.names.empty() ? std::to_string(i) : options.names[i], maps[i], draw});
  }
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
