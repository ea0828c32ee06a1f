// SPDX-License-Identifier: MIT
// Ops by name: `blocks.3.attn:@softmax`.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <ATen/ATen.h>
#include <ATen/ThreadLocalState.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/record_function.h>

#include <functional>
#include <set>
#include <thread>

#include "support/temp_dir.h"
#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Keep;
using anycapture::NonFiniteError;
using anycapture::OnNonFinite;
using anycapture::OnSilent;
using anycapture::SelectorError;
using support::message_of;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct AttentionImpl : torch::nn::Module {
  torch::nn::Linear qkv{register_module("qkv", torch::nn::Linear(4, 12))};
  at::Tensor forward(const at::Tensor& x) {
    const auto parts = qkv(x).chunk(3, -1);
    return parts[0].matmul(parts[1].transpose(-2, -1)).softmax(-1).matmul(parts[2]);
  }
};
ANYCAPTURE_MODULE(Attention);

struct BlockImpl : torch::nn::Module {
  Attention attn{register_module("attn", Attention())};
  at::Tensor forward(const at::Tensor& x) { return (x + attn(x)).relu(); }
};
ANYCAPTURE_MODULE(Block);

struct ModelImpl : torch::nn::Module {
  torch::nn::ModuleList blocks{register_module("blocks", torch::nn::ModuleList())};
  ModelImpl() {
    for (int i = 0; i < 2; ++i) blocks->push_back(Block());
  }
  at::Tensor forward(at::Tensor x) {
    for (const auto& block : *blocks) x = block->as<Block>()->forward(x);
    return x.mean(1);
  }
};
ANYCAPTURE_MODULE(Model);

// What runs is given from outside.
struct RunsImpl : torch::nn::Module {
  std::function<at::Tensor(const at::Tensor&)> run;
  explicit RunsImpl(std::function<at::Tensor(const at::Tensor&)> body) : run(std::move(body)) {}
  at::Tensor forward(const at::Tensor& x) { return run(x); }
};
ANYCAPTURE_MODULE(Runs);
TORCH_MODULE_IMPL(PlainRuns, RunsImpl);

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

// The same attention, written down.
at::Tensor map_by_hand(Attention& attention, const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  const auto& weight = attention->qkv->weight;
  const auto parts = (at::matmul(x, weight.t()) + attention->qkv->bias).chunk(3, -1);
  const at::Tensor scores = at::matmul(parts[0], parts[1].transpose(-2, -1));
  const at::Tensor exp = (scores - scores.amax({-1}, true)).exp();
  return exp / exp.sum({-1}, true);
}

CaptureOptions quiet() {
  CaptureOptions options;
  options.on_silent = OnSilent::ignore;
  return options;
}

TEST(OpTap, FindsTheSoftmaxOfEveryAttention) {
  Model model;
  const at::Tensor x = input();
  const at::Tensor plain = model(x);
  Capturer cap(model, "Attention:@softmax");
  EXPECT_TRUE(at::equal(model(x), plain));
  EXPECT_THAT(cap.keys(), ElementsAre("blocks.0.attn:@softmax", "blocks.1.attn:@softmax"));
  auto first = model->blocks[0]->as<Block>()->attn;
  EXPECT_TRUE(at::allclose(cap["blocks.0.attn:@softmax"], map_by_hand(first, x), 1e-5, 1e-6));
  EXPECT_FALSE(cap["blocks.0.attn:@softmax"].requires_grad());
  const at::Tensor all = cap.stack("*.attn:@softmax");
  EXPECT_EQ(all.sizes(), at::IntArrayRef({2, 2, 3, 3}));
  EXPECT_TRUE(at::allclose(all.sum(-1), at::ones({2, 2, 3})));
}

TEST(OpTap, AnOpInsideOneOfTheSameNameIsTheSameCall) {
  Runs model([](const at::Tensor& x) { return x.softmax(-1); });  // calls _softmax
  Capturer cap(model, {"*:@softmax", "*:@_softmax", "*:@aten::softmax", "*:@aten::_softmax"});
  model(input());
  EXPECT_EQ(cap.calls(":@softmax").size(), 1u);
  EXPECT_EQ(cap.calls(":@aten::softmax").size(), 1u);
  EXPECT_EQ(cap.calls(":@_softmax").size(), 1u);
  EXPECT_EQ(cap.calls(":@aten::_softmax").size(), 1u);
  for (const auto& [key, calls] : cap)
    EXPECT_TRUE(at::equal(calls[0].value, input().softmax(-1))) << key;
}

