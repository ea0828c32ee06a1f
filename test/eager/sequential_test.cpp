// SPDX-License-Identifier: MIT
// Children of a torch::nn::Sequential that nobody touched.
#include <anycapture/anycapture.h>
#include <anycapture/hooks.h>
#include <anycapture/module.h>
#include <anycapture/visitable.h>
#include <torch/nn.h>
#include <torch/serialize.h>

#include <ATen/ATen.h>

#include <array>
#include <atomic>
#include <memory>
#include <sstream>
#include <thread>
#include <tuple>

#include "support/throws.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using torch::nn::Linear;
using torch::nn::LinearImpl;
using torch::nn::ReLU;
using torch::nn::ReLUOptions;
using torch::nn::Sequential;

at::Tensor input() {
  return at::arange(8, at::kFloat).reshape({2, 4}) / 8 - 0.5;
}

Sequential mlp() {
  return Sequential(Linear(4, 3), ReLU(), Linear(3, 2));
}

TEST(SequentialTest, CapturesEveryChildAndTheWhole) {
  Sequential row = mlp();
  const auto x = input();
  const auto h = row->at<LinearImpl>(0).forward(x);
  Capturer cap(row, {"*:output", "*:input"});
  const auto y = row->forward(x);
  EXPECT_THAT(cap.keys("*:output"), ElementsAre("0:output", "1:output", "2:output", ":output"));
  EXPECT_THAT(cap.keys("*:input"), ElementsAre(":input", "0:input", "1:input", "2:input"));
  EXPECT_TRUE(cap["0:output"].equal(h));
  EXPECT_TRUE(cap["1:output"].equal(h.relu()));
  EXPECT_TRUE(cap["2:output"].is_same(cap[":output"]) || cap["2:output"].equal(y));
  EXPECT_TRUE(cap[":output"].equal(y));
  EXPECT_TRUE(cap[":input"].is_same(x));
  EXPECT_TRUE(cap["1:input"].equal(h));
}

TEST(SequentialTest, StaysAsItWasWithARelayInPlace) {
  Sequential row = mlp();
  auto* first = row->ptr(0).get();
  const auto wanted = row->forward(input());
  std::stringstream before;
  torch::save(row, before);
  {
    Capturer cap(row, "*:output");
    row->forward(input());
  }
  for (const bool listening : {false, true}) {
    std::optional<Capturer> cap;
    if (listening) cap.emplace(row, "*:output");
    EXPECT_EQ(&row->at<LinearImpl>(0), first);
    EXPECT_EQ(row->ptr<LinearImpl>(0).get(), first);
    EXPECT_EQ((*row)[0].get(), first);
    EXPECT_EQ((*row->begin()).get<Linear>().ptr().get(), first);
    EXPECT_EQ((*row->begin()).type_info(), typeid(LinearImpl));
    EXPECT_THAT(message_of<c10::Error>([&] { row->at<torch::nn::ReLUImpl>(0); }),
                HasSubstr("Attempted to cast module of type"));
    EXPECT_TRUE(row->forward(input()).equal(wanted));
  }
  Sequential loaded = mlp();
  torch::load(loaded, before);
  EXPECT_TRUE(loaded->forward(input()).equal(wanted));
  std::stringstream after;
  torch::save(row, after);
  torch::load(loaded, after);
  EXPECT_TRUE(loaded->forward(input()).equal(wanted));
}

TEST(SequentialTest, AClonesForwardIsItsOwn) {
  Sequential row = mlp();
  Capturer cap(row, "*:output");
  Sequential copy(std::dynamic_pointer_cast<torch::nn::SequentialImpl>(row->clone()));
  copy->forward(input());
  EXPECT_TRUE(cap.empty());
  Capturer of_copy(copy, "*:output");
  EXPECT_TRUE(copy->forward(input()).equal(row->forward(input())));
  EXPECT_EQ(of_copy.size(), 4u);
  EXPECT_EQ(cap.size(), 4u);
}

