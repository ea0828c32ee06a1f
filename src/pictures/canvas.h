// SPDX-License-Identifier: MIT
// Drawing in units of length, of which a figure on the screen has one per pixel.
#pragma once

#include <anycapture/pictures.h>

#include <string>
#include <string_view>
#include <vector>

#include "pictures/figure_file.h"

namespace anycapture {

struct Point {
  double x, y;
};

struct Rect {
  double right() const { return x + width; }
  double bottom() const { return y + height; }
  Point centre() const { return {x + width / 2, y + height / 2}; }
  Rect moved(Point by) const { return {x + by.x, y + by.y, width, height}; }
  Rect shrunk(double by) const { return {x + by, y + by, width - 2 * by, height - 2 * by}; }

  double x, y, width, height;
};

struct Font {
  double size = 13;
  bool bold = false;
};

constexpr Font kTitleFont{17, true};
constexpr Font kTextFont{13, false};
constexpr Font kSmallFont{12, false};
constexpr Rgb kInk{0.13, 0.13, 0.13};
constexpr Rgb kFaintInk{0.35, 0.35, 0.35};
constexpr Rgb kWhite{1, 1, 1};

enum class Align { left, centre, right };

ANYCAPTURE_API double text_width(const std::string& text, Font font);
/// Lines of words that are no wider than `width`; words that are get broken. None for no text.
ANYCAPTURE_API std::vector<std::string> wrap(const std::string& text, Font font, double width);

class Canvas {
 public:
  /// White. Throws FileError.
  Canvas(const std::string& path, double width, double height, int resolution,
         const std::string& title);

  void fill(const Rect& rect, Rgb color);
  void outline(const Rect& rect, Rgb color, double line_width);
  void line(Point from, Point to, Rgb color, double line_width);
  /// Through all points, with round corners; a single one is a dot.
  void curve(const std::vector<Point>& points, Rgb color, double line_width);
  /// `at` is on the base line.
  void text(Point at, const std::string& text, Font font, Align align, Rgb color = kInk);
  /// Reads from the bottom up, centred on `at`.
  void upward_text(Point at, const std::string& text, Font font, Rgb color = kInk);
  /// `pixels` fills `rect`, without any smoothing if its size is raster_size() of the rect.
  void picture(const Rect& rect, const Image& pixels);

  /// Pixels that a picture of this length needs.
  int raster_size(double length) const;
  /// Throws FileError.
  void save() { file_.save(); }

 private:
  cairo_t* use(Rgb color);

  FigureFile file_;
  int pixels_per_unit_;
};

}  // namespace anycapture
