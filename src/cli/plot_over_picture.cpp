// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "cli/plot.h"
#include "pictures/tensor_part.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::Source;
using Kind = HeadChoice::Kind;

// Values over the picture: one per token, or one per patch.
struct Layer {
  std::string name;
  std::vector<float> values;
};

struct Layers {
  std::vector<Layer> layers;
  PatchGrid grid;
  std::string about;
  std::optional<int> token;  // that looks
  bool self = false;         // at tokens of its own kind, so that it lies on the grid too
};

bool token_given(const PlotOptions& options) {
  return options.token || options.patch;
}

int token_of(const PlotOptions& options, const PatchGrid& grid, const std::string& key) {
  if (options.token) return *options.token;
  if (options.patch) {
    const auto [row, column] = *options.patch;
    if (row >= 0 && row < grid.rows && column >= 0 && column < grid.cols) {
      return grid.prefix + row * grid.cols + column;
    }
    throw Error(fmt::format("there is no patch {},{} in the grid of {} x {}", row, column,
                            grid.rows, grid.cols));
  }
  if (grid.prefix > 0) return 0;  // CLS
  throw Error(
      fmt::format("whose attention? {} has no token in front of its {} x {} patches: give "
                  "--token N or --patch ROW,COLUMN",
                  printable(key), grid.rows, grid.cols));
}

std::string token_text(int token, bool self, const PatchGrid& grid, const FigureOptions& figure) {
  if (self && token < grid.prefix && static_cast<std::size_t>(token) < figure.prefix_names.size()) {
    return fmt::format("attention of {} (token {})",
                       figure.prefix_names[static_cast<std::size_t>(token)], token);
  }
  return fmt::format("attention of token {}", token);
}

std::vector<float> copied(RowView row) {
  return {row.data, row.data + row.size};
}

std::vector<float> mean_row(const std::vector<MapView>& heads, int token) {
  std::vector<float> mean(static_cast<std::size_t>(heads[0].cols));
  for (std::size_t i = 0; i < mean.size(); ++i) {
    double sum = 0;
    for (const MapView& head : heads) sum += head.row(token).data[i];
    mean[i] = static_cast<float>(sum / static_cast<double>(heads.size()));
  }
  return mean;
}

void check_query(int token, const MapView& map, const std::string& key) {
  if (token >= 0 && token < map.rows) return;
  throw Error(fmt::format("there is no token {} among the {} of {}: give 0 to {}", token, map.rows,
                          printable(key), map.rows - 1));
}

// The rows of one token, in each head or in their mean.
void add_rows(Layers& layers, const std::vector<MapView>& heads, int token, const Chosen& one,
              const HeadChoice& choice) {
  check_query(token, heads[0], one.source->key);
  if (choice.kind == Kind::kEach) {
    for (std::size_t i = 0; i < heads.size(); ++i) {
      layers.layers.push_back({fmt::format("Head {}", i), copied(heads[i].row(token))});
    }
    return;
  }
  layers.layers.push_back({one.key, mean_row(heads, token)});
}

// What the options leave of a tensor, as maps.
struct Maps {
  TensorPart part;
  std::vector<MapView> maps;
  std::string about;
};

Maps maps_of(const Plot& plot, const Source& source) {
  check_head(plot, source);
  std::vector<std::int64_t> index = index_for(plot, source, 3);
  const bool one_head = plot.options.head.kind == Kind::kOne;
  if (one_head) index.push_back(plot.options.head.head);
  TensorPart part(source, index);
  std::vector<MapView> maps;
  std::string about;
  if (part.rank() == 3) {
    maps = part.maps();
    if (plot.options.head.kind != Kind::kEach && maps.size() > 1) {
      about = fmt::format("mean of {} heads", maps.size());
    }
  } else if (part.rank() == 2) {
    maps = {part.map()};
    if (one_head) about = fmt::format("head {}", plot.options.head.head);
  }
  return {std::move(part), std::move(maps), std::move(about)};
}

// A map of the picture itself, such as a channel of a convolution.
void add_plane(Layers& layers, const Plot& plot, const Chosen& one, const Maps& maps) {
  const bool each = plot.options.head.kind == Kind::kEach || !plot.options.index.empty();
  for (std::size_t i = 0; i < (each ? maps.maps.size() : 1); ++i) {
    const MapView& map = maps.maps[i];
    const std::size_t count =
        static_cast<std::size_t>(map.rows) * static_cast<std::size_t>(map.cols);
    layers.layers.push_back({maps.maps.size() > 1 && each ? fmt::format("[{}]", i) : one.key,
                             {map.data, map.data + count}});
  }
  layers.grid = {maps.maps[0].rows, maps.maps[0].cols, 0};
  layers.about = maps.part.text();
}

