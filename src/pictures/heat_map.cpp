// SPDX-License-Identifier: MIT
#include "pictures/heat_map.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pictures/axis.h"
#include "pictures/color_bar.h"
#include "pictures/paint.h"

namespace anycapture {
namespace {

constexpr double kThinnest = 40;  // side of a map of few rows or columns

double cell_size(int cells, double wanted) {
  return std::max(wanted, std::ceil(kThinnest / cells));
}

}  // namespace

HeatMap::HeatMap(MapView map, double target) : map_(map) {
  if (map.data == nullptr || map.rows < 1 || map.cols < 1) {
    throw Error(fmt::format("a map of {} x {} values; at least one row and one column are needed",
                            map.rows, map.cols));
  }
  const double longer = std::max(map.rows, map.cols);
  factor_ = static_cast<int>(std::ceil(longer / (1.5 * target)));
  if (factor_ > 1) shrunk_ = shrink(map, factor_);
  const double cell = std::max(1.0, std::round(target * factor_ / longer));
  cell_width_ = cell_size(shown().cols, cell);
  cell_height_ = cell_size(shown().rows, cell);
}

MapView HeatMap::shown() const {
  if (factor_ == 1) return map_;
  const auto blocks = [this](int cells) { return (cells + factor_ - 1) / factor_; };
  return {shrunk_.data(), blocks(map_.rows), blocks(map_.cols)};
}

void HeatMap::draw(Canvas& canvas, const Place& place, const ColorRange& range,
                   const FigureOptions& options) const {
  const Rect& body = place.body;
  const MapView map = shown();
  canvas.picture(body, paint_map(map, range, options.color_map, canvas.raster_size(body.width),
                                 canvas.raster_size(body.height)));
  for (int row = 0; row < map.rows; ++row) {
    for (int col = 0; col < map.cols; ++col) {
      if (std::isfinite(map.row(row).data[col])) continue;
      cross_out(canvas, {body.x + col * cell_width_, body.y + row * cell_height_, cell_width_,
                         cell_height_});
    }
  }
  canvas.outline(body, kInk, 0.8);
  if (place.leftmost) draw_left_axis(canvas, body, options.row_axis);
  if (place.lowest) draw_bottom_axis(canvas, body, options.column_axis);
}

void HeatMap::draw_left_axis(Canvas& canvas, const Rect& body, const std::string& name) const {
  for (const int index : index_ticks(map_.rows, body.height)) {
    const double y = body.y + (index + 0.5) * body.height / map_.rows;
    canvas.line({body.x - kTickLength, y}, {body.x, y}, kInk, 0.8);
    canvas.text({body.x - 7, y + 4}, std::to_string(index), kSmallFont, Align::right);
  }
  canvas.upward_text({body.x - left_axis_room(map_.rows) + 12, body.centre().y}, name, kSmallFont);
}

void HeatMap::draw_bottom_axis(Canvas& canvas, const Rect& body, const std::string& name) const {
  for (const int index : index_ticks(map_.cols, body.width)) {
    const double x = body.x + (index + 0.5) * body.width / map_.cols;
    canvas.line({x, body.bottom()}, {x, body.bottom() + kTickLength}, kInk, 0.8);
    canvas.text({x, body.bottom() + 17}, std::to_string(index), kSmallFont, Align::centre);
  }
  canvas.text({body.centre().x, body.bottom() + 34}, name, kSmallFont, Align::centre);
}

double left_axis_room(int rows) {
  return 28 + text_width(std::to_string(rows), kSmallFont);
}

std::string shrink_note(int factor) {
  if (factor == 1) return "";
  return fmt::format("each point is the mean of {0} x {0} values", factor);
}

}  // namespace anycapture
