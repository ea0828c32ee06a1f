// SPDX-License-Identifier: MIT
#include "core/tensor_difference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/element.h"
#include "core/numbers.h"
#include "core/parallel.h"
#include "core/wider.h"

namespace anycapture {
namespace {

using safetensors::Dtype;

constexpr double kInf = std::numeric_limits<double>::infinity();

// What adds up over pieces.
struct Sums {
  double max_abs = 0;
  double max_rel = 0;
  double abs = 0;
  double dot = 0;
  double aa = 0;
  double bb = 0;
  std::uint64_t far = 0;
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();

  // Adds those of what follows.
  void merge(const Sums& next) {
    max_abs = std::max(max_abs, next.max_abs);
    max_rel = std::max(max_rel, next.max_rel);
    abs += next.abs;
    dot += next.dot;
    aa += next.aa;
    bb += next.bb;
    far += next.far;
    first = std::min(first, next.first);
  }
};

double relative(double distance, double b) {
  return distance == 0 ? 0 : distance / std::abs(b);
}

// Several sums side by side, which the compiler keeps in vector registers. `larger_rel` stands for
// a relative distance above `max_rel`: no division for what is none. Values that are not finite
// spoil `abs`.
template <class T>
[[gnu::always_inline]] inline Sums sums_in_lanes(const T* a, const T* b, std::size_t count,
                                                 const Tolerance& tolerance, double max_rel,
                                                 bool& larger_rel) {
  constexpr std::size_t kLanes = 8;
  double max_abs[kLanes] = {}, abs[kLanes] = {}, dot[kLanes] = {}, aa[kLanes] = {}, bb[kLanes] = {};
  std::uint64_t far[kLanes] = {}, larger[kLanes] = {};
  const double rtol = tolerance.rtol, atol = tolerance.atol;
  const auto add = [&](double x, double y, std::size_t l) {
    const double distance = std::abs(x - y), size = std::abs(y);
    max_abs[l] = distance > max_abs[l] ? distance : max_abs[l];
    abs[l] += distance;
    far[l] += distance > atol + rtol * size ? 1 : 0;
    larger[l] += distance > max_rel * size ? 1 : 0;
    dot[l] += x * y;
    aa[l] += x * x;
    bb[l] += y * y;
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      add(static_cast<double>(a[i + l]), static_cast<double>(b[i + l]), l);
    }
  }
  for (; i < count; ++i) add(static_cast<double>(a[i]), static_cast<double>(b[i]), 0);
  Sums sums;
  std::uint64_t any_larger = 0;
  for (std::size_t l = 0; l < kLanes; ++l) {
    sums.max_abs = std::max(sums.max_abs, max_abs[l]);
    sums.abs += abs[l];
    sums.dot += dot[l];
    sums.aa += aa[l];
    sums.bb += bb[l];
    sums.far += far[l];
    any_larger += larger[l];
  }
  larger_rel = any_larger > 0;
  return sums;
}

ANYCAPTURE_WIDER Sums sums_of(const float* a, const float* b, std::size_t count,
                              const Tolerance& tolerance, double max_rel, bool& larger_rel) {
  return sums_in_lanes(a, b, count, tolerance, max_rel, larger_rel);
}
ANYCAPTURE_WIDER Sums sums_of(const double* a, const double* b, std::size_t count,
                              const Tolerance& tolerance, double max_rel, bool& larger_rel) {
  return sums_in_lanes(a, b, count, tolerance, max_rel, larger_rel);
}

double distance_of(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double distance = std::abs(a - b);
  return std::isnan(distance) ? kInf : distance;
}

// Value by value: for what is not finite, and for the place of the first that is far.
template <class T>
Sums one_by_one(const T* a, const T* b, std::size_t count, std::uint64_t first_index,
                const Tolerance& tolerance) {
  Sums sums;
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    const double distance = distance_of(x, y);
    if (distance > 0 && (!(distance <= tolerance.atol + tolerance.rtol * std::abs(y)) ||
                         !std::isfinite(distance))) {
      if (sums.far++ == 0) sums.first = first_index + i;
    }
    sums.max_abs = std::max(sums.max_abs, distance);
    sums.max_rel = std::max(sums.max_rel, std::isinf(distance) ? kInf : relative(distance, y));
    sums.abs += distance;
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    sums.dot += x * y;
    sums.aa += x * x;
    sums.bb += y * y;
  }
  return sums;
}

template <class T>
Sums chunk_of(const TensorData& a, const TensorData& b, std::uint64_t first, std::uint64_t end,
              const Tolerance& tolerance) {
  T buffer_a[kPiece], buffer_b[kPiece];
  Sums sums;
  for (; first < end; first += kPiece) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, end - first));
    const T* x = read_numbers(a.dtype, a.data, first, count, buffer_a);
    const T* y = read_numbers(b.dtype, b.data, first, count, buffer_b);
    bool larger_rel = false;
    const Sums piece = sums_of(x, y, count, tolerance, sums.max_rel, larger_rel);
    const bool first_far = piece.far > 0 && sums.far == 0;
    const bool plain =
        std::isfinite(piece.abs) && std::isfinite(piece.aa + piece.bb) && !larger_rel && !first_far;
    sums.merge(plain ? piece : one_by_one(x, y, count, first, tolerance));
  }
  return sums;
}

}  // namespace

TensorDifference difference(const TensorData& a, const TensorData& b, std::uint64_t elements,
                            const Tolerance& tolerance) {
  const std::uint64_t parts_each = numbers_per_element(a.dtype), count = elements * parts_each;
  const auto chunks = static_cast<std::size_t>((count + kChunk - 1) / kChunk);
  const auto chunk_in =
      a.dtype == Dtype::kF32 && b.dtype == Dtype::kF32 ? chunk_of<float> : chunk_of<double>;
  std::vector<Sums> parts(chunks);
  parallel_for(chunks, [&](std::size_t chunk, std::size_t) {
    const std::uint64_t first = chunk * kChunk, end = std::min(count, first + kChunk);
    parts[chunk] = chunk_in(a, b, first, end, tolerance);
  });
  Sums sums;
  for (const Sums& part : parts) sums.merge(part);
  TensorDifference result;
  result.far = sums.far;
  result.first = sums.far > 0 ? sums.first / parts_each : 0;
  result.max_abs = sums.max_abs;
  result.max_rel = sums.max_rel;
  result.mean_abs = count > 0 ? sums.abs / static_cast<double>(count) : 0;
  const double sizes = std::sqrt(sums.aa) * std::sqrt(sums.bb);
  result.cosine = sizes > 0 ? std::clamp(sums.dot / sizes, -1.0, 1.0) : sums.aa == sums.bb ? 1 : 0;
  return result;
}

}  // namespace anycapture
