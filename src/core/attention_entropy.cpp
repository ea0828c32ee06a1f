// SPDX-License-Identifier: MIT
#include "core/attention_entropy.h"

#include <atomic>
#include <cmath>
#include <numeric>

#include "core/element.h"
#include "core/parallel.h"

namespace anycapture {
namespace {

constexpr double kTolerance = 0.01;  // of a row's sum

bool sums_to_one(double sum) {
  return std::abs(sum - 1) <= kTolerance;
}

bool may_be_attention(const safetensors::TensorInfo& tensor, const Statistics& all) {
  if (tensor.shape.size() < 3 || tensor.dtype == safetensors::Dtype::kC64) return false;
  if (all.count == 0 || all.finite() != all.count || all.min < 0) return false;
  const std::int64_t keys = tensor.shape.back();
  return keys >= 2 && sums_to_one(all.mean * static_cast<double>(keys));
}

double entropy_of(const std::vector<double>& row) {
  double entropy = 0;
  for (double p : row) {
    if (p > 0) entropy -= p * std::log(p);
  }
  return entropy;
}

}  // namespace

std::optional<std::vector<double>> attention_entropy(const safetensors::TensorInfo& tensor,
                                                     const std::byte* data, const Statistics& all) {
  if (!may_be_attention(tensor, all)) return std::nullopt;
  const auto keys = static_cast<std::size_t>(*(tensor.shape.end() - 1));
  const auto queries = static_cast<std::size_t>(*(tensor.shape.end() - 2));
  const auto heads = static_cast<std::size_t>(*(tensor.shape.end() - 3));
  const std::size_t maps = all.count / (queries * keys);
  std::vector<double> sums(maps, 0);
  std::atomic<bool> attention{true};
  parallel_for(maps, [&](std::size_t map, std::size_t) {
    std::vector<double> row(keys);
    for (std::size_t query = 0; query < queries && attention; ++query) {
      to_doubles(tensor.dtype, data, (map * queries + query) * keys, keys, row.data());
      if (!sums_to_one(std::accumulate(row.begin(), row.end(), 0.0))) attention = false;
      sums[map] += entropy_of(row);
    }
  });
  if (!attention) return std::nullopt;
  std::vector<double> result(heads, 0);
  for (std::size_t map = 0; map < maps; ++map) result[map % heads] += sums[map];
  for (double& sum : result) sum /= static_cast<double>(maps / heads * queries);
  return result;
}

}  // namespace anycapture
