// SPDX-License-Identifier: MIT
// ANYCAPTURE_MODULE in place of TORCH_MODULE: what can be captured, and that all else is as before.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/serialize.h>

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <tuple>
#include <type_traits>

#include "support/throws.h"

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Every key of `cap`, in order.
std::vector<std::string> keys(const Capturer& cap) {
  return cap.keys();
}

CaptureOptions quiet() {
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::ignore;
  return options;
}

struct AttentionImpl : torch::nn::Cloneable<AttentionImpl> {
  torch::nn::Linear q{nullptr};
  std::int64_t width;
  explicit AttentionImpl(std::int64_t size) : width(size) { reset(); }
  void reset() override { q = register_module("q", torch::nn::Linear(width, width)); }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& mask = {}, bool twice = false) {
    at::Tensor attn = q(x).softmax(-1);
    ANYCAPTURE_TAG(attn);
    if (mask.defined()) attn = attn * mask;
    return twice ? attn + attn : attn;
  }
};
ANYCAPTURE_MODULE(Attention);

at::Tensor input() {
  return at::arange(8, at::kFloat).reshape({2, 4}) / 8;
}

TEST(HookedModule, CapturesInputsAndOutputsOfEveryKindOfCall) {
  Attention attention(4);
  const auto x = input();
  for (int kind = 0; kind < 4; ++kind) {
    Capturer cap(attention, {"*:input", "*:output"});
    const at::Tensor y = kind == 0   ? attention(x)
                         : kind == 1 ? attention->forward(x)
                         : kind == 2 ? attention.ptr()->as<Attention>()->forward(x)
                                     : (*attention).forward(x);
    EXPECT_THAT(keys(cap), ElementsAre(":input", ":output")) << kind;
    EXPECT_TRUE(cap[":input"].equal(x)) << kind;
    EXPECT_TRUE(cap[":output"].equal(y)) << kind;
  }
}

TEST(HookedModule, KeepsDefaultArguments) {
  Attention attention(4);
  const auto x = input(), mask = at::zeros({2, 4});
  EXPECT_TRUE(attention->forward(x, mask).equal(mask));
  EXPECT_TRUE(attention(x, at::Tensor(), true).equal(2 * attention(x)));
  Capturer cap(attention, "*:input");
  attention->forward(x, mask, true);
  EXPECT_TRUE(cap[":input.1"].is_same(mask));
}

TEST(HookedModule, NumbersInputsWhereMoreThanOneHoldsATensor) {
  Attention attention(4);
  Capturer cap(attention, "*:input");
  attention->forward(input());
  attention->forward(input(), at::Tensor(), true);
  EXPECT_EQ(cap.calls(":input").size(), 2u);
  attention->forward(input(), at::ones({2, 4}));
  EXPECT_THAT(keys(cap), ElementsAre(":input", ":input.0", ":input.1"));
}

TEST(HookedModule, ATypeSelectorTakesTagsAndOutput) {
  Attention attention(4);
  Capturer cap(attention, "Attention");
  attention(input());
  EXPECT_THAT(keys(cap), ElementsAre(":attn", ":output"));
}

TEST(HookedModule, GivesTheSameValuesAsThePlainOne) {
  Attention attention(4);
  const auto plain = std::static_pointer_cast<AttentionImpl>(attention.ptr());
  const auto wanted = plain->forward(input());
  EXPECT_TRUE(attention(input()).equal(wanted));
  Capturer cap(attention, {"*", "*:input"});
  EXPECT_TRUE(attention(input()).equal(wanted));
}

TEST(HookedModule, KeepsItsName) {
  Attention attention(4);
  EXPECT_THAT(attention->name(), HasSubstr("AttentionImpl"));
  EXPECT_THAT(attention->name(), Not(HasSubstr("Hooked")));
  EXPECT_EQ(attention->name(), AttentionImpl(4).name());
  EXPECT_EQ(attention->clone()->name(), attention->name());
}

TEST(HookedModule, ACloneIsHookedAndOwnsItsParameters) {
  Attention attention(4);
  const auto copy = attention->clone();
  ASSERT_NE(copy->as<Attention>(), nullptr);
  ASSERT_EQ(copy->parameters().size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(copy->parameters()[i].equal(attention->parameters()[i]));
    EXPECT_FALSE(copy->parameters()[i].is_same(attention->parameters()[i]));
  }
  Capturer cap(copy, "*:output");
  const auto before = copy->as<Attention>()->forward(input());
  EXPECT_TRUE(cap[":output"].equal(before));
  // What the clone computes with is what it lists.
  const at::NoGradGuard no_grad;
  copy->named_parameters()["q.weight"].zero_();
  copy->named_parameters()["q.bias"].zero_();
  EXPECT_TRUE(copy->as<Attention>()->forward(input()).equal(at::full({2, 4}, 0.25)));
  EXPECT_FALSE(attention(input()).equal(at::full({2, 4}, 0.25)));
}

