// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include <cmath>

#include "core/element.h"
#include "pictures/image_encode.h"
#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

using Json = nlohmann::ordered_json;

std::string colors(ColorMap map) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) {
    const Rgb color = color_at(map, i / 255.0);
    for (const double channel : {color.red, color.green, color.blue}) {
      bytes += static_cast<char>(std::lround(channel * 255));
    }
  }
  return base64(bytes.data(), bytes.size());
}

Json json_of(const Image& image) {
  const std::string png = png_bytes(image);
  return {{"width", image.width},
          {"height", image.height},
          {"source", "data:image/png;base64," + base64(png.data(), png.size())}};
}

// Blocks are numbered as write_page() writes them.
Json blocks_from(std::size_t& next, const std::vector<std::string>& blocks) {
  Json numbers = Json::array();
  for (std::size_t i = 0; i < blocks.size(); ++i) numbers.push_back(next++);
  return numbers;
}

Json json_of(const Layer& layer, std::size_t& next) {
  return {{"key", layer.maps.a.source->key},
          {"place", layer.place},
          {"form", name_of(layer.form)},
          {"blocks", blocks_from(next, layer.blocks)},
          {"nan", layer.nans},
          {"inf", layer.infinities},
          {"otherSums", layer.other_sums},
          {"causal", layer.causal}};
}

Json json_of(const Group& group, std::size_t& next) {
  Json layers = Json::array();
  for (const Layer& layer : group.layers) layers.push_back(json_of(layer, next));
  Json json{
      {"queries", group.queries},   {"keys", group.keys}, {"heads", group.heads},
      {"mean", group.mean},         {"grid", nullptr},    {"gridIsKnown", group.grid_is_known},
      {"layers", std::move(layers)}};
  if (group.grid) {
    json["grid"] = {
        {"rows", group.grid->rows}, {"cols", group.grid->cols}, {"prefix", group.grid->prefix}};
  }
  return json;
}

Json json_of(const ShownStatistics& shown) {
  const Statistics& s = shown.of;
  Json json{{"count", s.count},
            {"nan", s.nans},
            {"inf", s.infinities},
            {"zeros", s.zeros},
            {"masked", shown.masked}};
  if (s.finite() == shown.masked) return json;
  json.update({{"min", s.min}, {"max", s.max}, {"mean", s.mean}, {"std", s.std}});
  if (!s.spread) return json;
  json.update({{"p1", s.spread->p1},
               {"median", s.spread->median},
               {"p99", s.spread->p99},
               {"histogram", s.spread->histogram}});
  return json;
}

Json json_of(const OtherTensor& tensor, std::size_t& next) {
  Json json{{"key", tensor.a->key},
            {"dtype", torch_name(tensor.a->dtype)},
            {"shape", tensor.a->shape},
            {"form", name_of(tensor.form)},
            {"blocks", blocks_from(next, tensor.blocks)},
            {"masked", tensor.masked()},
            {"integer", is_integer(tensor.a->dtype)},
            {"statistics", Json::array({json_of(tensor.of_a)})}};
  if (tensor.of_b) json["statistics"].push_back(json_of(*tensor.of_b));
  return json;
}

}  // namespace

std::string page_json(const PageParts& parts) {
  std::size_t next = 0;
  Json json{{"names", parts.names},    {"model", parts.model}, {"tokens", parts.tokens},
            {"notes", parts.notes},    {"image", nullptr},     {"groups", Json::array()},
            {"tensors", Json::array()}};
  json["batch"] = {{"item", parts.item}, {"items", parts.batch}};
  json["colors"] = {{"viridis", colors(ColorMap::viridis)},
                    {"magma", colors(ColorMap::magma)},
                    {"grey", colors(ColorMap::grey)}};
  if (parts.image) json["image"] = json_of(*parts.image);
  for (const Group& group : parts.groups) json["groups"].push_back(json_of(group, next));
  for (const OtherTensor& tensor : parts.others) json["tensors"].push_back(json_of(tensor, next));
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace viewer
}  // namespace anycapture
