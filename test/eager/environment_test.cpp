// SPDX-License-Identifier: MIT
// ANYCAPTURE=..., set for a program that knows nothing of sessions: this one, started again.
#include <anycapture/anycapture.h>
#include <anycapture/module.h>
#include <torch/nn/modules/container/sequential.h>

#include <ATen/ATen.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include "support/temp_dir.h"
#include "support/tiny_models.h"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

at::Tensor input() {
  return at::arange(24, at::kFloat).view({2, 3, 4}) / 24;
}

// Every weight the same in every process.
tiny::Model model() {
  tiny::Model made(2);
  const at::NoGradGuard no_grad;
  for (auto& parameter : made->parameters()) {
    parameter.copy_(at::linspace(-1, 1, parameter.numel()).view(parameter.sizes()));
  }
  return made;
}

// What the other process runs; here it is only run.
TEST(EnvironmentProgram, RunsAModelTwice) {
  tiny::Model run = model();
  run->forward(input());
  EXPECT_TRUE(run->forward(input() + 1).isfinite().all().item<bool>());
}

struct NetImpl : torch::nn::Module {
  torch::nn::Sequential body{register_module(
      "body", torch::nn::Sequential(torch::nn::Linear(4, 3), torch::nn::Linear(3, 2)))};
  at::Tensor forward(const at::Tensor& x) { return body->forward(x); }
};
ANYCAPTURE_MODULE(Net);

TEST(EnvironmentProgram, RunsAHookedModel) {
  Net net;
  const at::NoGradGuard no_grad;
  for (auto& parameter : net->parameters()) parameter.fill_(0.5);
  EXPECT_TRUE(net(at::ones({1, 4})).isfinite().all().item<bool>());
}

TEST(EnvironmentProgram, RunsNothing) {
  EXPECT_TRUE(at::ones({1}).defined());
}

TEST(EnvironmentProgram, TagsBadly) {
  if (!anycapture::detail::listening()) return;  // of use to the other process alone
  tiny::Attention attention(4);
  EXPECT_TRUE(anycapture::tag(attention.get(), "a:b", at::ones({1})).defined());
}

