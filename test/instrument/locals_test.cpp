// SPDX-License-Identifier: MIT
// One source in the styles of public code, compiled plain and instrumented: the same outputs, and
// every local by its name.
#include <anycapture/anycapture.h>

#include <ATen/ATen.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "support/throws.h"

#include "models/in_header.h"

#define STYLES plain
#include "models/styles.h"
#undef STYLES
#define STYLES instrumented
#include "models/styles.h"
#undef STYLES

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

at::Tensor ramp() {
  return at::arange(6, at::kFloat).reshape({2, 3}) - 2;
}

void expect_equal(const at::Tensor& got, const at::Tensor& wanted) {
  EXPECT_TRUE(at::equal(got, wanted)) << got << "\nwanted\n" << wanted;
}

// Runs one method of the zoo in a session that asks for all its locals.
template <class Call>
Capturer of_zoo(instrumented::Zoo& zoo, Call call, const std::string& selector = ":*") {
  CaptureOptions options;
  options.keep = anycapture::Keep::clone;
  Capturer cap(zoo, {selector, ":*[*]"}, options);
  call(zoo);
  cap.close();
  return cap;
}

// The same weights in both.
template <class Plain, class Instrumented>
void share_weights(Plain& plain, Instrumented& instrumented) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : plain.named_parameters())
    instrumented.named_parameters()[item.key()].copy_(item.value());
}

TEST(LocalsTest, AModelWithSubmodulesComputesTheSameAndTellsItsLocals) {
  auto plain = std::make_shared<plain::Block>(4);
  auto model = std::make_shared<instrumented::Block>(4);
  share_weights(*plain, *model);
  const at::Tensor x = at::randn({2, 5, 4});
  const at::Tensor wanted = plain->forward(x);
  expect_equal(model->forward(x), wanted);

  Capturer cap(*model,
               {"Attention:attn", "Attention:q", "Attention:attn[*]", "Block:*", "*:output"});
  expect_equal(model->forward(x), wanted);
  const at::Tensor qkv = plain->attn->qkv->forward(x);
  const at::Tensor q = qkv.chunk(3, -1)[0], k = qkv.chunk(3, -1)[1];
  const at::Tensor scores = (q * 0.5).matmul(k.transpose(-2, -1));
  expect_equal(cap["attn:q"], q);
  expect_equal(cap["attn:attn[0]"], scores);
  expect_equal(cap["attn:attn[2]"], scores.softmax(-1));
  expect_equal(cap["attn:attn"], scores.softmax(-1));
  EXPECT_FALSE(cap.contains("attn:attn[1]"));  // no mask
  expect_equal(cap[":shortcut"], x);
  expect_equal(cap[":x"], wanted);
  expect_equal(cap[":return"], wanted);
  expect_equal(cap[":output"], wanted);
  expect_equal(cap["attn:output"], scores.softmax(-1).matmul(qkv.chunk(3, -1)[2]));
  EXPECT_TRUE(cap.contains("Feed Forward.0:output"));
}

TEST(LocalsTest, ATypeAloneGivesOutputsAndNoLocals) {
  instrumented::Attention model(4);
  Capturer cap(model, "Attention");
  model->forward(at::randn({1, 3, 4}));
  EXPECT_THAT(cap.keys(), ElementsAre(":output"));
}

TEST(LocalsTest, AnOverloadThatCallsAnotherIsOneCall) {
  instrumented::Attention model(4);
  Capturer cap(model, {":input", ":output", ":attn"});
  const at::Tensor x = at::randn({1, 3, 4});
  const at::Tensor y = model->forward(x);
  expect_equal(cap[":input"], x);
  expect_equal(cap[":output"], y);
  cap.clear();
  const at::Tensor mask = at::zeros({3, 3});
  model->forward(x, mask);
  expect_equal(cap[":input.1"], mask);
  EXPECT_EQ(cap.calls(":attn").size(), 1u);
}