TEST(OpTap, IgnoresNamespacesAndUnderscoresThatAreNotWritten) {
  Runs model([](const at::Tensor& x) {
    at::Tensor y = at::_softmax(x, -1, false);
    return y.add_(1).relu();
  });
  Capturer cap(model, {"*:@softmax", "*:@add", "*:@relu", "*:@add_", "*:@aten::add_"});
  model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@softmax", ":@add", ":@add_", ":@aten::add_", ":@relu"));
  Capturer other(model, {"*:@_softmax", "*:@aten::add", "*:@relu_"}, quiet());
  model(input());
  EXPECT_THAT(other.keys(), ElementsAre(":@_softmax"));
}

// The names of all ops, as LibTorch tells them to anybody.
std::set<std::string>* recorded = nullptr;
std::unique_ptr<at::ObserverContext> record(const at::RecordFunction& function) {
  if (function.operator_name()) recorded->insert(function.name());
  return nullptr;
}

TEST(OpTap, AStarListsEverythingThatRan) {
  Runs model([](const at::Tensor& x) { return (x.softmax(-1) * 2).sum().reshape({1}).relu_(); });
  const at::Tensor x = input();
  std::set<std::string> expected;
  recorded = &expected;
  const auto handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(&record).scopes({at::RecordScope::FUNCTION}));
  model(x);
  at::removeCallback(handle);
  ASSERT_THAT(expected, AllOf(Contains("aten::_softmax"), Contains("aten::relu_")));

  Capturer cap(model, {"*:@*", "*:@aten::*"}, quiet());
  model(x);
  std::set<std::string> full;
  for (const std::string& key : cap.keys("*:@aten::*")) full.insert(key.substr(2));
  for (const char* valueless : {"aten::empty_strided", "aten::empty"}) expected.erase(valueless);
  EXPECT_EQ(full, expected);
  const auto short_names = cap.keys("*:@[!a]*");
  EXPECT_THAT(short_names, AllOf(Contains(":@softmax"), Contains(":@mul"), Contains(":@sum"),
                                 Contains(":@relu"), Each(Not(HasSubstr("_softmax")))));
}

TEST(OpTap, KeysAreInTheOrderInWhichResultsCame) {
  Runs model([](const at::Tensor& x) { return x.exp().log().tanh(); });
  Capturer cap(model, "*:@*");
  model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@exp", ":@log", ":@tanh"));
  EXPECT_EQ(cap.calls(":@log")[0].sequence, 1u);
}

TEST(OpTap, InputsAreNamedByPosition) {
  Runs model([](const at::Tensor& x) {
    const at::Tensor y = at::cat({x, x + 1}, 0).softmax(-1);
    return at::matmul(y, y.transpose(-2, -1));
  });
  Capturer cap(model, {"*:@softmax.input", "*:@matmul.input", "*:@cat.input", "*:@cat"});
  const at::Tensor x = input();
  model(x);
  ASSERT_THAT(cap.keys(), ElementsAre(":@cat.input.0.0", ":@cat.input.0.1", ":@cat",
                                      ":@softmax.input", ":@matmul.input.0", ":@matmul.input.1"));
  EXPECT_TRUE(at::equal(cap[":@cat.input.0.1"], x + 1));
  EXPECT_TRUE(at::equal(cap[":@softmax.input"], at::cat({x, x + 1}, 0)));
  EXPECT_TRUE(
      at::equal(cap[":@matmul.input.1"], cap[":@softmax.input"].softmax(-1).transpose(-2, -1)));
}

TEST(OpTap, OneInputOfSeveralIsChosenByItsPosition) {
  Runs model([](const at::Tensor& x) { return at::matmul(x, x.transpose(-2, -1)); });
  Capturer cap(model, "*:@matmul.input.1");
  const at::Tensor x = input();
  model(x);
  EXPECT_THAT(cap.keys(), ElementsAre(":@matmul.input.1"));
  EXPECT_TRUE(at::equal(cap[":@matmul.input.1"], x.transpose(-2, -1)));
}

TEST(OpTap, WhatAnOpWritesIntoIsCopiedBefore) {
  Runs model([](const at::Tensor& x) {
    at::Tensor y = x + 1;
    y.mul_(3);
    at::Tensor out = at::zeros_like(x);
    at::exp_out(out, y);
    return out;
  });
  Capturer cap(model, {"*:@mul.input", "*:@mul_", "*:@exp.input"});
  const at::Tensor x = input();
  model(x);
  EXPECT_TRUE(at::equal(cap[":@mul.input"], x + 1));
  EXPECT_TRUE(at::equal(cap[":@mul_"], (x + 1) * 3));
  EXPECT_TRUE(at::equal(cap[":@exp.input.0"], (x + 1) * 3));
  EXPECT_TRUE(at::equal(cap[":@exp.input.1"], at::zeros_like(x)));
}

