// SPDX-License-Identifier: MIT
#include "cli/plot_options.h"

#include <cstdio>
#include <utility>

#include "cli/patch_options.h"
#include "cli/whole_numbers.h"

namespace anycapture {
namespace cli {
namespace {

std::optional<std::pair<float, float>> limits_of(const std::string& text) {
  float low = 0, high = 0;
  char more = 0;
  if (std::sscanf(text.c_str(), "%f,%f%c", &low, &high, &more) != 2 || !(low < high)) {
    return std::nullopt;
  }
  return std::pair(low, high);
}

bool set_head(PlotOptions& options, const std::string& text) {
  using Kind = HeadChoice::Kind;
  if (text == "mean" || text == "each") {
    options.head = {text == "mean" ? Kind::kMean : Kind::kEach, 0};
    return true;
  }
  const auto head = whole_number<std::int64_t>(text);
  if (head) options.head = {Kind::kOne, *head};
  return head.has_value();
}

void add_choice_of_values(Arguments& arguments, PlotOptions& options) {
  arguments.list("--index", options.index, "I,J,...",
                 "Of the first axes, the batch first: --index 0,3; left out, 0");
  arguments
      .read(
          "--head", [&options](const std::string& text) { return set_head(options, text); },
          "a number, `mean` or `each`", "One head, their mean, or a tile for each")
      .shown_as("N|mean|each");
  arguments.flag("--curve", options.curve, "The rows as curves, not a heat map");
}

void add_picture(Arguments& arguments, PlotOptions& options) {
  const Argument token =
      arguments.option("--token", options.token, "What this token looks at; CLS is 0")
          .shown_as("N");
  arguments
      .read(
          "--patch",
          [&options](const std::string& text) {
            options.patch = pair_of(text, ',', 0);
            return options.patch.has_value();
          },
          "ROW,COLUMN, such as 3,5", "What this patch of the picture looks at")
      .shown_as("ROW,COLUMN")
      .excludes(token);
  const Argument highlight = arguments.list("--highlight", options.highlight, "N,N,...",
                                            "Outline these tokens in the picture");
  arguments.option("--top", options.top, "Outline the patches that are looked at most")
      .positive()
      .shown_as("N")
      .excludes(highlight);
  arguments.flag("--over", options.over, "Lay the values over the picture in the file");
  add_patch_options(arguments, options.patches);
}

void add_looks(Arguments& arguments, FigureOptions& figure) {
  static const std::vector<std::pair<std::string, ColorMap>> kColors{
      {"viridis", ColorMap::viridis}, {"magma", ColorMap::magma}, {"grey", ColorMap::grey}};
  static const std::vector<std::pair<std::string, ColorScale>> kScales{
      {"shared", ColorScale::shared}, {"each", ColorScale::each}};
  arguments.option("--title", figure.title, "In place of the key");
  arguments.choice("--colors", figure.color_map, kColors, "viridis, magma or grey");
  arguments.choice("--scale", figure.scale, kScales,
                   "Colours that span all tiles, or each its own");
  arguments
      .read(
          "--limits",
          [&figure](const std::string& text) {
            figure.limits = limits_of(text);
            return figure.limits.has_value();
          },
          "LOW,HIGH, such as 0,0.5", "Values at the ends of the colours, or of the axis of a curve")
      .shown_as("LOW,HIGH");
  arguments.flag(
      "--smooth", [&figure] { figure.overlay = Overlay::smooth; },
      "Over a picture: no edges between the patches");
  arguments.option("--alpha", figure.alpha, "Over a picture: opacity of the colours, 0 to 1")
      .between(0, 1)
      .shown_as("PART");
  arguments.option("--columns", figure.columns, "Tiles side by side").positive().shown_as("N");
  arguments.option("--resolution", figure.resolution, "Of a PNG, 1 to 8; 2 or 3 suits print")
      .between(1, 8)
      .shown_as("N");
}

}  // namespace

void add_plot_options(Arguments& arguments, PlotOptions& options) {
  arguments.option("FILE", options.file, "A .safetensors, .npz or .npy file").required();
  arguments.option("KEY", options.key,
                   "A key, or a glob such as '*.attn:attn'; none where the file holds one tensor");
  arguments.option("-o,--out", options.out, "A .png, .svg or .pdf file")
      .required()
      .shown_as("FILE");
  add_choice_of_values(arguments, options);
  add_picture(arguments, options);
  add_looks(arguments, options.figure);
}

}  // namespace cli
}  // namespace anycapture
