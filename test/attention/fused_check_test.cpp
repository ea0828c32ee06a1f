// SPDX-License-Identifier: MIT
// Weights that are made again are served only where they give what the op gave, whatever part of
// them is read.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <anycapture/torch_version.h>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include "attention/fused_call.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

using anycapture::AttentionMap;
using anycapture::Capturer;
using anycapture::Error;
using anycapture::attention::FusedCall;
using anycapture::attention::Operands;
using support::message_of;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

at::Tensor weights_of(const Operands& all) {
  const double scale = 1 / std::sqrt(static_cast<double>(all.query.size(-1)));
  at::Tensor scores =
      all.query.to(at::kDouble).matmul(all.key.to(at::kDouble).transpose(-2, -1)) * scale;
  if (all.causal) {
    const at::Tensor closed = at::ones({scores.size(-2), scores.size(-1)}, at::kBool).triu(1);
    scores = scores.masked_fill(closed, -std::numeric_limits<double>::infinity());
  }
  return scores.softmax(-1);
}

at::Tensor output_of(const Operands& all) {
  return weights_of(all).matmul(all.value.to(at::kDouble)).to(all.value.scalar_type());
}

Operands call(std::int64_t tokens, at::ScalarType dtype = at::kFloat, bool causal = false) {
  at::manual_seed(1);
  const std::vector<std::int64_t> shape{1, 4, tokens, 16};
  Operands all;
  all.op = "scaled_dot_product_attention";
  all.query = at::randn(shape).to(dtype);
  all.key = at::randn(shape).to(dtype);
  all.value = at::randn(shape).to(dtype);
  all.causal = causal;
  all.output = output_of(all);
  return all;
}

AttentionMap map_of(const Operands& all) {
  return AttentionMap(std::make_shared<FusedCall>(all, true, false));
}

Operands with_other_queries(Operands all, std::int64_t head = -1) {
  all.query = all.query.clone();
  at::Tensor changed = head < 0 ? all.query : all.query.select(1, head);
  changed.copy_(at::randn(changed.sizes()));
  return all;
}

std::string refusal(const Operands& all) {
  return message_of<Error>([&] { map_of(all).whole(); });
}

TEST(FusedCheck, IsTheSameWhateverPartIsRead) {
  const Operands wrong = with_other_queries(call(32, at::kFloat, /*causal=*/true));
  const std::string says = refusal(wrong);
  EXPECT_THAT(says, HasSubstr("rows 1, 11, 21, 31 differ by up to "));
  EXPECT_EQ(message_of<Error>([&] { map_of(wrong).head(2); }), says);
  EXPECT_EQ(message_of<Error>([&] { map_of(wrong).mean(); }), says);
  EXPECT_EQ(message_of<Error>([&] { map_of(wrong).rows(0, 1); }), says);
  const Operands in_one = with_other_queries(call(32), 2);
  EXPECT_THAT(message_of<Error>([&] { map_of(in_one).head(0); }), HasSubstr("differ by up to"));
}

TEST(FusedCheck, IsNotLoosenedByLargeValuesElsewhereNorBySmallOnes) {
  Operands all = call(64);
  all.value[0][0][5][3] = 1e5;
  all.output = output_of(all);
  EXPECT_LE((map_of(all).whole() - weights_of(all)).abs().max().item<double>(), 1e-6);
  EXPECT_THAT(refusal(with_other_queries(all, 2)), HasSubstr("differ by up to"));
  all = call(64);
  all.value = all.value * 1e-6;
  all.output = output_of(all);
  EXPECT_LE((map_of(all).whole() - weights_of(all)).abs().max().item<double>(), 1e-6);
  EXPECT_THAT(refusal(with_other_queries(all)), HasSubstr("differ by up to"));
}