TEST(OpTap, AResultThatALaterOpOverwritesIsCopiedBefore) {
  Runs model([](const at::Tensor& x) {
    at::Tensor y = x.exp();
    const at::Tensor part = y.slice(-1, 0, 2);
    y.add_(1).mul_(2);
    at::log_out(y, y);
    return y + part.sum();
  });
  Capturer cap(model, {"*:@exp", "*:@slice", "*:@add_", "*:@mul_", "*:@mul.input"});
  const at::Tensor x = input();
  for (int i = 0; i < 2; ++i) model(x + i);
  for (int i = 0; i < 2; ++i) {
    const at::Tensor e = (x + i).exp();
    EXPECT_TRUE(at::equal(cap.calls(":@exp")[i].value, e));
    EXPECT_TRUE(at::equal(cap.calls(":@slice")[i].value, e.slice(-1, 0, 2)));
    EXPECT_TRUE(at::equal(cap.calls(":@add_")[i].value, e + 1));
    EXPECT_TRUE(at::equal(cap.calls(":@mul.input")[i].value, e + 1));
    EXPECT_TRUE(at::equal(cap.calls(":@mul_")[i].value, (e + 1) * 2));
  }
}

TEST(OpTap, WhatAnOpInsideAnotherGaveStaysWhatItWas) {
  Runs model([](const at::Tensor& x) { return x.sum(-1); });  // fills its result with 0 first
  Capturer cap(model, {"*:@fill", "*:@sum"});
  model(input());
  EXPECT_EQ(cap[":@fill"].numel(), 6);
  EXPECT_TRUE(cap[":@fill"].eq(0).all().item<bool>());
  EXPECT_TRUE(at::equal(cap[":@sum"], input().sum(-1)));
}

TEST(OpTap, EverythingThatRanCanBeSaved) {
  Model model;
  const support::TempDir folder;
  Capturer cap(model, "*:@*", quiet());
  model(input());
  cap.save(folder.file("ops.safetensors"));  // the matmul of a Linear among it
  const auto loaded = anycapture::Captures::load(folder.file("ops.safetensors"));
  EXPECT_EQ(loaded.size(), cap.size());
  EXPECT_TRUE(anycapture::compare(cap, loaded));
}

TEST(OpTap, ManyOverwrittenCallsKeepTheirOwnValues) {
  Runs model([](const at::Tensor& x) {
    at::Tensor y = x.clone();
    for (int i = 0; i < 3000; ++i) y.view({-1}).add_(1);
    return y;
  });
  CaptureOptions options;
  options.keep_last = 2;
  Capturer cap(model, {"*:@view", "*:@add_"}, options);
  model(at::zeros({2}));
  ASSERT_EQ(cap.calls(":@add_").size(), 2u);
  EXPECT_TRUE(at::equal(cap.calls(":@add_")[0].value, at::full({2}, 2999.f)));
  EXPECT_TRUE(at::equal(cap.calls(":@add_")[1].value, at::full({2}, 3000.f)));
  EXPECT_TRUE(at::equal(cap.calls(":@view")[1].value, at::full({2}, 2999.f)));
}

TEST(OpTap, AResultThatIsOverwrittenElsewhereIsSaidToBeStale) {
  Runs model([](const at::Tensor& x) { return x.exp(); });
  {
    Capturer cap(model, "*:@exp");
    const at::Tensor y = model(input());
    cap.close();
    y.add_(1);
    EXPECT_THAT(message_of<anycapture::StaleCaptureError>([&] { cap[":@exp"]; }),
                HasSubstr("keep = Keep::clone"));
  }
  CaptureOptions options;
  options.keep = Keep::clone;
  Capturer cap(model, "*:@exp", options);
  const at::Tensor y = model(input());
  cap.close();
  y.add_(1);
  EXPECT_TRUE(at::equal(cap[":@exp"], input().exp()));
}

TEST(OpTap, SeveralResultsAreNamedByPosition) {
  Runs model([](const at::Tensor& x) {
    const auto top = x.topk(2, -1);
    const auto halves = x.split(2, -1);
    return std::get<0>(top) + halves[1];
  });
  Capturer cap(model, {"*:@topk", "*:@split.1"});
  const at::Tensor x = input();
  model(x);
  EXPECT_THAT(cap.keys(), ElementsAre(":@topk.0", ":@topk.1", ":@split.1"));
  const auto [values, indexes] = x.topk(2, -1);
  EXPECT_TRUE(at::equal(cap[":@topk.0"], values));
  EXPECT_TRUE(at::equal(cap[":@topk.1"], indexes));
  EXPECT_TRUE(at::equal(cap[":@split.1"], x.slice(-1, 2, 4)));
}

