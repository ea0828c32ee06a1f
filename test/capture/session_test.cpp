// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>
#include <torch/nn/init.h>

#include <ATen/ATen.h>

#include <optional>
#include <thread>

#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Captures;
using support::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

TEST(SessionTest, CapturesATagOfEveryModuleOfATypeByPath) {
  tiny::Model model;
  Capturer cap(model, "Attention");
  model->forward(input());
  EXPECT_THAT(cap.keys(),
              ElementsAre("blocks.0.attn:attn", "blocks.1.attn:attn", "blocks.2.attn:attn"));
  const at::Tensor map = cap["blocks.1.attn:attn"];
  EXPECT_EQ(map.sizes(), (std::vector<int64_t>{2, 3, 3}));
  EXPECT_TRUE(at::allclose(map.sum(-1), at::ones({2, 3})));
}

TEST(SessionTest, CapturesTheVeryValuesOfTheForward) {
  tiny::Model model(1);
  const at::Tensor x = input();
  const auto parts = model->blocks[0]->as<tiny::Block>()->attn->qkv(x).chunk(3, -1);
  const at::Tensor by_hand = at::softmax(parts[0].matmul(parts[1].transpose(-2, -1)), -1);
  Capturer cap(model, "Attention:attn");
  model->forward(x);
  EXPECT_TRUE(at::equal(cap["blocks.0.attn:attn"], by_hand));
}

TEST(SessionTest, LeavesTheResultAndItsGraphAsTheyAre) {
  tiny::Model model;
  const at::Tensor plain = model->forward(input());
  Capturer cap(model, "*");
  const at::Tensor captured = model->forward(input());
  EXPECT_TRUE(at::equal(plain, captured));
  EXPECT_TRUE(captured.requires_grad());
  EXPECT_FALSE(cap["blocks.0:residual"].requires_grad());
}

TEST(SessionTest, KeepsTheGraphWhenNotDetached) {
  tiny::Model model(1);
  CaptureOptions options;
  options.detach = false;
  Capturer cap(model, "Attention", options);
  model->forward(input());
  const at::Tensor map = cap["blocks.0.attn:attn"];
  ASSERT_TRUE(map.requires_grad());
  map.select(-1, 0).sum().backward();
  EXPECT_GT(model->blocks[0]->as<tiny::Block>()->attn->qkv->weight.grad().abs().sum().item<float>(),
            0);
}

TEST(SessionTest, TakesHoldersPointersAndModules) {
  tiny::Model holder(1);
  std::shared_ptr<tiny::ModelImpl> pointer = holder.ptr();
  std::shared_ptr<torch::nn::Module> base = pointer;
  tiny::ModelImpl& module = *pointer;
  const tiny::Model& constant = holder;
  Capturer of_holder(holder, "Attention"), of_pointer(pointer, "Attention"),
      of_base(base, "Attention"), of_module(module, "Attention"),
      of_constant(constant, "Attention");
  holder->forward(input());
  for (const Capturer* cap : {&of_holder, &of_pointer, &of_base, &of_module, &of_constant}) {
    EXPECT_THAT(cap->keys(), ElementsAre("blocks.0.attn:attn"));
  }
}

TEST(SessionTest, TakesAModelOnTheStack) {
  tiny::ModelImpl model(2);
  Capturer cap(model, "Block:residual");
  model.forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("blocks.0:residual", "blocks.1:residual"));
}

TEST(SessionTest, RefusesAnEmptyHolder) {
  tiny::Model model(nullptr);
  EXPECT_THAT(message_of<anycapture::Error>([&] { Capturer cap(model, "*"); }), HasSubstr("null"));
}

TEST(SessionTest, LaterSelectorsWithABangTakeAway) {
  tiny::Model model;
  Capturer cap(model, {"*", "!blocks.1*", "!*:residual"});
  model->forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("blocks.0.attn:attn", "blocks.2.attn:attn"));
}

