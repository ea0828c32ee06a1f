// SPDX-License-Identifier: MIT
// Variables and outputs that the lines of a torch.export archive tell, and those that they do not.
#include <ATen/ATen.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/exported_program.h"

namespace {

using anycapture::Capturer;
using anycapture::Captures;
using anycapture::Program;
using support::exported;
using support::inputs_of;
using support::kEverything;
using support::kNew;
using support::load_exported;
using support::quiet;

std::vector<std::string> unknown_to_python(const Capturer& cap, const std::string& run) {
  const Captures reference = Captures::load(exported(run + ".reference.safetensors"));
  std::vector<std::string> keys;
  for (const std::string& key : cap.keys("*")) {
    if (!reference.contains(key)) keys.push_back(key);
  }
  return keys;
}

// That a variable has no value is told; another's value would be believed.
TEST(ExportedLocals, GivesNoVariableWhatAnotherHas) {
  for (const std::string name : {"idioms", "idioms_strict", "idioms_decomposed"}) {
    if (name == "idioms_decomposed" && !kNew) continue;
    const Program program = load_exported(name);
    Capturer cap(program, kEverything, quiet());
    const at::NoGradGuard no_grad;
    program.forward({}, inputs_of(name));
    // A tuple that came from a function; variables of functions; what was made in unknown order.
    EXPECT_THAT(unknown_to_python(cap, name),
                ::testing::Each(::testing::MatchesRegex(
                    ":u|:(early|pair)\\.[ab]|swapped:output\\.(_?softmax|add)")))
        << name;
    EXPECT_FALSE(cap.contains(":h")) << name;  // of two statements of one line
    EXPECT_FALSE(cap.contains(":attn")) << name;
  }
}

// What a module or a function returns in another order, statements with lines of no node between
// them, writes in place that a decomposed graph has not.
TEST(ExportedLocals, AnOrderThatTheFileDoesNotTellIsNotMadeUp) {
  for (const std::string name : {"order", "order_strict", "order_decomposed"}) {
    const Program program = load_exported(name);
    Capturer cap(program, kEverything, quiet());
    const at::NoGradGuard no_grad;
    program.forward({}, inputs_of(name));
    EXPECT_THAT(
        unknown_to_python(cap, name),
        ::testing::Each(::testing::MatchesRegex("gate:output\\.(getitem|split).*|:swapped\\.[ab]")))
        << name;
    for (const char* unknown : {":gate", ":rest", ":right", ":left", ":last", ":first"})
      EXPECT_FALSE(cap.contains(unknown)) << name << " " << unknown;
    const bool decomposed = name == "order_decomposed";
    EXPECT_EQ(cap.contains(":y"), !decomposed) << name;
    EXPECT_TRUE(cap.contains(":joined") && cap.contains(":mixed") && cap.contains(":z")) << name;
  }
}

// Whose `self.unread(x)` is left alone by torch.export, and whose last call nobody reads.
TEST(ExportedLocals, WhatNobodyReadsIsAnOutputAllTheSame) {
  const Program program = load_exported("order");
  Capturer cap(program, {"unread:output", ":unread", "rnn:output"});
  program.forward({}, inputs_of("order"));
  EXPECT_TRUE(at::equal(cap[":unread"], cap["unread:output"]));
  EXPECT_EQ(cap["rnn:output.1.1"].sizes(), at::IntArrayRef({1, 2, 4}));
}

TEST(ExportedLocals, AVariableGoesBeforeANodeOfItsName) {
  support::ChangedArchive archive("vit_static");
  archive.change("models/model.json", [](nlohmann::json& json) {
    for (auto& node : json["graph_module"]["graph"]["nodes"]) {
      if (node["name"] == "softmax") node["name"] = "attn";
    }
  });
  const Program program = Program::load(archive.write());
  Capturer cap(program, {"blocks.0.attn:attn", "blocks.0.attn.drop:output"});
  program.forward({}, inputs_of("vit_static"));
  EXPECT_TRUE(at::equal(cap["blocks.0.attn:attn"], cap["blocks.0.attn.drop:output"]));
}

}  // namespace