struct ParentImpl : torch::nn::Cloneable<ParentImpl> {
  Attention child{nullptr};
  torch::nn::ModuleList list{nullptr};
  ParentImpl() { reset(); }
  void reset() override {
    child = register_module("child", Attention(4));
    list = register_module("list", torch::nn::ModuleList());
    list->push_back(Attention(4));
  }
  at::Tensor forward(at::Tensor x) { return list[0]->as<Attention>()->forward(child(x)); }
};
ANYCAPTURE_MODULE(Parent);

TEST(HookedModule, ChildrenOfACloneAreHooked) {
  Parent parent;
  auto copy = std::dynamic_pointer_cast<ParentImpl>(parent->clone());
  ASSERT_NE(copy, nullptr);
  Capturer cap(copy, "Attention:output");
  const auto y = copy->forward(input());
  EXPECT_THAT(keys(cap), ElementsAre("child:output", "list.0:output"));
  EXPECT_TRUE(cap["list.0:output"].equal(y));
  EXPECT_TRUE(y.equal(parent(input())));
}

TEST(HookedModule, SavesAndLoads) {
  Attention saved(4), loaded(4);
  std::stringstream file;
  torch::save(saved, file);
  torch::load(loaded, file);
  EXPECT_TRUE(loaded(input()).equal(saved(input())));
  std::ostringstream printed;
  printed << saved;
  EXPECT_THAT(printed.str(), HasSubstr("AttentionImpl"));
}

TEST(HookedModule, HoldersCopyAssignAndCanBeEmpty) {
  Attention empty{nullptr};
  EXPECT_TRUE(empty.is_empty());
  EXPECT_THROW(empty->forward(input()), c10::Error);
  Attention attention(4);
  Attention same(attention);
  empty = attention;
  EXPECT_EQ(same.ptr(), attention.ptr());
  EXPECT_EQ(empty.ptr(), attention.ptr());
  const Attention constant(attention);
  EXPECT_EQ(constant->width, 4);
  attention = nullptr;
  EXPECT_FALSE(attention);
}

TEST(HookedModule, IsHookedInsideASequential) {
  torch::nn::Sequential row(Attention(4), torch::nn::Linear(4, 4), Attention(4));
  Capturer cap(row, "*:output");
  // AnyModule knows no default arguments without FORWARD_HAS_DEFAULT_ARGS.
  EXPECT_THROW(row->forward(input()), c10::Error);
  EXPECT_EQ(&row->at<AttentionImpl>(0), row->ptr(0)->as<Attention>());
  const auto y = (*row->begin()).forward(input(), at::Tensor(), false);
  EXPECT_TRUE(cap["0:output"].equal(y));
}

TEST(HookedModule, APointerOfItsOwnHolderStaysHooked) {
  Attention made(4);
  const std::shared_ptr<AttentionImpl> pointer = made.ptr();
  Attention again(pointer);
  EXPECT_EQ(again.ptr(), made.ptr());
  Capturer cap(again, "*:output");
  again(input());
  EXPECT_EQ(cap.size(), 1u);
}

struct PlainPointerImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) { return x + 1; }
};
ANYCAPTURE_MODULE(PlainPointer);

// UBSan's vptr check takes the plain object for an error: see taken_for_hooked().
[[gnu::no_sanitize("vptr")]] void call_through_holder(
    const std::shared_ptr<PlainPointerImpl>& plain) {
  PlainPointer holder(plain);
  EXPECT_TRUE(holder(at::zeros({1})).equal(at::ones({1})));
  EXPECT_TRUE(holder->forward(at::zeros({1})).equal(at::ones({1})));
  EXPECT_EQ(std::shared_ptr<PlainPointerImpl>(holder.ptr()), plain);
}

TEST(HookedModule, APlainPointerIsHeardThroughItsHolderOnlyAndTheReportSaysSo) {
  const auto plain = std::make_shared<PlainPointerImpl>();
  call_through_holder(plain);
  Capturer cap(plain, "*:output", quiet());
  plain->forward(at::zeros({1}));
  EXPECT_TRUE(cap.empty());
  EXPECT_THAT(cap.report().text(),
              AllOf(HasSubstr("plain std::shared_ptr"), HasSubstr("let the holder make it")));
  call_through_holder(plain);
  EXPECT_EQ(cap.calls(":output").size(), 2u);
}

