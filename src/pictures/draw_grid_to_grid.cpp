// SPDX-License-Identifier: MIT
#include <anycapture/pictures.h>

#include <fmt/format.h>

#include "pictures/patch_panel.h"
#include "pictures/tiles.h"

namespace anycapture {
namespace {

std::string describe(int token, const PatchGrid& grid, const FigureOptions& options) {
  if (token < grid.prefix) return fmt::format("{} (token {})", prefix_name(token, options), token);
  const int patch = token - grid.prefix;
  return fmt::format("row {}, column {} (token {})", patch / grid.cols, patch % grid.cols, token);
}

}  // namespace

void draw_grid_to_grid(const std::string& path, const Image& image, RowView row, int query,
                       const PatchGrid& grid, const FigureOptions& options) {
  constexpr double kSide = 400;
  file_kind(path);
  const PatchPanel panel(image, grid, kSide);
  check_row(row, grid);
  check_token(query, grid);
  const auto draw_query = [&](Canvas& canvas, const Place& place, const ColorRange&) {
    const Point at{place.body.x, place.body.y};
    panel.draw(canvas, at, options);
    panel.outline(canvas, at, query);
  };
  const auto draw_row = [&](Canvas& canvas, const Place& place, const ColorRange& range) {
    const Point at{place.body.x, place.body.y};
    panel.draw(canvas, at, row, range, options);
    panel.outline(canvas, at, query);
  };
  TileFigure figure;
  figure.width = panel.width();
  figure.height = panel.height();
  figure.tiles.push_back({"Query: " + describe(query, grid, options), {}, draw_query});
  figure.tiles.push_back({"Its attention to all tokens", {row.data, 1, row.size}, draw_row});
  FigureOptions arranged = options;
  const bool wide = panel.width() > 2.5 * panel.height();
  if (arranged.columns == 0) arranged.columns = wide ? 1 : 2;
  draw_tiles(path, figure, arranged);
}

}  // namespace anycapture
