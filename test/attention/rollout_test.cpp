// SPDX-License-Identifier: MIT
// Rollout of tensors against the definition, written with matrices in double precision.
#include <anycapture/attention.h>
#include <anycapture/error.h>

#include <ATen/ATen.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/throws.h"

namespace {

using anycapture::RolloutOptions;
using anycapture::attention::rollout;
using support::message_of;

std::vector<at::Tensor> maps_of(std::vector<std::int64_t> shape) {
  at::manual_seed(5);
  std::vector<at::Tensor> maps;
  for (int layer = 0; layer < 4; ++layer) maps.push_back(at::randn(shape).softmax(-1));
  return maps;
}

at::Tensor by_hand(const std::vector<at::Tensor>& fused, std::size_t start = 0) {
  at::Tensor product = at::eye(fused[0].size(-1), at::kDouble);
  for (std::size_t layer = start; layer < fused.size(); ++layer) {
    at::Tensor passed = fused[layer].to(at::kDouble) + at::eye(fused[0].size(-1), at::kDouble);
    passed = passed / passed.sum(-1, true);
    product = passed.matmul(product);
  }
  return product;
}

double apart(const at::Tensor& ours, const at::Tensor& theirs) {
  EXPECT_EQ(ours.sizes(), theirs.sizes());
  return (ours.to(at::kDouble) - theirs).abs().max().item<double>();
}

TEST(Rollout, IsTheProductOfWhatLayersPassOn) {
  const std::vector<at::Tensor> maps = maps_of({2, 3, 7, 7});
  const at::Tensor result = rollout(maps);
  std::vector<at::Tensor> expected;
  for (std::int64_t item = 0; item < 2; ++item) {
    std::vector<at::Tensor> fused;
    for (const at::Tensor& map : maps) fused.push_back(map[item].mean(0));
    expected.push_back(by_hand(fused));
  }
  EXPECT_LE(apart(result, at::stack(expected)), 1e-6);
  EXPECT_LE(apart(result.sum(-1), at::ones({2, 7}, at::kDouble)), 1e-6);
}

TEST(Rollout, TakesOptionsAndMapsOfOneItem) {
  const std::vector<at::Tensor> maps = maps_of({3, 7, 7});
  std::vector<at::Tensor> fused;
  for (const at::Tensor& map : maps) fused.push_back(std::get<0>(map.max(0)));
  RolloutOptions options;
  options.fusion = anycapture::HeadFusion::max;
  options.start_layer = 2;
  EXPECT_LE(apart(rollout(maps, options), by_hand(fused, 2)), 1e-6);
}

TEST(Rollout, IsWeightedByGradients) {
  const std::vector<at::Tensor> maps = maps_of({3, 7, 7});
  std::vector<at::Tensor> gradients, fused;
  for (const at::Tensor& map : maps) {
    gradients.push_back(at::randn({3, 7, 7}));
    fused.push_back((map * gradients.back()).clamp_min(0).mean(0));
  }
  EXPECT_LE(apart(rollout(maps, gradients), by_hand(fused)), 1e-6);
}

TEST(Rollout, SaysWhatDoesNotFit) {
  EXPECT_EQ(message_of<anycapture::Error>([] { rollout({}); }), "rollout: there are no maps");
  EXPECT_EQ(message_of<anycapture::Error>([] {
              rollout({at::ones({3, 7, 6})});
            }),
            "rollout: maps are (heads, tokens, tokens) or (batch, heads, tokens, tokens), one is "
            "[3, 7, 6]");
  EXPECT_EQ(message_of<anycapture::Error>([] {
              rollout({at::ones({3, 7, 7}), at::ones({3, 6, 6})});
            }),
            "rollout: the maps differ: one is [3, 7, 7], another [3, 6, 6]");
  EXPECT_EQ(message_of<anycapture::Error>([] {
              rollout({at::ones({3, 7, 7})}, std::vector<at::Tensor>{at::ones({2, 7, 7})});
            }),
            "rollout: map 0 is [3, 7, 7], its gradient [2, 7, 7]");
}

}  // namespace