class Environment : public testing::Test {
 protected:
  // Runs the program with these variables, and gives what it wrote to stderr.
  std::string run(const std::string& variables, const std::string& program = "RunsAModelTwice") {
    const std::string log = dir_.file("stderr");
    char self[4096] = {};
    const auto length = readlink("/proc/self/exe", self, sizeof self - 1);
    EXPECT_GT(length, 0);
    const std::string command = variables + " '" + self + "' --gtest_filter=EnvironmentProgram." +
                                program + " --gtest_output= >'" + dir_.file("stdout") + "' 2>'" +
                                log + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    std::ifstream in(log);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  support::TempDir dir_;
  const std::string out_ = dir_.file("maps.safetensors");
};

TEST_F(Environment, CapturesWithoutARebuild) {
  const std::string said = run("ANYCAPTURE=Attention ANYCAPTURE_OUT='" + out_ + "'");
  EXPECT_THAT(said, AllOf(HasSubstr("saved " + out_), HasSubstr("Attention")));

  tiny::Model here = model();
  anycapture::Capturer cap(here, "Attention");
  here->forward(input());
  here->forward(input() + 1);
  const auto captures = anycapture::Captures::load(out_);
  ASSERT_EQ(captures.size(), 2u);
  // Nobody names the root, so modules go by type and number, in the order in which they fired.
  for (int layer = 0; layer < 2; ++layer) {
    const auto calls = captures.calls("Attention." + std::to_string(layer) + ":attn");
    const auto wanted = cap.calls("blocks." + std::to_string(layer) + ".attn:attn");
    ASSERT_EQ(calls.size(), 2u);
    for (std::size_t call = 0; call < 2; ++call)
      EXPECT_TRUE(calls[call].value.equal(wanted[call].value)) << layer << ", call " << call;
  }
}

TEST_F(Environment, NamesModulesFromTheFirstHookedOneThatRuns) {
  run("ANYCAPTURE='*:output' ANYCAPTURE_OUT='" + out_ + "'", "RunsAHookedModel");
  const auto captures = anycapture::Captures::load(out_);
  EXPECT_THAT(captures.keys(),
              testing::ElementsAre("body.0:output", "body.1:output", "body:output", ":output"));
  EXPECT_TRUE(captures["body.0:output"].equal(at::full({1, 3}, 2.5)));
  EXPECT_TRUE(captures[":output"].equal(at::full({1, 2}, 4.25)));
}

TEST_F(Environment, HearsOps) {
  run("ANYCAPTURE='*:@addmm' ANYCAPTURE_OUT='" + out_ + "'", "RunsAHookedModel");
  const auto captures = anycapture::Captures::load(out_);
  EXPECT_THAT(captures.keys(), testing::ElementsAre("body.0:@addmm", "body.1:@addmm"));
  EXPECT_TRUE(captures["body.1:@addmm"].equal(at::full({1, 2}, 4.25)));
}

TEST_F(Environment, KeepsTheLastCalls) {
  run("ANYCAPTURE=Attention ANYCAPTURE_KEEP_LAST=1 ANYCAPTURE_OUT='" + out_ + "'");
  EXPECT_EQ(anycapture::Captures::load(out_).calls("Attention.0:attn").size(), 1u);
}

TEST_F(Environment, SaysWhatItHeardWhereNoFileIsAskedFor) {
  EXPECT_THAT(run("ANYCAPTURE=Attention"),
              AllOf(HasSubstr("Attention"), HasSubstr("set ANYCAPTURE_OUT=FILE.safetensors")));
}

TEST_F(Environment, LetsTheProgramRunOnWhenTheSelectorIsMalformed) {
  EXPECT_THAT(run("ANYCAPTURE='blocks.[0:attn' ANYCAPTURE_OUT='" + out_ + "'"),
              HasSubstr("ANYCAPTURE=\"blocks.[0:attn\""));
  EXPECT_FALSE(std::ifstream(out_).good());
}

TEST_F(Environment, WarnsOfWhatNeverFired) {
  EXPECT_THAT(run("ANYCAPTURE=Decoder"), AllOf(HasSubstr("warning"), HasSubstr("Decoder")));
}

TEST_F(Environment, IsSilentUnlessAskedFor) {
  EXPECT_THAT(run("ANYCAPTURE="), Not(HasSubstr("anycapture")));
}

TEST_F(Environment, ListsEachModuleOnce) {
  EXPECT_THAT(run("ANYCAPTURE=Attention"),
              AllOf(testing::ContainsRegex("Attention +2 +2 +4"), Not(HasSubstr("silent:"))));
}

TEST_F(Environment, SaysWhereNothingRan) {
  EXPECT_THAT(run("ANYCAPTURE=Attention", "RunsNothing"),
              HasSubstr("ANYCAPTURE=\"Attention\": no module with a tag, nor a hooked one, ran"));
  EXPECT_THAT(run("ANYCAPTURE_OUT='" + out_ + "'", "RunsNothing"),
              HasSubstr("ANYCAPTURE is not: nothing is captured"));
}

TEST_F(Environment, SavesNothingWhereNothingWasCaptured) {
  EXPECT_THAT(run("ANYCAPTURE=Atention ANYCAPTURE_OUT='" + out_ + "'"),
              AllOf(HasSubstr("selector \"Atention\" matched none of the"),
                    HasSubstr("nearest type: Attention"),
                    HasSubstr("nothing was captured, so nothing was saved")));
  EXPECT_FALSE(std::ifstream(out_).good());
}

TEST_F(Environment, SaysAtOnceWhatIsWrongWithItsOtherVariables) {
  const std::string said =
      run("ANYCAPTURE=Attention ANYCAPTURE_KEEP_LAST=1x ANYCAPTURE_OUT=/nowhere/maps.safetensors");
  EXPECT_THAT(said,
              AllOf(HasSubstr("ANYCAPTURE_KEEP_LAST is \"1x\", no whole number"),
                    HasSubstr("ANYCAPTURE_OUT=\"/nowhere/maps.safetensors\" cannot be written")));
  EXPECT_LT(said.find("cannot be written"), said.find("selector"));
}

TEST_F(Environment, ABadTagDoesNotStopTheProgram) {
  EXPECT_THAT(run("ANYCAPTURE='*'", "TagsBadly"),
              HasSubstr("warning: a tag cannot be called \"a:b\""));
}

}  // namespace
