// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/parallel.h"
#include "viewer/page_parts.h"

namespace anycapture {
namespace viewer {
namespace {

using Values = std::vector<float>;

constexpr double kTolerance = 0.01;  // of a row's sum, since half precision rounds

const AttentionMaps* same_in(const std::vector<AttentionMaps>& all, const AttentionMaps& one) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const AttentionMaps& other) {
    return other.source->key == one.source->key && other.source->shape == one.source->shape;
  });
  return found == all.end() ? nullptr : &*found;
}

std::vector<Pair> pairs_of(const std::vector<AttentionMaps>& in_a, const Capture* b) {
  std::vector<Pair> pairs;
  const auto in_b =
      b == nullptr ? std::vector<AttentionMaps>() : attention_maps(b->sources, b->metadata);
  for (const AttentionMaps& maps : in_a) {
    if (b == nullptr) {
      pairs.push_back({maps, std::nullopt});
    } else if (const AttentionMaps* other = same_in(in_b, maps)) {
      pairs.push_back({maps, *other});
    }
  }
  return pairs;
}

void check_layers(const std::vector<Pair>& pairs, const PageOptions& options,
                  const std::string& name) {
  for (const int layer : options.layers) {
    if (layer >= 0 && static_cast<std::size_t>(layer) < pairs.size()) continue;
    throw Error(pairs.empty()
                    ? fmt::format("{} holds no attention maps: leave --layers out", name)
                    : fmt::format("there is no layer {} among the {} attention maps of {}: give 0 "
                                  "to {}",
                                  layer, pairs.size(), name, pairs.size() - 1));
  }
}

void check_heads(const std::vector<Pair>& pairs, const PageOptions& options) {
  std::int64_t most = 0;
  for (const Pair& pair : pairs) most = std::max(most, pair.a.heads);
  for (const int head : options.heads) {
    if (head >= 0 && head < most) continue;
    throw Error(fmt::format("there is no head {}: give 0 to {}", head, most - 1));
  }
}

std::vector<int> chosen_heads(std::int64_t count, const PageOptions& options) {
  std::vector<int> heads(static_cast<std::size_t>(count));
  std::iota(heads.begin(), heads.end(), 0);
  const auto& wanted = options.heads;
  if (wanted.empty()) return heads;
  heads.erase(std::remove_if(heads.begin(), heads.end(),
                             [&](int head) {
                               return std::find(wanted.begin(), wanted.end(), head) == wanted.end();
                             }),
              heads.end());
  return heads;
}

Group& group_for(std::vector<Group>& groups, const AttentionMaps& maps,
                 const std::vector<int>& heads) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
    return group.queries == maps.queries && group.keys == maps.keys && group.heads == heads;
  });
  if (found != groups.end()) return *found;
  groups.push_back({});
  groups.back().queries = maps.queries;
  groups.back().keys = maps.keys;
  groups.back().heads = heads;
  return groups.back();
}

// The chosen heads one after another, or their mean.
Values values_of(const AttentionMaps& maps, const Group& group, const PageOptions& options) {
  const TensorPart part =
      maps_of(maps, maps.source->shape.size() == 4 ? options.batch : std::optional<std::int64_t>());
  const std::vector<MapView> all =
      part.rank() == 3 ? part.maps() : std::vector<MapView>{part.map()};
  const std::size_t size =
      static_cast<std::size_t>(group.queries) * static_cast<std::size_t>(group.keys);
  Values values;
  values.reserve((group.mean ? 1 : group.heads.size()) * size);
  for (const int head : group.heads) {
    const float* data = all[static_cast<std::size_t>(head)].data;
    if (group.mean && !values.empty()) {
      for (std::size_t i = 0; i < size; ++i) values[i] += data[i];
    } else {
      values.insert(values.end(), data, data + size);
    }
  }
  if (group.mean) {
    for (float& value : values) value /= static_cast<float>(group.heads.size());
  }
  return values;
}

