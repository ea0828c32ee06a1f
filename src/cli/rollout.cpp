// SPDX-License-Identifier: MIT
// `anycapture rollout`: where the last layer's tokens look, through all layers.
#include <anycapture/rollout.h>

#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "cli/command.h"
#include "cli/patch_options.h"
#include "cli/plot.h"
#include "cli/tensors.h"
#include "core/npy.h"
#include "core/npz_writer.h"
#include "viewer/attention_maps.h"

namespace anycapture {
namespace cli {
namespace {

using safetensors::Source;
using viewer::AttentionMaps;

constexpr const char* kKey = "rollout";

struct Options {
  std::string file;
  std::vector<std::string> keys;
  std::string out;
  RolloutOptions rollout;
  std::int64_t start_layer = 0;
  std::optional<std::int64_t> batch;
  bool no_class_token = false;
  int token = 0;
  PatchOptions patches;
};

std::vector<AttentionMaps> layers_of(const Tensors& tensors, const CaptureMetadata& metadata,
                                     const Options& options) {
  std::vector<AttentionMaps> layers = viewer::attention_maps(tensors.sources, metadata);
  if (layers.empty()) {
    throw Error(
        fmt::format("{}: none of its keys that were chosen holds attention maps: rows that "
                    "sum to 1",
                    options.file));
  }
  for (const AttentionMaps& layer : layers) {
    if (layer.queries == layer.keys && layer.keys == layers[0].keys) continue;
    throw Error(fmt::format(
        "rollout multiplies maps of one square shape, but {} has ({}) where {} has ({}): choose "
        "keys, such as '*.attn:attn'",
        printable(layer.source->key), fmt::join(layer.source->shape, ", "),
        printable(layers[0].source->key), fmt::join(layers[0].source->shape, ", ")));
  }
  return layers;
}

// What later commands need to lay it over the picture.
CaptureMetadata metadata_for(const CaptureMetadata& metadata) {
  CaptureMetadata result;
  result.order = {kKey};
  result.sites[kKey] = {"", "", "attention", "float32"};
  result.model = metadata.model;
  result.libtorch = metadata.libtorch;
  result.grid = metadata.grid;
  result.prefix = metadata.prefix;
  result.tokens = metadata.tokens;
  return result;
}

Source source_of(std::vector<float> values, std::int64_t tokens) {
  const auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  return {kKey, safetensors::Dtype::kF32, {tokens, tokens}, [owner] {
            return safetensors::Bytes{owner->data(), owner->size() * sizeof(float), owner};
          }};
}

void plot_row(const Options& options, const Tensors& tensors) {
  PlotOptions plot_options;
  plot_options.file = options.file;
  plot_options.key = kKey;
  plot_options.out = options.out;
  plot_options.token = options.token;
  plot_options.patches = options.patches;
  plot(plot_options, tensors);
}

void write(const Options& options, const Tensors& tensors) {
  const std::string ending = std::filesystem::path(options.out).extension().string();
  if (ending == ".safetensors") {
    safetensors::write(options.out, tensors.sources, tensors.metadata);
  } else if (ending == ".npz") {
    npz::write(options.out, {tensors.sources[0]});
  } else if (ending == ".npy") {
    npy::write(options.out, tensors.sources[0]);
  } else if (ending == ".png" || ending == ".svg" || ending == ".pdf") {
    plot_row(options, tensors);
  } else {
    throw Error(
        fmt::format("{}: {} is no ending that can be written: give .safetensors, .npz or "
                    ".npy, or .png, .svg or .pdf for a picture",
                    options.out, printable(ending)));
  }
}

int run(const Options& options) {
  const Tensors whole = read_tensors(options.file, {});
  const CaptureMetadata metadata = capture_metadata(whole);
  const Tensors chosen = read_tensors(options.file, options.keys);
  const std::vector<AttentionMaps> layers = layers_of(chosen, metadata, options);
  std::vector<TensorPart> parts;
  std::vector<LayerMaps> maps;
  for (const AttentionMaps& layer : layers) {
    parts.push_back(viewer::maps_of(layer, options.batch));
    maps.push_back({parts.back().data(), static_cast<std::size_t>(layer.heads)});
  }
  RolloutOptions rollout_options = options.rollout;
  rollout_options.start_layer = static_cast<std::size_t>(options.start_layer);
  const bool no_class_token = options.no_class_token || metadata.prefix == 0;
  rollout_options.class_token = no_class_token ? -1 : 0;
  const std::int64_t tokens = layers[0].keys;
  Tensors result;
  CaptureMetadata about = metadata_for(metadata);
  result.sources.push_back(
      source_of(rollout(maps, static_cast<std::size_t>(tokens), rollout_options), tokens));
  for (const Source& source : whole.sources) {
    if (!metadata.image || source.key != metadata.image->key) continue;
    result.sources.push_back(source);
    about.image = metadata.image;
    about.order.push_back(source.key);
  }
  result.metadata["anycapture"] = about.to_json();
  write(options, result);
  return kDone;
}

}  // namespace

Command rollout_command(CommandLine& program) {
  static const std::vector<std::pair<std::string, HeadFusion>> kFusions{
      {"mean", HeadFusion::mean}, {"max", HeadFusion::max}, {"min", HeadFusion::min}};
  auto options = std::make_shared<Options>();
  Arguments arguments = program.add_command(
      "rollout", "Attention through all layers: a tensor, or where a token looks as a picture");
  arguments.footer(
      "The layers are the attention maps of FILE in their order. Each passes on half its attention "
      "and half the token itself: A + I with rows divided by their sums; the product of all is the "
      "tensor `rollout`, whose rows sum to 1. A .safetensors keeps picture, grid and tokens, for "
      "plot and view.");
  arguments.option("FILE", options->file, "A .safetensors, .npz or .npy file").required();
  arguments.positionals("KEY", options->keys, "Only these keys; globs such as '*:attn'");
  arguments
      .option("-o,--out", options->out,
              "A .safetensors, .npz or .npy file, or a picture: .png, .svg or .pdf")
      .required()
      .shown_as("FILE");
  arguments.choice("--fusion", options->rollout.fusion, kFusions, "How heads become one: mean");
  arguments
      .option("--discard-ratio", options->rollout.discard_ratio,
              "Part of each row whose smallest become 0, but never the token itself or CLS")
      .between(0, 1)
      .shown_as("PART");
  arguments.option("--start-layer", options->start_layer, "The first that counts, from 0")
      .from_zero()
      .shown_as("N");
  arguments.flag("--no-class-token", options->no_class_token,
                 "Token 0 is as any other; else what the file's prefix says");
  arguments.option("--batch", options->batch, "Which item of the batch; left out, 0").shown_as("N");
  arguments.option("--token", options->token, "In a picture, what this token looks at; CLS is 0")
      .from_zero()
      .shown_as("N");
  add_patch_options(arguments, options->patches);
  return {arguments, [options] { return run(*options); }};
}

}  // namespace cli
}  // namespace anycapture
