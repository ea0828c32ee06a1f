// SPDX-License-Identifier: MIT
// Programs against what Python's own hooks and frames saw (test/data/script/make_archives.py).
#include <anycapture/anycapture.h>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/nn/functional/activation.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "core/safetensors_bytes.h"
#include "support/data.h"
#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

using anycapture::Capturer;
using anycapture::Captures;
using anycapture::Program;
using c10::IValue;
using support::message_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::string data(const std::string& name) {
  return support::data("script/") + name;
}

const Captures& reference() {
  static const Captures captures = Captures::load(data("reference.safetensors"));
  return captures;
}

at::Tensor input(const std::string& model) {
  return reference().at(model + "/x");
}

const std::vector<std::string> kEverything{"*:*", "*:output", "*:input"};

// Every site of Python's that the program has not; of those that it has the values are compared.
// `tolerance`: matrix products differ in their last bits with LibTorch's version and the address of
// the weights, also in Python when it loads the archive.
std::set<std::string> missing(const Capturer& cap, const std::string& model,
                              double tolerance = 2e-6) {
  std::set<std::string> missing;
  for (const std::string& name : reference().keys(model + "/*:*")) {
    const std::string key = name.substr(model.size() + 1);
    if (!cap.contains(key)) {
      missing.insert(key);
      continue;
    }
    const auto ours = cap.calls(key);
    const auto theirs = reference().calls(name);
    EXPECT_EQ(ours.size(), theirs.size()) << key;
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
      EXPECT_TRUE(at::allclose(ours[i].value, theirs[i].value, 1e-5, tolerance)) << key << " " << i;
    }
  }
  return missing;
}

// Of a module's parameters that nothing is assigned to, which are inputs.
bool is_parameter(const std::string& key) {
  const std::string what = key.substr(key.rfind(':') + 1);
  return what == "x" || what == "scale" || what == "states.h" || what == "forward.input";
}

std::set<std::string> without_parameters(std::set<std::string> keys) {
  for (auto it = keys.begin(); it != keys.end();) it = is_parameter(*it) ? keys.erase(it) : ++it;
  return keys;
}

bool same(const IValue& a, const IValue& b) {
  if (a.isTensor()) return at::equal(a.toTensor(), b.toTensor());
  if (a.isTuple()) {
    const auto& left = a.toTupleRef().elements();
    const auto& right = b.toTupleRef().elements();
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!same(left[i], right[i])) return false;
    }
    return left.size() == right.size();
  }
  const auto right = b.toGenericDict();
  for (const auto& entry : a.toGenericDict()) {
    if (!same(entry.value(), right.at(entry.key()))) return false;
  }
  return a.toGenericDict().size() == right.size();
}

TEST(Program, GivesEveryLocalOfAScriptedModel) {
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer cap(program, kEverything);
  program.forward({input("vit")});
  // TorchScript leaves out what nothing reads.
  EXPECT_THAT(
      without_parameters(missing(cap, "vit")),
      UnorderedElementsAre("blocks.0.attn:unread", "blocks.1.attn:unread", "blocks.2.attn:unread"));
}

TEST(Program, AssignmentsAreSitesOfTheirOwn) {
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer cap(program, {"Attention:attn[*]", "Attention:attn", "Block:shortcut", "*:_rescale.*"});
  program.forward({input("vit")});
  const at::Tensor scores = cap["blocks.1.attn:attn[0]"];
  const at::Tensor map = cap["blocks.1.attn:attn[1]"];
  EXPECT_TRUE(at::allclose(scores.softmax(-1), map));
  EXPECT_TRUE(at::equal(cap["blocks.1.attn:attn[2]"], cap["blocks.1.attn:attn"]));
  EXPECT_TRUE(at::equal(cap["blocks.1:_rescale.z"], cap["blocks.1:_rescale.y"] + 1));
  EXPECT_FALSE(cap.contains("blocks.0:_rescale.y"));  // the branch that was not taken
  EXPECT_TRUE(at::equal(cap["blocks.0:shortcut"], input("vit")));
  cap.close();
  Capturer masked(program, "Block:masked");
  program.forward({input("vit")});
  EXPECT_THAT(masked.report().text(), HasSubstr("the branch that assigns what was asked for was"));
}

