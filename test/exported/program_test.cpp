// SPDX-License-Identifier: MIT
// torch.export archives against what Python's own hooks and frames saw
// (test/data/exported/make_archives.py).
#include <anycapture/anycapture.h>
#include <anycapture/torch_version.h>

#include <ATen/ATen.h>
#include <torch/library.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "support/exported_program.h"
#include "support/throws.h"

TORCH_LIBRARY_FRAGMENT(anycapture_test, library) {
  library.def("twice(Tensor x) -> Tensor", [](const at::Tensor& x) { return x * 2; });
  library.def("accumulate(Tensor(a!) total, Tensor x) -> ()",
              [](at::Tensor total, const at::Tensor& x) { total.add_(x); });
}

namespace {

using anycapture::CaptureOptions;
using anycapture::Capturer;
using anycapture::Captures;
using anycapture::Error;
using anycapture::FileError;
using anycapture::InputError;
using anycapture::Program;
using anycapture::SelectorError;
using c10::IValue;
using support::exported;
using support::inputs_of;
using support::kEverything;
using support::kNew;
using support::load_exported;
using support::message_of;
using support::quiet;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// The kernels of another LibTorch, and of a CPU without AVX2, round differently.
bool has_kernels_of_the_reference() {
#if ANYCAPTURE_TORCH_AT_LEAST(2, 13)
  const std::string kernels = at::get_cpu_capability();
  return kernels == "AVX2" || kernels == "AVX512";
#else
  return false;
#endif
}

bool agree(const at::Tensor& value, const at::Tensor& theirs) {
  const bool pairs = value.is_complex() && !theirs.is_complex();  // complex128 in a file
  const at::Tensor ours = pairs ? at::view_as_real(value) : value;
  if (ours.sizes() != theirs.sizes() || ours.scalar_type() != theirs.scalar_type()) return false;
  if (!has_kernels_of_the_reference()) {
    return at::allclose(ours.to(at::kDouble), theirs.to(at::kDouble), 1e-5, 1e-6);
  }
  const auto bits = [](const at::Tensor& tensor) {
    const at::Tensor flat = tensor.contiguous().flatten();
    return std::string(static_cast<const char*>(flat.data_ptr()), flat.nbytes());
  };
  return bits(ours) == bits(theirs);
}

// How many of Python's calls are there and agree; those that do not are failures.
std::size_t agreeing(const Capturer& cap, const std::string& run) {
  const Captures reference = Captures::load(exported(run + ".reference.safetensors"));
  std::size_t count = 0;
  for (const std::string& key : reference.keys("*")) {
    // Written into through a view after the node that gave it: known as it was.
    const bool changed = run == "functionalized" && key == ":y";
    if (!cap.contains(key) || changed) continue;
    const auto theirs = reference.calls(key);
    const auto ours = cap.calls(key);
    EXPECT_EQ(ours.size(), theirs.size()) << run << " " << key;
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
      EXPECT_TRUE(agree(ours[i].value, theirs[i].value)) << run << " " << key << " call " << i;
      ++count;
    }
  }
  return count;
}

struct Example {
  const char* archive;
  const char* run;
  std::size_t values;  // of Python's that the archive has
  Program::Keywords more = {};
  bool of_2_13 = false;  // has operators that LibTorch 1.13 lacks
};