TEST(LocalsTest, AnotherMethodAndWhatItCallsGoByTheirNames) {
  const instrumented::Attention model(4);
  Capturer cap(*model, {"*:*", "*:encode.*", ":encode.input", ":encode.output"});
  const at::Tensor x = ramp();
  const auto out = model->encode(x);
  expect_equal(std::get<1>(out), x + 1);
  expect_equal(cap[":encode.input"], x);
  expect_equal(cap[":encode.output.0"], x - 1);
  expect_equal(cap[":encode.low"], x - 1);
  expect_equal(cap[":encode.high"], x + 1);
  expect_equal(cap[":encode.return.1"], x + 1);
  expect_equal(cap[":shifted.y"], x + 1);  // a free function that it ran
}

TEST(LocalsTest, AStaticMethodBelongsToTheModuleThatRunsIt) {
  instrumented::Attention model(4);
  Capturer cap(model, ":scaled.result");
  model->forward(at::randn({1, 3, 4}));
  EXPECT_THAT(cap.keys(), ElementsAre(":scaled.result"));
}

TEST(LocalsTest, AFreeFunctionOutsideModulesGoesByItsOwnName) {
  instrumented::Attention model(4);
  Capturer cap(model, {"fn:scaled:result", "fn:scaled:result[*]"});
  const at::Tensor y = instrumented::AttentionImpl::scaled(ramp(), 2);
  EXPECT_THAT(cap.keys(), ElementsAre("fn:scaled:result[0]", "fn:scaled:result"));
  expect_equal(cap["fn:scaled:result"], y);
}

TEST(LocalsTest, OnlyTheBranchThatRanFires) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  const auto run = [&](int64_t way) {
    return of_zoo(
        zoo, [&](auto& z) { expect_equal(z.branches(x, way), plain::Zoo().branches(x, way)); });
  };
  Capturer zero = run(0), one = run(1), two = run(2);
  expect_equal(zero[":branches.y[0]"], x + 10);
  expect_equal(zero[":branches.y[4]"], x + 9);
  expect_equal(zero[":branches.y"], x + 9);
  EXPECT_FALSE(zero.contains(":branches.y[1]"));
  EXPECT_FALSE(zero.contains(":branches.only_here"));
  expect_equal(one[":branches.y[1]"], x + 11);
  expect_equal(one[":branches.y"], (x + 11) * 5);
  expect_equal(one[":branches.only_here"], (x + 11) * 5);
  expect_equal(two[":branches.y"], (x + 12) * 2);
  EXPECT_TRUE(two.contains(":branches.y[3]"));
}

TEST(LocalsTest, AnEarlyReturnTellsWhatWasThereByThen) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer left = of_zoo(zoo, [&](auto& z) { expect_equal(z.early(x, true), x * 2); });
  expect_equal(left[":early.y"], x * 2);
  expect_equal(left[":early.return"], x * 2);
  EXPECT_FALSE(left.contains(":early.late"));
  Capturer stayed = of_zoo(zoo, [&](auto& z) { z.early(x, false); });
  expect_equal(stayed[":early.y"], x * 2 + 100);
  expect_equal(stayed[":early.late"], (x * 2 + 100) * 2);
}

TEST(LocalsTest, LoopsTellEachAssignmentAndOneFinalValue) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  const at::Tensor wanted = plain::Zoo().loops(x);
  Capturer cap = of_zoo(zoo, [&](auto& z) { expect_equal(z.loops(x), wanted); });
  EXPECT_EQ(cap.calls(":loops.sum[1]").size(), 3u);
  EXPECT_EQ(cap.calls(":loops.row[0]").size(), 2u);
  EXPECT_EQ(cap.calls(":loops.sum[3]").size(), 2u);
  expect_equal(cap.calls(":loops.sum[1]")[2].value, x * 3);
  expect_equal(cap[":loops.row"], x[1]);
  expect_equal(cap[":loops.sum"], wanted);
}

TEST(LocalsTest, InPlaceCallsAreAssignments) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap =
      of_zoo(zoo, [&](auto& z) { expect_equal(z.in_place(x), plain::Zoo().in_place(x)); });
  at::Tensor y = x * 2;
  expect_equal(cap[":in_place.y[0]"], x);
  expect_equal(cap[":in_place.y[1]"], y);
  y[0] = x[0];
  expect_equal(cap[":in_place.y[2]"], y);
  y.slice(0, 1, 2).add_(5);
  expect_equal(cap[":in_place.y[3]"], y);  // through a view: told by the version
  expect_equal(cap[":in_place.y"], y);
  expect_equal(cap[":in_place.z[0]"], y.relu());
  expect_equal(cap[":in_place.z"], y.relu() + 1);
}

