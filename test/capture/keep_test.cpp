// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <functional>
#include <limits>

#include "support/throws.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Keep;
using anycapture::Stale;
using anycapture::StaleCaptureError;
using support::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Tags what a test gives it, then does to it what the test says.
struct ProbeImpl : torch::nn::Module {
  std::function<void(at::Tensor&)> after = [](at::Tensor&) {};
  at::Tensor forward(at::Tensor x) {
    ANYCAPTURE_TAG(x);
    after(x);
    return x;
  }
};
TORCH_MODULE(Probe);

TEST(KeepTest, AReadAfterAnInPlaceChangeThrowsInsteadOfGivingWrongNumbers) {
  Probe model;
  model->after = [](at::Tensor& x) { x.add_(1); };
  Capturer cap(model, ":x");
  model->forward(at::zeros({2}));
  for (const auto& read : std::vector<std::function<void()>>{
           [&] { cap[":x"]; }, [&] { cap.last(":x"); }, [&] { cap.calls(":x"); },
           [&] { cap.stack("*"); }, [&] { *cap.begin(); }}) {
    EXPECT_THAT(message_of<StaleCaptureError>(read),
                AllOf(HasSubstr(":x"), HasSubstr("Keep::clone")));
  }
  EXPECT_TRUE(at::equal(cap.at(":x", Stale::allow), at::ones({2})));
}

TEST(KeepTest, AWriteThroughAViewIsAChangeToo) {
  Probe model;
  model->after = [](at::Tensor& x) { x.select(0, 0).zero_(); };
  Capturer cap(model, ":x");
  model->forward(at::ones({2}));
  EXPECT_THROW(cap[":x"], StaleCaptureError);
}

TEST(KeepTest, AChangeOfATensorThatRequiresGradIsSeen) {
  Probe model;
  model->after = [](at::Tensor& x) { x.mul_(2); };
  Capturer cap(model, ":x");
  model->forward(at::ones({2}, at::requires_grad()) * 1);
  EXPECT_THROW(cap[":x"], StaleCaptureError);
}

TEST(KeepTest, ANewStorageIsAChange) {
  Probe model;
  model->after = [](at::Tensor& x) { x.set_data(at::ones({5})); };
  Capturer cap(model, ":x");
  model->forward(at::zeros({2}));
  EXPECT_THROW(cap[":x"], StaleCaptureError);
}

TEST(KeepTest, ClonesHoldTheValuesOfTheCapture) {
  Probe model;
  model->after = [](at::Tensor& x) { x.add_(1); };
  CaptureOptions options;
  options.keep = Keep::clone;
  Capturer cap(model, ":x", options);
  model->forward(at::zeros({2}));
  EXPECT_TRUE(at::equal(cap[":x"], at::zeros({2})));
}

TEST(KeepTest, AReferenceSharesTheStorage) {
  Probe model;
  Capturer cap(model, ":x");
  const at::Tensor plain = at::zeros({2});
  const at::Tensor graded = at::zeros({2}, at::requires_grad());
  model->forward(plain);
  EXPECT_EQ(cap[":x"].data_ptr(), plain.data_ptr());
  cap.clear();
  model->forward(graded);
  EXPECT_EQ(cap[":x"].data_ptr(), graded.data_ptr());
  EXPECT_FALSE(cap[":x"].requires_grad());
}

TEST(KeepTest, WorksInInferenceMode) {
  Probe model;
  model->after = [](at::Tensor& x) { x.add_(1); };
  Capturer cap(model, ":x");
  {
    c10::InferenceMode inference;
    model->forward(at::zeros({2}));
  }
  const at::Tensor kept = cap[":x"];
  EXPECT_TRUE(at::equal(kept, at::zeros({2})));
  EXPECT_FALSE(kept.is_inference());
}

TEST(KeepTest, ConvertsFloatsOnly) {
  Probe model;
  CaptureOptions options;
  options.dtype = at::kHalf;
  Capturer cap(model, ":x", options);
  model->forward(at::ones({2}));
  EXPECT_EQ(cap[":x"].scalar_type(), at::kHalf);
  cap.clear();
  model->forward(at::ones({2}, at::kLong));
  EXPECT_EQ(cap[":x"].scalar_type(), at::kLong);
}

TEST(KeepTest, MovesToTheDeviceAskedFor) {
  Probe model;
  CaptureOptions options;
  options.device = at::Device(at::kMeta);
  Capturer cap(model, ":x", options);
  model->forward(at::ones({2, 3}));
  EXPECT_TRUE(cap[":x"].is_meta());
  EXPECT_EQ(cap[":x"].sizes(), (std::vector<int64_t>{2, 3}));
}

TEST(KeepTest, AConvertedReferenceThatStillSharesIsChecked) {
  Probe model;
  model->after = [](at::Tensor& x) { x.add_(1); };
  CaptureOptions options;
  options.transform = [](const anycapture::Site&, const at::Tensor& x) { return x.slice(0, 0, 1); };
  Capturer cap(model, ":x", options);
  model->forward(at::zeros({2}));
  EXPECT_THROW(cap[":x"], StaleCaptureError);
}

TEST(KeepTest, TransformsWhatIsKept) {
  Probe model;
  CaptureOptions options;
  std::string seen;
  options.transform = [&](const anycapture::Site& site, const at::Tensor& x) {
    seen = site.key;
    return x.mean(0);
  };
  Capturer cap(model, ":x", options);
  model->forward(at::arange(4, at::kFloat).reshape({2, 2}));
  EXPECT_EQ(seen, ":x");
  EXPECT_TRUE(at::equal(cap[":x"], at::tensor({1.f, 2.f})));
}

TEST(KeepTest, WhatFiresInsideATransformIsNotHeard) {
  Probe model;
  CaptureOptions options;
  options.transform = [&](const anycapture::Site&, const at::Tensor& x) {
    return model->forward(x + 1);
  };
  Capturer cap(model, ":x", options);
  model->forward(at::zeros({1}));
  EXPECT_EQ(cap.calls(":x").size(), 1u);
}

TEST(KeepTest, AnExceptionOfATransformPassesUnchanged) {
  Probe model;
  CaptureOptions options;
  options.transform = [](const anycapture::Site&, const at::Tensor&) -> at::Tensor { throw 42; };
  Capturer cap(model, ":x", options);
  EXPECT_THROW(model->forward(at::zeros({1})), int);
  EXPECT_TRUE(cap.empty());
  cap.close();
  EXPECT_NO_THROW(model->forward(at::zeros({1})));
}

TEST(KeepTest, StopsAtTheFirstSiteThatIsNotFinite) {
  Probe model;
  CaptureOptions options;
  options.on_nonfinite = anycapture::OnNonFinite::raise;
  Capturer cap(model, ":x", options);
  model->forward(at::ones({2}));
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string message = message_of<anycapture::NonFiniteError>([&] {
    model->forward(at::tensor({1.f, inf, nan, nan}));
  });
  EXPECT_THAT(message, AllOf(HasSubstr("\":x\""), HasSubstr("2 NaN and 1 Inf among 4"),
                             HasSubstr("call 1")));
}

TEST(KeepTest, UndefinedTensorsDoNotFire) {
  Probe model;
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model, ":x", options);
  model->forward(at::Tensor());
  EXPECT_TRUE(cap.empty());
}

}  // namespace