TEST(Program, GivesBitForBitWhatTheModuleReturns) {
  for (const char* name : {"vit_scripted.pt", "vit_traced.pt", "vit_frozen.pt"}) {
    const Program program = Program::load(data(name));
    torch::jit::Module plain = torch::jit::load(data(name));
    plain.eval();
    for (int run = 0; run < 4; ++run) {  // LibTorch plans anew in the first ones
      Capturer cap(program, name == std::string("vit_frozen.pt")
                                ? std::vector<std::string>{":*"}
                                : std::vector<std::string>{"*:*", "*:output", "*:@*"});
      EXPECT_TRUE(same(program.forward({input("vit")}), plain.forward({input("vit")}))) << name;
    }
  }
}

// A fork, a shared module, an interface, a hook, a state, another method, a write in place.
TEST(Program, GivesWhatPythonSeesInAFlow) {
  for (const bool early : {false, true}) {
    const Program program = Program::load(data("flow.pt"));
    Capturer cap(program, kEverything);
    program.forward({input("flow"), early});
    const std::string model = early ? "flow_early" : "flow";
    EXPECT_THAT(without_parameters(missing(cap, model)), IsEmpty()) << model;
    EXPECT_EQ(cap.contains(":late"), !early);
    EXPECT_EQ(cap.calls("a:output").size(), early ? 1u : 2u);
    EXPECT_TRUE(at::equal(cap.calls("shared:output")[0].value, cap.calls("a:output")[0].value));
  }
}

TEST(Program, TakesKeywordsAndDefaults) {
  const Program program = Program::load(data("flow.pt"));
  Capturer cap(program, kEverything);
  program.forward({input("flow")}, {{"scale", at::full({4}, 3.0)}});
  EXPECT_THAT(without_parameters(missing(cap, "flow_scaled")), IsEmpty());
}

TEST(Program, AStateIsKeptAsByAPlainCall) {
  const Program program = Program::load(data("flow.pt"));
  torch::jit::Module plain = torch::jit::load(data("flow.pt"));
  plain.eval();
  for (int run = 0; run < 3; ++run) {
    std::optional<Capturer> cap;
    if (run != 1) cap.emplace(program, ":s");
    EXPECT_TRUE(same(program.forward({input("flow")}), plain.forward({input("flow")}))) << run;
  }
}

TEST(Program, NamesFieldsOfTuplesAndNamedTuples) {
  const Program program = Program::load(data("cell.pt"));
  Capturer cap(program, kEverything);
  c10::Dict<std::string, at::Tensor> states;
  states.insert("h", at::ones({2, 3}));
  program.forward({input("cell"), states});
  EXPECT_THAT(without_parameters(missing(cap, "cell")), IsEmpty());
}

// A function under a decorator, attributes under other names, two results under one name.
TEST(Program, NamesWhatHasNoNodeOfItsName) {
  for (const bool moving : {false, true}) {
    const Program program = Program::load(data("odd_scripted.pt"));
    Capturer cap(program, kEverything);
    program.forward({input("odd"), moving});
    const std::string model = moving ? "odd_moving" : "odd";
    EXPECT_THAT(without_parameters(missing(cap, model)), IsEmpty()) << model;
    EXPECT_TRUE(at::equal(cap[":_mirrored.y"], reference().at(model + "/:y")));
  }
}

// Two modules with a child in common are two; that child, and its own child without weights, is
// one, although the archive has each twice.
TEST(Program, ModulesMayShareAChild) {
  const Program program = Program::load(data("sharing.pt"));
  Capturer cap(program, kEverything);
  program.forward({input("sharing")});
  std::set<std::string> left_out = without_parameters(missing(cap, "sharing"));
  EXPECT_THAT(left_out, UnorderedElementsAre("first:unread", "second:unread"));
  EXPECT_TRUE(at::equal(cap["second.own:output"], cap.calls("second.shared:input")[3].value));
}

TEST(Program, ACallKnowsThePathThatItWentBy) {
  const Program program = Program::load(data("sharing.pt"));
  Capturer cap(program, {"*.act:output", "Holder:output"});
  program.forward({input("sharing")});
  std::vector<std::string> paths;
  for (const anycapture::Call& call : cap.calls("first.shared.act:output"))
    paths.push_back(call.path);
  EXPECT_THAT(paths, ElementsAre("first.shared.act", "first.shared.act", "second.shared.act",
                                 "second.shared.act"));
  EXPECT_EQ(cap.calls("second:output")[0].path, "second");

  const support::TempDir folder;
  cap.save(folder.file("sharing.safetensors"));
  const Captures loaded = Captures::load(folder.file("sharing.safetensors"));
  EXPECT_EQ(loaded.calls("first.shared.act:output")[2].path, "second.shared.act");
}