TEST(LocalsTest, OutParametersAreAssignments) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) { expect_equal(z.outs(x), plain::Zoo().outs(x)); });
  expect_equal(cap[":outs.half[0]"], x / 2);
  expect_equal(cap[":outs.half[1]"], x / 2 + 1);
  expect_equal(cap[":outs.half"], x + x / 2);
  expect_equal(cap[":outs.larger"], x / 2 + 1);
  expect_equal(cap[":halve.into"], x / 2);
}

TEST(LocalsTest, LambdasAreParts) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) { expect_equal(z.lambdas(x), plain::Zoo().lambdas(x)); });
  expect_equal(cap[":lambdas.squared"], x * x);
  expect_equal(cap[":lambdas.kept"], x * x + 1);
  expect_equal(cap[":lambdas.y[0]"], x * x);
  expect_equal(cap[":lambdas.y"], x * x + 3);
  expect_equal(cap[":lambdas.return"], x * x + 3 + x * x + 1);  // the function's, not the lambda's
}

TEST(LocalsTest, ContainersAreTakenApart) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) { z.containers(x); });
  expect_equal(cap[":containers.levels.0"], x);
  expect_equal(cap[":containers.levels.1"], x * 7);
  expect_equal(cap[":containers.levels.3"], x - 2 + (x + 2) * 2);
  expect_equal(cap[":containers.by_name.first"], x);
  expect_equal(cap[":containers.maybe"], (x + 2) * 2);
  expect_equal(cap[":containers.maybe[0]"], x + 2);
  expect_equal(cap[":containers.pair.0"], x - 2);
  expect_equal(cap[":containers.pair.0[0]"], x);
  expect_equal(cap[":containers.return.2"], x + 2);
}

TEST(LocalsTest, FieldsOfStructsAndMembersHaveNames) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) { z.structs(x); });
  expect_equal(cap[":structs.features.hidden"], x * 2);
  expect_equal(cap[":structs.features.pooled"], (x * 2).mean(0));
  expect_equal(cap[":structs.state_"], (x * 2).mean(0));
}

TEST(LocalsTest, ChainsCommasAndHiddenAssignments) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) { expect_equal(z.chains(x), plain::Zoo().chains(x)); });
  expect_equal(cap[":chains.b[0]"], x + 1);
  expect_equal(cap[":chains.b"], (x + 1) * 2);  // it is a, which was added to in place
  expect_equal(cap[":chains.a[0]"], x + 1);
  expect_equal(cap[":chains.a"], x + 1 + x + 1);
  expect_equal(cap[":chains.d"], x + 2);
  expect_equal(cap[":chains.c"], (x + 2) * 2 - (x + 1 + x + 1));
}

TEST(LocalsTest, ReferencesAndWhatCannotBeCopiedAreReturnedAsEver) {
  instrumented::Zoo zoo;
  at::Tensor x = ramp();
  const at::Tensor before = x;
  Capturer cap = of_zoo(zoo, [&](auto& z) {
    at::Tensor& same = z.reference(x);
    EXPECT_EQ(&same, &x);
    expect_equal(*z.move_only(before), before + 4);
    at::Tensor out;
    z.nothing(before, out);
    expect_equal(out, before * 4);
    z.nothing(at::Tensor(), out);
  });
  expect_equal(cap[":reference.alias"], before + 1);
  expect_equal(cap[":reference.return"], before + 1);
  expect_equal(cap[":move_only.inside"], before + 4);
  EXPECT_EQ(cap.calls(":nothing.out").size(), 2u);
}

TEST(LocalsTest, AFunctionLeftByAnExceptionHasNoFinalValues) {
  instrumented::Zoo zoo;
  Capturer cap =
      of_zoo(zoo, [&](auto& z) { EXPECT_THROW(z.throws(ramp(), true), std::runtime_error); });
  expect_equal(cap[":throws.before[0]"], ramp() + 1);
  EXPECT_FALSE(cap.contains(":throws.before"));
  EXPECT_TRUE(cap.report().left_by_exception);
}

