// SPDX-License-Identifier: MIT
// What the kinds of figures that `anycapture plot` draws share.
#pragma once

#include <anycapture/metadata.h>
#include <anycapture/pictures.h>
#include <anycapture/safetensors.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/tensors.h"
#include "pictures/patch_picture.h"

namespace anycapture {
namespace cli {

/// Which head: one, `mean` of all, or a tile for `each`. Left out, the figure chooses.
struct HeadChoice {
  enum class Kind : char { kDefault, kOne, kMean, kEach };

  Kind kind = Kind::kDefault;
  std::int64_t head = 0;
};

struct PlotOptions {
  std::string file;
  std::string key;
  std::string out;
  std::vector<std::int64_t> index;  ///< of the first axes, the batch first
  HeadChoice head;
  bool curve = false;
  bool over = false;  ///< over the picture
  std::optional<int> token;
  std::optional<std::array<int, 2>> patch;  ///< row and column
  std::vector<int> highlight;
  std::optional<int> top;
  PatchOptions patches;
  FigureOptions figure;
};

/// A tensor to draw.
struct Chosen {
  const safetensors::Source* source;
  std::string key;        ///< without the call
  std::string call_text;  ///< `call 0 of 3`, where there are several
};

struct Plot {
  const PlotOptions& options;
  const Tensors& tensors;
  const CaptureMetadata& metadata;
  const std::vector<Chosen>& chosen;  ///< at least one
};

/// Writes options.out. Throws Error, and FileError.
void plot(const PlotOptions& options, const Tensors& tensors);

/// options.index, completed with zeros until at most `rest` axes are left.
std::vector<std::int64_t> index_for(const Plot& plot, const safetensors::Source& source,
                                    std::size_t rest);
/// Throws Error when a head is asked for and no axis of heads is left.
void check_head(const Plot& plot, const safetensors::Source& source);
/// The figure with a title, and a subtitle of the parts that have text, where it has none.
FigureOptions titled(FigureOptions figure, const Plot& plot, const std::vector<std::string>& about);

/// Heat maps and curves.
void plot_values(const Plot& plot);
/// Rows and maps over a picture, and tokens outlined in it.
void plot_over_picture(const Plot& plot);

}  // namespace cli
}  // namespace anycapture