// What C++ does not let us hook compiles and runs as with TORCH_MODULE.

struct FinalImpl final : torch::nn::Module {
  at::Tensor forward(at::Tensor x) { return x + 1; }
};
ANYCAPTURE_MODULE(Final);

struct NoForwardImpl : torch::nn::Module {
  at::Tensor encode(at::Tensor x) { return x + 1; }
};
ANYCAPTURE_MODULE(NoForward);

TEST(HookedModule, ClassesThatCannotBeHookedWorkAndSayWhy) {
  Final last;
  NoForward encoder;
  EXPECT_TRUE(last(at::zeros({1})).equal(at::ones({1})));
  EXPECT_TRUE(encoder->encode(at::zeros({1})).equal(at::ones({1})));
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(last, "*:output"); }),
              HasSubstr("final"));
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(encoder, "*:output"); }),
              HasSubstr("it has no forward()"));
}

struct OverloadedImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x) { return x + 1; }
  std::tuple<at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& y) {
    return {x + y, x - y};
  }
};
ANYCAPTURE_MODULE(Overloaded);

struct TemplatedImpl : torch::nn::Module {
  template <class T>
  at::Tensor forward(const T& x, double scale = 2) {
    return x * scale;
  }
};
ANYCAPTURE_MODULE(Templated);

TEST(HookedModule, OverloadsAndTemplatesAreHooked) {
  Overloaded overloaded;
  Templated templated;
  Capturer first(overloaded, "*:output"), second(templated, {"*:input", "*:output"});
  overloaded(at::ones({1}));
  overloaded->forward(at::ones({1}), at::ones({1}));
  templated(at::ones({1}));
  EXPECT_THAT(keys(first), ElementsAre(":output", ":output.0", ":output.1"));
  EXPECT_TRUE(first[":output.0"].equal(at::full({1}, 2.0)));
  EXPECT_TRUE(second[":output"].equal(at::full({1}, 2.0)));
}

struct ConstNoexceptImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) const noexcept { return x; }
};
ANYCAPTURE_MODULE(ConstNoexcept);

struct VirtualImpl : torch::nn::Module {
  virtual at::Tensor forward(const at::Tensor& x) = 0;
};
struct OverridingImpl : VirtualImpl {
  at::Tensor forward(const at::Tensor& x) override { return x + 1; }
};
ANYCAPTURE_MODULE(Overriding);

TEST(HookedModule, ConstAndVirtualForwardsAreHooked) {
  const ConstNoexcept constant;
  Overriding overriding;
  Capturer first(constant, "*:output"), second(overriding, "*:output");
  constant->forward(at::ones({1}));
  VirtualImpl& base = *overriding;
  EXPECT_TRUE(base.forward(at::zeros({1})).equal(at::ones({1})));
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(second.calls(":output").size(), 1u);
}

struct BracedImpl : torch::nn::Module {
  at::Tensor forward(const std::vector<at::Tensor>& parts) { return at::cat(parts); }
};
ANYCAPTURE_MODULE(Braced);

struct WritingImpl : torch::nn::Module {
  // Writes to the caller's variable, hooked or not.
  void forward(at::Tensor& state, std::unique_ptr<int> step) { state = state + *step; }
};
ANYCAPTURE_MODULE(Writing);

TEST(HookedModule, PassesArgumentsOnAsTheyAre) {
  Braced braced;
  Writing writing;
  for (const bool captured : {false, true}) {
    std::optional<Capturer> first, second;
    if (captured) {
      first.emplace(braced, "*:input");
      second.emplace(writing, "*:input");
    }
    EXPECT_EQ(braced->forward({at::ones({1}), at::ones({2})}).size(0), 3);
    at::Tensor state = at::zeros({1});
    writing->forward(state, std::make_unique<int>(3));
    EXPECT_TRUE(state.equal(at::full({1}, 3.0)));
    if (captured) {
      EXPECT_THAT(keys(*first), ElementsAre(":input.0.0", ":input.0.1"));
      EXPECT_THAT(keys(*second), ElementsAre(":input"));
      EXPECT_TRUE((*second)[":input"].equal(at::zeros({1})));
    }
  }
}

struct ReferenceImpl : torch::nn::Module {
  at::Tensor kept = at::zeros({1});
  at::Tensor& forward(at::Tensor x) { return kept = x + 1; }
};
ANYCAPTURE_MODULE(Reference);