TEST(OpTap, UndefinedTensorsAndNumbersAreNoResults) {
  Runs model([](const at::Tensor& x) {
    EXPECT_TRUE(x.sum().item<double>() > 0);
    const at::Tensor image = x.view({1, 2, 3, 4}), kernel = at::ones({1, 2, 1, 1});
    const at::Tensor grad = at::ones({1, 1, 3, 4});
    return std::get<1>(at::convolution_backward(grad, image, kernel, at::OptionalIntArrayRef(),
                                                {1, 1}, {0, 0}, {1, 1}, false, {0, 0}, 1,
                                                {false, true, false}));
  });
  Capturer cap(model, {"*:@convolution_backward", "*:@item", "*:@local_scalar_dense"}, quiet());
  model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@convolution_backward.1"));
}

TEST(OpTap, SeveralOpsOfOneNameAreCallsAndCanBeNumbered) {
  Runs model([](const at::Tensor& x) {
    const at::Tensor y = (x.softmax(-1) * 2).softmax(-2);
    return y + x.softmax(0);
  });
  const at::Tensor x = input();
  Capturer cap(model, {"*:@softmax", "*:@softmax[1]", "*:@mul[*]"});
  for (int i = 0; i < 2; ++i) model(x);
  EXPECT_EQ(cap.calls(":@softmax").size(), 6u);
  EXPECT_TRUE(at::equal(cap.calls(":@softmax")[5].value, x.softmax(0)));
  ASSERT_EQ(cap.calls(":@softmax[1]").size(), 2u);  // counted anew in each call of the module
  for (const auto& call : cap.calls(":@softmax[1]"))
    EXPECT_TRUE(at::equal(call.value, (x.softmax(-1) * 2).softmax(-2)));
  EXPECT_EQ(cap.calls(":@mul[0]").size(), 2u);
  EXPECT_FALSE(cap.contains(":@softmax[0]"));
  EXPECT_FALSE(cap.contains(":@mul[1]"));
}

TEST(OpTap, NumbersChooseInputsToo) {
  Runs model([](const at::Tensor& x) { return x.exp().add(1).exp(); });
  Capturer cap(model, {"*:@exp.input[1]", "*:@exp[0]"}, quiet());
  const at::Tensor x = input();
  model(x);
  EXPECT_THAT(cap.keys(), ElementsAre(":@exp[0]", ":@exp.input[1]"));
  EXPECT_TRUE(at::equal(cap[":@exp.input[1]"], x.exp() + 1));
}

TEST(OpTap, AModuleThatCallsItselfCountsEachCallOfItsOwn) {
  Runs model([&model](const at::Tensor& x) {
    at::Tensor y = x.exp();
    if (x.dim() > 1) y = y + model(x[0]);
    return y.exp();
  });
  Capturer cap(model, "*:@exp[*]");
  const at::Tensor x = at::zeros({2});
  model(x.view({1, 2}));
  EXPECT_EQ(cap.calls(":@exp[0]").size(), 2u);
  EXPECT_EQ(cap.calls(":@exp[1]").size(), 2u);
  EXPECT_FALSE(cap.contains(":@exp[2]"));
}

TEST(OpTap, AnOpIsOfTheInnermostHookedModule) {
  Model model;
  Capturer cap(model, "*:@*", quiet());
  model(input());
  EXPECT_TRUE(cap.contains(":@mean"));
  EXPECT_TRUE(cap.contains("blocks.1:@relu"));
  EXPECT_TRUE(cap.contains("blocks.1.attn:@softmax"));
  EXPECT_TRUE(cap.contains("blocks.1.attn:@t"));  // of its Linear, which is not hooked
  EXPECT_THAT(cap.keys("blocks.*.qkv:*"), IsEmpty());
  EXPECT_EQ(cap.calls("blocks.1.attn:@softmax").size(), 1u);
}

TEST(OpTap, WhatRunsOutsideAHookedRootIsNotTheModels) {
  Model model;
  Capturer cap(model, "*:@*", quiet());
  const at::Tensor x = (input() * 0.5).tanh();
  EXPECT_TRUE(cap.empty());
  model(x).log_softmax(-1);
  EXPECT_THAT(cap.keys("*:@log_softmax"), IsEmpty());
  EXPECT_FALSE(cap.empty());
}

