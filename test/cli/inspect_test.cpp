// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/data.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::source;
using support::Said;
using support::TempDir;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string zeros(std::size_t size) {
  return std::string(size, '\0');
}

// Three sites in the order of execution blocks.10, blocks.9, input; one of them called three times.
class Inspect : public ::testing::Test {
 protected:
  Inspect() {
    CaptureMetadata metadata;
    metadata.order = {"blocks.10.attn:attn", "blocks.9.attn:attn", ":input.0"};
    metadata.sites["blocks.10.attn:attn"] = {"blocks.10.attn", "Attention", "attn", "float32"};
    metadata.sites["blocks.9.attn:attn"] = {"blocks.9.attn", "Attention", "attn", "float64"};
    metadata.model = "VisionTransformer";
    metadata.libtorch = "2.13.0";
    metadata.grid = {{1, 2}};
    metadata.prefix = 1;
    metadata.tokens = {"the", "cat\n"};
    anycapture::safetensors::write(
        path,
        {source("blocks.10.attn:attn", Dtype::kF32, {1, 2, 3}, zeros(24)),
         source("blocks.9.attn:attn", Dtype::kF32, {2}, support::bytes_of<float>({1, -10})),
         source("blocks.9.attn:attn#1", Dtype::kF32, {3}, zeros(12)),
         source("blocks.9.attn:attn#2", Dtype::kF32, {512, 2}, zeros(4096)),
         source(":input.0", Dtype::kBF16, {}, zeros(2))},
        {{"anycapture", metadata.to_json()}, {"format", "pt"}, {"long", std::string(4000, 'x')}});
  }

  TempDir folder;
  std::string path = folder.file("maps.safetensors");
};

TEST_F(Inspect, ShowsKeysInTheOrderOfExecutionAligned) {
  const Said said = support::anycapture({path});
  EXPECT_EQ(said.err, "");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out,
            path +
                ": 3 keys with 5 calls, 4.0 KiB, captured from VisionTransformer, LibTorch "
                "2.13.0\n"
                "\n"
                "key                  type       dtype                 shape      calls     size\n"
                "blocks.10.attn:attn  Attention  float32               [1, 2, 3]      1     24 B\n"
                "blocks.9.attn:attn   Attention  float32 (of float64)  [2] ...        3  4.0 KiB\n"
                ":input.0                        bfloat16              []             1      2 B\n"
                "\n"
                "grid    1 x 2 patches\n"
                "prefix  1 token\n"
                "tokens  2: \"the\" \"cat\\x0a\"\n"
                "format  pt\n"
                "long    " +
                std::string(50, 'x') + "... 3.9 KiB, whole with --json\n");
  EXPECT_EQ(support::anycapture({"inspect", path}).out, said.out);
}

TEST_F(Inspect, ChoosesKeys) {
  EXPECT_THAT(support::anycapture({path, "*:attn"}).out,
              AllOf(StartsWith(path + ": 2 of 3 keys with 4 calls, 4.0 KiB"), HasSubstr("blocks.9"),
                    ::testing::Not(HasSubstr(":input.0"))));
  const Said said = support::anycapture({path, "*.atn:attn"});
  EXPECT_EQ(said.status, 2);
  EXPECT_EQ(said.err, "anycapture: " + path +
                          ": no key matches \"*.atn:attn\" among its 3; nearest: "
                          "\"*attn:attn\"\n");
  EXPECT_THAT(support::anycapture({path, "blocks.9.atn:attn"}).err,
              HasSubstr("nearest: \"blocks.9.attn:attn\", \"blocks.10.attn:attn\""));
}

// A list to CLI11, and a command's name: both are keys here.
TEST_F(Inspect, TakesKeysAsTheyWereTyped) {
  const std::string file = folder.file("odd.safetensors");
  anycapture::safetensors::write(
      file, {source("[ab]", Dtype::kU8, {1}, "x"), source("[x,y]", Dtype::kU8, {1}, "x"),
             source("a", Dtype::kU8, {1}, "x"), source("stats", Dtype::kU8, {1}, "x")});
  const auto keys = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), file);
    arguments.emplace_back("--json");
    std::vector<std::string> names;
    const auto json = nlohmann::json::parse(support::anycapture(arguments).out);
    for (const auto& tensor : json["tensors"]) names.push_back(tensor["name"]);
    return names;
  };
  EXPECT_THAT(keys({"[ab]"}), ElementsAre("[ab]"));
  EXPECT_THAT(keys({"[x,y]", "[ab]"}), ElementsAre("[ab]", "[x,y]"));
  EXPECT_THAT(keys({"[a]", "stats"}), ElementsAre("a", "stats"));  // a glob
  EXPECT_THAT(support::anycapture({"stats", file, "[c,d]"}).err,
              HasSubstr("no key matches \"[c,d]\" among its 4"));
}