TEST(HookedModule, ReturnsTheVeryReference) {
  Reference module;
  Capturer cap(module, "*:output");
  EXPECT_EQ(&module->forward(at::zeros({1})), &module->kept);
  EXPECT_TRUE(cap[":output"].is_same(module->kept));
}

TEST(HookedModule, AnExceptionLeavesTheFramesInOrder) {
  Parent parent;
  Capturer cap(parent, {"*:output", "*:input"}, quiet());
  EXPECT_THROW(parent(at::ones({2, 5})), c10::Error);  // does not fit
  EXPECT_THAT(cap.report().text(), HasSubstr("left by an exception"));
  EXPECT_THAT(cap.keys("*:output"), IsEmpty());
  EXPECT_EQ(anycapture::detail::Frame::innermost(), nullptr);
  cap.clear();
  parent(input());
  EXPECT_THAT(cap.keys("*:output"), ElementsAre("child:output", "list.0:output", ":output"));
}

TEST(HookedModule, TheRootsInputIsCopiedWhereItsMemoryIsTheCallers) {
  Attention attention(4);
  Capturer cap(attention, "*:input");
  std::vector<float> frame(8, 1);
  attention(at::from_blob(frame.data(), {2, 4}));
  std::fill(frame.begin(), frame.end(), 2);  // the next picture
  EXPECT_TRUE(cap[":input"].equal(at::ones({2, 4})));
}

TEST(HookedModule, AnUnhookedModuleSaysWhatWouldHookIt) {
  struct StockImpl : torch::nn::Module {
    torch::nn::Linear fc{register_module("fc", torch::nn::Linear(2, 2))};
  };
  auto model = std::make_shared<StockImpl>();
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(model, "fc:output"); }),
              HasSubstr("write anycapture::nn::Linear where torch::nn::Linear stands"));
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(model, ":output"); }),
              HasSubstr("write ANYCAPTURE_MODULE(Stock); where TORCH_MODULE(Stock); stands"));
}

struct BaseImpl : torch::nn::Module {
  virtual at::Tensor forward(const at::Tensor& x) { return x * 0; }
};
struct DerivedImpl : BaseImpl {
  at::Tensor forward(const at::Tensor& x) override { return x + 1; }
};
ANYCAPTURE_MODULE(Base);
ANYCAPTURE_MODULE(Derived);
ANYCAPTURE_MODULE_IMPL(Abstract, VirtualImpl);

[[gnu::no_sanitize("vptr")]] void call_by_base(const std::shared_ptr<DerivedImpl>& derived) {
  Base base = std::shared_ptr<BaseImpl>(derived);
  at::Tensor x = at::zeros({1});
  EXPECT_TRUE(base->forward(x).equal(at::ones({1})));
  EXPECT_TRUE(base(at::zeros({1})).equal(at::ones({1})));
}

TEST(HookedModule, AHolderOfABaseCallsWhatOverridesIt) {
  Derived derived;
  call_by_base(derived.ptr());
  call_by_base(std::make_shared<DerivedImpl>());
  Capturer cap(derived, "*:output");
  call_by_base(derived.ptr());
  EXPECT_EQ(cap.calls(":output").size(), 2u);
}

[[gnu::no_sanitize("vptr")]] void call_by_abstract_base(
    const std::shared_ptr<OverridingImpl>& module) {
  Abstract base = std::shared_ptr<VirtualImpl>(module);
  EXPECT_TRUE(base->forward(at::zeros({1})).equal(at::ones({1})));
}

TEST(HookedModule, AHolderOfAnAbstractBaseCallsWhatOverridesIt) {
  Overriding overriding;
  Capturer cap(overriding, "*:output");
  call_by_abstract_base(overriding.ptr());
  EXPECT_EQ(cap.calls(":output").size(), 1u);
}

// reset() lets a function hold on to the module.
struct SelfKnowingImpl : torch::nn::Cloneable<SelfKnowingImpl> {
  double factor = 5;
  std::function<at::Tensor(at::Tensor)> scale;
  SelfKnowingImpl() { reset(); }
  ~SelfKnowingImpl() override { factor = -1; }
  void reset() override {
    scale = [this](const at::Tensor& x) { return x * factor; };
  }
  at::Tensor forward(at::Tensor x) { return scale(x); }
};
ANYCAPTURE_MODULE(SelfKnowing);

TEST(HookedModule, ACloneIsWhatItsResetKnows) {
  SelfKnowing module;
  const auto copy = module->clone();
  module = nullptr;
  EXPECT_TRUE(copy->as<SelfKnowing>()->forward(at::ones({1})).equal(at::full({1}, 5.0)));
}