TEST(OpTap, AllIsTheRootsWhereNothingIsHooked) {
  tiny::Model model(2);
  const at::Tensor x = input();
  Capturer cap(model, {":@softmax", ":@softmax[1]", "*:attn"});
  model->forward(x);
  ASSERT_EQ(cap.calls(":@softmax").size(), 2u);
  EXPECT_TRUE(at::equal(cap.calls(":@softmax")[0].value, cap["blocks.0.attn:attn"]));
  EXPECT_TRUE(at::equal(cap[":@softmax[1]"], cap["blocks.1.attn:attn"]));
  cap.clear();  // numbers begin again
  model->forward(x + 1);
  EXPECT_TRUE(at::equal(cap[":@softmax[1]"], cap["blocks.1.attn:attn"]));
  EXPECT_FALSE(cap.take().empty());
  model->forward(x + 2);
  EXPECT_TRUE(at::equal(cap[":@softmax[1]"], cap["blocks.1.attn:attn"]));
}

TEST(OpTap, ChildrenOfASequentialHaveTheirOps) {
  torch::nn::Sequential net(torch::nn::Linear(4, 3), torch::nn::ReLU(), torch::nn::Linear(3, 2));
  const at::Tensor x = at::arange(8, at::kFloat).view({2, 4}) - 3;
  // The relays of all are needed, whichever is asked for: else it would be of another module.
  Capturer cap(net, {"1:@relu", "2:@addmm"});
  const at::Tensor y = net->forward(x);
  EXPECT_THAT(cap.keys(), ElementsAre("1:@relu", "2:@addmm"));
  EXPECT_TRUE(at::equal(cap["2:@addmm"], y));
  EXPECT_GE(cap["1:@relu"].min().item<float>(), 0);
}

TEST(OpTap, SaysWhichModulesHaveNoOpsToHear) {
  tiny::Model plain(1);
  EXPECT_THAT(message_of<SelectorError>([&] { Capturer cap(plain, "Attention:@softmax"); }),
              AllOf(HasSubstr("selector \"Attention:@softmax\": of the 1 module that it matches, "
                              "such as blocks.0.attn, none has ops that can be heard: "),
                    HasSubstr("ANYCAPTURE_MODULE(Attention)"), HasSubstr("else of the root")));
  torch::nn::Sequential net(torch::nn::Linear(4, 3));
  EXPECT_THAT(message_of<SelectorError>([&] { Capturer cap(net, ":@addmm"); }),
              AllOf(HasSubstr("such as the root, none has ops"),
                    HasSubstr("a Sequential runs no op of its own: choose what it holds, "
                              "\"*:@*\"")));
  EXPECT_FALSE(at::hasCallbacks());
}

TEST(OpTap, SaysWhichOpsRanWhereTheOneAskedForDidNot) {
  Model model;
  CaptureOptions options;
  options.on_silent = OnSilent::raise;
  Capturer cap(model, "Attention:@sofmax", options);
  model(input());
  EXPECT_THAT(cap.report().text(), HasSubstr("what fired there: "));
  EXPECT_THAT(message_of<anycapture::SilentSelectorError>([&] { cap.close(); }),
              AllOf(HasSubstr("Attention:@sofmax"), HasSubstr("@softmax"), HasSubstr("@matmul"),
                    Not(HasSubstr("@_softmax")), Not(HasSubstr("::softmax"))));
}

TEST(OpTap, SaysSoWhereAnInputWasAskedForToo) {
  Model model;
  Capturer cap(model, "Attention:@sofmax.input", quiet());
  model(input());
  EXPECT_THAT(cap.report().text(),
              AllOf(HasSubstr("blocks.1.attn: what fired there: "), HasSubstr("@softmax")));
}

TEST(OpTap, IsCountedInReports) {
  Model model;
  Capturer cap(model, "Attention:@softmax");
  model(input());
  const auto report = cap.report();
  ASSERT_EQ(report.selectors.size(), 1u);
  EXPECT_EQ(report.selectors[0].modules, 2u);
  EXPECT_EQ(report.selectors[0].keys, 2u);
  EXPECT_EQ(report.selectors[0].bytes, 2u * 2 * 3 * 3 * 4);
  EXPECT_THAT(report.selectors[0].silent, IsEmpty());
  EXPECT_EQ(report.last_site, "blocks.1.attn:@softmax");
}

TEST(OpTap, ALaterSelectorTakesOpsAway) {
  Runs model([](const at::Tensor& x) { return x.exp().log().tanh(); });
  Capturer cap(model, {"*:@*", "!*:@log"});
  model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@exp", ":@tanh"));
}

TEST(OpTap, SitesListsOpsWhenAskedTo) {
  Runs model([](const at::Tensor& x) { return x.exp().sum(-1).exp(); });
  const auto ops = anycapture::sites(
      model, [&] { model(input()); }, ":@*");
  ASSERT_FALSE(ops.empty());
  EXPECT_EQ(ops[0].site.key, ":@exp");
  EXPECT_EQ(ops[0].site.what, "@exp");
  EXPECT_EQ(ops[0].calls, 2u);
  EXPECT_THAT(ops[0].shape, ElementsAre(2, 3, 4));
  for (const auto& site : anycapture::sites(model, [&] { model(input()); }))
    EXPECT_THAT(site.site.what, Not(StartsWith("@")));
}

