// SPDX-License-Identifier: MIT
#include "pictures/axis.h"

#include <algorithm>
#include <cmath>

#include "pictures/color_range.h"

namespace anycapture {
namespace {

constexpr double kTickSpacing = 44;

}  // namespace

std::vector<int> index_ticks(int count, double length) {
  const double most = std::max(1.0, std::floor(length / kTickSpacing));
  const int step = std::max(1, static_cast<int>(std::lround(round_step(count / most))));
  std::vector<int> ticks;
  for (int i = 0; i < count; i += step) ticks.push_back(i);
  return ticks;
}

std::vector<double> value_ticks(double low, double high, double length) {
  const double step = round_step((high - low) * kTickSpacing / length);
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; ++i) {
    ticks.push_back(i * step);
  }
  return ticks;
}

}  // namespace anycapture
