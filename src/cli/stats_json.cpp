// SPDX-License-Identifier: MIT
#include <nlohmann/json.hpp>

#include "cli/stats.h"
#include "core/element.h"
#include "core/tensor_shape.h"

namespace anycapture {
namespace cli {

std::string stats_json(const std::vector<StatsRow>& rows) {
  using Json = nlohmann::ordered_json;
  Json all = Json::array();
  for (const auto& [key, dtype, shape, s, entropy] : rows) {
    Json row{{"name", key},   {"dtype", torch_name(dtype)}, {"shape", shape},  {"count", s.count},
             {"nan", s.nans}, {"inf", s.infinities},        {"zeros", s.zeros}};
    if (s.finite() > 0) {
      row["min"] = s.min;
      row["min_index"] = index_of(s.min_index, shape);
      row["max"] = s.max;
      row["max_index"] = index_of(s.max_index, shape);
      row["mean"] = s.mean;
      row["std"] = s.std;
    }
    if (s.finite() > 0 && s.spread) {
      row["p1"] = s.spread->p1;
      row["median"] = s.spread->median;
      row["p99"] = s.spread->p99;
      row["histogram"] = s.spread->histogram;
    }
    if (entropy) row["entropy_per_head"] = *entropy;
    all.push_back(std::move(row));
  }
  return all.dump(2) + "\n";
}

}  // namespace cli
}  // namespace anycapture