struct OwnCloneImpl : torch::nn::Module {
  std::vector<std::unique_ptr<int>> owned;  // is_copy_constructible says it is, and it is not
  std::shared_ptr<torch::nn::Module> clone(anycapture::detail::CloneDevice = {}) const override {
    return std::make_shared<OwnCloneImpl>();
  }
  at::Tensor forward(at::Tensor x) { return x + 1; }
};
ANYCAPTURE_MODULE(OwnClone);

TEST(HookedModule, AClassWithACloneOfItsOwnMakesWhatThatMakes) {
  OwnClone module;
  EXPECT_NE(std::dynamic_pointer_cast<OwnCloneImpl>(module->clone()), nullptr);
  torch::nn::Sequential row(module);
  const auto copy = std::dynamic_pointer_cast<torch::nn::SequentialImpl>(row->clone());
  EXPECT_TRUE(copy->forward(at::zeros({1})).equal(at::ones({1})));
}

TEST(HookedModule, IsOfItsOwnClassToAnyModuleAndSequential) {
  Attention attention(4);
  torch::nn::AnyModule any(attention);
  EXPECT_EQ(&any.get<AttentionImpl>(), attention.get());
  EXPECT_EQ(any.ptr<AttentionImpl>(), attention.ptr());
  EXPECT_EQ(any.type_info(), typeid(AttentionImpl));
  torch::nn::Sequential row(attention);
  EXPECT_EQ(&row->at<AttentionImpl>(0), attention.get());
  const auto copy = std::dynamic_pointer_cast<torch::nn::SequentialImpl>(row->clone());
  EXPECT_EQ(copy->at<AttentionImpl>(0).width, 4);
  Capturer cap(copy, "0:output");
  (*copy->begin()).forward(input(), at::Tensor(), false);
  EXPECT_EQ(cap.size(), 1u);
}

struct DefaultsImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x, double factor = 3) { return x * factor; }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, torch::nn::AnyValue(3.0)})
};
ANYCAPTURE_MODULE(Defaults);

TEST(HookedModule, ForwardHasDefaultArgsWorksInASequential) {
  torch::nn::Sequential row(Defaults{}, Defaults{});
  Capturer cap(row, "*:output");
  EXPECT_TRUE(row->forward(at::ones({1})).equal(at::full({1}, 9.0)));
  EXPECT_EQ(cap.size(), 3u);
  EXPECT_THAT(message_of<c10::Error>([&] { row->forward(at::ones({1}), 1.0, 2.0); }),
              HasSubstr("expects at least 1 argument(s) and at most 2"));
}

TEST(HookedModule, SaysThatItsHolderDidNotMakeIt) {
  Attention made(4);
  auto plain = std::make_shared<AttentionImpl>(4);
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(plain, ":output"); }),
              HasSubstr("it was not made by its holder: make it as Attention(...)"));
}

struct ListsImpl : torch::nn::Module {
  c10::List<at::Tensor> forward(c10::optional<at::Tensor> x, const std::vector<at::Tensor>& rest) {
    c10::List<at::Tensor> all(rest);
    if (x) all.push_back(*x);
    return all;
  }
};
ANYCAPTURE_MODULE(Lists);

TEST(HookedModule, ATensorInAListIsNeverNamedAsALoneOne) {
  Lists lists;
  Capturer cap(lists, {"*:input", "*:output"});
  const auto a = at::ones({1}), b = at::zeros({1});
  lists(c10::nullopt, std::vector<at::Tensor>{a, b});
  EXPECT_THAT(keys(cap), ElementsAre(":input.1.0", ":input.1.1", ":output.0", ":output.1"));
  cap.clear();
  lists(b, std::vector<at::Tensor>{a});
  EXPECT_THAT(keys(cap), ElementsAre(":input.0", ":input.1.0", ":output.0", ":output.1"));
  EXPECT_TRUE(cap[":input.0"].is_same(b));
}

struct Opaque {
  at::Tensor hidden;
};
struct TakesOpaqueImpl : torch::nn::Module {
  at::Tensor forward(const Opaque& state) { return state.hidden; }
};
ANYCAPTURE_MODULE(TakesOpaque);

TEST(HookedModule, SaysWhatItCannotLookInto) {
  TakesOpaque module;
  Capturer cap(module, "*:input", quiet());
  module(Opaque{at::ones({1})});
  EXPECT_THAT(cap.report().text(), AllOf(HasSubstr("its input is a"), HasSubstr("Opaque"),
                                         HasSubstr("ANYCAPTURE_VISITABLE(Opaque, its fields)")));
}

}  // namespace
