// SPDX-License-Identifier: MIT
#include "core/attention_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace anycapture {
namespace {

using safetensors::Dtype;

Statistics statistics_of(const std::vector<float>& values) {
  return statistics(Dtype::kF32, reinterpret_cast<const std::byte*>(values.data()), values.size(),
                    WithSpread::no);
}

TEST(AttentionEntropy, IsOneValuePerHead) {
  // Two batches, two heads: uniform over 4 keys, and all on one.
  std::vector<float> map;
  for (int batch = 0; batch < 2; ++batch) {
    map.insert(map.end(), 12, 0.25F);
    for (int query = 0; query < 3; ++query) map.insert(map.end(), {0, 1, 0, 0});
  }
  const safetensors::TensorInfo info{"m:attn", Dtype::kF32, {2, 2, 3, 4}, 0, map.size() * 4};
  const auto* data = reinterpret_cast<const std::byte*>(map.data());
  const auto entropy = attention_entropy(info, data, statistics_of(map));
  ASSERT_TRUE(entropy);
  ASSERT_EQ(entropy->size(), 2u);
  EXPECT_NEAR((*entropy)[0], std::log(4), 1e-12);
  EXPECT_EQ((*entropy)[1], 0);

  map[0] = 0.75F, map[4] = -0.25F;
  EXPECT_FALSE(attention_entropy(info, data, statistics_of(map)));
  map[0] = 0.5F, map[4] = 0;  // the right sum over all, of two wrong rows
  EXPECT_FALSE(attention_entropy(info, data, statistics_of(map)));
}

}  // namespace
}  // namespace anycapture
