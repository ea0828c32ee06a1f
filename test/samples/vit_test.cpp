// SPDX-License-Identifier: MIT
// The sample's ViT against timm's, whose numbers test/data/vit/make_reference.py wrote.
#include "vit.h"

#include <ATen/ATen.h>

#include <anycapture/anycapture.h>

#include <gtest/gtest.h>

#include <string>

#include "support/data.h"
#include "weights.h"

namespace {

const std::string kFolder = support::data("vit/");

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(ViT, ComputesWhatTimmComputes) {
  const at::NoGradGuard no_grad;
  const auto reference = anycapture::Captures::load(kFolder + "timm_reference.safetensors");
  auto model = load_vit(kFolder + "timm_weights.safetensors", 3);
  anycapture::Capturer cap(model, "Attention");
  const auto output = model->forward(reference["input"]);
  cap.close();

  EXPECT_LT(largest_difference(output, reference["output"]), 1e-5);
  ASSERT_EQ(cap.size(), 3u);
  for (int block = 0; block < 3; ++block) {
    const auto number = std::to_string(block);
    EXPECT_LT(
        largest_difference(cap["blocks." + number + ".attn:attn"], reference["maps." + number]),
        1e-5)
        << "block " << block;
  }
}

TEST(ViT, InfersItsSizesFromTheWeights) {
  const auto options = vit_options(kFolder + "timm_weights.safetensors", 3);
  EXPECT_EQ(options.image_size, 32);
  EXPECT_EQ(options.patch_size, 8);
  EXPECT_EQ(options.channels, 3);
  EXPECT_EQ(options.width, 48);
  EXPECT_EQ(options.depth, 3);
  EXPECT_EQ(options.heads, 3);
  EXPECT_EQ(options.mlp_width, 192);
  EXPECT_EQ(options.classes, 10);
}

#if TORCH_VERSION_MAJOR >= 2
TEST(ViT, GivesTheSameAnswerFused) {
  const at::NoGradGuard no_grad;
  const auto reference = anycapture::Captures::load(kFolder + "timm_reference.safetensors");
  auto options = vit_options(kFolder + "timm_weights.safetensors", 3);
  options.fused = true;
  VisionTransformer model(options);
  load_weights(*model, kFolder + "timm_weights.safetensors");
  EXPECT_LT(largest_difference(model->forward(reference["input"]), reference["output"]), 1e-5);
}
#endif

}  // namespace