TEST_F(Inspect, LongKeysDoNotWidenTheTable) {
  const std::string file = folder.file("long.safetensors");
  std::string longest, shown = std::string(97, 'a') + "é...";
  for (int i = 0; i < 35'000; ++i) longest += "é";
  for (int i = 0; i < 96; ++i) shown += "é";
  const std::string front(97, 'a'), over(120, 'b');
  anycapture::safetensors::write(
      file, {source(front + longest + ":x", Dtype::kU8, {1}, "x"),
             source(over, Dtype::kU8, {1}, "x"), source("c", Dtype::kU8, {1}, "x")});
  const std::string out = support::anycapture({file}).out;
  EXPECT_THAT(out, HasSubstr("\n" + shown + ":x  uint8  [1]     1 B\n"));
  EXPECT_THAT(out, HasSubstr("\n" + over + "  uint8  [1]     1 B\n"));
  EXPECT_THAT(out, HasSubstr("\nc" + std::string(101, ' ') + "uint8  [1]     1 B\n"));
  EXPECT_LT(support::anycapture({file, "--tree"}).out.size(), 2000u);
  EXPECT_LT(support::anycapture({"stats", file}).out.size(), 2000u);
  const auto json = nlohmann::json::parse(support::anycapture({file, "--json"}).out);
  EXPECT_EQ(json["tensors"][0]["name"], front + longest + ":x");
}

TEST_F(Inspect, TreeFollowsTheModelAndJoinsChains) {
  EXPECT_THAT(support::anycapture({path, "--tree"}).out,
              HasSubstr("├─ :input.0         bfloat16              []                      2 B\n"
                        "└─ blocks\n"
                        "   ├─ 9.attn:attn   float32 (of float64)  [2] ...    3 calls  4.0 KiB\n"
                        "   └─ 10.attn:attn  float32               [1, 2, 3]              24 B\n"));
}

TEST_F(Inspect, ShowsValuesOfAllCallsOrOne) {
  EXPECT_EQ(support::anycapture({path, "--show", "blocks.9.attn:attn#1"}).out,
            "blocks.9.attn:attn#1  float32 [3]\n[0. 0. 0.]\n");
  EXPECT_THAT(support::anycapture({path, "--show", "blocks.9*", "--show", ":input.0"}).out,
              AllOf(StartsWith("blocks.9.attn:attn  float32 [2]\n[  1. -10.]\n\n"
                               "blocks.9.attn:attn#1  float32 [3]\n[0. 0. 0.]\n\n"
                               "blocks.9.attn:attn#2  float32 [512, 2]\n[[0. 0.]\n"),
                    HasSubstr(" [0. 0.]\n ...\n [0. 0.]\n"),
                    ::testing::EndsWith("\n:input.0  bfloat16 []\n0.0\n")));
  EXPECT_EQ(support::anycapture({path, "--show", "[:]input.[0]"}).out,
            ":input.0  bfloat16 []\n0.0\n");
}

TEST_F(Inspect, JsonHoldsEverything) {
  const Said said = support::anycapture({path, "--json"});
  const auto json = nlohmann::json::parse(said.out);
  EXPECT_EQ(json["file"], path);
  ASSERT_EQ(json["tensors"].size(), 5u);
  const auto& tensor = json["tensors"][2];
  EXPECT_EQ(tensor["name"], "blocks.9.attn:attn#1");
  EXPECT_EQ(tensor["key"], "blocks.9.attn:attn");
  EXPECT_EQ(tensor["call"], 1);
  EXPECT_EQ(tensor["dtype"], "float32");
  EXPECT_EQ(tensor["shape"], nlohmann::json({3}));
  EXPECT_EQ(tensor["bytes"], 12);
  EXPECT_EQ(tensor["site"]["dtype"], "float64");
  EXPECT_EQ(json["metadata"]["anycapture"]["grid"], nlohmann::json({1, 2}));
  EXPECT_EQ(json["metadata"]["long"], std::string(4000, 'x'));
}

TEST(InspectAnyFile, GoesByTheModelsOrder) {
  const TempDir folder;
  const std::string path = folder.file("weights.safetensors");
  anycapture::safetensors::write(path, {source("blocks.10.weight", Dtype::kF32, {1}, zeros(4)),
                                        source("blocks.2.weight", Dtype::kF32, {1}, zeros(4)),
                                        source("a\x1b[31m.b", Dtype::kI64, {0}, "")});
  EXPECT_EQ(support::anycapture({path}).out, path +
                                                 ": 3 keys, 8 B\n"
                                                 "\n"
                                                 "key               dtype    shape  size\n"
                                                 "a\\x1b[31m.b       int64    [0]     0 B\n"
                                                 "blocks.2.weight   float32  [1]     4 B\n"
                                                 "blocks.10.weight  float32  [1]     4 B\n");
  anycapture::safetensors::write(path, {});
  EXPECT_EQ(support::anycapture({path}).out, path + ": 0 keys, 0 B\n");
  EXPECT_EQ(support::anycapture({path, "--tree"}).out, path + ": 0 keys, 0 B\n");
}

TEST(InspectAnyFile, ReadsTheHeaderAloneOfAFileOfAnySize) {
  const TempDir folder;
  const std::string path = folder.file("huge.safetensors");
  const std::uint64_t bytes = std::uint64_t{50} << 30;
  put(path,
      anycapture::safetensors::file_of(
          R"({"x":{"dtype":"F32","shape":[13421772800],"data_offsets":[0,53687091200]}})", ""));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) + bytes);  // sparse
  const Said said = support::anycapture({path, "--show", "x"});
  EXPECT_EQ(said.out, "x  float32 [13421772800]\n[0. 0. 0. ... 0. 0. 0.]\n");
  EXPECT_THAT(support::anycapture({path}).out, HasSubstr(": 1 key, 50.0 GiB\n"));
}

