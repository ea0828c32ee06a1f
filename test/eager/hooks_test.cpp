// SPDX-License-Identifier: MIT
// Forward hooks behave as in PyTorch's own tests: test/nn/test_module_hooks.py.
#include <anycapture/anycapture.h>
#include <anycapture/hooks.h>
#include <anycapture/module.h>
#include <torch/nn/modules/linear.h>

#include <ATen/ATen.h>

#include <stdexcept>
#include <thread>

#include "support/throws.h"

namespace {

using anycapture::Capturer;
using anycapture::HookHandle;
using anycapture::HookOptions;
using anycapture::register_forward_hook;
using anycapture::register_forward_pre_hook;
using anycapture::Tensors;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using torch::nn::Module;

struct AddImpl : torch::nn::Module {
  bool fails = false;
  at::Tensor forward(const at::Tensor& x) {
    if (fails) throw std::domain_error("forward failed");
    return x + 1;
  }
};
ANYCAPTURE_MODULE(Add);

struct PairImpl : torch::nn::Module {
  std::tuple<at::Tensor, at::Tensor> forward(at::Tensor x, at::Tensor y) { return {x + y, x - y}; }
};
ANYCAPTURE_MODULE(Pair);

at::Tensor number(double value) {
  return at::full({1}, value, at::kDouble);
}

class HooksTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_FALSE(anycapture::detail::listening()); }

  auto note(std::string name) {
    return [this, name](Module&, const at::Tensor&, const at::Tensor&) { said_.push_back(name); };
  }
  auto note_pre(std::string name) {
    return [this, name](Module&, const at::Tensor&) { said_.push_back(name); };
  }

  std::vector<std::string> said_;
};

TEST_F(HooksTest, RunInOrderBeforeAndAfterForward) {
  Add add;
  register_forward_hook(add, note("after 1"));
  register_forward_pre_hook(add, note_pre("before 1"));
  register_forward_hook(add, note("after 2"));
  register_forward_pre_hook(add, note_pre("before 2"));
  add(number(1));
  EXPECT_THAT(said_, ElementsAre("before 1", "before 2", "after 1", "after 2"));
}

TEST_F(HooksTest, PrependedOnesRunFirst) {
  Add add;
  HookOptions first;
  first.prepend = true;
  register_forward_hook(add, note("a"));
  register_forward_hook(add, note("b"), first);
  register_forward_hook(add, note("c"), first);
  register_forward_pre_hook(add, note_pre("p"));
  register_forward_pre_hook(add, note_pre("q"), first);
  add(number(1));
  EXPECT_THAT(said_, ElementsAre("q", "p", "c", "b", "a"));
}

