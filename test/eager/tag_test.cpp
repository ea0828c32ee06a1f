// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>
#include <anycapture/detail/frame.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>

#include "support/allocations.h"
#include "support/throws.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor scaled_scores(const at::Tensor& q) {
  at::Tensor scores = anycapture::tag("scores", q * 2);
  return scores + 1;
}

struct TaggedImpl : torch::nn::Module {
  at::Tensor cache_;
  std::string name = "attn";
  void observe(at::Tensor& x) { ANYCAPTURE_TAG(x); }
  at::Tensor forward(const at::Tensor& x) {
    ANYCAPTURE_TAG(x);  // a const reference is observed
    at::Tensor y = anycapture::tag(this, "y", x + 1);
    y = anycapture::tag(this, "again", std::move(y));
    cache_ = scaled_scores(y);
    ANYCAPTURE_TAG(this->cache_);
    anycapture::tag(this, name.c_str(), y);
    return cache_;
  }
};
TORCH_MODULE(Tagged);

TEST(TagTest, EveryFormNamesItsTensor) {
  Tagged model;
  Capturer cap(model, "*");
  const at::Tensor x = at::ones({2});
  model->forward(x);
  EXPECT_THAT(cap.keys(), ElementsAre(":x", ":y", ":again", ":cache_", ":attn"));
  EXPECT_TRUE(at::equal(cap[":y"], x + 1));
  EXPECT_TRUE(at::equal(cap[":cache_"], (x + 1) * 2 + 1));
}

TEST(TagTest, ATagReturnsTheVeryTensor) {
  const at::Tensor x = at::ones({2});
  Tagged model;
  EXPECT_TRUE(anycapture::tag(model.get(), "x", x).is_same(x));
  Capturer cap(model, "*");
  EXPECT_TRUE(anycapture::tag(model.get(), "x", x).is_same(x));
}

TEST(TagTest, ASiteAllocatesNothingWhileNoSessionIsOpen) {
  Tagged model;
  at::Tensor x = at::ones({2});
  const auto fire_each_form = [&] {
    const auto before = support::allocations();
    model->observe(x);
    x = anycapture::tag(model.get(), "a name that is longer than any small string", x);
    x = anycapture::tag(model.get(), "moved", std::move(x));
    x = anycapture::tag("in a function", x);
    return support::allocations() - before;
  };
  EXPECT_EQ(fire_each_form(), 0);
  Capturer cap(model, "*");
  EXPECT_GT(fire_each_form(), 0);
}

TEST(TagTest, ANameBuiltAtRunTimeIsReadAfreshAtTheSameAddress) {
  Tagged model;
  Capturer cap(model, "*");
  model->name = "one";
  model->forward(at::ones({1}));
  model->name = "two";  // short string: the same buffer
  model->forward(at::ones({1}));
  EXPECT_TRUE(cap.contains(":one"));
  EXPECT_TRUE(cap.contains(":two"));
  EXPECT_EQ(cap.calls(":one").size(), 1u);
}

TEST(TagTest, AFreeFunctionOutsideHookedModulesGoesByItsOwnName) {
  Tagged model;
  Capturer cap(model, {":y", "fn:scaled_*"});
  model->forward(at::ones({1}));
  EXPECT_THAT(cap.keys(), ElementsAre(":y", "fn:scaled_scores:scores"));
}

TEST(TagTest, AFreeFunctionInsideAFrameBelongsToItsModule) {
  Tagged model;
  Capturer cap(model, "*");
  {
    const anycapture::detail::Frame frame(*model, anycapture::detail::Seen::kHolder);
    model->forward(at::ones({1}));
  }
  EXPECT_TRUE(cap.contains(":scaled_scores.scores"));
  cap.close();
  Capturer chosen(model, ":scaled_scores.*");
  {
    const anycapture::detail::Frame frame(*model, anycapture::detail::Seen::kHolder);
    model->forward(at::ones({1}));
  }
  EXPECT_THAT(chosen.keys(), ElementsAre(":scaled_scores.scores"));
}

TEST(TagTest, TakenAndMalformedNamesAreRefused) {
  Tagged model;
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model, "*", options);
  for (const char* name : {"output", "input", "attention", "return", "", "a:b", "a#1", "a[0]"}) {
    const std::string message =
        message_of<anycapture::Error>([&] { anycapture::tag(model.get(), name, at::ones({1})); });
    EXPECT_THAT(message, AllOf(HasSubstr("a tag cannot be called"), HasSubstr(name)));
  }
  EXPECT_TRUE(cap.empty());
}

}  // namespace