TEST(SequentialTest, TakesNewChildrenAfterwards) {
  Sequential row = mlp();
  {
    Capturer cap(row, "0:output");
    row->forward(input());
  }
  for (int i = 0; i < 20; ++i) row->push_back(Linear(2, 2));  // the row moves in memory
  Capturer cap(row, "*:output");
  const auto y = row->forward(input());
  EXPECT_EQ(cap.size(), 24u);
  EXPECT_TRUE(cap[":output"].equal(y));
  EXPECT_TRUE(cap["22:output"].equal(y));
  EXPECT_EQ(cap.calls(":output").size(), 1u);
}

TEST(SequentialTest, ACopyOfAChildIsFreeOfTheRelay) {
  Sequential row = mlp();
  Capturer cap(row, "0:output");
  torch::nn::AnyModule copy = *row->begin();
  row = nullptr;
  EXPECT_EQ(copy.forward(input()).size(1), 3);
  EXPECT_TRUE(cap.empty());
}

TEST(SequentialTest, DiesWithItsRelays) {
  std::weak_ptr<LinearImpl> watched;
  std::optional<Capturer> cap;
  {
    Sequential row = mlp();
    cap.emplace(row, "*:output");
    row->forward(input());
    watched = row->ptr<LinearImpl>(0);
  }
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(cap->size(), 4u);
}

TEST(SequentialTest, ClonesWhatTheNextChildOverwrites) {
  Sequential row(Linear(4, 3), ReLU(ReLUOptions(true)), Linear(3, 3), torch::nn::Identity(),
                 torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().inplace(true)), Linear(3, 2));
  const at::NoGradGuard no_grad;
  const auto first = row->at<LinearImpl>(0).forward(input());
  Capturer cap(row, {"*:output", "*:input"});
  row->forward(input());
  EXPECT_TRUE(cap["0:output"].equal(first));
  EXPECT_TRUE(cap["1:input"].equal(first));
  EXPECT_TRUE(cap["1:output"].equal(first.relu()));
  const auto third = row->at<LinearImpl>(2).forward(first.relu());
  EXPECT_TRUE(cap["2:output"].equal(third));
  EXPECT_TRUE(cap["3:output"].equal(third));
  EXPECT_TRUE(cap["4:input"].equal(third));
}

struct LoudImpl : torch::nn::Module {
  bool fails = false;
  at::Tensor forward(at::Tensor x) {
    if (fails) throw 42;
    return x + 1;
  }
};
TORCH_MODULE(Loud);

TEST(SequentialTest, AnExceptionOfAChildPassesUnchanged) {
  Loud loud;
  Sequential row(Linear(4, 4), loud, Linear(4, 4));
  Capturer cap(row, "*:output");
  loud->fails = true;
  EXPECT_THROW(row->forward(input()), int);
  EXPECT_THAT(cap.keys(), ElementsAre("0:output"));
  EXPECT_THAT(cap.report().text(), AllOf(HasSubstr("left by an exception"), HasSubstr("0:output")));
  loud->fails = false;
  cap.clear();
  row->forward(input());
  EXPECT_EQ(cap.size(), 4u);
}

TEST(SequentialTest, AModelOnTheStackIsHeard) {
  torch::nn::SequentialImpl row(Linear(4, 3), ReLU());
  Capturer cap(row, "*:output");
  const auto y = row.forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("0:output", "1:output", ":output"));
  EXPECT_TRUE(cap[":output"].equal(y));
}

// What children may return.

struct Output {
  at::Tensor state;
  std::vector<at::Tensor> layers;
  int steps = 0;
};
ANYCAPTURE_VISITABLE(Output, state, layers, steps);
struct Nest {
  struct Output {
    at::Tensor state;
  };
};
ANYCAPTURE_VISITABLE(Nest::Output, state);
struct Unknown {
  at::Tensor hidden;
};

