// SPDX-License-Identifier: MIT
// The scenes are what they are said to be, and the weights that ship can read them.
#include "digits.h"

#include <ATen/ATen.h>

#include <anycapture/anycapture.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "weights.h"

namespace {

const std::string kDigits = SAMPLES_DATA "/digits.safetensors";
const std::string kWeights = SAMPLES_DATA "/digits_vit.safetensors";
constexpr std::uint64_t kSeed = 2026;  // neither of training nor of its own count

std::set<int> indexes(const std::vector<digits::Digit>& digits) {
  std::set<int> all;
  for (const auto& digit : digits) all.insert(digit.index);
  return all;
}

TEST(Digits, UnseenOnesAreNoneOfTraining) {
  const auto split = digits::load(kDigits);
  const auto train = indexes(split.train), unseen = indexes(split.unseen);
  EXPECT_EQ(train.size() + unseen.size(), 1797u);
  std::vector<int> both;
  std::set_intersection(train.begin(), train.end(), unseen.begin(), unseen.end(),
                        std::back_inserter(both));
  EXPECT_TRUE(both.empty());
}

TEST(Digits, ScenesFollowFromTheirSeed) {
  const auto split = digits::load(kDigits);
  auto first = digits::Scenes(split.unseen, kSeed).next(3);
  auto again = digits::Scenes(split.unseen, kSeed).next(3);
  auto other = digits::Scenes(split.unseen, kSeed + 1).next(3);
  EXPECT_TRUE(digits::images_of(first).equal(digits::images_of(again)));
  EXPECT_FALSE(digits::images_of(first).equal(digits::images_of(other)));
}

TEST(Digits, LieInTheirBoxAmongClutter) {
  const auto split = digits::load(kDigits);
  digits::Scenes scenes(split.unseen, kSeed);
  for (const auto& scene : scenes.next(50)) {
    int inside = 0, outside = 0;
    for (int row = 0; row < digits::kSceneSide; ++row) {
      for (int column = 0; column < digits::kSceneSide; ++column) {
        const bool in_box = row >= scene.box.top && row < scene.box.bottom &&
                            column >= scene.box.left && column < scene.box.right;
        const bool ink =
            scene.pixels[static_cast<std::size_t>(row * digits::kSceneSide + column)] > 60;
        (in_box ? inside : outside) += ink;
      }
    }
    EXPECT_GT(inside, 20);
    EXPECT_GT(outside, 20);
    EXPECT_LE(scene.box.right - scene.box.left, 3 * digits::kDigitSide + 1);
    EXPECT_LE(scene.box.bottom - scene.box.top, 3 * digits::kDigitSide + 1);
  }
}

TEST(TrainedViT, ReadsUnseenDigits) {
  const at::NoGradGuard no_grad;
  auto model = load_vit(kWeights);
  digits::Scenes scenes(digits::load(kDigits).unseen, kSeed);
  std::int64_t right = 0;
  constexpr int kCount = 2000, kBatch = 200;
  for (int done = 0; done < kCount; done += kBatch) {
    const auto batch = scenes.next(kBatch);
    const auto answer = model->forward(digits::images_of(batch)).argmax(1);
    right += answer.eq(digits::labels_of(batch)).sum().item<std::int64_t>();
  }
  EXPECT_GE(right, kCount * 96 / 100);
  RecordProperty("right_of_2000", std::to_string(right));
}

// The maps mean something: CLS looks at the digit.
TEST(TrainedViT, LooksAtTheDigit) {
  const at::NoGradGuard no_grad;
  auto model = load_vit(kWeights);
  const auto patch = static_cast<int>(model->options.patch_size);
  const auto batch = digits::Scenes(digits::load(kDigits).unseen, kSeed).next(200);
  anycapture::Capturer cap(model, "Attention");
  model->forward(digits::images_of(batch));
  const auto maps = cap.stack("*.attn:attn");  // (layers, scenes, heads, tokens, tokens)
  // Of what CLS gives to patches, in the last two layers, mean of heads: (scenes, patches)
  const auto cls = maps.slice(0, -2).mean(at::IntArrayRef{0, 2}).select(1, 0).slice(1, 1);
  const auto shares = (cls / cls.sum(1, true)).contiguous();

  double weight = 0, area = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto patches = digits::patches_of(batch[i].box, patch);
    const auto* row = shares.data_ptr<float>() + static_cast<std::int64_t>(i) * shares.size(1);
    weight += std::accumulate(patches.begin(), patches.end(), 0.0,
                              [&](double sum, int token) { return sum + row[token]; });
    area += static_cast<double>(patches.size()) / static_cast<double>(shares.size(1));
  }
  weight /= static_cast<double>(batch.size());
  area /= static_cast<double>(batch.size());
  EXPECT_GE(weight, 3 * area) << "weight " << weight << ", area " << area;
  RecordProperty("weight_on_digit", std::to_string(weight));
  RecordProperty("share_of_area", std::to_string(area));
}

}  // namespace