void count_rows(Layer& layer, const Values& values, std::size_t columns) {
  for (std::size_t at = 0; at < values.size(); at += columns) {
    double sum = 0;
    std::uint64_t nans = 0, infinities = 0;
    for (std::size_t i = 0; i < columns; ++i) {
      nans += std::isnan(values[at + i]) ? 1 : 0;
      infinities += std::isinf(values[at + i]) ? 1 : 0;
      sum += static_cast<double>(values[at + i]);
    }
    layer.nans += nans, layer.infinities += infinities;
    if (nans + infinities == 0 && std::abs(sum - 1) > kTolerance) ++layer.other_sums;
  }
}

bool is_causal(const Values& values, const Group& group) {
  const auto keys = static_cast<std::size_t>(group.keys);
  if (group.queries != group.keys || keys < 2) return false;
  for (std::size_t row = 0; row < values.size() / keys; ++row) {
    const std::size_t query = row % keys;
    for (std::size_t key = query + 1; key < keys; ++key) {
      if (values[row * keys + key] != 0) return false;
    }
  }
  return true;
}

void pack_layer(Layer& layer, const Group& group, const PageOptions& options) {
  const auto columns = static_cast<std::size_t>(group.keys);
  const auto add = [&](const Values& values) {
    layer.blocks.push_back(pack(values.data(), values.size() / columns, columns, layer.form));
  };
  const auto measure = [&](const Values& values) {
    count_rows(layer, values, columns);
    if (layer.form == Form::half) layer.form = half_or_whole(values.data(), values.size());
  };
  Values a = values_of(layer.maps.a, group, options);
  layer.causal = is_causal(a, group);
  measure(a);
  if (!layer.maps.b) return add(a);
  const Values b = values_of(*layer.maps.b, group, options);
  layer.causal = layer.causal && is_causal(b, group);
  measure(b);
  add(a);
  add(b);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  add(a);
}

void note_layers(PageParts& parts, std::size_t all) {
  std::size_t shown = 0;
  bool rolls_out = false;
  for (const Group& group : parts.groups) {
    shown += group.layers.size();
    rolls_out |= group.queries == group.keys && group.layers.size() > 1;
  }
  if (shown == all || !rolls_out) return;
  parts.notes.push_back(
      fmt::format("the page has {} of {} layers: rollout is over those alone", shown, all));
}

}  // namespace

void find_maps(PageParts& parts, const Capture& a, const Capture* b, const PageOptions& options) {
  const std::vector<AttentionMaps> all = attention_maps(a.sources, a.metadata);
  for (const AttentionMaps& one : all) parts.maps.insert(one.source);
  const std::vector<Pair> pairs = pairs_of(all, b);
  check_layers(pairs, options, a.name);
  check_heads(pairs, options);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& wanted = options.layers;
    const bool chosen = wanted.empty() || std::find(wanted.begin(), wanted.end(),
                                                    static_cast<int>(i)) != wanted.end();
    const AttentionMaps& maps = pairs[i].a;
    const std::vector<int> heads = chosen_heads(maps.heads, options);
    if (!chosen || heads.empty()) continue;
    Layer layer;
    layer.maps = pairs[i];
    layer.place = i;
    layer.form = options.exact ? Form::half : Form::steps;
    group_for(parts.groups, maps, heads).layers.push_back(std::move(layer));
    parts.batch = std::max(parts.batch, maps.batch);
  }
  parts.item = options.batch.value_or(0);
  const std::int64_t batch = parts.batch;
  if (options.batch && batch == 1 && *options.batch != 0 && !pairs.empty()) {
    throw Error(fmt::format("there is no item {} in a batch of 1", *options.batch));
  }
  if (batch > 1 && !options.batch) {
    parts.notes.push_back(
        fmt::format("this is item 0 of a batch of {}: --batch chooses another", batch));
  }
  note_layers(parts, pairs.size());
}

void pack_parts(PageParts& parts, const PageOptions& options) {
  std::vector<std::pair<Group*, Layer*>> layers;
  for (Group& group : parts.groups) {
    for (Layer& layer : group.layers) layers.emplace_back(&group, &layer);
  }
  parallel_for(layers.size(), [&](std::size_t i, std::size_t) {
    pack_layer(*layers[i].second, *layers[i].first, options);
  });
  parallel_for(parts.others.size(), [&](std::size_t i, std::size_t) {
    if (parts.others[i].has_values) pack_tensor(parts.others[i]);
  });
}

}  // namespace viewer
}  // namespace anycapture