template <class Result>
struct MakerImpl : torch::nn::Module {
  std::function<Result(at::Tensor)> make;
  explicit MakerImpl(std::function<Result(at::Tensor)> function) : make(std::move(function)) {}
  Result forward(at::Tensor x) { return make(x); }
};

template <class Result>
Capturer run(std::function<Result(at::Tensor)> make, CaptureOptions options = {}) {
  Sequential row;
  row->push_back("maker", std::make_shared<MakerImpl<Result>>(std::move(make)));
  Capturer cap(row, "maker:output", std::move(options));
  row->template forward<Result>(at::ones({1}));
  return cap;
}

using Two = std::tuple<at::Tensor, at::Tensor>;

TEST(SequentialTest, SeesTuplesListsDictsOptionalsAndStructs) {
  EXPECT_THAT(run<Two>([](at::Tensor x) { return Two(x, x); }).keys(),
              ElementsAre("maker:output.0", "maker:output.1"));
  EXPECT_THAT(run<std::vector<at::Tensor>>([](at::Tensor x) {
                return std::vector<at::Tensor>{x, x, x};
              }).keys(),
              ElementsAre("maker:output.0", "maker:output.1", "maker:output.2"));
  EXPECT_THAT(run<c10::optional<at::Tensor>>([](at::Tensor x) {
                return c10::optional<at::Tensor>(x);
              }).keys(),
              ElementsAre("maker:output"));
  using Dict = std::unordered_map<std::string, at::Tensor>;
  EXPECT_THAT(run<Dict>([](at::Tensor x) {
                return Dict{{"a", x}, {"b.c", x}};
              }).keys(),
              UnorderedElementsAre("maker:output.a", "maker:output.b.c"));
  using Ordered = torch::OrderedDict<std::string, at::Tensor>;
  EXPECT_THAT(run<Ordered>([](at::Tensor x) {
                return Ordered({{"last_hidden_state", x}});
              }).keys(),
              ElementsAre("maker:output.last_hidden_state"));
  using Lstm = std::tuple<at::Tensor, Two>;
  EXPECT_THAT(run<Lstm>([](at::Tensor x) { return Lstm(x, Two(x, x)); }).keys(),
              ElementsAre("maker:output.0", "maker:output.1.0", "maker:output.1.1"));
  EXPECT_THAT(run<Output>([](at::Tensor x) {
                return Output{x, {x, x}, 1};
              }).keys(),
              ElementsAre("maker:output.state", "maker:output.layers.0", "maker:output.layers.1"));
}

TEST(SequentialTest, SaysWhatItCannotLookInto) {
  CaptureOptions quiet;
  quiet.on_silent = anycapture::OnSilent::ignore;
  const Capturer cap = run<Unknown>([](at::Tensor x) { return Unknown{x}; }, quiet);
  EXPECT_TRUE(cap.empty());
  EXPECT_THAT(cap.report().text(),
              AllOf(HasSubstr("Unknown"), HasSubstr("ANYCAPTURE_VISITABLE(Unknown, its fields)")));
}

TEST(SequentialTest, AnLstmsStateIsSeen) {
  Sequential row(torch::nn::LSTM(4, 3));
  Capturer cap(row, "LSTM:output");
  row->forward<std::tuple<at::Tensor, Two>>(at::ones({2, 1, 4}));
  EXPECT_THAT(cap.keys(), ElementsAre("0:output.0", "0:output.1.0", "0:output.1.1"));
}

// One forward of one module is one call, however many see it.

struct HookedAddImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) { return x + 1; }
};
ANYCAPTURE_MODULE(HookedAdd);

struct StackImpl : torch::nn::SequentialImpl {
  using SequentialImpl::SequentialImpl;
  at::Tensor forward(at::Tensor x) { return SequentialImpl::forward(x); }
};
TORCH_MODULE(Stack);
ANYCAPTURE_MODULE_IMPL(HookedStack, StackImpl);

