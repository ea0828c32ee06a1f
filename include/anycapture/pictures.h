// SPDX-License-Identifier: MIT
// Figures of attention and other values, from plain floats. Each draw_ function writes one file:
// PNG, SVG or PDF, by the path's ending. They throw `Error` when sizes do not fit together and
// `FileError` when the ending is another one or the file cannot be written; the file is replaced
// whole, or left as it was. The same input gives the same bytes.
#pragma once

#include <anycapture/api.h>
#include <anycapture/image.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anycapture {

/// A row of attention, one value per token, not owned.
struct RowView {
  RowView() = default;
  RowView(const float* row, int count) : data(row), size(count) {}
  RowView(const std::vector<float>& row)  // NOLINT: implicit, as string_view is from string
      : data(row.data()), size(static_cast<int>(row.size())) {}

  const float* data = nullptr;
  int size = 0;
};

/// A matrix of attention, shape (rows, cols), row-major without gaps, not owned: row q holds how
/// much token q attends to each token.
struct MapView {
  RowView row(int index) const {
    return {data + static_cast<std::size_t>(index) * static_cast<std::size_t>(cols), cols};
  }

  const float* data = nullptr;
  int rows = 0;
  int cols = 0;
};

/// How tokens lie over a picture: `prefix` tokens of no place (CLS first, then registers), then
/// rows x cols patches, row by row. Patch (r, c) is token prefix + r * cols + c.
struct PatchGrid {
  int tokens() const { return prefix + rows * cols; }

  int rows = 0;
  int cols = 0;
  int prefix = 1;
};

enum class ColorMap { viridis, magma, grey };

/// How values spread over the picture's pixels.
enum class Overlay {
  cells,   ///< one flat colour per patch: what was measured, no more
  smooth,  ///< bilinear between the patches' centres, never outside of their values
};

/// Whose smallest and largest value the colours span.
enum class ColorScale {
  shared,  ///< of all tiles: tiles can be compared, one colour bar
  each,    ///< of each tile: shows structure in faint ones, a colour bar per tile
};

struct FigureOptions {
  std::string title;
  std::string subtitle;
  ColorMap color_map = ColorMap::viridis;
  ColorScale scale = ColorScale::shared;
  /// Values at the two ends of the colours, the smaller one first; what lies beyond gets the end's
  /// colour, and the bar says so. Left out: the smallest, or 0 if it is near it, and the largest.
  /// Where one token takes nearly all attention, `{0, 0.05f}` or so shows the others.
  std::optional<std::pair<float, float>> limits;
  Overlay overlay = Overlay::cells;
  double alpha = 0.6;  ///< opacity of the colours over the picture, 0..1
  int columns = 0;     ///< tiles side by side; 0 chooses
  int resolution = 1;  ///< pixels per unit of length in PNG, 1..8; 2 or 3 suits print
  std::vector<std::string> prefix_names = {"CLS"};  ///< further ones are `T1`, `T2` ...
  /// Of the tiles or curves, in place of `Head 0`, `Layer 0` ...; left out, or one for each.
  std::vector<std::string> names;
  std::string row_axis = "query";   ///< what the rows of a map are
  std::string column_axis = "key";  ///< what its columns are, or the values of a curve
};

/// One head as a heat map with token indexes along the axes and a colour bar.
/// `map`: any shape, at least (1, 1). Cells that are NaN or infinite are marked, not coloured.
ANYCAPTURE_API void draw_head(const std::string& path, MapView map,
                              const FigureOptions& options = {});

/// All heads of a layer, `Head 0` ..., and `Mean of heads` as the last tile.
/// `heads`: one map per head, all of one shape.
ANYCAPTURE_API void draw_heads(const std::string& path, const std::vector<MapView>& heads,
                               const FigureOptions& options = {});

/// Maps of one shape side by side, `0`, `1` ... or options.names.
ANYCAPTURE_API void draw_maps(const std::string& path, const std::vector<MapView>& maps,
                              const FigureOptions& options = {});

/// Values over their index as lines in one frame, with a legend when options.names are given; NaN
/// and infinities are gaps. `curves`: 1 to 7, which is how many colours can be told apart, of any
/// lengths. options.limits are the ends of the vertical axis.
ANYCAPTURE_API void draw_curves(const std::string& path, const std::vector<RowView>& curves,
                                const FigureOptions& options = {});

/// Where one token looks: left the picture with the token `query` outlined, right the picture in
/// grey under the colours of `row`, how much it attends to each token. Prefix tokens are cells
/// beside the picture, with their value, on the same scale as the patches.
///
/// `image`: what the model saw, any size; `row`: grid.tokens() values; `query`: 0 is the first
/// prefix token.
ANYCAPTURE_API void draw_grid_to_grid(const std::string& path, const Image& image, RowView row,
                                      int query, const PatchGrid& grid,
                                      const FigureOptions& options = {});

/// The picture with `tokens` outlined; prefix tokens are cells beside it.
ANYCAPTURE_API void draw_highlight(const std::string& path, const Image& image,
                                   const std::vector<int>& tokens, const PatchGrid& grid,
                                   const FigureOptions& options = {});

/// The picture, then one tile per layer, `Layer 0` ..., with its row over the picture in grey.
///
/// `rows`: one per layer, such as the CLS token's row averaged over heads, or rollout; either
/// grid.tokens() values, of which the prefix tokens' are left out, or one per patch.
ANYCAPTURE_API void draw_layers_over_image(const std::string& path, const Image& image,
                                           const std::vector<RowView>& rows, const PatchGrid& grid,
                                           const FigureOptions& options = {});

/// The colour of a map at `t`, 0..1; outside of that, the end's colour.
struct Rgb {
  double red, green, blue;  ///< 0..1, sRGB
};
ANYCAPTURE_API Rgb color_at(ColorMap map, double t);

}  // namespace anycapture