TEST(SessionTest, ThrowsForASelectorThatMatchesNoModule) {
  tiny::Model model;
  const std::string message =
      message_of<anycapture::SelectorError>([&] { Capturer cap(model, "Atention"); });
  EXPECT_THAT(message, HasSubstr("Atention"));
  EXPECT_THAT(message, HasSubstr("Attention"));
}

TEST(SessionTest, OneBadSelectorAmongSeveralLeavesNothingListening) {
  tiny::Model model;
  EXPECT_THROW(Capturer(model, {"Attention", "nowhere.*.at"}), anycapture::SelectorError);
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST(SessionTest, StopsExactlyAtClose) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  cap.close();
  cap.close();
  EXPECT_FALSE(cap.is_open());
  model->forward(input());
  EXPECT_EQ(cap.calls("blocks.0.attn:attn").size(), 1u);
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST(SessionTest, SessionsNestAndCloseInAnyOrder) {
  tiny::Model model(1);
  auto outer = std::make_optional<Capturer>(model, "Attention");
  auto inner = std::make_optional<Capturer>(model, "Block");
  model->forward(input());
  outer->close();
  model->forward(input());
  EXPECT_EQ(outer->calls("blocks.0.attn:attn").size(), 1u);
  EXPECT_EQ(inner->calls("blocks.0:residual").size(), 2u);
  inner.reset();
  outer.reset();
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST(SessionTest, MovesKeepListening) {
  tiny::Model model(1);
  Capturer first(model, "Attention");
  Capturer second(std::move(first));
  model->forward(input());
  EXPECT_EQ(second.size(), 1u);
  Capturer third(model, "Block");
  third = std::move(second);  // closes the Block session first
  model->forward(input());
  EXPECT_EQ(third.calls("blocks.0.attn:attn").size(), 2u);
  EXPECT_EQ(anycapture::detail::listeners.load(), 1);
}

TEST(SessionTest, AnExceptionInForwardEndsTheSessionAndKeepsWhatWasCaptured) {
  tiny::Model model(2);
  std::optional<Captures> rescued;
  try {
    Capturer cap(model, "Attention");
    model->blocks[0]->as<tiny::Block>()->forward(input());
    EXPECT_THAT(cap.report().text(), HasSubstr("blocks.0.attn:attn"));
    rescued = cap.take();
    model->forward(at::ones({2, 3, 5}));  // does not fit
    FAIL() << "the forward should have thrown";
  } catch (const c10::Error&) {
  }
  EXPECT_FALSE(anycapture::detail::listening());
  ASSERT_TRUE(rescued.has_value());
  EXPECT_EQ(rescued->size(), 1u);
}

TEST(SessionTest, OutlivesASharedModel) {
  auto model = std::make_shared<tiny::ModelImpl>(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  model.reset();
  EXPECT_EQ(cap["blocks.0.attn:attn"].dim(), 3);
  EXPECT_THAT(cap.report().text(), HasSubstr("Attention"));
  tiny::Model other(1);  // may lie at the same addresses
  other->forward(input());
  EXPECT_EQ(cap.calls("blocks.0.attn:attn").size(), 1u);
}

TEST(SessionTest, KeepsNoModuleAlive) {
  auto model = std::make_shared<tiny::ModelImpl>(1);
  const std::weak_ptr<tiny::ModelImpl> watched = model;
  Capturer cap(model, "*");
  model->forward(input());
  model.reset();
  EXPECT_TRUE(watched.expired());
}

TEST(SessionTest, HearsOnlyTheThreadThatOpenedIt) {
  tiny::Model model(1);
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  Capturer cap(model, "Attention", options);
  std::thread([&] { model->forward(input()); }).join();
  EXPECT_TRUE(cap.empty());
  model->forward(input());
  EXPECT_EQ(cap.size(), 1u);
}

TEST(SessionTest, MayBeClosedOnAnotherThread) {
  tiny::Model model(1);
  auto cap = std::make_unique<Capturer>(model, "Attention");
  model->forward(input());
  std::thread([&] { cap.reset(); }).join();
  model->forward(input());
  EXPECT_FALSE(anycapture::detail::listening());
}

TEST(SessionTest, ACloneIsAnotherModel) {
  tiny::Model model(1);
  auto copy = std::dynamic_pointer_cast<tiny::ModelImpl>(model->clone());
  Capturer cap(model, "Attention");
  copy->forward(input());
  EXPECT_TRUE(cap.empty());
  Capturer of_copy(copy, "Attention");
  copy->forward(input());
  EXPECT_EQ(of_copy.size(), 1u);
  model->forward(input());
  EXPECT_EQ(cap.size(), 1u);
}

struct TwiceImpl : torch::nn::Module {
  tiny::Attention shared{4};
  TwiceImpl() {
    register_module("first", shared);
    register_module("second", shared);
  }
  at::Tensor forward(const at::Tensor& x) { return shared(shared(x)); }
};
TORCH_MODULE(Twice);

TEST(SessionTest, ASharedModuleGoesByItsFirstPathAndIsReadByAll) {
  Twice model;
  Capturer cap(model, "second");
  model->forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("first:attn"));
  EXPECT_EQ(cap.calls("first:attn").size(), 2u);
  EXPECT_EQ(cap.calls("second:attn").size(), 2u);
  EXPECT_TRUE(cap.contains("second:attn"));
}

TEST(SessionTest, PausesAndResumes) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  cap.pause();
  model->forward(input());
  EXPECT_TRUE(cap.empty());
  cap.resume();
  model->forward(input());
  EXPECT_EQ(cap.size(), 1u);
}

TEST(SessionTest, SitesListsWhatFiresAndHoldsNothing) {
  tiny::Model model(2);
  const auto sites = anycapture::sites(model, [&] { model->forward(input()); });
  ASSERT_EQ(sites.size(), 4u);
  EXPECT_EQ(sites[0].site.key, "blocks.0.attn:attn");
  EXPECT_EQ(sites[0].site.type, "Attention");
  EXPECT_EQ(sites[0].shape, (std::vector<int64_t>{2, 3, 3}));
  EXPECT_EQ(sites[0].dtype, at::kFloat);
  EXPECT_EQ(sites[1].site.key, "blocks.0:residual");
  EXPECT_EQ(sites[3].calls, 1u);
  EXPECT_FALSE(anycapture::detail::listening());
}

struct BadTagImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) { return anycapture::tag(this, "a:b", x); }
};
TORCH_MODULE(BadTag);