TEST(Exported, GivesWhatPythonComputes) {
  const std::vector<Example> kExamples{
      {"vit", "vit", 71},
      {"vit", "vit_longer", 71},
      {"vit", "vit_one", 71},
      {"vit_static", "vit_static", 40},
      {"sdpa", "sdpa", 16, {}, true},
      {"residual", "residual", 24},
      {"weights", "weights", 28, {}, true},
      {"types", "types", 16},
      {"symbols", "symbols", 11, {{"n", 3}}},
      {"symbols", "symbols_more", 11, {{"n", 5}}},
      {"cond", "cond", 5},
      {"cond", "cond_big", 5},
      {"cond", "cond_middle", 5},
      {"while_loop", "while_loop", 4},
      {"while_loop", "while_loop_never", 4},
      {"map", "map", 4},
      {"scan", "scan", 4},
      {"regions", "regions", 17, {}, true},
      {"effects", "effects", 3, {}, true},
      {"functionalized", "functionalized", 1},
      {"mutation", "mutation", 4},
      {"mutation_decomposed", "mutation_decomposed", 4},
      {"training", "training", 4},
      {"signatures", "signatures", 24},
      {"idioms", "idioms", 27},
      {"idioms_strict", "idioms_strict", 27},
      {"idioms_decomposed", "idioms_decomposed", 26, {}, true},
      {"sizes", "sizes", 4},
      {"order", "order", 37},
      {"order_strict", "order_strict", 32},
      {"order_decomposed", "order_decomposed", 21},
      {"shared", "shared", 20},
      {"shared_strict", "shared_strict", 19},
  };
  for (const Example& one : kExamples) {
    if (one.of_2_13 && !kNew) {
      EXPECT_THAT(message_of<FileError>([&] { load_exported(one.archive); }),
                  AnyOf(HasSubstr("of its operators"), HasSubstr("this LibTorch does not have")));
      continue;
    }
    const Program program = load_exported(one.archive);
    Capturer cap(program, kEverything, quiet());
    const at::NoGradGuard no_grad;
    program.forward({}, inputs_of(one.run, one.more));
    EXPECT_GE(agreeing(cap, one.run), one.values) << one.run;
  }
}

TEST(Exported, SizesAreCheckedAsPythonDoes) {
  const Program program = load_exported("sizes");
  const auto run = [&](std::int64_t x, std::int64_t y) {
    return message_of<InputError>([&] { program.forward({at::zeros({x, 4}), at::zeros({y, 4})}); });
  };
  EXPECT_THAT(program.method("forward").schema(), HasSubstr(" 2 to 8"));  // of the half
  EXPECT_THAT(run(2, 2),
              HasSubstr("input x: axis 0 is 2, and the program was exported for 4 to 16"));
  EXPECT_THAT(run(18, 2), HasSubstr("input x: axis 0 is 18"));
  EXPECT_THAT(run(7, 2), HasSubstr("input x: axis 0 is 7, and the program was exported for 2*"));
  for (const std::int64_t size : {0, 1, 5})  // where nobody asked for more
    EXPECT_EQ(
        program.forward({at::zeros({4, 4}), at::zeros({size, 4})}).toTuple()->elements().size(),
        2u);
  EXPECT_THAT(message_of<InputError>([&] {
                load_exported("symbols").forward({}, inputs_of("symbols", {{"n", 2.5}}));
              }),
              HasSubstr("input n: expected a whole number, and this is 2.5"));
}

TEST(Exported, KnowsItsModules) {
  const Program program = load_exported("vit");
  std::map<std::string, std::string> types;
  for (const auto& module : program.modules()) types[module.path] = module.type;
  EXPECT_THAT(types["blocks.0.attn"], HasSubstr("Attention"));
  EXPECT_EQ(anycapture::normalise_type(types["blocks.1.norm"]), "LayerNorm");
  EXPECT_EQ(types.count("blocks.0.attn.same"), 1u);  // Identity, which leaves no node
}

TEST(Exported, VariablesOpsAndNodesAreTheSameValues) {
  const Program program = load_exported("vit");
  Capturer cap(program, {"blocks.0.attn:attn[1]", "blocks.0.attn:@softmax",
                         "blocks.0.attn:attention", "*:softmax"});
  program.forward({}, inputs_of("vit"));
  const at::Tensor softmax = cap["blocks.0.attn:@softmax"];
  EXPECT_TRUE(at::equal(softmax, cap["blocks.0.attn:attention"]));
  EXPECT_TRUE(at::equal(softmax, cap["blocks.0.attn:attn[1]"]));
  EXPECT_TRUE(at::equal(softmax, cap["blocks.0.attn:softmax"]));
}

