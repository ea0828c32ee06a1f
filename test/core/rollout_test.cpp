// SPDX-License-Identifier: MIT
#include <anycapture/rollout.h>

#include <anycapture/error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using anycapture::HeadFusion;
using anycapture::LayerMaps;
using anycapture::rollout;
using anycapture::RolloutOptions;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Layers of softmax rows.
struct Model {
  Model(std::size_t layer_count, std::size_t heads, std::size_t token_count) : tokens(token_count) {
    std::mt19937 random(7);
    std::normal_distribution<float> logit(0, 2);
    values.resize(layer_count);
    for (std::vector<float>& layer : values) {
      layer.resize(heads * tokens * tokens);
      for (std::size_t row = 0; row < heads * tokens; ++row) {
        float sum = 0;
        for (std::size_t i = 0; i < tokens; ++i) {
          sum += layer[row * tokens + i] = std::exp(logit(random));
        }
        for (std::size_t i = 0; i < tokens; ++i) layer[row * tokens + i] /= sum;
      }
      layers.push_back({layer.data(), heads});
    }
  }

  std::size_t tokens;
  std::vector<std::vector<float>> values;
  std::vector<LayerMaps> layers;
};

double fused(const LayerMaps& layer, std::size_t tokens, std::size_t row, std::size_t column,
             HeadFusion fusion) {
  std::vector<double> heads;
  for (std::size_t head = 0; head < layer.heads; ++head) {
    heads.push_back(layer.data[(head * tokens + row) * tokens + column]);
  }
  if (fusion == HeadFusion::max) return *std::max_element(heads.begin(), heads.end());
  if (fusion == HeadFusion::min) return *std::min_element(heads.begin(), heads.end());
  double sum = 0;
  for (double value : heads) sum += value;
  return sum / static_cast<double>(heads.size());
}

// Written down from the definition, in doubles, one loop inside another.
std::vector<double> reference(const Model& model, const RolloutOptions& options) {
  const std::size_t n = model.tokens;
  std::vector<double> joint;
  for (std::size_t l = options.start_layer; l < model.layers.size(); ++l) {
    std::vector<double> a(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<std::pair<double, std::size_t>> sorted;
      for (std::size_t j = 0; j < n; ++j) {
        a[i * n + j] = fused(model.layers[l], n, i, j, options.fusion);
        const bool kept = j == i || static_cast<int>(j) == options.class_token;
        if (!kept) sorted.emplace_back(a[i * n + j], j);
      }
      std::sort(sorted.begin(), sorted.end());
      const auto away = static_cast<std::size_t>(options.discard_ratio * static_cast<double>(n));
      for (std::size_t k = 0; k < std::min(away, sorted.size()); ++k) {
        a[i * n + sorted[k].second] = 0;
      }
      a[i * n + i] += 1;
      double sum = 0;
      for (std::size_t j = 0; j < n; ++j) sum += a[i * n + j];
      for (std::size_t j = 0; j < n; ++j) a[i * n + j] /= sum;
    }
    if (joint.empty()) {
      joint = a;
      continue;
    }
    std::vector<double> next(n * n, 0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < n; ++k) next[i * n + j] += a[i * n + k] * joint[k * n + j];
    joint = next;
  }
  return joint;
}

TEST(Rollout, OfTwoLayersByHand) {
  const std::vector<float> first{0.5f, 0.5f, 0, 1}, second{1, 0, 0.25f, 0.75f};
  // (A + I) / 2 is [.75 .25; 0 1] and [1 0; .125 .875]; the second times the first:
  EXPECT_THAT(rollout({{first.data(), 1}, {second.data(), 1}}, 2),
              Pointwise(FloatNear(1e-7f), {0.75f, 0.25f, 0.09375f, 0.90625f}));
}

TEST(Rollout, IsWhatItsDefinitionGives) {
  const Model model(4, 3, 53);  // neither a multiple of the rows nor of the columns worked on
  for (const HeadFusion fusion : {HeadFusion::mean, HeadFusion::max, HeadFusion::min}) {
    for (const double ratio : {0.0, 0.3, 0.9, 0.999}) {
      for (const int class_token : {0, -1}) {
        for (const std::size_t start : {0, 2, 3}) {
          const RolloutOptions options{fusion, ratio, start, class_token};
          EXPECT_THAT(rollout(model.layers, model.tokens, options),
                      Pointwise(FloatNear(1e-6f), reference(model, options)))
              << static_cast<int>(fusion) << ' ' << ratio << ' ' << class_token << ' ' << start;
        }
      }
    }
  }
}

TEST(Rollout, RowsSumToOne) {
  const Model model(12, 2, 197);
  RolloutOptions options;
  options.fusion = HeadFusion::max;
  options.discard_ratio = 0.9;
  const std::vector<float> result = rollout(model.layers, model.tokens, options);
  for (std::size_t row = 0; row < model.tokens; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < model.tokens; ++i) sum += result[row * model.tokens + i];
    ASSERT_NEAR(sum, 1, 1e-5) << row;
  }
}

TEST(Rollout, OfARowThatIsFullyMaskedIsTheTokenItself) {
  const std::vector<float> masked{0, 0, 0.5f, 0.5f};
  EXPECT_THAT(rollout({{masked.data(), 1}}, 2), Pointwise(FloatNear(0), {1.f, 0.f, 0.25f, 0.75f}));
}

std::string message(const std::vector<LayerMaps>& layers, const RolloutOptions& options) {
  try {
    rollout(layers, 2, options);
  } catch (const anycapture::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Rollout, SaysWhatIsWrong) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> good{1, 0, 0, 1}, bad{1, 0, nan, 1};
  const std::vector<LayerMaps> layers{{good.data(), 1}, {bad.data(), 1}};
  EXPECT_THAT(message({}, {}), HasSubstr("no maps"));
  EXPECT_THAT(message(layers, {HeadFusion::mean, 0, 2, 0}), HasSubstr("no layer 2"));
  EXPECT_THAT(message(layers, {HeadFusion::mean, 1, 0, 0}), HasSubstr("discard ratio of 1"));
  EXPECT_THAT(message(layers, {HeadFusion::mean, -0.5, 0, 0}), HasSubstr("-0.5"));
  EXPECT_THAT(message(layers, {}), HasSubstr("row 1 of layer 1 is not finite"));
}

}  // namespace
