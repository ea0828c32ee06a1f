// SPDX-License-Identifier: MIT
// Stock modules in a program that is linked with anycapture::interpose; and that one forward of one
// module is one call, however many see it.
#include <anycapture/anycapture.h>
#include <anycapture/detail/frame.h>
#include <anycapture/nn.h>
#include <torch/nn.h>

#include <ATen/ATen.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/throws.h"

namespace {

using anycapture::Capturer;
using support::message_of;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

at::Tensor input() {
  return at::arange(8, at::kFloat).view({2, 4}) / 8 - 0.3;
}

// A model of somebody else: nothing in it is ours.
struct NetImpl : torch::nn::Module {
  torch::nn::Linear first{register_module("first", torch::nn::Linear(4, 4))};
  torch::nn::ReLU relu{register_module("relu", torch::nn::ReLU())};
  torch::nn::ModuleList rest{
      register_module("rest", torch::nn::ModuleList(torch::nn::Linear(4, 3)))};
  at::Tensor forward(const at::Tensor& x) {
    return rest[0]->as<torch::nn::Linear>()->forward(relu(first(x)));
  }
};
TORCH_MODULE(Net);

TEST(Interposed, StockModulesAreHeardWhereverTheyAreCalled) {
  Net net;
  Capturer cap(net, {"Linear:output", "*.first:input", "relu"});
  const auto y = net(input());
  EXPECT_THAT(cap.keys(),
              ElementsAre("first:input", "first:output", "relu:output", "rest.0:output"));
  EXPECT_TRUE(cap["first:input"].equal(input()));
  EXPECT_TRUE(cap["first:output"].equal(at::linear(input(), net->first->weight, net->first->bias)));
  EXPECT_TRUE(cap["relu:output"].equal(cap["first:output"].relu()));
  EXPECT_TRUE(cap["rest.0:output"].equal(y));
}

TEST(Interposed, LibTorchsOwnCallsAreHeard) {
  torch::nn::TransformerEncoderLayer layer(
      torch::nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(4).dropout(0));
  torch::nn::TransformerEncoder encoder(torch::nn::TransformerEncoderOptions(layer, 2));
  const auto x = at::rand({3, 1, 8});
  Capturer cap(encoder, {"*:output", "*.self_attn:input", "*.linear2:input"});
  const auto y = encoder(x);
  for (const std::string path : {"layers.0", "layers.1"}) {
    for (const std::string what : {"self_attn:output.0", "self_attn:output.1", "norm1:output",
                                   "linear1:output", "linear2:output", "dropout:output"}) {
      EXPECT_EQ(cap.calls(path + "." + what).size(), 1u) << path << what;
    }
    const auto& one = *encoder->named_modules()[path]->as<torch::nn::TransformerEncoderLayer>();
    EXPECT_TRUE(cap[path + ".linear2:output"].equal(
        at::linear(cap[path + ".linear2:input"], one.linear2->weight, one.linear2->bias)));
    EXPECT_TRUE(
        cap[path + ".self_attn:input.0"].equal(path == "layers.0" ? x : cap["layers.0:output"]));
  }
  EXPECT_TRUE(cap[":output"].equal(y));
  EXPECT_TRUE(cap["layers.1:output"].equal(y));
}

TEST(Interposed, ThroughPointersTheBareClassAndAnyModule) {
  auto linear = std::make_shared<torch::nn::LinearImpl>(4, 3);
  torch::nn::AnyModule any(linear);
  Capturer cap(linear, {":output"});
  linear->forward(input());
  (linear.get()->*(&torch::nn::LinearImpl::forward))(input());
  any.forward(input());
  EXPECT_EQ(cap.calls(":output").size(), 3u);
}

TEST(Interposed, ItSaysThatItIsThere) {
  EXPECT_TRUE(anycapture::interposed());
  EXPECT_EQ(anycapture::why_not_interposed(), "");
  EXPECT_THAT(anycapture::interposed_types(), AllOf(Contains("torch::nn::LinearImpl"),
                                                    Contains("torch::nn::TransformerEncoderImpl"),
                                                    Contains("torch::nn::ConstantPad2dImpl")));
}

// Their forward is a template in a header: heard where it begins and where it ends.

TEST(Interposed, NormsAreHeardInTrainingAndWithoutABatch) {
  torch::nn::BatchNorm2d batch(4);
  Capturer of_batch(batch, {":input", ":output"});
  const auto x = at::rand({2, 4, 3, 3});
  const auto y = batch(x);
  EXPECT_TRUE(of_batch[":input"].is_same(x));
  EXPECT_TRUE(of_batch[":output"].equal(y));
  EXPECT_EQ(batch->num_batches_tracked.item<std::int64_t>(), 1);

  torch::nn::InstanceNorm1d instance(torch::nn::InstanceNorm1dOptions(4));
  Capturer of_instance(instance, {":input", ":output"});
  const auto alone = at::rand({4, 3});
  const auto z = instance(alone);
  EXPECT_TRUE(of_instance[":input"].is_same(alone));
  EXPECT_TRUE(of_instance[":output"].equal(z));
  EXPECT_EQ(of_instance[":output"].sizes(), z.sizes());

  const c10::InferenceMode inference;  // where views are not told from other tensors
  const auto w = instance(alone);
  EXPECT_EQ(of_instance.calls(":output").size(), 2u);
  EXPECT_TRUE(of_instance.last(":output").equal(w));
}

TEST(Interposed, NormsFireOnceWithHoldersAndRelaysAndNotForOthersOps) {
  torch::nn::Sequential row(torch::nn::BatchNorm1d(4), anycapture::nn::BatchNorm1d(4));
  anycapture::nn::BatchNorm1d hooked(4);
  Capturer cap(row, {"*:input", "*:output"}), of_hooked(hooked, {":input", ":output"});
  const auto y = row->forward(input());
  const auto z = hooked(input());
  for (const char* key : {"0:input", "0:output", "1:input", "1:output"})
    EXPECT_EQ(cap.calls(key).size(), 1u) << key;
  EXPECT_TRUE(cap["1:output"].equal(y));
  EXPECT_EQ(of_hooked.calls(":output").size(), 1u);
  EXPECT_TRUE(of_hooked[":output"].equal(z));

  torch::nn::BatchNorm1d plain(4);
  Capturer of_plain(plain, {":input", ":output"});
  const auto x = input();
  EXPECT_THROW(plain(at::rand({2, 4, 3, 3})), c10::Error);  // the check: nothing went in
  torch::nn::functional::batch_norm(x, at::zeros({4}), at::ones({4}));
  EXPECT_THAT(of_plain.keys(), IsEmpty());
  plain(x);
  torch::nn::functional::batch_norm(x, at::zeros({4}), at::ones({4}));
  EXPECT_EQ(of_plain.calls(":output").size(), 1u);
}

// Each with each: one call.

TEST(Interposed, AHookedHolderFiresOnceAndItsHooksRunOnce) {
  anycapture::nn::Linear linear(4, 3);
  int hooks = 0;
  anycapture::register_forward_hook(
      linear, [&](torch::nn::Module&, const at::Tensor&, const at::Tensor& y) {
        ++hooks;
        return y * 2;
      });
  Capturer cap(linear, {":input", ":output"});
  const auto y = linear(input());
  EXPECT_EQ(hooks, 1);
  EXPECT_EQ(cap.calls(":input").size(), 1u);
  EXPECT_TRUE(cap[":output"].equal(y));  // what the hook made of it, not what LibTorch returned
}

TEST(Interposed, AHookedModuleIsHeardPastItsHooksToo) {
  anycapture::nn::Linear linear(4, 3);
  const torch::nn::Linear plain = linear;
  Capturer cap(linear, {":input", ":output"});
  torch::nn::Linear(plain)->forward(input());
  EXPECT_EQ(cap.calls(":output").size(), 1u);
  EXPECT_EQ(cap.calls(":input").size(), 1u);
}

TEST(Interposed, AChildOfASequentialFiresOnce) {
  torch::nn::Sequential row(torch::nn::Linear(4, 4), torch::nn::ReLU());
  Capturer cap(row, {"*:input", "*:output"});
  const auto y = row->forward(input());
  for (const char* key : {"0:input", "0:output", "1:input", "1:output", ":input", ":output"})
    EXPECT_EQ(cap.calls(key).size(), 1u) << key;
  EXPECT_TRUE(cap[":output"].equal(y));
  row->at<torch::nn::LinearImpl>(0).forward(input());  // past the relay
  EXPECT_EQ(cap.calls("0:output").size(), 2u);
}

TEST(Interposed, AHookedChildOfASequentialFiresOnce) {
  torch::nn::Sequential row(anycapture::nn::Linear(4, 4), torch::nn::ReLU());
  Capturer cap(row, {"*:output"});
  row->forward(input());
  EXPECT_EQ(cap.calls("0:output").size(), 1u);
}

struct TwiceImpl : torch::nn::LinearImpl {
  using LinearImpl::LinearImpl;
  at::Tensor forward(const at::Tensor& x) { return LinearImpl::forward(LinearImpl::forward(x)); }
};
TORCH_MODULE(Twice);
ANYCAPTURE_MODULE_IMPL(HookedTwice, TwiceImpl);

TEST(Interposed, TheBuiltInForwardOfADerivedClassIsNotItsOwn) {
  Twice twice(4, 4);
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(twice, ":output"); }),
              HasSubstr("ANYCAPTURE_MODULE(Twice)"));
  struct HolderImpl : torch::nn::Module {
    Twice twice{register_module("twice", Twice(4, 4))};
    torch::nn::Linear linear{register_module("linear", torch::nn::Linear(4, 4))};
  };
  auto holder = std::make_shared<HolderImpl>();
  Capturer cap(holder, "*:output");
  holder->linear(holder->twice(input()));
  EXPECT_THAT(cap.keys(), ElementsAre("linear:output"));
  HookedTwice hooked(4, 4);
  Capturer of_hooked(hooked, {":output", ":input"});
  const auto y = hooked(input());
  EXPECT_TRUE(of_hooked[":output"].equal(y));
  EXPECT_TRUE(of_hooked[":input"].equal(input()));
}