std::string of_batch(const Plot& plot, const Source& source) {
  const std::vector<std::int64_t> index = index_for(plot, source, 3);
  if (index.empty() || source.shape[0] == 1) return "";
  return fmt::format(", {} of a batch of {}", index[0], source.shape[0]);
}

void add_layers(Layers& layers, const Plot& plot, const Chosen& one) {
  const Maps maps = maps_of(plot, *one.source);
  const std::string& key = one.source->key;
  if (maps.maps.empty()) {  // a row already, such as rollout
    layers.grid = patch_grid(maps.part.row().size, plot.options.patches, plot.metadata, key);
    layers.layers.push_back({one.key, copied(maps.part.row())});
    layers.about = maps.part.text();
    return;
  }
  if (!token_given(plot.options) && !plot.options.top && !is_attention(maps.part)) {
    return add_plane(layers, plot, one, maps);
  }
  const MapView& first = maps.maps[0];
  layers.grid = patch_grid(first.cols, plot.options.patches, plot.metadata, key);
  const int token = token_of(plot.options, layers.grid, key);
  add_rows(layers, maps.maps, token, one, plot.options.head);
  layers.about = maps.about + of_batch(plot, *one.source);
  layers.token = token;
  layers.self = first.rows == first.cols;
}

std::vector<int> strongest(const std::vector<float>& values, const PatchGrid& grid, int count) {
  std::vector<int> tokens(static_cast<std::size_t>(grid.rows * grid.cols));
  const int first = static_cast<int>(values.size()) == grid.tokens() ? grid.prefix : 0;
  std::iota(tokens.begin(), tokens.end(), 0);
  const auto value = [&](int patch) {
    const float there = values[static_cast<std::size_t>(first + patch)];
    return std::isfinite(there) ? there : -INFINITY;
  };
  std::stable_sort(tokens.begin(), tokens.end(), [&](int a, int b) { return value(a) > value(b); });
  tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(count)));
  for (int& token : tokens) token += grid.prefix;
  return tokens;
}

void name_prefix(FigureOptions& figure, const Plot& plot, const PatchGrid& grid) {
  const auto& tokens = plot.metadata.tokens;
  if (tokens.size() < static_cast<std::size_t>(std::max(1, grid.prefix)) || grid.prefix == 0)
    return;
  figure.prefix_names.assign(tokens.begin(), tokens.begin() + grid.prefix);
}

void check_tiles(const Layers& layers) {
  constexpr std::size_t kMost = 64;
  if (layers.layers.size() <= kMost) return;
  throw Error(
      fmt::format("these are {} tiles, more than the {} that a figure holds: choose one "
                  "with --head or --index",
                  layers.layers.size(), kMost));
}

}  // namespace

void plot_over_picture(const Plot& plot) {
  const PlotOptions& options = plot.options;
  Layers layers;
  for (const Chosen& one : plot.chosen) add_layers(layers, plot, one);
  check_tiles(layers);
  const std::int64_t batch = options.index.empty() ? 0 : options.index[0];
  const PatchPicture picture =
      patch_picture(layers.grid, options.patches, plot.tensors.sources, plot.metadata, batch);
  if (!picture.warning.empty()) fmt::print(stderr, "anycapture: warning: {}\n", picture.warning);
  FigureOptions figure = options.figure;
  if (picture.blank) figure.alpha = 1;
  name_prefix(figure, plot, layers.grid);
  const auto with_titles = [&](const std::string& what) {
    const std::string call = plot.chosen.size() == 1 ? plot.chosen[0].call_text : "";
    return titled(figure, plot, {call, what, layers.about});
  };
  if (!options.highlight.empty()) {
    return draw_highlight(options.out, picture.image, options.highlight, layers.grid,
                          with_titles(""));
  }
  if (options.top) {
    return draw_highlight(options.out, picture.image,
                          strongest(layers.layers[0].values, layers.grid, *options.top),
                          layers.grid, with_titles(fmt::format("the {} largest", *options.top)));
  }
  if (layers.self && layers.layers.size() == 1) {
    return draw_grid_to_grid(options.out, picture.image, layers.layers[0].values, *layers.token,
                             layers.grid, with_titles(""));
  }
  FigureOptions tiled = with_titles(
      layers.token ? token_text(*layers.token, layers.self, layers.grid, figure) : std::string());
  std::vector<RowView> rows;
  for (const Layer& layer : layers.layers) {
    rows.emplace_back(layer.values);
    tiled.names.push_back(layer.name);
  }
  draw_layers_over_image(options.out, picture.image, rows, layers.grid, tiled);
}

}  // namespace cli
}  // namespace anycapture
