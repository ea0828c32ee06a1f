// SPDX-License-Identifier: MIT
// The moments of a run of values, which merge with those of the run behind it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/numbers.h"

namespace anycapture {

struct Moments {
  /// Adds the run that follows.
  void merge(const Moments& next);

  std::uint64_t finite = 0;
  std::uint64_t nans = 0;
  std::uint64_t infinities = 0;
  std::uint64_t zeros = 0;
  double min = 0;  // of the finite values, as all that follows
  double max = 0;
  std::uint64_t min_index = 0;
  std::uint64_t max_index = 0;
  double mean = 0;
  double squares = 0;  // sum of squared distances from the mean
};

/// Adds at most kPiece values, which follow those added before; the first of them has this index.
/// Returns the finite ones, their number in `count`: `values`, or `kept`, which takes as many.
const float* add_piece(Moments& moments, const float* values, std::size_t& count,
                       std::uint64_t first_index, float* kept);
const double* add_piece(Moments& moments, const double* values, std::size_t& count,
                        std::uint64_t first_index, double* kept);

}  // namespace anycapture