// A source instrumented when it is built opens a frame so.
struct InstrumentedImpl : torch::nn::LinearImpl {
  using LinearImpl::LinearImpl;
  at::Tensor forward(const at::Tensor& x) {
    if (!anycapture::detail::listening()) return LinearImpl::forward(x) + 1;
    anycapture::detail::Frame frame(*this, anycapture::detail::Seen::kSource);
    at::Tensor y = LinearImpl::forward(x) + 1;
    anycapture::Tensors output;
    output.add("", y);
    if (frame.wants_output()) frame.output(output);
    return y;
  }
};
ANYCAPTURE_MODULE(Instrumented);

TEST(Interposed, AnInstrumentedSourceFiresOnce) {
  const Instrumented of_holder(4, 3);
  for (const bool through_holder : {false, true}) {
    auto bare = std::make_shared<InstrumentedImpl>(4, 3);
    Instrumented hooked(4, 3);
    torch::nn::Module& root = through_holder ? static_cast<torch::nn::Module&>(*hooked) : *bare;
    anycapture::CaptureOptions quiet;
    quiet.on_silent = anycapture::OnSilent::ignore;
    Capturer cap(root, {"*"}, quiet);
    const auto y = through_holder ? hooked(input()) : bare->forward(input());
    ASSERT_EQ(cap.calls(":output").size(), 1u) << through_holder;
    EXPECT_TRUE(cap[":output"].equal(y)) << through_holder;
  }
}

