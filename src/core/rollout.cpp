// SPDX-License-Identifier: MIT
#include <anycapture/rollout.h>

#include <anycapture/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/parallel.h"
#include "core/wider.h"

namespace anycapture {
namespace {

// Columns of a product that one core takes through all layers: no layer waits for another core.
constexpr std::size_t kColumns = 16;
typedef float Columns
    __attribute__((vector_size(kColumns * sizeof(float)), aligned(alignof(float)), may_alias));

ANYCAPTURE_WIDER void add(float* sum, const float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += values[i];
}
ANYCAPTURE_WIDER void keep_larger(float* best, const float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) best[i] = values[i] > best[i] ? values[i] : best[i];
}
ANYCAPTURE_WIDER void keep_smaller(float* best, const float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) best[i] = values[i] < best[i] ? values[i] : best[i];
}
ANYCAPTURE_WIDER void scale(float* values, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] *= factor;
}
ANYCAPTURE_WIDER float sum_of(const float* values, std::size_t count) {
  constexpr std::size_t kLanes = 16;
  float sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) sums[l] += values[i + l];
  }
  for (; i < count; ++i) sums[0] += values[i];
  return std::accumulate(sums, sums + kLanes, 0.0f);
}

// `Rows` rows of `a` times the columns; the sums stay in registers.
template <std::size_t Rows>
[[gnu::always_inline]] inline void multiply_rows(const float* a, std::size_t tokens,
                                                 const float* in, float* out) {
  Columns sums[Rows] = {};
  for (std::size_t k = 0; k < tokens; ++k) {
    const Columns row = *reinterpret_cast<const Columns*>(in + k * kColumns);
    for (std::size_t r = 0; r < Rows; ++r) sums[r] += a[r * tokens + k] * row;
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    *reinterpret_cast<Columns*>(out + r * kColumns) = sums[r];
  }
}

ANYCAPTURE_WIDER void multiply(const float* a, std::size_t tokens, const float* in, float* out) {
  constexpr std::size_t kRows = 6;
  std::size_t row = 0;
  for (; row + kRows <= tokens; row += kRows) {
    multiply_rows<kRows>(a + row * tokens, tokens, in, out + row * kColumns);
  }
  for (; row < tokens; ++row) {
    multiply_rows<1>(a + row * tokens, tokens, in, out + row * kColumns);
  }
}

void fuse_row(const LayerMaps& layer, std::size_t row, std::size_t tokens, HeadFusion fusion,
              float* out) {
  const auto of_head = [&](std::size_t head) {
    return layer.data + (head * tokens + row) * tokens;
  };
  std::copy_n(of_head(0), tokens, out);
  const auto join = fusion == HeadFusion::mean  ? add
                    : fusion == HeadFusion::max ? keep_larger
                                                : keep_smaller;
  for (std::size_t head = 1; head < layer.heads; ++head) join(out, of_head(head), tokens);
  if (fusion == HeadFusion::mean) scale(out, 1.0f / static_cast<float>(layer.heads), tokens);
}

// The smallest become 0; of equals, the first.
void discard(float* values, std::size_t row, std::size_t tokens, const RolloutOptions& options) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < tokens; ++i) {
    const bool kept = i == row || static_cast<std::ptrdiff_t>(i) == options.class_token;
    if (!kept) columns.push_back(i);
  }
  const auto wanted = static_cast<std::size_t>(options.discard_ratio * static_cast<double>(tokens));
  const auto count = static_cast<std::ptrdiff_t>(std::min(wanted, columns.size()));
  const auto smaller = [&](std::size_t a, std::size_t b) {
    return values[a] != values[b] ? values[a] < values[b] : a < b;
  };
  std::nth_element(columns.begin(), columns.begin() + count, columns.end(), smaller);
  for (auto i = columns.begin(); i != columns.begin() + count; ++i) values[*i] = 0;
}

void check(const std::vector<LayerMaps>& layers, std::size_t tokens,
           const RolloutOptions& options) {
  if (layers.empty() || tokens == 0) throw Error("rollout: there are no maps");
  if (options.start_layer >= layers.size()) {
    throw Error(fmt::format("rollout: there is no layer {} to start at: give 0 to {}",
                            options.start_layer, layers.size() - 1));
  }
  if (!(options.discard_ratio >= 0 && options.discard_ratio < 1)) {
    throw Error(
        fmt::format("rollout: a discard ratio of {}: give 0 to below 1", options.discard_ratio));
  }
  for (const LayerMaps& layer : layers) {
    if (layer.heads == 0) throw Error("rollout: a layer has no heads");
  }
}

// A row of (fused + I), normalised.
void passed_on(const LayerMaps& layer, std::size_t index, std::size_t row, std::size_t tokens,
               const RolloutOptions& options, float* out) {
  fuse_row(layer, row, tokens, options.fusion, out);
  if (!std::isfinite(sum_of(out, tokens))) {
    throw Error(fmt::format(
        "rollout: row {} of layer {} is not finite: start behind it, or leave the layer out", row,
        index));
  }
  if (options.discard_ratio > 0) discard(out, row, tokens, options);
  out[row] += 1;
  scale(out, 1 / sum_of(out, tokens), tokens);
}

std::vector<float> all_passed_on(const std::vector<LayerMaps>& layers, std::size_t tokens,
                                 const RolloutOptions& options) {
  constexpr std::size_t kRows = 32;
  const std::size_t pieces = (tokens + kRows - 1) / kRows;
  const std::size_t count = layers.size() - options.start_layer;
  std::vector<float> all(count * tokens * tokens);
  parallel_for(count * pieces, [&](std::size_t i, std::size_t) {
    const std::size_t layer = i / pieces, first = i % pieces * kRows;
    for (std::size_t row = first; row < std::min(tokens, first + kRows); ++row) {
      const std::size_t index = options.start_layer + layer;
      passed_on(layers[index], index, row, tokens, options,
                all.data() + (layer * tokens + row) * tokens);
    }
  });
  return all;
}

}  // namespace

std::vector<float> rollout(const std::vector<LayerMaps>& layers, std::size_t tokens,
                           const RolloutOptions& options) {
  check(layers, tokens, options);
  const std::vector<float> matrices = all_passed_on(layers, tokens, options);
  const std::size_t size = tokens * tokens;
  std::vector<float> result(size);
  parallel_for((tokens + kColumns - 1) / kColumns, [&](std::size_t piece, std::size_t) {
    const std::size_t first = piece * kColumns, columns = std::min(kColumns, tokens - first);
    std::vector<float> joint(tokens * kColumns), next(tokens * kColumns);
    for (std::size_t row = 0; row < tokens; ++row) {
      std::copy_n(&matrices[row * tokens + first], columns, &joint[row * kColumns]);
    }
    for (std::size_t at = size; at < matrices.size(); at += size) {
      multiply(matrices.data() + at, tokens, joint.data(), next.data());
      joint.swap(next);
    }
    for (std::size_t row = 0; row < tokens; ++row) {
      std::copy_n(&joint[row * kColumns], columns, &result[row * tokens + first]);
    }
  });
  return result;
}

}  // namespace anycapture
