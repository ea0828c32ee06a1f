// SPDX-License-Identifier: MIT
#include "core/statistics.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/moments.h"
#include "core/numbers.h"
#include "core/parallel.h"
#include "core/quantile_sketch.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr std::uint64_t kExact = 4096;  // values whose quantiles are not estimated

template <class T>
void add_chunk(Dtype dtype, const std::byte* data, std::uint64_t first, std::uint64_t end,
               Moments& moments, QuantileSketch* sketch) {
  T buffer[kPiece], kept[kPiece];
  for (; first < end; first += kPiece) {
    auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - first));
    const T* values = read_values(dtype, data, first, count, buffer);
    const T* finite = add_piece(moments, values, count, first, kept);
    if (sketch != nullptr) sketch->add(finite, count);
  }
}

// Linear between the two nearest, as numpy.percentile.
double quantile(const std::vector<double>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low + (high - low) * (place - static_cast<double>(below));
}

Statistics::Spread exact_spread(Dtype dtype, const std::byte* data, std::uint64_t count,
                                const Moments& moments) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t first = 0; first < values.size(); first += kPiece) {
    const std::size_t piece = std::min(kPiece, values.size() - first);
    const double* from = read_values(dtype, data, first, piece, &values[first]);
    if (from != &values[first]) std::copy_n(from, piece, &values[first]);
  }
  values.erase(std::remove_if(values.begin(), values.end(),
                              [](double value) { return !std::isfinite(value); }),
               values.end());
  Statistics::Spread spread;
  if (values.empty()) return spread;
  std::sort(values.begin(), values.end());
  for (double value : values) ++spread.histogram[eighth(value, moments.min, moments.max)];
  spread.p1 = quantile(values, 0.01);
  spread.median = quantile(values, 0.5);
  spread.p99 = quantile(values, 0.99);
  return spread;
}

Statistics::Spread estimated_spread(std::vector<QuantileSketch> sketches, const Moments& moments) {
  QuantileSketch all;
  for (QuantileSketch& sketch : sketches) all.merge(std::move(sketch));
  // An estimate lies nearer to 0, but no value lies beyond these.
  const auto at = [&](double fraction) {
    return std::clamp(all.quantile(fraction), moments.min, moments.max);
  };
  return {at(0.01), at(0.5), at(0.99), all.histogram(moments.min, moments.max)};
}

Statistics of(const Moments& moments, std::uint64_t count) {
  Statistics result;
  result.count = count;
  result.nans = moments.nans;
  result.infinities = moments.infinities;
  result.zeros = moments.zeros;
  result.min = moments.min;
  result.max = moments.max;
  result.min_index = moments.min_index;
  result.max_index = moments.max_index;
  result.mean = moments.mean;
  if (moments.finite > 0) {
    result.std = std::sqrt(moments.squares / static_cast<double>(moments.finite));
  }
  return result;
}

}  // namespace

Statistics statistics(Dtype dtype, const std::byte* data, std::uint64_t count,
                      WithSpread with_spread) {
  const auto chunks = static_cast<std::size_t>((count + kChunk - 1) / kChunk);
  const bool sketched = with_spread == WithSpread::yes && count > kExact;
  std::vector<Moments> parts(chunks);
  std::vector<QuantileSketch> sketches;
  while (sketched && sketches.size() < std::min(cores(), chunks)) sketches.emplace_back(count);
  parallel_for(chunks, [&](std::size_t chunk, std::size_t worker) {
    const std::uint64_t first = chunk * kChunk, end = std::min(count, first + kChunk);
    QuantileSketch* sketch = sketched ? &sketches[worker] : nullptr;
    const auto add = dtype == Dtype::kF32 ? add_chunk<float> : add_chunk<double>;
    add(dtype, data, first, end, parts[chunk], sketch);
  });
  // In order, whatever core took which: the same bits each time.
  Moments moments;
  for (const Moments& part : parts) moments.merge(part);
  Statistics result = of(moments, count);
  if (sketched) result.spread = estimated_spread(std::move(sketches), moments);
  if (with_spread == WithSpread::yes && !sketched) {
    result.spread = exact_spread(dtype, data, count, moments);
  }
  return result;
}

std::uint64_t first_not_finite(Dtype dtype, const std::byte* data, std::uint64_t count) {
  double buffer[kPiece];
  for (std::uint64_t first = 0; first < count; first += kPiece) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, count - first));
    const double* values = read_values(dtype, data, first, piece, buffer);
    const auto found =
        std::find_if_not(values, values + piece, [](double value) { return std::isfinite(value); });
    if (found != values + piece) return first + static_cast<std::uint64_t>(found - values);
  }
  return count;
}

}  // namespace anycapture