// A node goes by its name at its own module, and at the root where it is asked for there.
TEST(Exported, ANodeFiresOnceForEachThatAsks) {
  const Program program = load_exported("vit_static");
  const auto keys = [&](const std::vector<std::string>& selectors) {
    Capturer cap(program, anycapture::Selectors(selectors));
    program.forward({}, inputs_of("vit_static"));
    std::vector<std::string> all;
    for (const std::string& key : cap.keys("*"))
      all.push_back(key + "=" + std::to_string(cap.calls(key).size()));
    return all;
  };
  EXPECT_THAT(keys({"*:softmax"}), ElementsAre("blocks.0.attn:softmax=1"));
  EXPECT_THAT(keys({":softmax"}), ElementsAre(":softmax=1"));
  EXPECT_THAT(keys({"blocks.0.attn:softmax", ":softmax"}),
              UnorderedElementsAre("blocks.0.attn:softmax=1", ":softmax=1"));
}

TEST(Exported, WhatAnOperatorTookIsWhatItWasBefore) {
  const Program program = load_exported("residual");
  Capturer cap(program, {"act:@relu.input", "act:input", "act:@relu", "act:output"});
  program.forward({}, inputs_of("residual"));
  for (std::size_t i = 0; i < cap.calls("act:input").size(); ++i) {
    const auto at_call = [&](const char* key) { return cap.calls(key)[i].value; };
    EXPECT_TRUE(at::equal(at_call("act:@relu.input"), at_call("act:input")));
    EXPECT_TRUE(at::equal(at_call("act:@relu"), at_call("act:input").relu()));
    EXPECT_TRUE(at::equal(at_call("act:output"), at_call("act:input").relu()));
  }
}

#if ANYCAPTURE_TORCH_AT_LEAST(2, 13)
// Four axes of a product become three for `bmm`.
TEST(Exported, AttentionOfADecomposedModelIsPythons) {
  const Program program = load_exported("attention_decomposed");
  Capturer cap(program, ":attention");
  program.forward({}, inputs_of("attention_decomposed"));
  const at::Tensor attn =
      Captures::load(exported("attention_decomposed.reference.safetensors")).at(":attn");
  EXPECT_EQ(attn.sizes(), at::IntArrayRef({2, 2, 3, 3}));
  EXPECT_TRUE(at::allclose(cap[":attention"], attn, 1e-5, 1e-6));
}

TEST(Exported, FusedAttentionIsMadeAndCheckedWhenItIsRead) {
  const Program program = load_exported("sdpa");
  Capturer cap(program, "*:attention");
  const auto inputs = inputs_of("sdpa");
  program.forward({}, inputs);
  const at::Tensor q = inputs.at("q").toTensor(), k = inputs.at("k").toTensor();
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
  const at::Tensor scores = q.matmul(k.transpose(-2, -1)) * scale;
  EXPECT_TRUE(at::allclose(cap["plain:attention"], scores.softmax(-1), 1e-5, 1e-6));
  const at::Tensor closed = at::ones({q.size(-2), k.size(-2)}, at::kBool).triu(1);
  EXPECT_TRUE(at::allclose(cap["causal:attention"],
                           scores.masked_fill(closed, -INFINITY).softmax(-1), 1e-5, 1e-6));
  EXPECT_EQ(cap.attention("grouped:attention").recomputed_from(), "scaled_dot_product_attention");
}

TEST(Exported, FusedAttentionIsOfWhatWasTakenWhereThatIsWrittenLater) {
  const Program program = load_exported("cached");
  Capturer cap(program, ":attention");
  program.forward({}, inputs_of("cached"));
  const Captures expected = Captures::load(exported("cached.reference.safetensors"));
  for (std::size_t i = 0; i < 3; ++i) {
    const at::Tensor weights = expected.at(":output.0." + std::to_string(i));
    EXPECT_TRUE(at::allclose(cap.calls(":attention").at(i).value, weights, 1e-5, 1e-6)) << i;
  }
}