TEST(Interposed, AModuleThatCallsItselfFiresForEachCall) {
  std::function<at::Tensor(at::Tensor)> again;
  torch::nn::Functional function([&](const at::Tensor& x) { return again(x); });
  again = [&](const at::Tensor& x) { return x.size(0) == 1 ? x + 1 : function(x.slice(0, 1)); };
  Capturer cap(function, ":output");
  function(at::ones({3}));
  EXPECT_EQ(cap.calls(":output").size(), 3u);
}

TEST(Interposed, ATagInAFunctionBelongsToTheModuleThatRunsIt) {
  torch::nn::Functional function(
      [](const at::Tensor& x) { return anycapture::tag("inner", x + 1, "f"); });
  Capturer cap(function, "*:f.inner");
  function(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":f.inner"));
}

TEST(Interposed, ExceptionsPass) {
  Net net;
  Capturer cap(net, "*:output");
  net->rest[0]->as<torch::nn::Linear>()->weight = at::ones({3, 9});
  EXPECT_THROW(net(input()), c10::Error);
  EXPECT_THAT(cap.report().text(),
              AllOf(HasSubstr("left by an exception"), HasSubstr("relu:output")));
  EXPECT_EQ(anycapture::detail::Frame::innermost(), nullptr);
}

TEST(Interposed, AModuleOfAnotherModelStaysSilent) {
  Net net;
  torch::nn::Linear other(4, 4);
  Capturer cap(net, "Linear:output");
  other(input());
  EXPECT_THAT(cap.keys(), IsEmpty());
  net(input());
  EXPECT_EQ(cap.size(), 2u);
}

TEST(Interposed, NothingIsHeardOfWhatHasClosed) {
  Net net;
  Capturer cap(net, "Linear:output");
  net(input());
  cap.close();
  net(input());
  EXPECT_EQ(cap.calls("first:output").size(), 1u);
}

TEST(Interposed, SessionsOpenAndCloseWhileOtherThreadsAreInsideForward) {
  Net net;
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      const at::NoGradGuard no_grad;
      while (!stop) net->forward(input());
    });
  }
  for (int i = 0; i < 100; ++i) {
    Capturer cap(net, "*:output");
    net(input());
    EXPECT_EQ(cap.calls("first:output").size(), 1u);  // the others' are not this session's
  }
  stop = true;
  for (auto& other : others) other.join();
}

TEST(Interposed, WhatAnActivationOverwritesIsKeptAsItWentIn) {
  torch::nn::ReLU relu(torch::nn::ReLUOptions(true));
  const at::NoGradGuard no_grad;
  Capturer cap(relu, {":input", ":output"});
  auto x = input();
  relu(x);
  EXPECT_TRUE(cap[":input"].equal(input()));
  EXPECT_TRUE(cap[":output"].equal(input().relu()));
}

TEST(Interposed, AMatchedModuleIsNoLongerInNeedOfAdvice) {
  Net net;
  Capturer cap(net, "Linear");
  net(input());
  EXPECT_THAT(cap.report().text(), Not(HasSubstr("to hook it")));
  const auto sites = anycapture::sites(net, [&] { net(input()); });
  EXPECT_EQ(sites.size(), 6u);  // inputs and outputs of three
}

}  // namespace