TEST_F(HooksTest, SeeTheModuleItsInputAndItsOutput) {
  Add add;
  register_forward_hook(add, [&](Module& module, const at::Tensor& in, const at::Tensor& out) {
    EXPECT_EQ(&module, add.ptr().get());
    EXPECT_TRUE(in.equal(number(1)));
    EXPECT_TRUE(out.equal(number(2)));
    said_.push_back("seen");
  });
  add(number(1));
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(HooksTest, ReplaceInputsAndOutputsInAChain) {
  Add add;
  const auto doubled = [](Module&, const at::Tensor& x) { return x * 2; };
  register_forward_pre_hook(add, doubled);
  register_forward_pre_hook(add, doubled);
  register_forward_hook(
      add, [](Module&, const at::Tensor& in, const at::Tensor& out) { return out * 10 + in; });
  register_forward_hook(add, [](Module&, const at::Tensor&, const at::Tensor&) {
    return at::Tensor();  // None: leaves it
  });
  const auto x = number(1);
  EXPECT_TRUE(add->forward(x).equal(number((1 * 4 + 1) * 10 + 4)));
  EXPECT_TRUE(x.equal(number(1)));
  const at::Tensor constant = number(1);
  EXPECT_TRUE(add(constant).equal(number(54)));
}

TEST_F(HooksTest, AReplacedInputLeavesTheCallersVariable) {
  Add add;
  register_forward_pre_hook(add, [](Module&, Tensors& input) { input[0] = number(7); });
  at::Tensor x = number(1);
  EXPECT_TRUE(add(x).equal(number(8)));
  EXPECT_TRUE(x.equal(number(1)));
}

TEST_F(HooksTest, TakeSeveralTensorsByName) {
  Pair pair;
  register_forward_pre_hook(pair, [](Module&, Tensors& input) {
    ASSERT_EQ(input.size(), 2u);
    input[1] = input.at("0") * 2;
  });
  register_forward_hook(pair, [](Module&, const Tensors& input, Tensors& output) {
    EXPECT_TRUE(input.at("1").equal(number(2)));
    output.at("0") = number(100);
    EXPECT_THAT(message_of<anycapture::KeyError>([&] { output.at("2"); }),
                AllOf(HasSubstr("\"2\""), HasSubstr("\"0\", \"1\"")));
  });
  const auto [sum, difference] = pair(number(1), number(5));
  EXPECT_TRUE(sum.equal(number(100)));
  EXPECT_TRUE(difference.equal(number(-1)));
}

TEST_F(HooksTest, ThatTakeOneTensorSayWhereThereAreTwo) {
  Pair pair;
  register_forward_hook(pair, note("never"));
  EXPECT_THAT(message_of<anycapture::Error>([&] { pair(number(1), number(2)); }),
              AllOf(HasSubstr("input holds 2"), HasSubstr("anycapture::Tensors&")));
}

TEST_F(HooksTest, RemovedOnesAreNotCalled) {
  Add add;
  HookHandle first = register_forward_hook(add, note("first"));
  HookHandle second = register_forward_hook(add, note("second"));
  add(number(1));
  first.remove();
  first.remove();
  add(number(1));
  second.remove();
  add(number(1));
  EXPECT_THAT(said_, ElementsAre("first", "second", "second"));
}

TEST_F(HooksTest, StayWhenTheHandleGoes) {
  Add add;
  { const HookHandle handle = register_forward_hook(add, note("hook")); }
  add(number(1));
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(HooksTest, AHandleOutlivesItsModule) {
  HookHandle handle;
  {
    Add add;
    handle = register_forward_hook(add, note("hook"));
    EXPECT_TRUE(anycapture::detail::listening());
  }
  EXPECT_FALSE(anycapture::detail::listening());
  handle.remove();
  HookHandle().remove();
}

TEST_F(HooksTest, MayRemoveAndAddHooksWhileTheyRun) {
  Add add;
  HookHandle self, later;
  self = register_forward_hook(add, [&](Module& module, const Tensors&, Tensors&) {
    said_.push_back("self");
    self.remove();
    later.remove();
    register_forward_hook(module, note("added"));
  });
  later = register_forward_hook(add, note("later"));
  add(number(1));  // those that stood when the first one ran
  EXPECT_THAT(said_, ElementsAre("self", "later"));
  said_.clear();
  add(number(1));
  EXPECT_THAT(said_, ElementsAre("added"));
}

TEST_F(HooksTest, WhatAHookThrowsLeavesTheCall) {
  Add add;
  HookHandle handle = register_forward_pre_hook(
      add, [](Module&, const at::Tensor&) { throw std::domain_error("mine"); });
  EXPECT_EQ(message_of<std::domain_error>([&] { add(number(1)); }), "mine");
  handle.remove();
  EXPECT_TRUE(add(number(1)).equal(number(2)));
}

TEST_F(HooksTest, AlwaysCalledOnesRunWhenForwardThrows) {
  Add add;
  add->fails = true;
  HookOptions always;
  always.always_call = true;
  register_forward_hook(add, note("plain"));
  register_forward_hook(
      add,
      [&](Module&, const at::Tensor& in, const at::Tensor& out) {
        EXPECT_TRUE(in.equal(number(1)));
        EXPECT_FALSE(out.defined());
        said_.push_back("always");
      },
      always);
  EXPECT_EQ(message_of<std::domain_error>([&] { add(number(1)); }), "forward failed");
  EXPECT_THAT(said_, ElementsAre("always"));
  add->fails = false;
  said_.clear();
  Add fresh;
  register_forward_hook(fresh, note("plain"));
  register_forward_hook(fresh, note("always"), always);
  fresh(number(1));
  EXPECT_THAT(said_, ElementsAre("plain", "always"));
}

TEST_F(HooksTest, AlwaysCalledOnesRunOnceWhenAHookThrows) {
  Add add;
  HookOptions always;
  always.always_call = true;
  register_forward_hook(add, note("first"), always);
  register_forward_hook(add, [](Module&, const at::Tensor&, const at::Tensor&) {
    throw std::domain_error("hook failed");
  });
  register_forward_hook(add, note("not reached"));
  register_forward_hook(
      add,
      [&](Module&, const at::Tensor&, const at::Tensor& out) {
        EXPECT_TRUE(out.equal(number(2)));
        said_.push_back("last");
      },
      always);
  EXPECT_EQ(message_of<std::domain_error>([&] { add(number(1)); }), "hook failed");
  EXPECT_THAT(said_, ElementsAre("first", "last"));
}

TEST_F(HooksTest, WhatAnAlwaysCalledOneThrowsBesideAnotherErrorIsSaid) {
  Add add;
  add->fails = true;
  HookOptions always;
  always.always_call = true;
  register_forward_hook(
      add, [](Module&, const at::Tensor&, const at::Tensor&) { throw std::domain_error("second"); },
      always);
  testing::internal::CaptureStderr();
  EXPECT_EQ(message_of<std::domain_error>([&] { add(number(1)); }), "forward failed");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), AllOf(HasSubstr("Add"), HasSubstr("second")));
}

