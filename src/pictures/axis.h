// SPDX-License-Identifier: MIT
// Which places along an axis get a label.
#pragma once

#include <anycapture/api.h>

#include <vector>

namespace anycapture {

constexpr double kTickLength = 4;

/// Round indexes of `count`, from 0 on, that have room along an axis of this length.
std::vector<int> index_ticks(int count, double length);

/// Round values between the two, ends included, with room between each other.
ANYCAPTURE_API std::vector<double> value_ticks(double low, double high, double length);

}  // namespace anycapture
