// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>

#include "pictures/heat_map.h"

namespace anycapture {
namespace {

void check_heads(const std::vector<MapView>& heads) {
  if (heads.empty()) throw Error("there are no heads to draw; give one map per head");
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (heads[i].rows == heads[0].rows && heads[i].cols == heads[0].cols) continue;
    throw Error(fmt::format("head {} is {} x {}, but head 0 is {} x {}; give heads of one layer", i,
                            heads[i].rows, heads[i].cols, heads[0].rows, heads[0].cols));
  }
}

std::vector<float> mean_of(const std::vector<MapView>& heads) {
  const std::size_t count =
      static_cast<std::size_t>(heads[0].rows) * static_cast<std::size_t>(heads[0].cols);
  std::vector<float> mean(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0;
    for (const MapView& head : heads) sum += head.data[i];
    mean[i] = static_cast<float>(sum / static_cast<double>(heads.size()));
  }
  return mean;
}

double side_for(std::size_t tiles) {
  return tiles <= 3 ? 300 : tiles <= 9 ? 220 : 180;
}

}  // namespace

void draw_heads(const std::string& path, const std::vector<MapView>& heads,
                const FigureOptions& options) {
  file_kind(path);
  check_heads(heads);
  std::vector<HeatMap> heat_maps;
  for (const MapView& head : heads) heat_maps.emplace_back(head, side_for(heads.size() + 1));
  const std::vector<float> mean = mean_of(heads);
  std::vector<MapView> maps = heads;
  maps.push_back({mean.data(), heads[0].rows, heads[0].cols});
  heat_maps.emplace_back(maps.back(), side_for(maps.size()));

  TileFigure figure;
  figure.width = heat_maps[0].width();
  figure.height = heat_maps[0].height();
  figure.left = left_axis_room(heads[0].rows);
  figure.bottom = kBottomAxisRoom;
  figure.note = shrink_note(heat_maps[0].factor());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const HeatMap& heat_map = heat_maps[i];
    const auto draw = [&](Canvas& canvas, const Place& place, const ColorRange& range) {
      heat_map.draw(canvas, place, range, options.color_map);
    };
    const bool last = i == heads.size();
    figure.tiles.push_back({last ? "Mean of heads" : fmt::format("Head {}", i), maps[i], draw});
  }
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