TEST(Program, AModuleThatATraceLeftOutHasNoSites) {
  const Program program = Program::load(data("odd_traced.pt"));
  EXPECT_THAT(program.sites("same"), IsEmpty());
  EXPECT_THAT(message_of<anycapture::SelectorError>([&] { Capturer cap(program, "same:output"); }),
              HasSubstr("same, has no \"output\" in the archive"));
}

TEST(Program, ATracedModelGivesWhatItsArchiveNames) {
  const Program program = Program::load(data("vit_traced.pt"));
  Capturer cap(program, {"*:output", "*:input", "Attention:{q,k,v}", "Attention:attn[0]"});
  program.forward({input("vit")});
  const std::set<std::string> left_out = missing(cap, "vit");
  for (const std::string& key : left_out) {
    const std::string what = key.substr(key.rfind(':') + 1);
    EXPECT_TRUE(what != "q" && what != "k" && what != "v") << key;
  }
  EXPECT_TRUE(cap.contains("blocks.2.attn:attn[0]"));
  EXPECT_TRUE(cap.contains("blocks.2.mlp.0:output"));
}

TEST(Program, TheReportSaysWhatANameInATraceMeans) {
  const Program program = Program::load(data("vit_traced.pt"));
  Capturer cap(program, {"Attention:attn", "Attention:q"});
  program.forward({input("vit")});
  const anycapture::Report report = cap.report();
  EXPECT_THAT(report.selectors[0].notes,
              ElementsAre("attn of a traced archive is what @mul in line 42 gave; its softmax is "
                          "@softmax"));
  EXPECT_THAT(report.selectors[1].notes,
              ElementsAre(HasSubstr("and may not be the variable's last value")));
  EXPECT_THAT(report.text(), HasSubstr("\n  note: attn of a traced archive"));

  const Program scripted = Program::load(data("vit_scripted.pt"));
  Capturer whole(scripted, "Attention:attn");
  scripted.forward({input("vit")});
  EXPECT_THAT(whole.report().selectors[0].notes, IsEmpty());
}

TEST(Program, AnArchiveWithoutItsSourceGivesWhatItsValuesAreCalled) {
  const Program program = Program::load(data("vit_stripped.pt"));
  Capturer cap(program, kEverything);
  program.forward({input("vit")});
  for (const char* what : {"q", "k", "v", "attn"}) {
    const std::string key = std::string("blocks.1.attn:") + what;
    EXPECT_TRUE(at::allclose(cap[key], reference().at("vit/" + key), 1e-6, 2e-6)) << key;
  }
  EXPECT_EQ(program.sites("blocks.1.attn")[1].line, 0u);
}

TEST(Program, AFrozenModelGivesItsLocalsAtTheRoot) {
  const Program program = Program::load(data("vit_frozen.pt"));
  Capturer cap(program, ":attn[*]");
  program.forward({input("vit")});
  EXPECT_TRUE(at::allclose(cap[":attn[1]"], reference().at("vit/blocks.0.attn:attn"), 1e-5, 1e-6));
}

TEST(Program, OpsFireWhereTheyRun) {
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer cap(program, {"*:@softmax", "blocks.0.norm:@*"});
  program.forward({input("vit")});
  EXPECT_THAT(cap.keys(),
              UnorderedElementsAre("blocks.0.attn:@softmax", "blocks.1.attn:@softmax",
                                   "blocks.2.attn:@softmax", "blocks.0.norm:@layer_norm"));
  EXPECT_TRUE(at::allclose(cap["blocks.0.attn:@softmax"].sum(-1), at::ones({2, 2, 5})));
}

// A child that is called twice, whose own method calls an op too.
torch::jit::Module with_ops() {
  torch::jit::Module child("Child");
  child.define(R"(
def twice(self, x):
    return torch.softmax(x * 2, -1)
def forward(self, x):
    a = torch.softmax(x, -1)
    b = self.twice(a)
    c = torch.relu_(torch.softmax(b, -1) - 0.1)
    values, order = torch.topk(c, 2)
    first, second = torch.chunk(values, 2, -1)
    return torch.cat([first, second], -1)
)");
  torch::jit::Module root("Root");
  root.register_module("child", child);
  root.define(R"(
def forward(self, x):
    y = self.child.forward(x)
    return self.child.forward(torch.matmul(y, torch.ones([2, 5])))
)");
  root.eval();
  return root;
}