TEST(LocalsTest, NamesThatAreTakenAreSpelledOut) {
  instrumented::Zoo zoo;
  Capturer cap = of_zoo(zoo, [&](auto& z) { z.taken(ramp()); });
  expect_equal(cap[":taken.local.output"], ramp() + 1);
  expect_equal(cap[":taken.local.attention"], (ramp() + 1).softmax(-1));
  expect_equal(cap[":taken.local.input"], ramp());
  instrumented::Counter counter;
  Capturer forward(counter, {":forward.output", ":output", ":input"});
  instrumented::run(counter, ramp());
  EXPECT_THAT(forward.keys(), UnorderedElementsAre(":input", ":output", ":forward.output"));
}

TEST(LocalsTest, ShadowsPreprocessorAndHeads) {
  instrumented::Zoo zoo;
  const at::Tensor x = ramp();
  Capturer cap = of_zoo(zoo, [&](auto& z) {
    expect_equal(z.shadows(x), x + 1);
    expect_equal(z.preprocessor(x), plain::Zoo().preprocessor(x));
    expect_equal(z.heads(x), plain::Zoo().heads(x));
    expect_equal(instrumented::run_deduced(z, x), x * 3 + 1);
    expect_equal(instrumented::run_generic(z, x), x * 2);
  });
  expect_equal(cap[":shadows.y"], (x + 2) * 2);  // the last assignment, whichever y it is
  expect_equal(cap[":preprocessor.y[0]"], x + 1);
  EXPECT_FALSE(cap.contains(":preprocessor.y"));  // the parser gives one assignment up
  expect_equal(cap[":heads.next"], at::full({}, 4.0f));
  expect_equal(cap[":heads.doubled"], x * 2);
  expect_equal(cap[":deduced.y"], x * 3);
  expect_equal(cap[":deduced.return"], x * 3 + 1);
  expect_equal(cap[":generic.twice"], x * 2);
}

TEST(LocalsTest, AModuleMadeByValueIsHeard) {
  instrumented::Counter counter;
  Capturer cap(counter, {":*", ":input", ":output"});
  instrumented::run(counter, ramp());
  expect_equal(cap[":total"], ramp().sum() + 1);
  expect_equal(cap[":input"], ramp());
  expect_equal(cap[":output"], ramp().sum() + 1);
}

TEST(LocalsTest, ALaterWriteIsReported) {
  instrumented::Zoo zoo;
  Capturer cap(zoo, {":early.y", ":early.return"});
  at::Tensor y = zoo.early(ramp(), true);
  y.add_(1);
  EXPECT_THROW(cap[":early.y"], anycapture::StaleCaptureError);
}

TEST(LocalsTest, AMisspeltLocalIsToldWhatThereIs) {
  instrumented::Attention model(4);
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::raise;
  Capturer cap(model, ":atn", options);
  model->forward(at::randn({1, 3, 4}));
  const std::string message =
      support::message_of<anycapture::SilentSelectorError>([&] { cap.close(); });
  EXPECT_THAT(message, AllOf(HasSubstr("attn"), HasSubstr("what fired there")));
}

TEST(LocalsTest, AHeaderThatIsNotNamedIsToldByTheReport) {
  InHeader model;
  CaptureOptions options;
  options.on_silent = anycapture::OnSilent::raise;
  Capturer cap(model, ":inner", options);
  expect_equal(run_unnamed(model, ramp()), (ramp() + 1) * 2);
  const std::string message =
      support::message_of<anycapture::SilentSelectorError>([&] { cap.close(); });
  EXPECT_THAT(message, AllOf(HasSubstr("methods of InHeader are defined in a header"),
                             HasSubstr("anycapture_instrument(... HEADERS /"),
                             HasSubstr("instrument/models/in_header.h)")));
}

TEST(LocalsTest, ATensorNobodyAsksForIsNotHeld) {
  instrumented::Zoo zoo;
  Capturer cap(zoo, ":early.late");
  at::Tensor x = ramp();
  const auto before = x.use_count();
  zoo.early(x, false);
  EXPECT_EQ(x.use_count(), before);
  EXPECT_THAT(cap.keys(), ElementsAre(":early.late"));
}

}  // namespace
