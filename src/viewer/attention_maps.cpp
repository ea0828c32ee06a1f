// SPDX-License-Identifier: MIT
#include "viewer/attention_maps.h"

#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "core/cast.h"
#include "core/key.h"

namespace anycapture {
namespace viewer {
namespace {

using safetensors::Source;

bool is_called_attention(const std::string& key, const CaptureMetadata& metadata) {
  const std::string name = split_call(key).key;
  const auto site = metadata.sites.find(name);
  if (site != metadata.sites.end()) return site->second.what == "attention";
  const std::string_view end = ":attention";
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

bool may_be_maps(const Source& source, const CaptureMetadata& metadata) {
  const auto& shape = source.shape;
  const bool is_picture = metadata.image && metadata.image->key == source.key;
  const bool empty = std::any_of(shape.begin(), shape.end(), [](auto size) { return size == 0; });
  return shape.size() >= 2 && shape.size() <= 4 && !empty && !is_picture && is_float(source.dtype);
}

std::vector<std::int64_t> first_item(const Source& source) {
  return std::vector<std::int64_t>(source.shape.size() == 4 ? 1 : 0, 0);
}

}  // namespace

std::vector<AttentionMaps> attention_maps(const std::vector<Source>& sources,
                                          const CaptureMetadata& metadata) {
  std::vector<AttentionMaps> result;
  for (const Source& source : sources) {
    if (!may_be_maps(source, metadata)) continue;
    if (!is_called_attention(source.key, metadata) &&
        !is_attention(TensorPart(source, first_item(source)))) {
      continue;
    }
    const std::size_t rank = source.shape.size();
    const auto axis = [&](std::size_t from_end) {
      return from_end <= rank ? source.shape[rank - from_end] : 1;
    };
    result.push_back({&source, axis(4), axis(3), axis(2), axis(1)});
  }
  return result;
}

TensorPart maps_of(const AttentionMaps& maps, std::optional<std::int64_t> batch) {
  if (maps.source->shape.size() == 4) return TensorPart(*maps.source, {batch.value_or(0)});
  if (batch && *batch != 0) {
    throw Error(fmt::format("{} has no batch: leave --batch out", printable(maps.source->key)));
  }
  return TensorPart(*maps.source, {});
}

}  // namespace viewer
}  // namespace anycapture
