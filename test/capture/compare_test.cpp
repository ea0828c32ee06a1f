// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>
#include <anycapture/gtest.h>

#include <ATen/ATen.h>

#include <gmock/gmock.h>
#include <sstream>

#include "support/temp_dir.h"
#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::Capturer;
using anycapture::Comparison;
using support::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

class CompareTest : public ::testing::Test {
 protected:
  CompareTest() {
    Capturer reference(model_, "*");
    model_->forward(input());
    reference.save(file_);
  }
  support::TempDir dir_;
  std::string file_ = dir_.file("reference.safetensors");
  tiny::Model model_{3};
};

TEST_F(CompareTest, AModelAgreesWithItself) {
  Capturer cap(model_, "*");
  model_->forward(input());
  EXPECT_TRUE(anycapture::same(cap, file_));
  EXPECT_EQ(anycapture::compare(cap, file_).compared, 6u);
}

TEST_F(CompareTest, TheFirstDifferenceIsWhereThePortWentWrong) {
  at::NoGradGuard no_grad;
  model_->blocks[1]->as<tiny::Block>()->attn->qkv->weight.add_(0.5);  // a mistake in block 1
  Capturer cap(model_, "*");
  model_->forward(input());
  const Comparison comparison = anycapture::compare(cap, file_);
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.differences.front().key, "blocks.1.attn:attn");
  EXPECT_GT(comparison.differences.front().max_abs, 0);
  EXPECT_THAT(comparison.text(), AllOf(StartsWith("first difference at blocks.1.attn:attn"),
                                       HasSubstr("blocks.2.attn:attn")));
  EXPECT_FALSE(anycapture::same(cap, file_));
  EXPECT_THAT(::testing::PrintToString(comparison), HasSubstr("blocks.1.attn:attn"));
}

TEST_F(CompareTest, TolerancesAndTheFirstIndexAreThoseOfAllclose) {
  Capturer cap(model_, "blocks.0.attn");
  model_->forward(input());
  anycapture::Captures reference = anycapture::Captures::load(file_);
  reference["blocks.0.attn:attn"][1][2][0] += 1e-3;  // shares the loaded tensor
  const Comparison strict = anycapture::compare(cap, reference);
  ASSERT_EQ(strict.differences.size(), 1u);
  EXPECT_EQ(strict.differences.front().index, (std::vector<int64_t>{1, 2, 0}));
  EXPECT_NEAR(strict.differences.front().max_abs, 1e-3, 1e-6);
  anycapture::CompareOptions loose;
  loose.atol = 2e-3;
  EXPECT_TRUE(anycapture::compare(cap, reference, loose));
}

TEST_F(CompareTest, KeysMayBeMapped) {
  tiny::Block block(4);
  Capturer cap(block, "attn");
  block->forward(input());
  EXPECT_THAT(anycapture::compare(cap, file_).text(),
              HasSubstr("the reference has no \"attn:attn\""));
  anycapture::CompareOptions options;
  options.map["attn:attn"] = "blocks.0.attn:attn";
  EXPECT_EQ(anycapture::compare(cap, file_, options).compared, 1u);
}

TEST_F(CompareTest, ShapesAndCountsOfCallsAreCompared) {
  Capturer cap(model_, "blocks.0.attn");
  model_->forward(at::zeros({1, 3, 4}));
  EXPECT_THAT(anycapture::compare(cap, file_).text(),
              AllOf(HasSubstr("[1, 3, 3]"), HasSubstr("[2, 3, 3]")));
  cap.clear();
  model_->forward(input());
  model_->forward(input());
  EXPECT_THAT(anycapture::compare(cap, file_).text(), HasSubstr("2 calls, in the reference 1"));
}

TEST_F(CompareTest, NothingCapturedIsNoAgreement) {
  anycapture::CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model_, "Attention", options);
  EXPECT_FALSE(anycapture::compare(cap, file_));
}

struct EmitImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) {
    ANYCAPTURE_TAG(x);
    return x;
  }
};
TORCH_MODULE(Emit);

anycapture::Captures captured(const at::Tensor& value) {
  Emit emit;
  Capturer cap(emit, ":x");
  emit->forward(value);
  return cap.take();
}

TEST(Compare, RealAndComplexDiffer) {
  const auto real = captured(at::ones({1}));
  const auto complex = captured(at::complex(at::ones({1}), at::full({1}, 5.0)));
  EXPECT_THAT(anycapture::compare(real, complex).text(), HasSubstr("1+0i against 1+5i"));
  EXPECT_FALSE(anycapture::compare(complex, real));
  EXPECT_TRUE(anycapture::compare(real, captured(at::complex(at::ones({1}), at::zeros({1})))));
}

TEST(Compare, AMappedKeyThatWasNeverCapturedIsADifference) {
  const auto captures = captured(at::ones({1}));
  anycapture::CompareOptions options;
  options.map["typo:x"] = ":x";
  EXPECT_THAT(anycapture::compare(captures, captures, options).text(),
              AllOf(HasSubstr("typo:x"), HasSubstr("never captured")));
}

TEST(Compare, TolerancesAreNumbersFromZero) {
  const auto captures = captured(at::ones({1}));
  EXPECT_THAT(message_of<anycapture::Error>([&] {
                anycapture::compare(captures, captures, {-1, 0, {}});
              }),
              HasSubstr("rtol is -1"));
  EXPECT_THROW(anycapture::compare(captures, captures, {0, NAN, {}}), anycapture::Error);
}

}  // namespace
