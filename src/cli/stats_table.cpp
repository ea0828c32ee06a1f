// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cli/stats.h"
#include "cli/table.h"
#include "core/tensor_shape.h"
#include "core/visible.h"

namespace anycapture {
namespace cli {
namespace {

std::string bars(const std::array<std::uint64_t, 8>& histogram) {
  static const char* const kBars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::uint64_t most = *std::max_element(histogram.begin(), histogram.end());
  std::string text;
  for (std::uint64_t count : histogram) {
    const double height = most == 0 ? 0 : static_cast<double>(count) / static_cast<double>(most);
    // What is there at all shows, and nothing is a space.
    text += count == 0 ? " " : kBars[static_cast<int>(std::lround(height * 7))];
  }
  return text;
}

std::string table_of(const std::vector<StatsRow>& rows) {
  constexpr auto kRight = Table::Align::kRight;
  Table table({{"key"},
               {"min", kRight},
               {"at"},
               {"max", kRight},
               {"at"},
               {"mean", kRight},
               {"std", kRight},
               {"p1", kRight},
               {"median", kRight},
               {"p99", kRight},
               {"NaN", kRight},
               {"Inf", kRight},
               {"zeros", kRight},
               {"min..max"}});
  const auto number = [](double value) { return fmt::format("{:.4g}", value); };
  const auto some = [](std::uint64_t count) { return count == 0 ? "" : std::to_string(count); };
  for (const StatsRow& row : rows) {
    const Statistics& s = row.statistics;
    const auto of_finite = [&](const std::string& text) { return s.finite() == 0 ? "" : text; };
    const auto index = [&](std::uint64_t flat) {
      return of_finite(fmt::format("[{}]", fmt::join(index_of(flat, row.shape), ", ")));
    };
    const Statistics::Spread spread = s.spread.value_or(Statistics::Spread{});
    const auto of_spread = [&](const std::string& text) { return s.spread ? of_finite(text) : ""; };
    table.add({visible(row.key), of_finite(number(s.min)), index(s.min_index),
               of_finite(number(s.max)), index(s.max_index), of_finite(number(s.mean)),
               of_finite(number(s.std)), of_spread(number(spread.p1)),
               of_spread(number(spread.median)), of_spread(number(spread.p99)), some(s.nans),
               some(s.infinities), some(s.zeros), of_spread(bars(spread.histogram))});
  }
  return table.text();
}

std::string entropies_of(const std::vector<StatsRow>& rows) {
  Table table({{"key"}, {"entropy per head, nats"}, {"of at most", Table::Align::kRight}});
  bool any = false;
  for (const StatsRow& row : rows) {
    if (!row.entropy) continue;
    any = true;
    table.add({visible(row.key), fmt::format("{:.2f}", fmt::join(*row.entropy, "  ")),
               fmt::format("{:.2f}", std::log(static_cast<double>(row.shape.back())))});
  }
  return any ? "\n" + table.text() : "";
}

}  // namespace

std::string stats_table(const std::vector<StatsRow>& rows) {
  return table_of(rows) + entropies_of(rows);
}

}  // namespace cli
}  // namespace anycapture
