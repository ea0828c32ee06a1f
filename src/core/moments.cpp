// SPDX-License-Identifier: MIT
#include "core/moments.h"

#include <algorithm>
#include <cmath>

#include <limits>
#include "core/wider.h"

namespace anycapture {
namespace {

template <class T>
struct Sums {
  T low;
  T high;
  double sum;  // of the distances from the shift
  double squares;
  std::uint64_t zeros;
};

// Several sums side by side, which the compiler keeps in vector registers. NaN never becomes low or
// high; what is not finite shows in the sum.
template <class T>
[[gnu::always_inline]] inline Sums<T> sums_in_lanes(const T* values, std::size_t count,
                                                    double shift) {
  constexpr std::size_t kLanes = 64 / sizeof(T);
  T low[kLanes], high[kLanes];
  double sum[kLanes] = {}, squares[kLanes] = {};
  std::uint32_t zeros[kLanes] = {};
  for (std::size_t l = 0; l < kLanes; ++l) low[l] = high[l] = values[0];
  const auto add = [&](T value, std::size_t l) {
    low[l] = value < low[l] ? value : low[l];
    high[l] = value > high[l] ? value : high[l];
    zeros[l] += value == 0 ? 1 : 0;
    const double distance = static_cast<double>(value) - shift;
    sum[l] += distance;
    squares[l] += distance * distance;
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) add(values[i + l], l);
  }
  for (; i < count; ++i) add(values[i], 0);
  Sums<T> all{low[0], high[0], sum[0], squares[0], zeros[0]};
  for (std::size_t l = 1; l < kLanes; ++l) {
    all.low = std::min(all.low, low[l]);
    all.high = std::max(all.high, high[l]);
    all.sum += sum[l];
    all.squares += squares[l];
    all.zeros += zeros[l];
  }
  return all;
}

// The shift of 0 is folded away.
ANYCAPTURE_WIDER Sums<float> sums_of(const float* values, std::size_t count) {
  return sums_in_lanes(values, count, 0);
}
ANYCAPTURE_WIDER Sums<double> sums_of(const double* values, std::size_t count) {
  return sums_in_lanes(values, count, 0);
}
ANYCAPTURE_WIDER Sums<float> sums_around(const float* values, std::size_t count, double shift) {
  return sums_in_lanes(values, count, shift);
}
ANYCAPTURE_WIDER Sums<double> sums_around(const double* values, std::size_t count, double shift) {
  return sums_in_lanes(values, count, shift);
}

// `index_of` gives the index of a value's place in `values`.
template <class T, class IndexOf>
void add_finite(Moments& moments, const T* values, std::size_t count, const Sums<T>& sums,
                IndexOf index_of) {
  const auto n = static_cast<double>(count);
  // Looked for only where it will be kept.
  const auto first = [&](T value, bool kept) {
    return kept ? index_of(std::find(values, values + count, value) - values) : 0;
  };
  Moments piece;
  piece.finite = count;
  piece.zeros = sums.zeros;
  piece.min = static_cast<double>(sums.low);
  piece.max = static_cast<double>(sums.high);
  piece.min_index = first(sums.low, moments.finite == 0 || piece.min < moments.min);
  piece.max_index = first(sums.high, moments.finite == 0 || piece.max > moments.max);
  piece.mean = sums.sum / n;
  piece.squares = sums.squares - sums.sum * piece.mean;
  // Far from zero their squares hide how they spread: once more, around one of them.
  if (!(piece.squares > 1e-4 * sums.squares)) {
    const auto shift = static_cast<double>(values[0]);
    const Sums<T> around = sums_around(values, count, shift);
    piece.mean = shift + around.sum / n;
    piece.squares = std::max(0.0, around.squares - around.sum * around.sum / n);
  }
  moments.merge(piece);
}

template <class T>
const T* add_any(Moments& moments, const T* values, std::size_t& count, std::uint64_t first_index,
                 T* kept) {
  const Sums<T> sums = sums_of(values, count);
  if (std::isfinite(sums.sum) && std::isfinite(sums.squares)) {
    add_finite(moments, values, count, sums, [&](std::ptrdiff_t place) {
      return first_index + static_cast<std::uint64_t>(place);
    });
    return values;
  }
  std::uint64_t indexes[kPiece];
  std::size_t finite = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isnan(values[i])) {
      ++moments.nans;
    } else if (std::isinf(values[i])) {
      ++moments.infinities;
    } else {
      indexes[finite] = first_index + i;
      kept[finite++] = values[i];
    }
  }
  if (finite > 0) {
    add_finite(moments, kept, finite, sums_of(kept, finite),
               [&](std::ptrdiff_t place) { return indexes[place]; });
  }
  count = finite;
  return kept;
}

}  // namespace

const float* add_piece(Moments& moments, const float* values, std::size_t& count,
                       std::uint64_t first_index, float* kept) {
  return add_any(moments, values, count, first_index, kept);
}
const double* add_piece(Moments& moments, const double* values, std::size_t& count,
                        std::uint64_t first_index, double* kept) {
  return add_any(moments, values, count, first_index, kept);
}

// The pairwise update of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
// computing sample variances", 1979.
void Moments::merge(const Moments& next) {
  nans += next.nans;
  infinities += next.infinities;
  if (next.finite == 0) return;
  if (finite == 0 || next.min < min) min = next.min, min_index = next.min_index;
  if (finite == 0 || next.max > max) max = next.max, max_index = next.max_index;
  const auto before = static_cast<double>(finite), behind = static_cast<double>(next.finite);
  const double distance = next.mean - mean, all = before + behind;
  mean += distance * (behind / all);
  squares += next.squares + distance * distance * (before * behind / all);
  finite += next.finite;
  zeros += next.zeros;
}

}  // namespace anycapture
