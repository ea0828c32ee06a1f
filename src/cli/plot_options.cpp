// SPDX-License-Identifier: MIT
#include "cli/plot_options.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <map>

namespace anycapture {
namespace cli {
namespace {

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Two whole numbers, of at least `least`, apart by `separator`.
std::optional<std::array<int, 2>> pair_of(const std::string& text, char separator, int least) {
  const std::size_t middle = text.find(separator);
  if (middle == std::string::npos) return std::nullopt;
  const auto first = whole_number<int>(std::string_view(text).substr(0, middle));
  const auto second = whole_number<int>(std::string_view(text).substr(middle + 1));
  if (!first || !second || *first < least || *second < least) return std::nullopt;
  return std::array<int, 2>{*first, *second};
}

std::optional<std::pair<float, float>> limits_of(const std::string& text) {
  float low = 0, high = 0;
  char more = 0;
  if (std::sscanf(text.c_str(), "%f,%f%c", &low, &high, &more) != 2 || !(low < high)) {
    return std::nullopt;
  }
  return std::pair(low, high);
}

[[noreturn]] void refuse(const char* option, const std::string& text, const char* wanted) {
  throw CLI::ValidationError(option, fmt::format("{} is not {}", printable(text), wanted));
}

void set_head(PlotOptions& options, const std::string& text) {
  using Kind = HeadChoice::Kind;
  if (text == "mean" || text == "each") {
    options.head = {text == "mean" ? Kind::kMean : Kind::kEach, 0};
    return;
  }
  const auto head = whole_number<std::int64_t>(text);
  if (!head) refuse("--head", text, "a number, `mean` or `each`");
  options.head = {Kind::kOne, *head};
}

void add_choice_of_values(CLI::App& app, PlotOptions& options) {
  app.add_option("--index", options.index,
                 "Of the first axes, the batch first: --index 0,3; left out, 0")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("I,J,...");
  app.add_option_function<std::string>(
         "--head", [&options](const std::string& text) { set_head(options, text); },
         "One head, their mean, or a tile for each")
      ->option_text("N|mean|each");
  app.add_flag("--curve", options.curve, "The rows as curves, not a heat map");
}

void add_picture(CLI::App& app, PlotOptions& options) {
  auto* token = app.add_option("--token", options.token, "What this token looks at; CLS is 0")
                    ->option_text("N");
  app.add_option_function<std::string>(
         "--patch",
         [&options](const std::string& text) {
           options.patch = pair_of(text, ',', 0);
           if (!options.patch) refuse("--patch", text, "ROW,COLUMN, such as 3,5");
         },
         "What this patch of the picture looks at")
      ->option_text("ROW,COLUMN")
      ->excludes(token);
  auto* highlight =
      app.add_option("--highlight", options.highlight, "Outline these tokens in the picture")
          ->delimiter(',')
          ->allow_extra_args(false)
          ->option_text("N,N,...");
  app.add_option("--top", options.top, "Outline the patches that are looked at most")
      ->check(CLI::PositiveNumber)
      ->option_text("N")
      ->excludes(highlight);
  app.add_flag("--over", options.over, "Lay the values over the picture in the file");
  app.add_option("--image", options.patches.image, "Lay them over this JPEG or PNG")
      ->option_text("FILE");
  app.add_option("--crop", options.patches.crop,
                 "The middle of the picture alone: timm's crop_pct, such as 0.9")
      ->check(CLI::Range(0.01, 1.0))
      ->option_text("PART")
      ->needs("--image");
  app.add_option_function<std::string>(
         "--grid",
         [&options](const std::string& text) {
           options.patches.grid = pair_of(text, 'x', 1);
           if (!options.patches.grid) refuse("--grid", text, "ROWSxCOLUMNS, such as 14x14");
         },
         "Patches of the picture; left out, what the file says, or a square")
      ->option_text("ROWSxCOLUMNS");
  app.add_option("--prefix", options.patches.prefix, "Tokens in front of the patches, such as CLS")
      ->check(CLI::NonNegativeNumber)
      ->option_text("N");
}

void add_looks(CLI::App& app, FigureOptions& figure) {
  static const std::map<std::string, ColorMap> kColors{
      {"viridis", ColorMap::viridis}, {"magma", ColorMap::magma}, {"grey", ColorMap::grey}};
  static const std::map<std::string, ColorScale> kScales{{"shared", ColorScale::shared},
                                                         {"each", ColorScale::each}};
  app.add_option("--title", figure.title, "In place of the key");
  app.add_option("--colors", figure.color_map, "viridis, magma or grey")
      ->transform(CLI::CheckedTransformer(kColors))
      ->option_text("viridis|magma|grey");
  app.add_option("--scale", figure.scale, "Colours that span all tiles, or each its own")
      ->transform(CLI::CheckedTransformer(kScales))
      ->option_text("shared|each");
  app.add_option_function<std::string>(
         "--limits",
         [&figure](const std::string& text) {
           figure.limits = limits_of(text);
           if (!figure.limits) refuse("--limits", text, "LOW,HIGH, such as 0,0.5");
         },
         "Values at the ends of the colours, or of the axis of a curve")
      ->option_text("LOW,HIGH");
  app.add_flag_callback(
      "--smooth", [&figure] { figure.overlay = Overlay::smooth; },
      "Over a picture: no edges between the patches");
  app.add_option("--alpha", figure.alpha, "Over a picture: opacity of the colours, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("PART");
  app.add_option("--columns", figure.columns, "Tiles side by side")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  app.add_option("--resolution", figure.resolution, "Of a PNG, 1 to 8; 2 or 3 suits print")
      ->check(CLI::Range(1, 8))
      ->option_text("N");
}

}  // namespace

void add_plot_options(CLI::App& app, PlotOptions& options) {
  app.add_option("FILE", options.file, "A .safetensors, .npz or .npy file")->required();
  app.add_option("KEY", options.key,
                 "A key, or a glob such as '*.attn:attn'; none where the file holds one tensor");
  app.add_option("-o,--out", options.out, "A .png, .svg or .pdf file")
      ->required()
      ->option_text("FILE");
  add_choice_of_values(app, options);
  add_picture(app, options);
  add_looks(app, options.figure);
}

}  // namespace cli
}  // namespace anycapture