TEST(SessionTest, ABadTagElsewhereIsNoneOfASessionsBusiness) {
  struct PairImpl : torch::nn::Module {
    BadTag bad{register_module("bad", BadTag())};
    tiny::Attention attn{register_module("attn", tiny::Attention(4))};
  };
  auto model = std::make_shared<PairImpl>();
  BadTag unrelated;
  Capturer cap(model, "Attention");
  EXPECT_NO_THROW(unrelated->forward(input()));
  EXPECT_NO_THROW(model->bad->forward(input()));
  model->attn(input());
  EXPECT_EQ(cap.size(), 1u);
  CaptureOptions quiet;
  quiet.on_silent = anycapture::OnSilent::ignore;
  Capturer chosen(model, "bad", quiet);
  EXPECT_THAT(message_of<anycapture::Error>([&] { model->bad->forward(input()); }),
              HasSubstr("a tag cannot be called \"a:b\", as in BadTag \"bad\""));
}

TEST(SessionTest, ADeviceThatIsNotHereIsRefusedAtOnce) {
  tiny::Model model(1);
  CaptureOptions options;
  options.device = at::Device("hip:0");
  EXPECT_THAT(message_of<anycapture::Error>([&] { Capturer cap(model, "Attention", options); }),
              HasSubstr("CaptureOptions::device is hip:0, which cannot be used here"));
  EXPECT_FALSE(anycapture::detail::listening());
}

}  // namespace
