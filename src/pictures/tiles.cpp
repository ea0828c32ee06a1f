// SPDX-License-Identifier: MIT
#include "pictures/tiles.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pictures/color_bar.h"

namespace anycapture {
namespace {

constexpr double kMargin = 18;
constexpr double kGap = 18;
constexpr double kTileTitle = 22;
constexpr double kBarGap = 14;
constexpr double kHighestBar = 480;
constexpr double kLowestBar = 64;   // its labels and the legend do not touch
constexpr double kNarrowest = 240;  // figure, so that titles are not broken at every word
constexpr double kTitleLine = 23;
constexpr double kTextLine = 18;

void check_options(const FigureOptions& options) {
  if (!(options.alpha >= 0.0 && options.alpha <= 1.0)) {
    throw Error(fmt::format("alpha is {}; it must be in 0..1", options.alpha));
  }
  if (options.resolution < 1 || options.resolution > 8) {
    throw Error(fmt::format("resolution is {}; it must be in 1..8", options.resolution));
  }
  if (options.columns < 0) {
    throw Error(fmt::format("columns is {}; give 0 to have it chosen", options.columns));
  }
}

// All positions of a figure, in units of length.
class Layout {
 public:
  Layout(const TileFigure& figure, const FigureOptions& options)
      : figure_(figure), options_(options) {
    for (const Tile& tile : figure.tiles) {
      if (tile.values.rows > 0) colored_.push_back(tile.values);
      slot_ = std::max(slot_, text_width(tile.title, kTextFont));
      titled_ |= !tile.title.empty();
    }
    shared_ = range_of(colored_, options);
    slot_ = std::max(slot_, figure.width);
    if (each()) measure_tile_bars();
    const int count = static_cast<int>(figure.tiles.size());
    columns_ = options.columns > 0 ? std::min(options.columns, count)
                                   : choose_columns(count, slot_ + bar_, row_height());
    rows_ = (count + columns_ - 1) / columns_;
    if (has_shared_bar()) shared_bar_ = kBarGap + color_bar_width(shared_, bar_height());
    wrap_header();
  }

  double width() const { return 2 * kMargin + content_width(); }
  double height() const {
    const double tiles = rows_height() + figure_.bottom;
    return header_ + std::max(tiles, title_height() + bar_height()) + kMargin;
  }

  Place place(int index) const {
    const int row = index / columns_;
    const int column = index % columns_;
    const double x = kMargin + figure_.left + column * (slot_ + bar_ + kGap);
    const double y = header_ + row * (row_height() + kGap) + title_height();
    const Rect body{std::round(x + (slot_ - figure_.width) / 2), std::round(y), figure_.width,
                    figure_.height};
    const int count = static_cast<int>(figure_.tiles.size());
    return {body, column == 0, index + columns_ >= count};
  }

  Rect shared_bar() const {
    const double x = kMargin + content_width() - shared_bar_ + kBarGap;
    return {std::round(x), place(0).body.y, shared_bar_ - kBarGap, bar_height()};
  }

  ColorRange range(int index) const {
    const MapView& values = figure_.tiles[static_cast<std::size_t>(index)].values;
    return each() && values.rows > 0 ? range_of({values}, options_) : shared_;
  }

  double tile_bar_height() const { return each() ? std::max(kLowestBar, figure_.height) : 0; }
  bool each() const { return options_.scale == ColorScale::each && colored_.size() > 1; }
  bool has_shared_bar() const { return !each() && !colored_.empty(); }
  const std::vector<std::string>& title() const { return title_; }
  const std::vector<std::string>& small_print() const { return small_print_; }