TEST(Program, OpsAreNumberedInEachCallOfAModule) {
  const Program program(with_ops());
  Capturer cap(program, {"child:@softmax[*]", "child:@softmax"});
  const at::Tensor x = at::rand({3, 5});
  const at::Tensor out = program.forward({x}).toTensor();
  EXPECT_EQ(cap.calls("child:@softmax").size(), 6u);
  for (const char* key : {"child:@softmax[0]", "child:@softmax[1]", "child:@softmax[2]"})
    EXPECT_EQ(cap.calls(key).size(), 2u) << key;
  const at::Tensor a = x.softmax(-1), b = (a * 2).softmax(-1);
  EXPECT_TRUE(at::equal(cap.calls("child:@softmax[0]")[0].value, a));
  EXPECT_TRUE(at::equal(cap.calls("child:@softmax[1]")[0].value, b));
  EXPECT_TRUE(at::equal(cap.calls("child:@softmax[2]")[0].value, b.softmax(-1)));
  EXPECT_FALSE(cap.contains("child:@softmax[3]"));
}

TEST(Program, OpsGiveWhatTheyTookAndEachOfTheirResults) {
  const Program program(with_ops());
  Capturer cap(program, {"child:@topk.1", "child:@chunk.*", "child:@relu", "child:@relu_.input",
                         "child:@cat.input", ":@matmul.input.1", "child:@aten::softmax.input[1]"});
  const at::Tensor x = at::rand({3, 5});
  program.forward({x});
  const at::Tensor a = x.softmax(-1), b = (a * 2).softmax(-1), before = b.softmax(-1) - 0.1;
  const auto [values, order] = at::topk(before.relu(), 2);
  EXPECT_TRUE(at::equal(cap.calls("child:@topk.1")[0].value, order));
  EXPECT_FALSE(cap.contains("child:@topk.0"));
  EXPECT_TRUE(at::equal(cap.calls("child:@chunk.1")[0].value, values.narrow(1, 1, 1)));
  EXPECT_TRUE(at::equal(cap.calls("child:@relu")[0].value, before.relu()));
  EXPECT_TRUE(at::equal(cap.calls("child:@relu_.input")[0].value, before)) << "as it went in";
  EXPECT_TRUE(at::equal(cap.calls("child:@cat.input.0.1")[0].value, values.narrow(1, 1, 1)));
  EXPECT_TRUE(at::equal(cap.calls(":@matmul.input.1")[0].value, at::ones({2, 5})));
  EXPECT_TRUE(at::equal(cap.calls("child:@aten::softmax.input[1]")[0].value, a * 2));
  EXPECT_THAT(
      message_of<anycapture::SelectorError>([&] { Capturer(program, "child:@softmix[1]"); }),
      HasSubstr("nearest: @softmax"));
}

bool has_run(const torch::jit::Module& module) {
  auto& function =
      dynamic_cast<torch::jit::GraphFunction&>(module.get_method("forward").function());
  return function.get_executor().isOptimized();
}

TEST(Program, WithoutASessionTheModulesOwnMethodRuns) {
  const torch::jit::Module module = with_ops();
  const Program program(module);
  const at::Tensor x = at::rand({3, 5});
  {
    Capturer cap(program, "child:@softmax");
    for (int i = 0; i < 3; ++i) program.forward({x});
    EXPECT_FALSE(has_run(module));
  }
  for (int i = 0; i < 3; ++i) program.forward({x});
  EXPECT_TRUE(has_run(module));
}

TEST(Program, OtherMethodsAreRunAndHeard) {
  const Program program = Program::load(data("vit_scripted.pt"));
  EXPECT_THAT(program.methods(), UnorderedElementsAre("forward", "encode"));
  EXPECT_THAT(program.method("encode").schema(), HasSubstr("int times=1"));
  Capturer cap(program, {":encode.*", ":encode.output", ":encode.input"});
  const at::Tensor x = at::ones({2});
  program.method("encode")({x, 3});
  EXPECT_TRUE(at::equal(cap[":encode.y"], x * 3));
  EXPECT_TRUE(at::equal(cap[":encode.output.1"], x + 1));
  EXPECT_TRUE(at::equal(cap[":encode.input"], x));
  EXPECT_THAT(message_of<anycapture::Error>([&] { program.method("decode"); }),
              HasSubstr("no method \"decode\"; it has forward, encode"));
}

