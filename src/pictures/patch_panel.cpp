// SPDX-License-Identifier: MIT
#include "pictures/patch_panel.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pictures/color_bar.h"
#include "pictures/image_check.h"
#include "pictures/paint.h"

namespace anycapture {
namespace {

constexpr double kSmallestPrefixSide = 50;  // a name and most numbers fit
constexpr double kSquaresFrom = 2.5;        // times enlarged, at which pixels stay squares
constexpr double kPrefixGap = 10;
constexpr Rgb kOutline{0.9, 0.1, 0.1};
constexpr Rgb kEmptyCell{0.93, 0.93, 0.93};

void check_grid(const PatchGrid& grid) {
  if (grid.rows > 0 && grid.cols > 0 && grid.prefix >= 0) return;
  throw Error(
      fmt::format("a grid of {} x {} patches with {} prefix tokens; at least one patch is needed",
                  grid.rows, grid.cols, grid.prefix));
}

// So large that the text is at most `width` wide.
Font fitted(const std::string& text, Font font, double width) {
  font.size *= std::min(1.0, width / std::max(1.0, text_width(text, font)));
  return font;
}

bool is_dark(Rgb color) {
  return 0.299 * color.red + 0.587 * color.green + 0.114 * color.blue < 0.5;
}

}  // namespace

PatchPanel::PatchPanel(const Image& image, const PatchGrid& grid, double target)
    : image_(image), grid_(grid) {
  check_image(image);
  check_grid(grid);
  double scale = target / std::max(image.width, image.height);
  squares_ = scale >= kSquaresFrom;
  if (squares_) scale = std::round(scale);  // all of one size
  const auto whole = [](double length, int cells) {
    return cells * std::max(1.0, std::round(length / cells));
  };
  picture_ = {0, 0, whole(image.width * scale, grid.cols), whole(image.height * scale, grid.rows)};
  if (grid.prefix == 0) return;
  prefix_side_ = std::max(kSmallestPrefixSide,
                          std::min(picture_.width / grid.cols, picture_.height / grid.rows));
  prefix_rows_ = std::max(1, static_cast<int>(picture_.height / prefix_side_));
  const int columns = (grid.prefix + prefix_rows_ - 1) / prefix_rows_;
  picture_.x = columns * prefix_side_ + kPrefixGap;
}

double PatchPanel::height() const {
  return std::max(picture_.height, prefix_side_);
}

Rect PatchPanel::cell(int token) const {
  if (token < grid_.prefix) {
    const int column = token / prefix_rows_;
    const int row = token % prefix_rows_;
    return {column * prefix_side_, row * prefix_side_, prefix_side_, prefix_side_};
  }
  const int patch = token - grid_.prefix;
  const double width = picture_.width / grid_.cols;
  const double height = picture_.height / grid_.rows;
  return {picture_.x + patch % grid_.cols * width, picture_.y + patch / grid_.cols * height, width,
          height};
}

void PatchPanel::draw(Canvas& canvas, Point at, const FigureOptions& options) const {
  const Rect picture = picture_.moved(at);
  canvas.picture(picture, picture_pixels(canvas));
  for (int token = 0; token < grid_.prefix; ++token) {
    draw_prefix(canvas, at, token, kEmptyCell, {prefix_name(token, options)});
  }
}

void PatchPanel::draw(Canvas& canvas, Point at, RowView row, const ColorRange& range,
                      const FigureOptions& options) const {
  const Rect picture = picture_.moved(at);
  Image pixels = picture_pixels(canvas);
  make_grey(pixels);  // or its colours would mix with those of the values
  paint_over(pixels, {row.data + grid_.prefix, grid_.rows, grid_.cols}, range, options);
  canvas.picture(picture, pixels);
  for (int token = 0; token < row.size; ++token) {
    const bool finite = std::isfinite(row.data[token]);
    if (token < grid_.prefix) {
      const Rgb color = finite ? color_at(options.color_map, range.place(row.data[token]))
                               : not_finite_color(options.color_map);
      draw_prefix(canvas, at, token, color,
                  {prefix_name(token, options), fmt::format("{:.2g}", row.data[token])});
    } else if (!finite) {
      cross_out(canvas, cell(token).moved(at));
    }
  }
}

void PatchPanel::outline(Canvas& canvas, Point at, int token) const {
  const Rect rect = cell(token).moved(at);
  canvas.outline(rect, kWhite, 5);  // parts the colour from a picture that is red itself
  canvas.outline(rect, kOutline, 2.5);
}

Image PatchPanel::picture_pixels(const Canvas& canvas) const {
  const int width = canvas.raster_size(picture_.width);
  const int height = canvas.raster_size(picture_.height);
  return squares_ ? enlarge(image_, width, height) : resize(image_, width, height);
}

void PatchPanel::draw_prefix(Canvas& canvas, Point at, int token, Rgb color,
                             const std::vector<std::string>& lines) const {
  constexpr double kLine = 14;
  const Rect rect = cell(token).moved(at);
  canvas.fill(rect, color);
  canvas.outline(rect, kInk, 0.8);
  double y = rect.centre().y + 4 - kLine / 2 * static_cast<double>(lines.size() - 1);
  for (const std::string& line : lines) {
    canvas.text({rect.centre().x, y}, line, fitted(line, kSmallFont, rect.width - 6), Align::centre,
                is_dark(color) ? kWhite : kInk);
    y += kLine;
  }
}

std::string prefix_name(int token, const FigureOptions& options) {
  const auto index = static_cast<std::size_t>(token);
  return index < options.prefix_names.size() ? options.prefix_names[index]
                                             : fmt::format("T{}", token);
}

void check_row(RowView row, const PatchGrid& grid) {
  if (row.data != nullptr && row.size == grid.tokens()) return;
  throw Error(fmt::format("row has {} values, but grid {} x {} with {} prefix token{} needs {}",
                          row.size, grid.rows, grid.cols, grid.prefix, grid.prefix == 1 ? "" : "s",
                          grid.tokens()));
}

void check_token(int token, const PatchGrid& grid) {
  if (token >= 0 && token < grid.tokens()) return;
  throw Error(fmt::format("there is no token {}; grid {} x {} with {} prefix token{} has 0 to {}",
                          token, grid.rows, grid.cols, grid.prefix, grid.prefix == 1 ? "" : "s",
                          grid.tokens() - 1));
}

}  // namespace anycapture