TEST(SequentialTest, AHookedChildFiresOnce) {
  HookedAdd add;
  Sequential row(add, Linear(4, 4));
  int hooks = 0;
  anycapture::register_forward_hook(
      add, [&](torch::nn::Module&, const at::Tensor&, const at::Tensor& y) {
        ++hooks;
        return y * 2;
      });
  Capturer cap(row, {"*:output", "*:input"});
  row->forward(input());
  EXPECT_EQ(hooks, 1);
  EXPECT_EQ(cap.calls("0:output").size(), 1u);
  EXPECT_TRUE(cap["0:output"].equal((input() + 1) * 2));
  EXPECT_TRUE(cap["1:input"].equal(cap["0:output"]));
  EXPECT_EQ(cap.calls(":input").size(), 1u);
}

TEST(SequentialTest, AHookedChildsOutputIsClonedToo) {
  HookedAdd add;
  Sequential row(add, ReLU(ReLUOptions(true)));
  Capturer cap(row, "0:output");
  row->forward(input() - 1);
  EXPECT_TRUE(cap["0:output"].equal(input() - 1 + 1));
}

TEST(SequentialTest, ASequentialInASequentialFiresOnce) {
  Stack inner(Linear(4, 4), ReLU());
  HookedStack hooked(Linear(4, 4), ReLU());
  Sequential row(inner, hooked);
  Capturer cap(row, "*:output");
  const auto y = row->forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("0.0:output", "0.1:output", "0:output", "1.0:output",
                                      "1.1:output", "1:output", ":output"));
  for (const auto& [key, calls] : cap) EXPECT_EQ(calls.size(), 1u) << key;
  EXPECT_TRUE(cap["1:output"].equal(y));
}

TEST(SequentialTest, AModuleInTwoRowsFiresInBoth) {
  Linear shared(4, 4);
  struct TwoImpl : torch::nn::Module {
    Sequential a, b;
  };
  auto model = std::make_shared<TwoImpl>();
  model->a->push_back(shared);
  model->b->push_back(shared);
  model->register_module("a", model->a);
  model->register_module("b", model->b);
  Capturer cap(model, {"Linear:output", "b:output"});
  model->b->forward(model->a->forward(input()));
  EXPECT_EQ(cap.calls("a.0:output").size(), 2u);
  EXPECT_EQ(cap.calls("b.0:output").size(), 2u);
  EXPECT_TRUE(cap["b:output"].equal(cap.last("a.0:output")));
}

TEST(SequentialTest, ChildrenCalledOneByOneAreHeard) {
  Sequential row = mlp();
  Capturer cap(row, "*:output");
  auto x = input();
  for (auto& child : *row) x = child.forward(x);
  EXPECT_THAT(cap.keys(), ElementsAre("0:output", "1:output", "2:output", ":output"));
}

TEST(SequentialTest, OneThatIsEmptySaysSo) {
  Sequential row;
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(row, "*:output"); }),
              HasSubstr("the Sequential is empty"));
}

TEST(SequentialTest, AModuleListHasNoOutput) {
  torch::nn::ModuleList list(Linear(2, 2));
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(list, ":output"); }),
              HasSubstr("a ModuleList has no forward"));
}

TEST(SequentialTest, SessionsOpenWhileAnotherThreadIsInsideForward) {
  Sequential row = mlp();
  anycapture::prepare(row);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    const at::NoGradGuard no_grad;
    while (!stop) row->forward(input());
  });
  for (int i = 0; i < 200; ++i) {
    Capturer cap(row, "*:output");
    row->forward(input());
    EXPECT_EQ(cap.calls(":output").size(), 1u);  // the other thread's are not this session's
  }
  stop = true;
  other.join();
}

TEST(SequentialTest, ModulesListsPathsAndTypes) {
  const auto modules = anycapture::modules(mlp());
  ASSERT_EQ(modules.size(), 4u);
  EXPECT_EQ(modules[0].path, "");
  EXPECT_EQ(modules[1].path, "0");
  EXPECT_EQ(anycapture::normalise_type(modules[1].type), "Linear");
}