TEST(Exported, RunsOnManyThreadsAtOnce) {
  const Program program = load_exported("sdpa");
  const auto inputs = inputs_of("sdpa");
  const at::Tensor expected = Captures::load(exported("sdpa.reference.safetensors")).at(":output");
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const at::NoGradGuard no_grad;
      for (int k = 0; k < 5; ++k) {
        Capturer cap(program, ":output");
        const at::Tensor output = program.forward({}, inputs).toTensor();
        right += agree(output, expected) && at::equal(output, cap[":output"]) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 20);
}

#endif

TEST(Exported, ACopyOfTheStateIsItsOwn) {
  const Program program = load_exported("mutation");
  const auto inputs = [] { return inputs_of("mutation"); };
  const auto output = [&](const Program& one) {
    Capturer cap(one, ":output", quiet());
    one.forward({}, inputs());
    std::vector<at::Tensor> all;
    for (const auto& key : cap.keys("*")) all.push_back(cap[key].clone());
    return all;
  };
  const Program copy = program.copy_of_state();
  const auto first = output(copy), again = output(program);
  ASSERT_FALSE(first.empty());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], again[i]));
}

TEST(Exported, SaysWhatAnInputDoesNotFit) {
  const Program vit = load_exported("vit");
  const auto changed = [](const std::string& name, const IValue& value) {
    Program::Keywords inputs = inputs_of("vit");
    inputs[name] = value;
    return inputs;
  };
  const auto said = [&](const Program::Keywords& inputs) {
    return message_of<InputError>([&] { vit.forward({}, inputs); });
  };
  const at::Tensor x = inputs_of("vit").at("x").toTensor();
  EXPECT_THAT(said(changed("x", x.to(at::kDouble))),
              AllOf(HasSubstr("input x: expected float32 ("), HasSubstr("a tensor of float64")));
  EXPECT_THAT(said(changed("x", x[0])), HasSubstr("input x: expected float32 ("));
  EXPECT_THAT(said(changed("x", at::zeros({1, 40, 8}))),
              HasSubstr("input x: axis 1 is 40, and the program was exported for 32 or less"));
  EXPECT_THAT(said(changed("x", at::zeros({1, 4, 9}))),
              HasSubstr("input x: axis 2 is 9, and the program was exported for 8 alone"));
  EXPECT_THAT(said(changed("mask", x)), HasSubstr("takes no input \"mask\": forward(x: float32"));
  EXPECT_THAT(said({{"x", x}}), HasSubstr("is missing: forward(x: float32"));
  EXPECT_THAT(message_of<InputError>([&] {
                vit.forward({x, x, x, x, x, x});
              }),
              HasSubstr("and 6 were given"));
}

// It is no number that equals itself.
TEST(Exported, ANumberThatIsNoneIsTheOneThatItWasExportedFor) {
  support::ChangedArchive archive("types");
  std::string& model = archive.member("model.json");
  ASSERT_NE(model.find(R"("as_float": 0.5)"), std::string::npos);
  for (std::size_t at = 0; (at = model.find(R"("as_float": 0.5)", at)) != std::string::npos;)
    model.replace(at, 15, R"("as_float": "NaN")");
  const Program program = Program::load(archive.write());
  Program::Keywords inputs = inputs_of("types");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double ratio : {nan, 0.5}) {
    inputs["ratio"] = ratio;
    const auto run = [&] { program.forward({}, inputs); };
    if (std::isnan(ratio))
      EXPECT_NO_THROW(run());
    else
      EXPECT_THAT(message_of<InputError>(run), HasSubstr("was exported for nan, and this is 0.5"));
  }
}

TEST(Exported, SaysWhatASelectorAsksForInVain) {
  const Program vit = load_exported("vit");
  const auto said = [&](const char* selector) {
    return message_of<SelectorError>([&] { Capturer(vit, selector); });
  };
  EXPECT_THAT(said("blocks.0.attn:attm"), HasSubstr("nearest: attn"));
  EXPECT_THAT(said("blocks.0.attn.same:output"), HasSubstr("it leaves no node in the graph"));
  EXPECT_THAT(said("blocks.9:output"), HasSubstr("blocks.1"));
  EXPECT_THAT(said(":output.depth"), HasSubstr("outputs that are no tensors are not captured"));
}

