// SPDX-License-Identifier: MIT
// A picture divided into the model's patches, with a cell for each prefix token left of it.
#pragma once

#include <string>
#include <vector>

#include "pictures/canvas.h"
#include "pictures/color_range.h"

namespace anycapture {

/// Positions are relative to the panel's upper left corner.
class ANYCAPTURE_API PatchPanel {
 public:
  /// The picture's longer side becomes about `target` long, and its cells whole units.
  /// Throws Error when the image or the grid is empty.
  PatchPanel(const Image& image, const PatchGrid& grid, double target);

  double width() const { return picture_.right(); }
  double height() const;
  const Rect& picture() const { return picture_; }
  /// Where a token is: a patch of the picture, or a prefix token's own cell.
  Rect cell(int token) const;

  /// The picture as it is; prefix cells are empty.
  void draw(Canvas& canvas, Point at, const FigureOptions& options) const;
  /// The picture under the colours of a row of grid.tokens() values; prefix cells have the plain
  /// colour of their value and the value.
  void draw(Canvas& canvas, Point at, RowView row, const ColorRange& range,
            const FigureOptions& options) const;
  void outline(Canvas& canvas, Point at, int token) const;

 private:
  Image picture_pixels(const Canvas& canvas) const;
  void draw_prefix(Canvas& canvas, Point at, int token, Rgb color,
                   const std::vector<std::string>& lines) const;

  const Image& image_;
  PatchGrid grid_;
  Rect picture_{};
  bool squares_ = false;  // the picture is enlarged so much that its pixels are shown as such
  double prefix_side_ = 0;
  int prefix_rows_ = 0;
};

/// `CLS`, or `T3` where options.prefix_names has no name.
std::string prefix_name(int token, const FigureOptions& options);

/// Throw Error.
void check_row(RowView row, const PatchGrid& grid);
void check_token(int token, const PatchGrid& grid);

}  // namespace anycapture