TEST(FusedCheck, SeesWrongWeightsOfHalfPrecisionAmongManyKeys) {
  for (const at::ScalarType dtype : {at::kHalf, at::kBFloat16}) {
    for (const std::int64_t tokens : {64, 512, 2048}) {
      Operands all = call(tokens, dtype);
      EXPECT_EQ(map_of(all).rows(0, 1).size(-1), tokens);
      all.query = at::randn(all.query.sizes()).to(dtype);
      EXPECT_THAT(message_of<Error>([&] { map_of(all).rows(0, 1); }), HasSubstr("differ by up to"))
          << at::toString(dtype) << " " << tokens;
    }
  }
}

#if ANYCAPTURE_TORCH_AT_LEAST(2, 5)
// LibTorch's own kernels round on their own way, most with values that nearly cancel.
TEST(FusedCheck, AllowsWhatKernelsRound) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    for (const std::int64_t tokens : {1, 2, 63, 512}) {
      for (const double sharp : {0.0, 1.0, 8.0}) {
        for (const bool causal : {false, true}) {
          Operands all = call(tokens, dtype, causal);
          all.query = all.query * sharp;
          if (tokens > 2) all.value.narrow(-2, tokens / 2, tokens / 2).neg_().sub_(3);
          all.value.narrow(-2, 0, tokens / 2).add_(3);
          all.output =
              at::scaled_dot_product_attention(all.query, all.key, all.value, {}, 0, causal);
          EXPECT_NO_THROW(map_of(all).rows(0, 1))
              << at::toString(dtype) << " " << tokens << " " << sharp << " " << causal;
        }
      }
    }
  }
}

struct FusedImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return at::scaled_dot_product_attention(q, k, v);
  }
};
ANYCAPTURE_MODULE(Fused);

class Autocast {
 public:
  Autocast() {
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
  }
  ~Autocast() {
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
};

TEST(FusedCheck, FollowsAutocast) {
  const Operands all = call(33);
  Fused model;
  Capturer cap(model, ":attention");
  {
    const Autocast half;
    EXPECT_EQ(model->forward(all.query, all.key, all.value).scalar_type(), at::kBFloat16);
  }
  Operands half = all;
  half.query = all.query.to(at::kBFloat16);
  half.key = all.key.to(at::kBFloat16);
  EXPECT_LE((cap[":attention"] - weights_of(half)).abs().max().item<double>(), 1e-6);
  EXPECT_EQ(cap[":attention"].scalar_type(), at::kFloat);
}

// A write that no version counter sees.
TEST(FusedCheck, ASaveTellsWhichMapIsRefusedAndHowToHaveTheOthers) {
  const Operands all = call(8);
  Fused model;
  Capturer cap(model, ":attention");
  model->forward(all.query, all.key, all.value);
  cap.close();
  *all.key.data_ptr<float>() += 10;
  const support::TempDir dir;
  EXPECT_THAT(message_of<Error>([&] { cap.save(dir.file("maps.safetensors")); }),
              AllOf(HasSubstr("\":attention\" cannot be saved, so nothing was: the attention"),
                    EndsWith("the selector \"!:attention\" leaves it out")));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}
#endif

// Where people look for what went wrong.
TEST(FusedCheck, LeavesOutWhatIsNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  Operands all = call(16);
  all.query[0][1][15][0] = nan;
  all.output = output_of(all);
  AttentionMap map = map_of(all);
  const at::Tensor weights = map.whole();
  EXPECT_TRUE(weights[0][1][15].isnan().all().item<bool>());
  EXPECT_EQ(weights.isnan().sum().item<std::int64_t>(), 16);
  EXPECT_THAT(map.note(), HasSubstr("NaN or Inf: rows with them are not checked"));

  all = call(16);
  all.value[0][0][3][2] = inf;
  all.output = output_of(all);
  EXPECT_LE((map_of(all).whole() - weights_of(all)).abs().max().item<double>(), 1e-6);
  EXPECT_THAT(refusal(with_other_queries(all)), HasSubstr("differ by up to"));
  EXPECT_EQ(map_of(call(16)).note(), "");
}

}  // namespace
