// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>

#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Captures;
using anycapture::KeyError;
using support::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

TEST(CapturesTest, AKeyThatFiredTwiceSaysSoAndHoldsBothCalls) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  model->forward(input() * 2);
  const std::string message = message_of<KeyError>([&] { cap["blocks.0.attn:attn"]; });
  EXPECT_THAT(message, HasSubstr("fired 2 times"));
  EXPECT_THAT(message, HasSubstr("last("));
  const auto calls = cap.calls("blocks.0.attn:attn");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].index, 0u);
  EXPECT_EQ(calls[1].index, 1u);
  EXPECT_LT(calls[0].sequence, calls[1].sequence);
  EXPECT_EQ(calls[0].thread, calls[1].thread);
  EXPECT_FALSE(at::equal(calls[0].value, calls[1].value));
  EXPECT_TRUE(at::equal(cap.last("blocks.0.attn:attn"), calls[1].value));
}

TEST(CapturesTest, AnUnknownKeyNamesTheNearest) {
  tiny::Model model;
  Capturer cap(model, "Attention");
  EXPECT_THAT(message_of<KeyError>([&] { cap["blocks.0.attn:attn"]; }),
              HasSubstr("nothing was captured"));
  model->forward(input());
  const std::string message = message_of<KeyError>([&] { cap["blocks.1.atn:attn"]; });
  EXPECT_THAT(message, HasSubstr("blocks.1.atn:attn"));
  EXPECT_THAT(message, HasSubstr("blocks.1.attn:attn"));
}

TEST(CapturesTest, StacksInTheOrderOfTheModel) {
  tiny::Model model(3);
  Capturer cap(model, "Attention");
  model->blocks[2]->as<tiny::Block>()->forward(input());  // captured first, third in the model
  model->blocks[0]->as<tiny::Block>()->forward(input());
  model->blocks[1]->as<tiny::Block>()->forward(input());
  const at::Tensor stacked = cap.stack("*.attn:attn");
  EXPECT_EQ(stacked.sizes(), (std::vector<int64_t>{3, 2, 3, 3}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(stacked[i], cap["blocks." + std::to_string(i) + ".attn:attn"]));
  }
  EXPECT_THAT(cap.keys("blocks.?.attn:attn").front(), "blocks.2.attn:attn");
}

TEST(CapturesTest, KeysAreChosenAsSelectorsChoose) {
  tiny::Block model(4);
  Capturer cap(model, "*");
  model->forward(input());
  EXPECT_THAT(cap.keys("*.attn:attn"), ElementsAre("attn:attn"));  // `*.` may match nothing
  EXPECT_THAT(cap.keys("attn"), ElementsAre("attn:attn"));
  EXPECT_THAT(cap.keys(":residual"), ElementsAre(":residual"));
}

TEST(CapturesTest, StackSaysWhatDoesNotFit) {
  tiny::Model model(2);
  Capturer cap(model, "*");
  model->forward(input());
  EXPECT_THAT(message_of<KeyError>([&] { cap.stack("nothing*"); }), HasSubstr("nothing*"));
  EXPECT_THAT(message_of<anycapture::Error>([&] { cap.stack("*"); }),
              ::testing::AllOf(HasSubstr("[2, 3, 3]"), HasSubstr("[2, 3, 4]")));
}

TEST(CapturesTest, RangeForGoesInOrderOfFirstCapture) {
  tiny::Model model(1);
  Capturer cap(model, "*");
  model->forward(input());
  std::vector<std::string> keys;
  for (const auto& [key, calls] : cap) {
    keys.push_back(key);
    EXPECT_EQ(calls.size(), 1u);
  }
  EXPECT_THAT(keys, ElementsAre("blocks.0.attn:attn", "blocks.0:residual"));
}

TEST(CapturesTest, ClearForgetsAndGoesOnListening) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  for (int batch = 0; batch < 3; ++batch) {
    cap.clear();
    EXPECT_TRUE(cap.empty());
    model->forward(input());
    EXPECT_EQ(cap["blocks.0.attn:attn"].dim(), 3);
  }
}

TEST(CapturesTest, ATakenValueOutlivesTheSession) {
  tiny::Model model(1);
  Captures taken;
  {
    Capturer cap(model, "Attention");
    model->forward(input());
    taken = cap.take();
    EXPECT_TRUE(cap.empty());
    model->forward(input() * 2);
    EXPECT_EQ(cap.size(), 1u);
  }
  EXPECT_THAT(taken.keys(), ElementsAre("blocks.0.attn:attn"));
  EXPECT_EQ(taken["blocks.0.attn:attn"].size(0), 2);
}

TEST(CapturesTest, KeepLastKeepsTheNewest) {
  tiny::Model model(1);
  CaptureOptions options;
  options.keep_last = 2;
  Capturer cap(model, "Attention", options);
  for (int i = 1; i <= 5; ++i) model->forward(input() * i);
  const auto calls = cap.calls("blocks.0.attn:attn");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].index, 3u);
  EXPECT_EQ(calls[1].index, 4u);
  EXPECT_THAT(message_of<KeyError>([&] { cap["blocks.0.attn:attn"]; }), HasSubstr("fired 5 times"));
}

TEST(CapturesTest, WhatWasMeantByAKeyIsSaid) {
  tiny::Model model(1);
  CaptureOptions options;
  options.keep_last = 1;
  Capturer cap(model, "Attention", options);
  const auto said = [&](const char* key) { return message_of<KeyError>([&] { cap[key]; }); };
  EXPECT_THAT(said("blocks.0.attn:attn"),
              HasSubstr("run the model's forward while the session is"));
  EXPECT_THAT(message_of<KeyError>([&] { cap.stack("*:attn"); }),
              HasSubstr("since nothing was captured: run the model's forward"));
  model->forward(input());
  model->forward(input());
  EXPECT_THAT(said("blocks.0.attn:attn"),
              HasSubstr("calls(\"blocks.0.attn:attn\") for the one that is kept"));
  EXPECT_THAT(said("*.attn:attn"), HasSubstr("a key is no pattern: keys() and stack() take one"));
  EXPECT_THAT(said("blocks.0.attn:attn#1"),
              HasSubstr("call 1 is calls(\"blocks.0.attn:attn\")[1]"));
  EXPECT_THAT(said("blocks.0.attn"), HasSubstr("keys are path:what"));
  EXPECT_THAT(said("blocks.0.atn:attn"), HasSubstr("the nearest key is \"blocks.0.attn:attn\""));
  EXPECT_THAT(said("\x1b[31m"), HasSubstr("\"\\x1b[31m\""));
  EXPECT_THAT(message_of<KeyError>([&] { cap.stack("*.atn:attn"); }),
              HasSubstr("no key matches \"*.atn:attn\" among the 1 that fired"));
  EXPECT_THROW(cap.keys("["), anycapture::SelectorError);
}

TEST(CapturesTest, WhatWasTakenOrClearedIsSaid) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  const auto said = [&] { return message_of<KeyError>([&] { cap["blocks.0.attn:attn"]; }); };
  model->forward(input());
  const Captures taken = cap.take();
  EXPECT_THAT(said(), HasSubstr("went with take()"));
  model->forward(input());
  cap.clear();
  EXPECT_THAT(said(), HasSubstr("went with clear()"));
}

TEST(CapturesTest, WhatIsMovedFromStaysReadable) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  Captures first = cap.take();
  const Captures second = std::move(first);
  EXPECT_EQ(second.size(), 1u);
  EXPECT_EQ(first.size(), 1u);  // NOLINT(bugprone-use-after-move): promised
}

}  // namespace