TEST(Exported, AModuleOfTorchScriptIsNotThere) {
  EXPECT_THAT(message_of<Error>([] { load_exported("vit").module(); }), HasSubstr("torch.export"));
  EXPECT_THAT(message_of<Error>([] { load_exported("vit").in_training(); }),
              HasSubstr("model.train()"));
}

// Records that lie on no multiple of an element's size are copied.
TEST(Exported, WeightsNeedNoAlignment) {
  const support::ChangedArchive archive("residual");
  const Program program = Program::load(archive.write());
  Capturer cap(program, kEverything, quiet());
  program.forward({}, inputs_of("residual"));
  EXPECT_GE(agreeing(cap, "residual"), 24u);
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += by.size())
    text.replace(at, part.size(), by);
  return text;
}

// As if it had been exported on a GPU.
std::string of_cuda(support::ChangedArchive& archive) {
  for (const char* name : {"model.json", "weights_config.json", "constants_config.json"}) {
    std::string& text = archive.member(name);
    text = replaced(replaced(text, R"("type": "cpu")", R"("type": "cuda")"),
                    R"("as_string": "cpu")", R"("as_string": "cuda")");
  }
  return archive.write();
}

TEST(Exported, ADeviceThatIsGivenIsInPlaceOfThoseOfTheFile) {
  for (const Example& one : std::vector<Example>{{"symbols", "symbols", 11, {{"n", 3}}},
                                                 {"while_loop", "while_loop", 4},
                                                 {"weights", "weights", 28, {}, true},
                                                 {"regions", "regions", 17, {}, true}}) {
    if (one.of_2_13 && !kNew) continue;
    support::ChangedArchive archive(one.archive);
    const std::string path = of_cuda(archive);
    const Program program = Program::load(path, at::kCPU);
    Capturer cap(program, kEverything, quiet());
    const at::NoGradGuard no_grad;
    program.forward({}, inputs_of(one.run, one.more));
    EXPECT_GE(agreeing(cap, one.run), one.values) << one.run;
    if (at::hasCUDA() || program.named_parameters().empty()) continue;  // nothing to put there
    const std::string said = message_of<FileError>([&] { Program::load(path); });
    EXPECT_THAT(said, AllOf(HasSubstr("cannot be put on cuda"), HasSubstr("--device cpu")));
  }
}

TEST(Exported, ParametersGoToTheDeviceThatIsGiven) {
  const Program program = Program::load(exported("vit_static.pt2"), at::kMeta);
  EXPECT_FALSE(program.named_parameters().empty());
  for (const auto& [name, value] : program.named_parameters()) EXPECT_TRUE(value.is_meta()) << name;
}

TEST(Exported, ANewerSchemaIsAWarningUntilSomethingUnknownIsMet) {
  support::ChangedArchive archive("residual");
  archive.change("models/model.json",
                 [](nlohmann::json& json) { json["schema_version"]["minor"] = 99; });
  const std::string path = archive.write();
  ::testing::internal::CaptureStderr();
  const Program program = Program::load(path);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr(path), HasSubstr("its schema is 8.99, and 8.20 is the newest")));
  Capturer cap(program, kEverything, quiet());
  program.forward({}, inputs_of("residual"));
  EXPECT_GE(agreeing(cap, "residual"), 24u);
  archive.change("models/model.json", [](nlohmann::json& json) {
    json["graph_module"]["graph"]["nodes"][3]["inputs"][0]["arg"] = {{"as_hologram", 1}};
  });
  const std::string unknown = archive.write();
  EXPECT_THAT(message_of<FileError>([&] { Program::load(unknown); }),
              AllOf(HasSubstr("hologram"), HasSubstr("node ")));
}

}  // namespace
