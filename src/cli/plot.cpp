// SPDX-License-Identifier: MIT
// `anycapture plot`: a tensor as a picture.
#include "cli/plot.h"

#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>

#include "cli/command.h"
#include "cli/keys.h"
#include "cli/plot_options.h"
#include "core/key.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::Source;

// One source a key, its first call, unless a call is named: `key#1`.
std::vector<Chosen> choose(const PlotOptions& options, const Tensors& tensors) {
  const std::vector<Source>& sources = tensors.sources;
  const auto named = std::find_if(sources.begin(), sources.end(),
                                  [&](const Source& s) { return s.key == options.key; });
  if (named != sources.end() && split_call(named->key).call > 0) {
    return {{&*named, split_call(named->key).key, ""}};
  }
  std::vector<std::string> keys;
  for (const Source& source : sources) keys.push_back(split_call(source.key).key);
  if (options.key.empty() && sources.size() != 1) {
    throw Error(fmt::format("{} holds {} tensors: which one? anycapture inspect {} lists them",
                            options.file, sources.size(), options.file));
  }
  const std::vector<bool> matches = match_keys(
      keys, options.file, options.key.empty() ? keys : std::vector<std::string>{options.key});
  std::vector<Chosen> chosen;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto is_same = [&](const Chosen& one) { return one.key == keys[i]; };
    if (!matches[i] || std::any_of(chosen.begin(), chosen.end(), is_same)) continue;
    const auto calls = std::count(keys.begin(), keys.end(), keys[i]);
    chosen.push_back({&sources[i], keys[i], calls > 1 ? fmt::format("call 0 of {}", calls) : ""});
  }
  return chosen;
}

bool is_over_picture(const PlotOptions& options) {
  return options.over || options.token || options.patch || options.top ||
         !options.highlight.empty() || !options.patches.image.empty();
}

// The picture that the model saw, as it is in the file.
bool is_picture_itself(const Plot& plot) {
  const PlotOptions& options = plot.options;
  return plot.chosen.size() == 1 && plot.metadata.image &&
         plot.metadata.image->key == plot.chosen[0].source->key && !options.curve &&
         options.head.kind == HeadChoice::Kind::kDefault && options.index.size() <= 1 &&
         !is_over_picture(options);
}

void plot_picture_itself(const Plot& plot) {
  const std::int64_t batch = plot.options.index.empty() ? 0 : plot.options.index[0];
  const Image image = image_in_file(*plot.chosen[0].source, *plot.metadata.image, batch);
  draw_highlight(plot.options.out, image, {}, {1, 1, 0},
                 titled(plot.options.figure, plot, {plot.chosen[0].call_text}));
}

}  // namespace

void plot(const PlotOptions& options, const Tensors& tensors) {
  const CaptureMetadata metadata = capture_metadata(tensors);
  const std::vector<Chosen> chosen = choose(options, tensors);
  const Plot plot{options, tensors, metadata, chosen};
  if (is_picture_itself(plot)) {
    plot_picture_itself(plot);
  } else if (is_over_picture(options)) {
    plot_over_picture(plot);
  } else {
    plot_values(plot);
  }
}

std::vector<std::int64_t> index_for(const Plot& plot, const Source& source, std::size_t rest) {
  std::vector<std::int64_t> index = plot.options.index;
  const std::size_t rank = source.shape.size();
  if (rank > rest) index.resize(std::max(index.size(), rank - rest), 0);
  return index;
}

void check_head(const Plot& plot, const Source& source) {
  if (plot.options.head.kind == HeadChoice::Kind::kDefault) return;
  if (source.shape.size() == index_for(plot, source, 3).size() + 3) return;
  throw Error(fmt::format("{} has shape ({}){}: no axis of heads is left for --head",
                          printable(source.key), fmt::join(source.shape, ", "),
                          plot.options.index.empty() ? "" : " before --index"));
}

FigureOptions titled(FigureOptions figure, const Plot& plot,
                     const std::vector<std::string>& about) {
  if (figure.title.empty()) {
    figure.title = visible(plot.chosen.size() == 1 ? plot.chosen[0].source->key : plot.options.key);
  }
  if (!figure.subtitle.empty()) return figure;
  std::vector<std::string> parts = about;
  if (!plot.metadata.model.empty()) parts.insert(parts.begin(), visible(plot.metadata.model));
  parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
  figure.subtitle = fmt::format("{}", fmt::join(parts, ", "));
  return figure;
}

Command plot_command(CommandLine& program) {
  auto options = std::make_shared<PlotOptions>();
  Arguments arguments = program.add_command("plot", "A tensor as a picture: PNG, SVG or PDF");
  arguments.footer(
      "Attention becomes a tile for each head and their mean, other tensors a heat map, a single "
      "axis a curve. With --token, what that token looks at lies over the picture; several keys "
      "give a tile each, such as the layers of '*.attn:attn'.");
  add_plot_options(arguments, *options);
  return {arguments, [options] {
            plot(*options, read_tensors(options->file, {}));
            return kDone;
          }};
}

}  // namespace cli
}  // namespace anycapture