TEST(OpTap, KeysWithANamespaceAreReadBackFromFiles) {
  Runs model([](const at::Tensor& x) { return x.softmax(-1); });
  const support::TempDir folder;
  const std::string path = folder.file("ops.safetensors");
  Capturer cap(model, {"*:@softmax", "*:@aten::_softmax", "*:@_softmax.input"});
  model(input());
  cap.save(path);
  const auto loaded = anycapture::Captures::load(path);
  EXPECT_EQ(loaded.keys(), cap.keys());
  EXPECT_TRUE(at::equal(loaded[":@aten::_softmax"], cap[":@softmax"]));
  EXPECT_THAT(loaded.keys("*:@aten::*"), ElementsAre(":@aten::_softmax"));
  EXPECT_TRUE(anycapture::compare(cap, loaded));
}

TEST(OpTap, TheOpsOfABackwardAreOfNoModule) {
  tiny::Model plain(1);  // its root takes what runs outside
  Capturer cap(plain, ":@*", quiet());
  at::Tensor loss = plain->forward(input()).sum();
  const auto before = cap.calls(":@mm").size();
  loss.backward();
  EXPECT_EQ(cap.calls(":@mm").size(), before);
  EXPECT_THAT(cap.keys("*:@*backward*"), IsEmpty());
}

TEST(OpTap, ABackwardInsideAForwardIsNotTheForwards) {
  Runs model([](const at::Tensor& x) {
    const at::Tensor leaf = x.detach().requires_grad_();
    return torch::autograd::grad({leaf.tanh().sum()}, {leaf})[0] + 1;
  });
  Capturer cap(model, "*:@*", quiet());
  model(input());
  EXPECT_TRUE(cap.contains(":@tanh"));
  EXPECT_TRUE(cap.contains(":@add"));
  EXPECT_FALSE(cap.contains(":@tanh_backward"));
}

// Runs the model's inside again in backward, as checkpointing does.
struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            std::int64_t module) {
    context->save_for_backward({x});
    context->saved_data["module"] = module;
    return (*reinterpret_cast<Runs*>(module))(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const at::AutoGradMode grad(true);
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_();
    const at::Tensor y = (*reinterpret_cast<Runs*>(context->saved_data["module"].toInt()))(x);
    return {torch::autograd::grad({y}, {x}, {grads[0]})[0], at::Tensor()};
  }
};

TEST(OpTap, AForwardInsideABackwardIsItsOwn) {
  Runs inside([](const at::Tensor& x) { return x.tanh(); });
  Capturer cap(inside, "*:@*", quiet());
  const at::Tensor x = input().requires_grad_();
  Recomputed::apply(x, reinterpret_cast<std::int64_t>(&inside)).sum().backward();
  EXPECT_EQ(cap.calls(":@tanh").size(), 2u);
  EXPECT_FALSE(cap.contains(":@tanh_backward"));
  EXPECT_TRUE(at::allclose(x.grad(), 1 - x.detach().tanh().square()));
}

TEST(OpTap, WorksWithoutGradAndInInferenceMode) {
  Model model;
  const at::Tensor plain = model(input());
  Capturer cap(model, "Attention:@softmax");
  {
    const at::NoGradGuard no_grad;
    EXPECT_TRUE(at::equal(model(input()), plain));
  }
  {
    const c10::InferenceMode inference;
    EXPECT_TRUE(at::equal(model(input()), plain));
  }
  const auto calls = cap.calls("blocks.0.attn:@softmax");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_TRUE(at::equal(calls[0].value, calls[1].value));
  EXPECT_FALSE(calls[1].value.is_inference());
}

TEST(OpTap, WhatAThrowingForwardRanIsKept) {
  Runs model([](const at::Tensor& x) { return x.exp().matmul(at::ones({7, 7})); });
  {
    Capturer cap(model, {"*:@exp", "*:@matmul", "*:@matmul.input"}, quiet());
    EXPECT_THROW(model(input()), c10::Error);
    EXPECT_THAT(cap.keys(), ElementsAre(":@exp", ":@matmul.input.0", ":@matmul.input.1"));
    EXPECT_TRUE(cap.report().left_by_exception);
    EXPECT_EQ(cap.report().last_site, ":@matmul.input.1");
  }
  EXPECT_FALSE(at::hasCallbacks());
}

