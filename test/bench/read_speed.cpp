// SPDX-License-Identifier: MIT
// usage: read_speed
//
// Prints how fast this machine reads memory, all cores together, in GiB/s: the best of ten runs
// over 1 GiB.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "core/parallel.h"

namespace {

// Four sums, so that additions wait for memory and not for each other.
std::uint64_t sum(const std::uint64_t* values, std::size_t count) {
  std::uint64_t sums[4] = {};
  for (std::size_t i = 0; i < count; i += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) sums[lane] += values[i + lane];
  }
  return sums[0] + sums[1] + sums[2] + sums[3];
}

}  // namespace

int main() {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kPart = std::size_t{1} << 17;  // 1 MiB
  constexpr std::size_t kParts = 1024;
  const std::vector<std::uint64_t> values(kPart * kParts, 1);
  double best = 0;
  for (int run = 0; run < 10; ++run) {
    std::vector<std::uint64_t> sums(kParts);
    const auto start = Clock::now();
    anycapture::parallel_for(kParts, [&](std::size_t part, std::size_t) {
      sums[part] = sum(&values[part * kPart], kPart);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    // Looked at, so that it is not left out.
    if (std::count(sums.begin(), sums.end(), kPart) != kParts) return 1;
    best = std::max(best, 1 / seconds);
  }
  fmt::print("{:.2f}\n", best);
}
