// SPDX-License-Identifier: MIT
// Instrumented sources together with what else hears a module: tags, hooked holders, Sequentials,
// other sessions and threads.
#include <anycapture/anycapture.h>
#include <anycapture/hooks.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <memory>
#include <thread>

#include "models/tagged.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

at::Tensor two() {
  return at::ones({2}) * 2;
}

TEST(PairingTest, ATagWinsOverALocalOfItsName) {
  tagged::Scorer model;
  Capturer cap(model, {":attn", ":helper.attn", ":free_scores.*"});
  model->forward(two());
  EXPECT_TRUE(at::equal(cap[":attn"], two() * 2));  // the tag, not the final value
  EXPECT_TRUE(at::equal(cap[":helper.attn"], two() * 2));
  EXPECT_TRUE(at::equal(cap[":free_scores.scores"], two() * 3 + 1));
}

TEST(PairingTest, AHookedHolderAndItsSourceAreOneCall) {
  tagged::Scorer model;
  auto handle = anycapture::register_forward_pre_hook(
      model, [](torch::nn::Module&, const at::Tensor& input) { return input + 1; });
  Capturer cap(model, {"Scorer:input", "Scorer:output", "Scorer:x"});
  const at::Tensor y = model->forward(two());
  EXPECT_THAT(cap.keys(), UnorderedElementsAre(":input", ":output", ":x"));
  EXPECT_TRUE(at::equal(cap[":input"], two() + 1));  // what the hook put in
  EXPECT_TRUE(at::equal(cap[":x"], two() + 1));
  EXPECT_TRUE(at::equal(cap[":output"], y));
}

TEST(PairingTest, ASequentialsChildIsOneCall) {
  torch::nn::Sequential row{tagged::Scorer()};
  Capturer cap(*row, {"0:output", "0:attn[1]"});
  const at::Tensor y = row->forward(two());
  EXPECT_TRUE(at::equal(cap["0:output"], y));
  EXPECT_TRUE(at::equal(cap["0:attn[1]"], two() * 2 + 1));
}

TEST(PairingTest, ARecursiveMethodIsManyCalls) {
  tagged::Scorer model;
  Capturer cap(model, {":again.y", ":again.output"});
  model->again(two(), 3);
  EXPECT_EQ(cap.calls(":again.y").size(), 3u);
  EXPECT_EQ(cap.calls(":again.output").size(), 3u);
}

TEST(PairingTest, AnotherThreadIsNotHeard) {
  tagged::Scorer model;
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model, ":*", options);
  std::thread([&] { model->forward(two()); }).join();
  EXPECT_TRUE(cap.empty());
}

TEST(PairingTest, SessionsOpenAndCloseInAnyOrder) {
  tagged::Scorer model;
  auto outer = std::make_unique<Capturer>(*model, ":helper.attn");
  Capturer inner(model, ":other");
  model->forward(two());
  outer->close();
  model->forward(two());
  EXPECT_EQ(outer->calls(":helper.attn").size(), 1u);
  EXPECT_EQ(inner.calls(":other").size(), 2u);
  EXPECT_THAT(inner.keys(), ElementsAre(":other"));
}

TEST(PairingTest, WhatAConstructorCallsIsNotHeard) {
  tagged::Scorer model;
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model, {":*", "fn:*"}, options);
  auto late = std::make_shared<tagged::Late>();
  EXPECT_TRUE(cap.empty());
  Capturer of_late(*late, ":y");
  late->forward(two());
  EXPECT_THAT(of_late.keys(), ElementsAre(":y"));
}

TEST(PairingTest, WhatASessionThrowsLeavesTheFunction) {
  tagged::Scorer model;
  CaptureOptions options;
  options.on_nonfinite = anycapture::OnNonFinite::raise;
  Capturer cap(model, {":other", ":attn[1]"}, options);
  EXPECT_THROW(model->forward(two() / 0), anycapture::Error);
  EXPECT_NO_THROW(model->forward(two()));  // nothing of the first is left behind
  EXPECT_EQ(cap.calls(":other").size(), 1u);
}

}  // namespace