TEST(OpTap, SessionsNestAndCloseInAnyOrder) {
  Model model;
  auto outer = std::make_unique<Capturer>(model, "Attention:@softmax");
  model(input());
  {
    Capturer inner(model, {"Attention:@softmax.input", "*.1:output"}, quiet());
    model(input());
    EXPECT_EQ(inner.calls("blocks.1.attn:@softmax.input").size(), 1u);
    outer->close();
    model(input());
    EXPECT_EQ(inner.calls("blocks.1.attn:@softmax.input").size(), 2u);
    EXPECT_TRUE(at::hasCallbacks());
  }
  EXPECT_FALSE(at::hasCallbacks());
  EXPECT_EQ(outer->calls("blocks.1.attn:@softmax").size(), 2u);
}

TEST(OpTap, MemoryWithoutValuesIsNoResult) {
  Runs model([](const at::Tensor& x) { return at::empty_like(x).resize_({5}).fill_(1); });
  Capturer cap(model, {"*:@*", "*:@aten::*"});
  model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@fill", ":@aten::fill_"));
}

TEST(OpTap, AModelInsideAnotherKeepsItsOps) {
  Runs inside([](const at::Tensor& x) { return x.exp(); });
  Runs outside([&](const at::Tensor& x) { return inside(x.tanh()).log(); });  // no child of it
  Capturer of_inside(inside, "*:@*"), of_outside(outside, "*:@*");
  outside(input());
  EXPECT_THAT(of_inside.keys(), ElementsAre(":@exp"));
  EXPECT_THAT(of_outside.keys(), ElementsAre(":@tanh", ":@exp", ":@log"));
}

TEST(OpTap, ASessionHearsItsThreadAlone) {
  Model model;
  Capturer cap(model, "Attention:@softmax");
  std::thread([&] {
    EXPECT_FALSE(at::hasCallbacks());
    model(input());
    Capturer own(model, "Attention:@chunk");
    model(input());
    EXPECT_EQ(own.calls("blocks.0.attn:@chunk.0").size(), 1u);
  }).join();
  EXPECT_TRUE(cap.empty());
  model(input());
  EXPECT_EQ(cap.size(), 2u);
}

TEST(OpTap, ASessionThatAnotherThreadClosesLeavesNothing) {
  Model model;
  auto cap = std::make_unique<Capturer>(model, "Attention:@softmax");
  model(input());
  std::thread([&] { cap->close(); }).join();
  EXPECT_TRUE(at::hasThreadLocalCallbacks());  // of this thread: it goes with the next op
  model(input());
  EXPECT_FALSE(at::hasThreadLocalCallbacks());
  EXPECT_EQ(cap->calls("blocks.0.attn:@softmax").size(), 1u);
}

TEST(OpTap, IsThereOnlyWhileASessionAsksForOps) {
  Model model;
  EXPECT_FALSE(at::hasCallbacks());
  {
    Capturer cap(model, {"*", "*:output", "!blocks.0.*:@softmax"}, quiet());
    EXPECT_FALSE(at::hasCallbacks());
    {
      Capturer ops(model, "*:@softmax", quiet());
      EXPECT_TRUE(at::hasThreadLocalCallbacks());
      EXPECT_FALSE(at::hasGlobalCallbacks());
    }
    EXPECT_FALSE(at::hasCallbacks());
  }
  EXPECT_THROW(Capturer(model, {"*:@softmax", "nowhere"}), SelectorError);
  EXPECT_FALSE(at::hasCallbacks());
}

TEST(OpTap, ATapThatAGuardBringsBackIsInert) {
  Model model;
  auto cap = std::make_unique<Capturer>(model, "Attention:@softmax", quiet());
  {
    const at::ThreadLocalStateGuard guard{at::ThreadLocalState()};  // restores what is there now
    cap.reset();
    EXPECT_FALSE(at::hasCallbacks());
  }
  ASSERT_TRUE(at::hasCallbacks());
  Capturer again(model, "Attention:@softmax");
  model(input());
  EXPECT_EQ(again.calls("blocks.0.attn:@softmax").size(), 1u);  // not twice
  again.close();
  EXPECT_FALSE(at::hasCallbacks());
}

TEST(OpTap, PausesAndResumes) {
  Model model;
  Capturer cap(model, "Attention:@softmax");
  cap.pause();
  model(input());
  EXPECT_TRUE(cap.empty());
  cap.resume();
  model(input());
  EXPECT_EQ(cap.size(), 2u);
}

