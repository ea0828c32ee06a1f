// SPDX-License-Identifier: MIT
// What the values of tensors are like: computed, and in the forms in which `stats` and `convert`
// give it.
#pragma once

#include <anycapture/safetensors.h>

#include <optional>
#include <string>
#include <vector>

#include "core/statistics.h"

namespace anycapture {
namespace cli {

struct StatsRow {
  std::string key;
  safetensors::Dtype dtype;
  std::vector<std::int64_t> shape;
  Statistics statistics;
  std::optional<std::vector<double>> entropy;  ///< nats per head, where it is attention
};

/// `data`: the tensor's elements, of any alignment. Without the spread no entropy either.
StatsRow stats_row(const safetensors::TensorInfo& tensor, const std::byte* data,
                   WithSpread with_spread);

/// One tensor a line, and what is attention once more, with its heads.
std::string stats_table(const std::vector<StatsRow>& rows);
/// One JSON array, for programs.
std::string stats_json(const std::vector<StatsRow>& rows);
/// For spreadsheets and data frames: a line of names, then one tensor a line. Fields are quoted as
/// RFC 4180 has it, lines end in \n. Numbers read back as the same double; indices, shapes and the
/// entropies are parted by spaces. What a tensor has not, such as the minimum of no value, is
/// empty.
std::string stats_csv(const std::vector<StatsRow>& rows);

}  // namespace cli
}  // namespace anycapture