TEST_F(HooksTest, RunOnEveryThread) {
  Add add;
  register_forward_hook(add, note("hook"));
  std::thread([&] { add(number(1)); }).join();
  EXPECT_EQ(said_.size(), 1u);
}

struct CopiedImpl : torch::nn::Cloneable<CopiedImpl> {
  void reset() override {}
  at::Tensor forward(at::Tensor x) { return x; }
};
ANYCAPTURE_MODULE(Copied);

TEST_F(HooksTest, ACloneHasNone) {
  Copied module;
  register_forward_hook(module, note("hook"));
  Copied copy(std::dynamic_pointer_cast<CopiedImpl>(module->clone()));
  copy(number(1));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(HooksTest, ASessionSeesWhatForwardGotAndWhatItsCallerGets) {
  Add add;
  register_forward_pre_hook(add, [](Module&, const at::Tensor& x) { return x * 2; });
  register_forward_hook(add,
                        [](Module&, const at::Tensor&, const at::Tensor& y) { return y * 10; });
  Capturer cap(add, {":input", ":output"});
  const auto y = add(number(1));
  EXPECT_TRUE(cap[":input"].equal(number(2)));
  EXPECT_TRUE(cap[":output"].equal(number(30)));
  EXPECT_TRUE(y.equal(number(30)));
}

TEST_F(HooksTest, NeedAHookedModule) {
  torch::nn::Linear linear(1, 1);
  EXPECT_THAT(message_of<anycapture::Error>([&] { register_forward_hook(linear, note("x")); }),
              AllOf(HasSubstr("Linear"), HasSubstr("anycapture::nn::Linear")));
}

TEST_F(HooksTest, WhatAPreHookChangesCountsAfterForward) {
  Add add;
  HookHandle removed = register_forward_hook(add, note("removed"));
  register_forward_pre_hook(add, [&](Module& module, const at::Tensor&) {
    removed.remove();
    register_forward_hook(module, note("added"));
  });
  add(number(1));
  EXPECT_THAT(said_, ElementsAre("added"));
}

TEST_F(HooksTest, AlwaysCalledOnesSeeTheInputOfACallWhosePreHookThrew) {
  Add add;
  HookOptions always;
  always.always_call = true;
  register_forward_pre_hook(add, [](Module&, const at::Tensor& x) { return x * 2; });
  register_forward_pre_hook(add,
                            [](Module&, const at::Tensor&) { throw std::domain_error("mine"); });
  register_forward_hook(
      add,
      [&](Module&, const at::Tensor& in, const at::Tensor&) {
        EXPECT_TRUE(in.equal(number(2)));
        said_.push_back("always");
      },
      always);
  EXPECT_THROW(add(number(1)), std::domain_error);
  EXPECT_THAT(said_, ElementsAre("always"));
}

TEST_F(HooksTest, WhatTheyHoldMayRemoveHooks) {
  struct Guard {
    HookHandle* handle;
    explicit Guard(HookHandle* of) : handle(of) {}
    ~Guard() { handle->remove(); }
  };
  Add add;
  HookHandle first = register_forward_hook(add, note("first"));
  HookHandle second = register_forward_hook(
      add,
      [guard = std::make_shared<Guard>(&first)](Module&, const at::Tensor&, const at::Tensor&) {});
  second.remove();
  add(number(1));
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(HooksTest, KeepTheirStateWhenOthersComeAndGo) {
  Add add;
  int last = 0;
  register_forward_hook(add, [count = 0, &last](Module&, const at::Tensor&,
                                                const at::Tensor&) mutable { last = ++count; });
  for (int i = 0; i < 3; ++i) {
    HookHandle other = register_forward_hook(add, note("other"));
    add(number(1));
    other.remove();
  }
  EXPECT_EQ(last, 3);
}

struct ConstImpl : torch::nn::Module {
  at::Tensor kept = number(1);
  const at::Tensor& forward(const at::Tensor&) { return kept; }
};
ANYCAPTURE_MODULE(Const);

TEST_F(HooksTest, WhatCannotBeReplacedIsAnError) {
  Const module;
  register_forward_hook(module,
                        [](Module&, const at::Tensor&, const at::Tensor& y) { return y * 100; });
  EXPECT_THAT(message_of<anycapture::Error>([&] { module(number(1)); }),
              HasSubstr("replaced a tensor of the module's output, which is const"));
}

struct StateImpl : torch::nn::Module {
  at::Tensor forward(const at::Tensor& x, at::Tensor& state) { return state = state + x; }
};
ANYCAPTURE_MODULE(State);

TEST_F(HooksTest, OneWritableArgumentLeavesTheOthersTheCallers) {
  State module;
  register_forward_pre_hook(module, [](Module&, Tensors& input) { input[0] = number(7); });
  at::Tensor x = number(1), state = number(10);
  EXPECT_TRUE(module(x, state).equal(number(17)));
  EXPECT_TRUE(x.equal(number(1)));
  EXPECT_TRUE(state.equal(number(17)));
}

}  // namespace