TEST(OpTap, DoesNotHearTheLibraryItself) {
  tiny::Model plain(1);  // its root takes what runs outside
  CaptureOptions options;
  options.keep = Keep::clone;
  options.dtype = at::kDouble;
  options.on_nonfinite = OnNonFinite::raise;
  options.transform = [](const anycapture::Site&, const at::Tensor& value) {
    return value.softmax(-1).cumsum(-1);
  };
  Capturer outer(plain, ":@*", quiet());
  Capturer cap(plain, {"Attention:attn", ":@softmax"}, options);
  plain->forward(input());
  const auto keys = outer.keys();
  const auto calls = outer.calls(":@softmax").size();
  EXPECT_EQ(calls, 1u);
  EXPECT_THAT(keys, Not(Contains(":@cumsum")));
  EXPECT_THAT(keys, Not(Contains(":@isfinite")));

  const support::TempDir folder;
  const std::string path = folder.file("maps.safetensors");
  cap.stack("*:attn");
  cap.save(path);
  anycapture::compare(cap, path);
  CaptureOptions on_device;
  on_device.device = at::kCPU;
  Capturer third(plain, "Attention:attn", on_device);
  EXPECT_EQ(outer.keys(), keys);
  plain->forward(input());
}

TEST(OpTap, ANonFiniteResultLeavesTheForward) {
  Runs model([](const at::Tensor& x) { return (x - 5).log().exp(); });
  Runs whole([&](const at::Tensor& x) { return model(x) + 1; });
  whole->register_module("inside", model.ptr());
  CaptureOptions options;
  options.on_nonfinite = OnNonFinite::raise;
  Capturer cap(whole, "*:@*", options);
  EXPECT_THAT(message_of<NonFiniteError>([&] { whole(input()); }),
              AllOf(HasSubstr("\"inside:@log\""), HasSubstr("24 NaN"), HasSubstr("at call 0")));
  EXPECT_THAT(cap.keys(), AllOf(Contains("inside:@sub"), Not(Contains("inside:@exp"))));
  EXPECT_TRUE(cap.report().left_by_exception);
  EXPECT_TRUE(whole->is_training());
  cap.close();  // said once
}

TEST(OpTap, WhatNoModuleCouldThrowIsThrownByClose) {
  PlainRuns model([](const at::Tensor& x) { return (x - 5).log().exp(); });
  CaptureOptions options;
  options.on_nonfinite = OnNonFinite::raise;
  {
    Capturer cap(model, ":@*", options);
    model(input());
    EXPECT_THAT(message_of<NonFiniteError>([&] { cap.close(); }), HasSubstr("\":@log\""));
    EXPECT_THAT(cap.keys(), AllOf(Contains(":@sub"), Not(Contains(":@exp"))));
    EXPECT_FALSE(cap.is_open());
    EXPECT_FALSE(at::hasCallbacks());
  }
  ::testing::internal::CaptureStderr();
  {
    Capturer cap(model, ":@*", options);
    model(input());
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("\":@log\" is not finite"));
}

TEST(OpTap, WhatATransformThrowsLeavesTheForward) {
  Runs model([](const at::Tensor& x) { return x.exp(); });
  CaptureOptions options;
  options.transform = [](const anycapture::Site& site, const at::Tensor&) -> at::Tensor {
    throw std::runtime_error("no " + site.key);
  };
  options.on_silent = OnSilent::ignore;
  Capturer cap(model, ":@exp", options);
  EXPECT_EQ(message_of<std::runtime_error>([&] { model(input()); }), "no :@exp");
  EXPECT_TRUE(cap.empty());
}

TEST(OpTap, HearsWhatIsCalledWithAStack) {
  Runs model([](const at::Tensor& x) {
    const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("aten::softmax", "int");
    torch::jit::Stack stack{x + 7, x + 8, x, std::int64_t{-1}, c10::IValue()};
    op.callBoxed(&stack);
    EXPECT_EQ(stack.size(), 3u);  // what lay below it is not its own
    return stack.back().toTensor();
  });
  Capturer cap(model, {":@softmax", ":@softmax.input"});
  const at::Tensor y = model(input());
  EXPECT_THAT(cap.keys(), ElementsAre(":@softmax.input", ":@softmax"));
  EXPECT_TRUE(at::equal(cap[":@softmax.input"], input()));
  EXPECT_TRUE(at::equal(cap[":@softmax"], y));
}

TEST(OpTap, LeavesOtherObserversAlone) {
  Model model;
  std::set<std::string> heard;
  recorded = &heard;
  const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&record));
  {
    Capturer cap(model, "Attention:@softmax");
    model(input());
    EXPECT_EQ(cap.size(), 2u);
  }
  EXPECT_TRUE(at::hasThreadLocalCallbacks());
  EXPECT_THAT(heard, Contains("aten::softmax"));
  at::removeCallback(handle);
  EXPECT_FALSE(at::hasCallbacks());
}

}  // namespace