struct DenseImpl : torch::nn::SequentialImpl {
  DenseImpl() { push_back("fc", Linear(4, 4)); }
  at::Tensor forward(const at::Tensor& x) { return at::cat({x, SequentialImpl::forward(x)}, 1); }
};
TORCH_MODULE(Dense);

TEST(SequentialTest, AClassDerivedFromItHasAForwardOfItsOwn) {
  struct NetImpl : torch::nn::Module {
    Dense dense{register_module("dense", Dense())};
  };
  auto net = std::make_shared<NetImpl>();
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(net, "dense:output"); }),
              HasSubstr("ANYCAPTURE_MODULE(Dense)"));
  Capturer cap(net, "dense*");
  net->dense->forward(input());
  EXPECT_THAT(cap.keys(), ElementsAre("dense.fc:output"));
  Sequential row(net->dense);
  Capturer relayed(row, "*:output");
  const auto y = row->forward(input());
  EXPECT_TRUE(relayed["0:output"].equal(y));
}

TEST(SequentialTest, AHookedModuleKeptAsItsOwnClassIsHeardAndHooked) {
  HookedAdd add;
  int hooks = 0;
  anycapture::register_forward_hook(
      add, [&](torch::nn::Module&, const at::Tensor&, const at::Tensor& y) {
        ++hooks;
        return y * 2;
      });
  Sequential row(std::shared_ptr<HookedAddImpl>(add.ptr()), Linear(4, 4));
  Capturer cap(row, "*:output");
  row->forward(input());
  EXPECT_EQ(hooks, 1);
  EXPECT_TRUE(cap["0:output"].equal((input() + 1) * 2));
}

TEST(SequentialTest, AChildAddedWhileASessionListensIsTheLastOne) {
  Sequential row(Linear(4, 4), Linear(4, 3));
  Capturer cap(row, {":output", ":input"});
  row->push_back(ReLU());
  row->forward(input());
  EXPECT_FALSE(cap.contains(":output"));  // of the new child nothing is heard: no wrong output
  Capturer again(row, ":output");
  const auto y = row->forward(input());
  EXPECT_TRUE(again[":output"].equal(y));
  EXPECT_TRUE(cap[":output"].equal(y));
}

TEST(SequentialTest, ClonesWhatIsOverwrittenAcrossSequentialsInEachOther) {
  const at::NoGradGuard no_grad;
  Sequential first(ReLU(ReLUOptions(true)), Linear(4, 4));
  Capturer of_first(first, ":input");
  auto x = input() * 2;
  first->forward(x);
  EXPECT_TRUE(of_first[":input"].equal(input() * 2));

  Sequential second(Stack(Linear(4, 4), torch::nn::Identity()), ReLU(ReLUOptions(true)));
  Capturer of_second(second, "*:output");
  second->forward(input());
  const auto fresh = second->ptr(0)->as<StackImpl>()->at<LinearImpl>(0).forward(input());
  EXPECT_TRUE(of_second["0.0:output"].equal(fresh));
  EXPECT_TRUE(of_second["0.1:output"].equal(fresh));
  EXPECT_TRUE(of_second["0:output"].equal(fresh));

  Sequential third(Linear(4, 4), Stack(ReLU(ReLUOptions(true)), Linear(4, 4)));
  Capturer of_third(third, "0:output");
  third->forward(input());
  EXPECT_TRUE(of_third["0:output"].equal(third->at<LinearImpl>(0).forward(input())));
}

TEST(SequentialTest, AStructInAClassIsVisitableToo) {
  EXPECT_THAT(run<Nest::Output>([](at::Tensor x) { return Nest::Output{x}; }).keys(),
              ElementsAre("maker:output.state"));
  const Capturer numbers = run<std::array<at::Tensor, 2>>([](at::Tensor x) {
    return std::array<at::Tensor, 2>{x, x};
  });
  EXPECT_EQ(numbers.size(), 2u);
}

}  // namespace
