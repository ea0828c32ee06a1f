// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/pictures.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pictures/axis.h"
#include "pictures/same_shape.h"
#include "pictures/tiles.h"

namespace anycapture {
namespace {

constexpr double kWidth = 640;
constexpr double kHeight = 300;
constexpr double kLegendLine = 18;
constexpr double kLegendGap = 16;
constexpr double kSample = 20;  // of a curve's line in the legend
constexpr Rgb kGrid{0.9, 0.9, 0.9};
// M. Okabe and K. Ito, "Color Universal Design", without the yellow, which white swallows.
constexpr Rgb kColors[] = {{0.0, 0.447, 0.698}, {0.835, 0.369, 0.0}, {0.0, 0.62, 0.451},
                           {0.8, 0.475, 0.655}, {0.902, 0.624, 0.0}, {0.337, 0.706, 0.914},
                           {0.0, 0.0, 0.0}};

void check_curves(const std::vector<RowView>& curves) {
  if (curves.empty() || curves.size() > std::size(kColors)) {
    throw Error(
        fmt::format("{} curves; 1 to {} can be told apart", curves.size(), std::size(kColors)));
  }
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].data != nullptr && curves[i].size > 0) continue;
    throw Error(fmt::format("curve {} has no values; give at least one", i));
  }
}

struct Axes {
  double low, high;  // of the values
  int count;         // of the longest curve
};

// Round values at both ends, with what is drawn between them.
Axes axes_of(const std::vector<RowView>& curves, const FigureOptions& options) {
  std::vector<MapView> maps;
  int count = 0;
  for (const RowView& curve : curves) {
    maps.push_back({curve.data, 1, curve.size});
    count = std::max(count, curve.size);
  }
  const ColorRange range = range_of(maps, options);
  if (options.limits) return {range.low, range.high, count};
  const double step = round_step((range.high - range.low) / 5);
  return {step * std::floor(range.low / step), step * std::ceil(range.high / step), count};
}

class Frame {
 public:
  Frame(const Rect& body, const Axes& axes) : body_(body), axes_(axes) {}

  double x(int index) const {
    return axes_.count == 1 ? body_.centre().x : body_.x + index * body_.width / (axes_.count - 1);
  }
  double y(double value) const {
    const double place = (value - axes_.low) / (axes_.high - axes_.low);
    return body_.bottom() - std::clamp(place, 0.0, 1.0) * body_.height;
  }

 private:
  Rect body_;
  Axes axes_;
};

// Of many values in a column of the picture, the first, the least, the greatest and the last: the
// line looks the same.
std::vector<int> thinned(RowView curve, int from, int to) {
  constexpr int kColumns = static_cast<int>(4 * kWidth);
  std::vector<int> kept;
  const int column = std::max(1, curve.size / kColumns);
  for (int start = from; start < to; start += column) {
    const int end = std::min(to, start + column);
    const auto [least, greatest] = std::minmax_element(curve.data + start, curve.data + end);
    int places[] = {start, static_cast<int>(least - curve.data),
                    static_cast<int>(greatest - curve.data), end - 1};
    std::sort(std::begin(places), std::end(places));
    kept.insert(kept.end(), std::begin(places), std::unique(std::begin(places), std::end(places)));
  }
  return kept;
}

void draw_curve(Canvas& canvas, const Frame& frame, RowView curve, Rgb color) {
  constexpr double kLineWidth = 1.6;
  int from = 0;
  while (from < curve.size) {
    int to = from;
    while (to < curve.size && std::isfinite(curve.data[to])) ++to;
    std::vector<Point> points;
    for (const int index : thinned(curve, from, to)) {
      points.push_back({frame.x(index), frame.y(curve.data[index])});
    }
    canvas.curve(points, color, kLineWidth);
    from = to + 1;
  }
}

std::string label(double value, double step) {
  return fmt::format("{:.4g}", std::abs(value) < 1e-9 * step ? 0.0 : value);
}

void draw_axes(Canvas& canvas, const Rect& body, const Axes& axes, const Frame& frame,
               const std::string& name) {
  for (const double value : value_ticks(axes.low, axes.high, body.height)) {
    const double y = frame.y(value);
    canvas.line({body.x, y}, {body.right(), y}, kGrid, 1);
    canvas.text({body.x - 7, y + 4}, label(value, axes.high - axes.low), kSmallFont, Align::right);
  }
  for (const int index : index_ticks(axes.count, body.width)) {
    const double x = frame.x(index);
    canvas.line({x, body.bottom()}, {x, body.bottom() + kTickLength}, kInk, 0.8);
    canvas.text({x, body.bottom() + 17}, std::to_string(index), kSmallFont, Align::centre);
  }
  canvas.text({body.centre().x, body.bottom() + 34}, name, kSmallFont, Align::centre);
  canvas.outline(body, kInk, 0.8);
}

void draw_legend(Canvas& canvas, Point at, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double y = at.y + kLegendLine * (static_cast<double>(i) + 0.5);
    canvas.curve({{at.x, y}, {at.x + kSample, y}}, kColors[i], 2);
    canvas.text({at.x + kSample + 7, y + 4}, names[i], kSmallFont, Align::left);
  }
}

double legend_width(const std::vector<std::string>& names) {
  double widest = 0;
  for (const std::string& name : names) widest = std::max(widest, text_width(name, kSmallFont));
  return names.empty() ? 0 : kLegendGap + kSample + 7 + widest;
}

double left_room(const Axes& axes) {
  double widest = 0;
  for (const double value : value_ticks(axes.low, axes.high, kHeight)) {
    widest = std::max(widest, text_width(label(value, axes.high - axes.low), kSmallFont));
  }
  return widest + 12;
}

std::string gaps_note(const std::vector<RowView>& curves) {
  std::ptrdiff_t missing = 0;
  for (const RowView& curve : curves) {
    missing += std::count_if(curve.data, curve.data + curve.size,
                             [](float value) { return !std::isfinite(value); });
  }
  if (missing == 0) return "";
  return missing == 1 ? "1 value is not finite: a gap"
                      : fmt::format("{} values are not finite: gaps", missing);
}

}  // namespace

void draw_curves(const std::string& path, const std::vector<RowView>& curves,
                 const FigureOptions& options) {
  file_kind(path);
  check_curves(curves);
  check_names(options, curves.size());
  const Axes axes = axes_of(curves, options);
  const double legend = kLegendLine * static_cast<double>(options.names.size());
  TileFigure figure;
  figure.width = kWidth + legend_width(options.names);
  figure.height = std::max(kHeight, legend);
  figure.left = left_room(axes);
  figure.bottom = 38;
  figure.note = gaps_note(curves);
  figure.tiles.push_back({"", {}, [&](Canvas& canvas, const Place& place, const ColorRange&) {
                            const Rect body{place.body.x, place.body.y, kWidth, place.body.height};
                            const Frame frame(body, axes);
                            draw_axes(canvas, body, axes, frame, options.column_axis);
                            for (std::size_t i = 0; i < curves.size(); ++i) {
                              draw_curve(canvas, frame, curves[i], kColors[i]);
                            }
                            draw_legend(canvas, {body.right() + kLegendGap, body.y}, options.names);
                          }});
  draw_tiles(path, figure, options);
}

}  // namespace anycapture
