// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <utility>

#include "cli/plot.h"
#include "pictures/tensor_part.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::Source;
using Kind = HeadChoice::Kind;

constexpr std::int64_t kMostTiles = 64;

// A map, what holds its values, and what to say of it.
struct HeldMap {
  MapView map;
  std::shared_ptr<const void> owner;
  std::string about;
  bool attention = false;
};

HeldMap held(TensorPart part, bool attention) {
  const auto owner = std::make_shared<const TensorPart>(std::move(part));
  return {owner->map(), owner, owner->text(), attention};
}

HeldMap mean_of_heads(const TensorPart& heads, bool attention) {
  const std::vector<MapView> maps = heads.maps();
  const std::size_t count =
      static_cast<std::size_t>(maps[0].rows) * static_cast<std::size_t>(maps[0].cols);
  auto mean = std::make_shared<std::vector<float>>(count);
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (const MapView& map : maps) sum += map.data[i];
    (*mean)[i] = static_cast<float>(sum / static_cast<double>(maps.size()));
  }
  return {{mean->data(), maps[0].rows, maps[0].cols},
          mean,
          fmt::format("mean of {} heads", maps.size()),
          attention};
}

void name_axes(FigureOptions& figure, const Source& source, bool attention) {
  if (attention) return;  // query and key
  const std::size_t rank = source.shape.size();
  figure.row_axis = fmt::format("axis {}", rank < 2 ? 0 : rank - 2);
  figure.column_axis = fmt::format("axis {}", rank - 1);
}

// One tile for each map along the first of the three axes.
void plot_tiles(const Plot& plot, const TensorPart& part, bool attention) {
  const Chosen& one = plot.chosen[0];
  if (part.shape()[0] > kMostTiles) {
    throw Error(
        fmt::format("{} has {} maps here, more than the {} that a figure holds: choose one "
                    "with --head or --index",
                    printable(one.source->key), part.shape()[0], kMostTiles));
  }
  FigureOptions figure = titled(plot.options.figure, plot, {one.call_text, part.text()});
  name_axes(figure, *one.source, attention);
  attention ? draw_heads(plot.options.out, part.maps(), figure)
            : draw_maps(plot.options.out, part.maps(), figure);
}

bool tiles_wanted(const Plot& plot, bool attention) {
  const PlotOptions& options = plot.options;
  return options.head.kind == Kind::kEach || attention || !options.index.empty();
}

// The one map of a tensor that has several: the head that was asked for, or the first.
HeldMap one_map(const Plot& plot, const Source& source, const TensorPart& heads, bool attention) {
  if (plot.options.head.kind == Kind::kMean) return mean_of_heads(heads, attention);
  std::vector<std::int64_t> index = index_for(plot, source, 3);
  index.push_back(plot.options.head.kind == Kind::kOne ? plot.options.head.head : 0);
  return held(TensorPart(source, index), attention);
}

void plot_map(const Plot& plot, const HeldMap& map) {
  FigureOptions figure = titled(plot.options.figure, plot, {plot.chosen[0].call_text, map.about});
  name_axes(figure, *plot.chosen[0].source, map.attention);
  draw_head(plot.options.out, map.map, figure);
}

void plot_one(const Plot& plot) {
  const Source& source = *plot.chosen[0].source;
  const TensorPart part(source, index_for(plot, source, 3));
  check_head(plot, source);
  if (part.rank() == 3) {
    const bool attention = is_attention(part);
    if (plot.options.head.kind <= Kind::kDefault || plot.options.head.kind == Kind::kEach) {
      if (tiles_wanted(plot, attention)) return plot_tiles(plot, part, attention);
    }
    return plot_map(plot, one_map(plot, source, part, attention));
  }
  plot_map(plot, held(part, is_attention(part)));
}

// The maps of several tensors side by side; of attention, the means of heads.
void plot_several(const Plot& plot) {
  std::vector<HeldMap> held_maps;
  for (const Chosen& one : plot.chosen) {
    const TensorPart part(*one.source, index_for(plot, *one.source, 3));
    check_head(plot, *one.source);
    if (part.rank() < 3) {
      held_maps.push_back(held(part, is_attention(part)));
    } else {
      const bool attention = is_attention(part);
      held_maps.push_back(plot.options.head.kind == Kind::kDefault && attention
                              ? mean_of_heads(part, attention)
                              : one_map(plot, *one.source, part, attention));
    }
  }
  FigureOptions figure = titled(plot.options.figure, plot, {held_maps[0].about});
  name_axes(figure, *plot.chosen[0].source, held_maps[0].attention);
  std::vector<MapView> maps;
  for (std::size_t i = 0; i < held_maps.size(); ++i) {
    maps.push_back(held_maps[i].map);
    figure.names.push_back(plot.chosen[i].source->key);
  }
  draw_maps(plot.options.out, maps, figure);
}

void plot_curves(const Plot& plot) {
  std::vector<TensorPart> parts;
  for (const Chosen& one : plot.chosen) {
    parts.emplace_back(*one.source, index_for(plot, *one.source, plot.options.curve ? 2 : 1));
  }
  FigureOptions figure =
      titled(plot.options.figure, plot,
             {plot.chosen.size() == 1 ? plot.chosen[0].call_text : "", parts[0].text()});
  name_axes(figure, *plot.chosen[0].source, false);
  std::vector<RowView> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& key = plot.chosen[i].source->key;
    if (parts[i].rank() == 1) {
      rows.push_back(parts[i].row());
      if (parts.size() > 1) figure.names.push_back(key);
      continue;
    }
    for (int row = 0; row < parts[i].map().rows; ++row) {
      rows.push_back(parts[i].map().row(row));
      figure.names.push_back(parts.size() > 1 ? fmt::format("{} [{}]", key, row)
                                              : fmt::format("[{}]", row));
    }
  }
  if (rows.size() == 1) figure.names.clear();
  draw_curves(plot.options.out, rows, figure);
}

bool is_curve(const Plot& plot, const Source& source) {
  const std::vector<std::int64_t> index = index_for(plot, source, 3);
  const auto rest = source.shape.begin() +
                    static_cast<std::ptrdiff_t>(std::min(index.size(), source.shape.size()));
  return source.shape.end() - rest == 1;
}

}  // namespace

void plot_values(const Plot& plot) {
  bool curves = plot.options.curve;
  for (const Chosen& one : plot.chosen) curves |= is_curve(plot, *one.source);
  if (curves) return plot_curves(plot);
  plot.chosen.size() == 1 ? plot_one(plot) : plot_several(plot);
}

}  // namespace cli
}  // namespace anycapture
