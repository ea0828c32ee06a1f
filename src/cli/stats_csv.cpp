// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/stats.h"
#include "core/element.h"
#include "core/tensor_shape.h"

namespace anycapture {
namespace cli {
namespace {

constexpr const char* kNames =
    "key,dtype,shape,count,min,min_index,max,max_index,mean,std,p1,median,p99,nan,inf,zeros,"
    "h1,h2,h3,h4,h5,h6,h7,h8,entropy_per_head\n";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (char c : text) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

std::string line_of(const StatsRow& row) {
  const Statistics& s = row.statistics;
  const bool has_range = s.finite() > 0, has_spread = has_range && s.spread;
  const Statistics::Spread spread = s.spread.value_or(Statistics::Spread{});
  const auto of_finite = [&](double value) { return has_range ? fmt::format("{}", value) : ""; };
  const auto of_spread = [&](auto value) { return has_spread ? fmt::format("{}", value) : ""; };
  const auto index = [&](std::uint64_t flat) {
    return has_range ? fmt::format("{}", fmt::join(index_of(flat, row.shape), " ")) : "";
  };
  std::vector<std::string> fields{quoted(row.key),
                                  std::string(torch_name(row.dtype)),
                                  fmt::format("{}", fmt::join(row.shape, " ")),
                                  std::to_string(s.count),
                                  of_finite(s.min),
                                  index(s.min_index),
                                  of_finite(s.max),
                                  index(s.max_index),
                                  of_finite(s.mean),
                                  of_finite(s.std),
                                  of_spread(spread.p1),
                                  of_spread(spread.median),
                                  of_spread(spread.p99),
                                  std::to_string(s.nans),
                                  std::to_string(s.infinities),
                                  std::to_string(s.zeros)};
  for (std::uint64_t count : spread.histogram) fields.push_back(of_spread(count));
  fields.push_back(row.entropy ? fmt::format("{}", fmt::join(*row.entropy, " ")) : "");
  return fmt::format("{}\n", fmt::join(fields, ","));
}

}  // namespace

std::string stats_csv(const std::vector<StatsRow>& rows) {
  std::string text = kNames;
  for (const StatsRow& row : rows) text += line_of(row);
  return text;
}

}  // namespace cli
}  // namespace anycapture