TEST(InspectAnyFile, ShowsNoValuesOfMoreAxesThanNumPyHas) {
  const TempDir folder;
  const std::string path = folder.file("axes.safetensors");
  const std::vector<std::int64_t> many(65, 1), most(64, 1);
  anycapture::safetensors::write(path, {source("many", Dtype::kU8, many, zeros(1)),
                                        source("most", Dtype::kU8, most, zeros(1))});
  EXPECT_EQ(support::anycapture({path}).status, 0);
  EXPECT_THAT(support::anycapture({path, "--show", "most"}).out, HasSubstr("\n[[["));
  const Said said = support::anycapture({path, "--show", "many"});
  EXPECT_EQ(said.status, 3);
  EXPECT_EQ(said.err, "anycapture: " + path +
                          ": tensor \"many\" has 65 dimensions, values are shown of 64 or fewer: "
                          "see it without --show\n");
}

TEST(InspectAnyFile, TreeOfHostileKeys) {
  const TempDir folder;
  const std::string path = folder.file("deep.safetensors");
  std::string dots;
  for (int i = 0; i < 100'000; ++i) dots += "a.";
  anycapture::safetensors::write(
      path, {source(dots + "b:x", Dtype::kU8, {0}, ""), source(dots + "c:x", Dtype::kU8, {0}, ""),
             source("", Dtype::kU8, {0}, ""), source("...", Dtype::kU8, {0}, "")});
  EXPECT_EQ(support::anycapture({path, "--tree"}).status, 0);
}

TEST(Program, MistakesAreToldOnStderrWithAStatus) {
  const TempDir folder;
  const Said typo = support::anycapture({"inspcet", "x"});
  EXPECT_EQ(typo.status, 2);
  EXPECT_THAT(typo.err, HasSubstr("\"inspcet\" is no command and no file: did you mean inspect?"));
  EXPECT_THAT(typo.out, IsEmpty());
  EXPECT_EQ(support::anycapture({}).status, 2);
  EXPECT_EQ(support::anycapture({"inspect"}).status, 2);
  EXPECT_EQ(support::anycapture({"inspect", "x", "--tre"}).status, 2);

  const Said missing = support::anycapture({"inspect", folder.file("none.safetensors")});
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.err, HasSubstr("none.safetensors: cannot be read: No such file"));

  const std::string npy = support::data("npz/stored.npz");
  const Said other = support::anycapture({npy});
  EXPECT_EQ(other.status, 3);
  EXPECT_THAT(other.err, HasSubstr("stored.npz: is a NumPy .npz file: anycapture convert"));

  const std::string empty = folder.file("empty.safetensors");
  anycapture::safetensors::write(empty, {});
  const Said full = support::anycapture({empty}, ">/dev/full");
  EXPECT_EQ(full.status, 3);
  EXPECT_THAT(full.err, HasSubstr("standard output cannot be written: No space left"));
}

TEST(Program, Helps) {
  const Said help = support::anycapture({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("anycapture maps.safetensors"), HasSubstr("inspect"),
                              HasSubstr("Exit status: 0 done")));
  EXPECT_THAT(support::anycapture({"inspect", "--help"}).out, HasSubstr("--tree"));
  EXPECT_THAT(support::anycapture({"--version"}).out, StartsWith("anycapture 0."));
}

}  // namespace
