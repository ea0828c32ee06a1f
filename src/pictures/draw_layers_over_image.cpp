// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>

#include "pictures/patch_panel.h"
#include "pictures/same_shape.h"
#include "pictures/tiles.h"

namespace anycapture {
namespace {

// The patches' values of each row.
std::vector<RowView> patch_rows(const std::vector<RowView>& rows, const PatchGrid& grid) {
  if (rows.empty()) throw Error("there are no rows to draw; give one per layer");
  const int patches = grid.rows * grid.cols;
  std::vector<RowView> result;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool whole = rows[i].size == grid.tokens();
    if (rows[i].data == nullptr || (!whole && rows[i].size != patches)) {
      throw Error(
          fmt::format("row {} has {} values, but grid {} x {} needs {}, or {} with its {} "
                      "prefix tokens",
                      i, rows[i].size, grid.rows, grid.cols, patches, grid.tokens(), grid.prefix));
    }
    result.push_back({rows[i].data + (whole ? grid.prefix : 0), patches});
  }
  return result;
}

double side_for(std::size_t tiles) {
  return tiles <= 3 ? 300 : tiles <= 8 ? 230 : 180;
}

}  // namespace

void draw_layers_over_image(const std::string& path, const Image& image,
                            const std::vector<RowView>& rows, const PatchGrid& grid,
                            const FigureOptions& options) {
  file_kind(path);
  check_names(options, rows.size());
  const PatchPanel panel(image, {grid.rows, grid.cols, 0}, side_for(rows.size() + 1));
  const std::vector<RowView> layers = patch_rows(rows, grid);
  TileFigure figure;
  figure.width = panel.width();
  figure.height = panel.height();
  figure.tiles.push_back(
      {"Picture", {}, [&](Canvas& canvas, const Place& place, const ColorRange&) {
         panel.draw(canvas, {place.body.x, place.body.y}, options);
       }});
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const RowView row = layers[i];
    const auto draw = [&, row](Canvas& canvas, const Place& place, const ColorRange& range) {
      panel.draw(canvas, {place.body.x, place.body.y}, row, range, options);
    };
    figure.tiles.push_back({options.names.empty() ? fmt::format("Layer {}", i) : options.names[i],
                            {row.data, 1, row.size},
                            draw});
  }
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
