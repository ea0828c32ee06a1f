// SPDX-License-Identifier: MIT
#include <anycapture/pictures.h>

#include "pictures/patch_panel.h"
#include "pictures/tiles.h"

namespace anycapture {

void draw_highlight(const std::string& path, const Image& image, const std::vector<int>& tokens,
                    const PatchGrid& grid, const FigureOptions& options) {
  constexpr double kSide = 440;
  file_kind(path);
  const PatchPanel panel(image, grid, kSide);
  for (const int token : tokens) check_token(token, grid);
  TileFigure figure;
  figure.width = panel.width();
  figure.height = panel.height();
  figure.tiles.push_back({"", {}, [&](Canvas& canvas, const Place& place, const ColorRange&) {
                            const Point at{place.body.x, place.body.y};
                            panel.draw(canvas, at, options);
                            for (const int token : tokens) panel.outline(canvas, at, token);
                          }});
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