 private:
  double title_height() const { return titled_ ? kTileTitle : 0; }
  double row_height() const { return title_height() + std::max(figure_.height, tile_bar_height()); }
  double rows_height() const { return rows_ * row_height() + (rows_ - 1) * kGap; }
  double bar_height() const {
    if (!has_shared_bar()) return 0;
    return std::clamp(rows_height() - title_height(), kLowestBar, kHighestBar);
  }
  double content_width() const {
    const double tiles = figure_.left + columns_ * (slot_ + bar_) + (columns_ - 1) * kGap;
    return std::max(kNarrowest, std::ceil(tiles + shared_bar_));
  }

  void measure_tile_bars() {
    for (std::size_t i = 0; i < figure_.tiles.size(); ++i) {
      bar_ = std::max(bar_, color_bar_width(range(static_cast<int>(i)), tile_bar_height()));
    }
    bar_ += kBarGap;
  }

  void wrap_header() {
    title_ = wrap(options_.title, kTitleFont, content_width());
    small_print_ = wrap(options_.subtitle, kTextFont, content_width());
    for (std::string& line : wrap(figure_.note, kTextFont, content_width())) {
      small_print_.push_back(std::move(line));
    }
    header_ = kMargin + kTitleLine * static_cast<double>(title_.size()) +
              kTextLine * static_cast<double>(small_print_.size());
    if (header_ > kMargin) header_ += 8;
  }

  const TileFigure& figure_;
  const FigureOptions& options_;
  std::vector<MapView> colored_;
  ColorRange shared_;
  std::vector<std::string> title_;
  std::vector<std::string> small_print_;
  double slot_ = 0;        // width of a tile with its title
  double bar_ = 0;         // room for a bar beside each tile
  double shared_bar_ = 0;  // room for the one bar
  double header_ = 0;
  bool titled_ = false;
  int columns_ = 1;
  int rows_ = 1;
};

void draw_header(Canvas& canvas, const Layout& layout) {
  double y = kMargin;
  for (const std::string& line : layout.title()) {
    canvas.text({kMargin, y + 14}, line, kTitleFont, Align::left);
    y += kTitleLine;
  }
  for (const std::string& line : layout.small_print()) {
    canvas.text({kMargin, y + 12}, line, kTextFont, Align::left, kFaintInk);
    y += kTextLine;
  }
}

void draw_tile(Canvas& canvas, const Tile& tile, const Layout& layout, int index, ColorMap colors) {
  const Place place = layout.place(index);
  const Rect& body = place.body;
  const ColorRange range = layout.range(index);
  canvas.text({body.centre().x, body.y - 7}, tile.title, kTextFont, Align::centre);
  tile.draw(canvas, place, range);
  if (!layout.each() || tile.values.rows == 0) return;
  const double height = layout.tile_bar_height();
  const double width = color_bar_width(range, height);
  draw_color_bar(canvas, {body.right() + 8, body.y, width, height}, range, colors);
}

}  // namespace

int choose_columns(int count, double width, double height) {
  constexpr double kGoodShape = 2.0;
  int best = 1;
  double least = 0;
  for (int columns = 1; columns <= count; ++columns) {
    const int rows = (count + columns - 1) / columns;
    const double shape = columns * (width + kGap) / (rows * (height + kGap));
    const double empty = 2.0 * (rows * columns - count) / count;
    const double cost = std::abs(std::log(shape / kGoodShape)) + empty;
    if (columns == 1 || cost < least) {
      least = cost;
      best = columns;
    }
  }
  return best;
}

void draw_tiles(const std::string& path, const TileFigure& figure, const FigureOptions& options) {
  check_options(options);
  const Layout layout(figure, options);
  Canvas canvas(path, layout.width(), std::ceil(layout.height()), options.resolution,
                options.title);
  draw_header(canvas, layout);
  for (std::size_t i = 0; i < figure.tiles.size(); ++i) {
    draw_tile(canvas, figure.tiles[i], layout, static_cast<int>(i), options.color_map);
  }
  if (layout.has_shared_bar()) {
    draw_color_bar(canvas, layout.shared_bar(), layout.range(0), options.color_map);
  }
  canvas.save();
}

}  // namespace anycapture