TEST(Program, ListsItsSites) {
  const Program program = Program::load(data("vit_scripted.pt"));
  std::vector<std::string> whats;
  for (const auto& site : program.sites("blocks.0.attn")) {
    whats.push_back(site.what);
    if (site.what == "attn[1]") {
      EXPECT_EQ(site.type, "Tensor");
      EXPECT_THAT(site.file, HasSubstr("make_archives.py"));
      EXPECT_GT(site.line, 30u);
    }
  }
  EXPECT_THAT(whats, ::testing::IsSupersetOf({"input", "qkv", "q", "attn", "attn[0]", "attn[1]",
                                              "attn[2]", "x", "@softmax", "output"}));
  EXPECT_THAT(message_of<anycapture::Error>([&] { program.sites("blocks.0.atn"); }),
              HasSubstr("nearest: blocks.0.attn"));
}

TEST(Program, ModulesAreThoseOfTheArchive) {
  const Program program = Program::load(data("flow.pt"));
  const auto modules = program.modules();
  EXPECT_EQ(modules[0].path, "");
  EXPECT_EQ(anycapture::normalise_type(modules[0].type), "Flow");
  EXPECT_EQ(modules[1].path, "a");
  EXPECT_THAT(modules[1].aliases, Contains("shared"));
}

TEST(Program, AModuleInMemoryIsAProgramToo) {
  torch::jit::Module module = torch::jit::load(data("vit_scripted.pt"));
  module.eval();
  const Program program(module);
  const std::string before = module.get_method("forward").graph()->toString();
  Capturer cap(program, "Attention:attn");
  program.forward({input("vit")});
  EXPECT_EQ(cap.size(), 3u);
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

TEST(Program, SessionsDoNotMix) {
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer outer(program, "Attention:attn");
  {
    Capturer inner(program, "head:output");
    program.forward({input("vit")});
    EXPECT_EQ(inner.size(), 1u);
  }
  program.forward({input("vit")});
  EXPECT_EQ(outer.calls("blocks.0.attn:attn").size(), 2u);
  EXPECT_EQ(outer.size(), 3u);
}

TEST(Program, ThreadsHaveSessionsOfTheirOwn) {
  const Program program = Program::load(data("vit_scripted.pt"));
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const at::Tensor x = input("vit") * (i + 1);
      for (int run = 0; run < 8; ++run) {
        Capturer cap(program, {":input", "Attention:attn"});
        program.forward({x});
        if (cap.size() == 4 && at::equal(cap[":input"], x)) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 32);
}

TEST(Program, GradientsFlowThroughIt) {
  const Program program = Program::load(data("flow.pt"));
  anycapture::CaptureOptions options;
  options.detach = false;
  Capturer cap(program, "a:h", options);
  const auto gradient = [](const auto& forward) {
    const at::Tensor x = input("flow").clone().set_requires_grad(true);
    forward(x).toTupleRef().elements()[0].toTensor().sum().backward();
    return x.grad();
  };
  const at::Tensor ours = gradient([&](const at::Tensor& x) { return program.forward({x}); });
  EXPECT_TRUE(cap.calls("a:h")[0].value.requires_grad());
  torch::jit::Module plain = torch::jit::load(data("flow.pt"));
  plain.eval();
  EXPECT_TRUE(
      at::allclose(ours, gradient([&](const at::Tensor& x) { return plain.forward({x}); })));
}

// Which elements are dropped may differ from a plain call's, but is one choice for all who see it.
TEST(Program, InTrainingRandomNumbersAreThoseOfTheForward) {
  torch::jit::Module module("Dropping");
  module.define(R"(
def forward(self, x):
    y = torch.dropout(x, 0.5, True)
    return y * 3
)");
  module.train();
  const Program program(module);
  const at::Tensor x = at::ones({100, 100}).requires_grad_();
  for (int i = 0; i < 4; ++i) {  // LibTorch plans anew after its first runs
    Capturer cap(program, ":y");
    x.mutable_grad() = at::Tensor();
    const at::Tensor out = program.forward({x}).toTensor();
    out.sum().backward();
    const at::Tensor y = cap[":y"];
    EXPECT_TRUE(at::equal(y * 3, out));
    EXPECT_TRUE(at::allclose(x.grad(), y * 3));
    EXPECT_NEAR(y.mean().item<double>(), 1, 0.06);  // 6 standard deviations
  }
}

TEST(Program, WhatIsWrittenToLaterIsCopied) {
  const Program program = Program::load(data("flow.pt"));
  Capturer cap(program, {":late[0]", "a:output"});
  program.forward({input("flow")});
  const at::Tensor first = cap[":late[0]"];  // throws were it stale
  EXPECT_LT(first.min().item<double>(), 0);  // from before the relu_
}

TEST(Program, AnExceptionOfASessionEndsTheForward) {
  const Program program = Program::load(data("vit_scripted.pt"));
  anycapture::CaptureOptions options;
  options.on_nonfinite = anycapture::OnNonFinite::raise;
  Capturer cap(program, "*:output", options);
  EXPECT_THAT(message_of<anycapture::NonFiniteError>([&] {
                program.forward({at::full({1, 2, 8}, NAN)});
              }),
              HasSubstr("blocks.0.norm:output"));
  EXPECT_TRUE(cap.report().left_by_exception);
}

TEST(Program, AModelsOwnErrorPasses) {
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer cap(program, "*:output");
  EXPECT_ANY_THROW(program.forward({at::ones({1, 2, 3})}));
  EXPECT_TRUE(cap.report().left_by_exception);
  program.forward({input("vit")});
  EXPECT_TRUE(cap.contains("head:output"));
}

TEST(Program, SaysWhatDoesNotFit) {
  const Program program = Program::load(data("flow.pt"));
  const auto message = [&](const Program::Inputs& inputs) {
    return message_of<anycapture::InputError>([&] { program.forward(inputs); });
  };
  EXPECT_THAT(message({}), HasSubstr("missing value for argument 'x'"));
  EXPECT_THAT(message({1}), HasSubstr("Expected a value of type 'Tensor'"));
  EXPECT_THAT(message({at::ones({1}), true, at::ones({1}), 1}), HasSubstr("forward("));
}

TEST(Program, SaysWhatIsNotThere) {
  const Program program = Program::load(data("vit_scripted.pt"));
  const auto message = [&](const char* selector) {
    return message_of<anycapture::SelectorError>([&] { Capturer cap(program, selector); });
  };
  EXPECT_THAT(message("Attention:unread"), HasSubstr("a variable that nothing reads is left out"));
  EXPECT_THAT(message("Attention:atn"), HasSubstr("nearest: attn"));
  EXPECT_THAT(message("Attenton"), HasSubstr("Attention"));
  EXPECT_THAT(message("blocks:output"), HasSubstr("it holds modules"));
}

TEST(Program, SaysWhatAFileIs) {
  const auto message = [](const std::string& path) {
    return message_of<anycapture::FileError>([&] { Program::load(path); });
  };
  EXPECT_THAT(message(data("reference.safetensors")), HasSubstr("no archive of a program"));
  EXPECT_THAT(message(data("none.pt")), HasSubstr("none.pt"));
  EXPECT_THAT(message(support::data("npz/stored.npz")), HasSubstr("a NumPy .npz file"));
  const support::TempDir folder;
  const std::string whole = anycapture::safetensors::contents(data("flow.pt"));
  for (const std::size_t length : {whole.size() - 1, whole.size() / 2, std::size_t{40}}) {
    anycapture::safetensors::put(folder.file("cut.pt"), whole.substr(0, length));
    EXPECT_THAT(message(folder.file("cut.pt")),
                HasSubstr("cut.pt: is a zip file that is damaged or was cut short"));
  }
}

TEST(Program, ACaptureIsSavedLikeAnyOther) {
  const support::TempDir folder;
  const Program program = Program::load(data("vit_scripted.pt"));
  Capturer cap(program, "Attention:attn");
  program.forward({input("vit")});
  cap.save(folder.file("maps.safetensors"));
  const Captures loaded = Captures::load(folder.file("maps.safetensors"));
  EXPECT_TRUE(at::equal(loaded.at("blocks.2.attn:attn"), cap["blocks.2.attn:attn"]));
}

}  // namespace
