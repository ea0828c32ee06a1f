// SPDX-License-Identifier: MIT
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/data.h"
#include "support/running.h"
#include "support/temp_dir.h"

namespace {

using anycapture::safetensors::Dtype;
using anycapture::safetensors::Reader;
using anycapture::safetensors::source;
using support::anycapture;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string data(const std::string& name) {
  return support::data("script/") + name;
}

class Run : public ::testing::Test {
 protected:
  Run() {
    std::vector<float> values;
    for (int i = 0; i < 12; ++i) values.push_back(static_cast<float>(i % 5) - 2);
    anycapture::safetensors::write(x, {source("x", Dtype::kF32, {3, 4}, bytes_of(values))});
  }

  // Runs a model into `out`, and gives the bytes of one of its keys.
  std::string value(const std::vector<std::string>& arguments, const std::string& key) {
    std::vector<std::string> all{"run"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.insert(all.end(), {"-o", out});
    const Said said = anycapture(all);
    EXPECT_EQ(said.status, 0) << said.err;
    return anycapture::safetensors::bytes_of(Reader(out), key);
  }

  std::string bytes_of_key(const std::string& key) const {
    return anycapture::safetensors::bytes_of(Reader(out), key);
  }

  TempDir folder;
  std::string x = folder.file("x.safetensors");
  std::string out = folder.file("out.safetensors");
};

TEST_F(Run, SavesWhatWasAskedForAndTheInputs) {
  const Said said =
      anycapture({"run", data("flow.pt"), "--input", x, "-c", ":s", "-c", "*:output", "-o", out});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("selector"), HasSubstr("*:output")));
  const Reader file(out);
  EXPECT_EQ(anycapture::safetensors::bytes_of(file, ":input"),
            anycapture::safetensors::bytes_of(Reader(x), "x"));
  EXPECT_NE(file.find(":s"), nullptr);
  EXPECT_NE(file.find("a:output#1"), nullptr);
  EXPECT_NE(file.find(":output.1.w"), nullptr);
}

TEST_F(Run, KeepsTheOutputsOfTheRootsChildrenWhereNothingIsAskedFor) {
  value({data("flow.pt"), "--input", x}, ":input");
  const Reader file(out);
  for (const char* key : {"a:output", "b:output", "activation:output", ":output.0"}) {
    EXPECT_NE(file.find(key), nullptr) << key;
  }
  EXPECT_EQ(file.find("a.linear:output"), nullptr);
  // A ModuleList has no output: its modules' are meant.
  value({data("sharing.pt"), "--input", x}, ":input");
  EXPECT_NE(Reader(out).find("last.0:output"), nullptr);
  EXPECT_EQ(Reader(out).find("first.own:output"), nullptr);
}

TEST_F(Run, KeepsAttentionWhereNothingIsAskedForAndThereIsSome) {
  const std::vector<std::string> command{data("vit_scripted.pt"), "--shape", "1,5,8"};
  value(command, ":input");
  EXPECT_EQ(Reader(out).find(":output"), nullptr);
  const std::string attention = bytes_of_key("blocks.1.attn:attention");
  value({data("vit_scripted.pt"), "--shape", "1,5,8", "-c", "Attention:attn"}, ":input");
  EXPECT_EQ(bytes_of_key("blocks.1.attn:attn"), attention);
}

TEST_F(Run, LeavesOutChildrenThatReturnNothing) {
  value({data("odd_traced.pt"), "--input", x}, ":output");
  EXPECT_EQ(Reader(out).find("same:output"), nullptr);
}

TEST_F(Run, TakesArgumentsByNameByPositionAndAsText) {
  const std::vector<std::string> model{data("flow.pt"), "-c", ":first"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), model.begin(), model.end());
    return value(more, ":first");
  };
  const std::string plain = with({"--input", x});
  EXPECT_EQ(with({"--input", "x=" + x}), plain);
  EXPECT_EQ(with({"--input", "[[-2,-1,0,1],[2,-2,-1,0],[1,2,-2,-1.0]]"}), plain);
  EXPECT_EQ(with({"--input", x, "--input", "1=false", "--input", "scale=none"}), plain);
  const std::string early = with({"--input", x, "--input", "early=true"});
  EXPECT_NE(early, plain);
  EXPECT_EQ(with({"--input", x, "--input", "true"}), early);
}

TEST_F(Run, TakesNumPyFilesAndPictures) {
  ASSERT_EQ(anycapture({"convert", x, folder.file("x.npy")}).status, 0);
  ASSERT_EQ(anycapture({"convert", x, folder.file("x.npz")}).status, 0);
  const std::string plain = value({data("flow.pt"), "-c", ":s", "--input", x}, ":s");
  EXPECT_EQ(value({data("flow.pt"), "-c", ":s", "--input", folder.file("x.npy")}, ":s"), plain);
  EXPECT_EQ(value({data("flow.pt"), "-c", ":s", "--input", folder.file("x.npz")}, ":s"), plain);
  // Its encode() adds 1 to whatever it gets.
  value({data("vit_scripted.pt"), "--method", "encode", "--input",
         support::data("images/scene_64x45.png"), "--resize", "16", "-c", ":encode.output"},
        ":encode.input");
  EXPECT_THAT(Reader(out).find(":encode.input")->shape, ::testing::ElementsAre(1, 3, 16, 16));
}

TEST_F(Run, RandomArgumentsComeFromTheSeed) {
  const auto with = [&](const std::string& seed) {
    return value(
        {data("vit_scripted.pt"), "--shape", "1,5,8", "--seed", seed, "-c", "Attention:attn"},
        "blocks.2.attn:attn");
  };
  EXPECT_EQ(with("1"), with("1"));
  EXPECT_NE(with("1"), with("2"));
}

TEST_F(Run, GoesOverAFolderAndOnWhereItStopped) {
  const std::string in = folder.file("in"), results = folder.file("results");
  std::filesystem::create_directory(in);
  for (const char* name : {"/a.safetensors", "/b.safetensors"}) {
    std::filesystem::copy_file(x, in + name);
  }
  const std::vector<std::string> command{"run", data("flow.pt"), "--batch-dir", in, "-c", ":s",
                                         "-o",  results};
  EXPECT_THAT(anycapture(command).out, HasSubstr("2 files run, 0 there before"));
  std::filesystem::remove(results + "/b.safetensors.safetensors");
  EXPECT_THAT(anycapture(command).out, HasSubstr("1 file run, 1 there before"));
  EXPECT_TRUE(std::filesystem::exists(results + "/b.safetensors.safetensors"));
}

// More than 256 MiB: it is written as it fires, as a small one would have been saved.
TEST_F(Run, SaysHowLargeALargeCaptureIsBeforeItIsWritten) {
  const Said done = anycapture(
      {"run", data("vit_scripted.pt"), "--shape", "48,500,8", "-c", "Attention:attn", "-o", out});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(
      done.err,
      MatchesRegex(
          "anycapture: .*out.safetensors will take 275.4 MiB \\(4 tensors\\); .* are free\n"));
  EXPECT_THAT(done.out, HasSubstr("3       3"));
  const Reader written(out);
  EXPECT_THAT(written.find("blocks.2.attn:attn")->shape, ::testing::ElementsAre(48, 2, 500, 500));
  EXPECT_THAT(written.find(":input")->shape, ::testing::ElementsAre(48, 500, 8));
}

// A forward of a trial leaves the model's own state as it was.
TEST_F(Run, TheStateOfAModelIsThatOfOneForward) {
  const std::string in = folder.file("in"), results = folder.file("results");
  std::filesystem::create_directory(in);
  std::filesystem::copy_file(x, in + "/a.safetensors");
  anycapture({"run", data("flow.pt"), "--batch-dir", in, "-c", ":s", "-o", results});
  const std::string alone = value({data("flow.pt"), "-c", ":s", "--input", x}, ":s");
  const Reader batch(results + "/a.safetensors.safetensors");
  EXPECT_EQ(anycapture::safetensors::bytes_of(batch, ":s"), alone);
}

TEST_F(Run, CtrlCLeavesWholeFilesAndItGoesOnWithTheOthers) {
  const std::string in = folder.file("in");
  std::filesystem::create_directory(in);
  for (int i = 0; i < 100; ++i) {
    std::filesystem::copy_file(x, in + "/" + std::to_string(i) + ".safetensors");
  }
  for (const support::Files files : {support::Files::kNameless, support::Files::kNamed}) {
    const std::string results = folder.file(files == support::Files::kNamed ? "named" : "nameless");
    const std::vector<std::string> command{"run", data("flow.pt"), "--batch-dir", in,
                                           "-o",  results};
    support::Running program(command, files);
    ASSERT_TRUE(support::comes_true(
        [&] { return std::filesystem::exists(results) && support::files_in(results).size() > 5; }));
    program.send(SIGINT);
    const int status = program.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
    const auto made = support::files_in(results);
    for (const std::string& name : made)
      EXPECT_NE(Reader(results + "/" + name).find(":input"), nullptr);
    EXPECT_LT(made.size(), 100u);
    EXPECT_THAT(anycapture(command).out,
                HasSubstr(std::to_string(100 - made.size()) + " files run, " +
                          std::to_string(made.size()) + " there before"));
  }
}

TEST_F(Run, AModelWithoutInputsNeedsNone) {
  const std::string bytes = value({data("nothing.pt"), "-c", ":output"}, ":output");
  std::vector<std::int64_t> numbers(3);
  ASSERT_EQ(bytes.size(), 24u);
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  EXPECT_THAT(numbers, ::testing::ElementsAre(0, 2, 4));
}

TEST_F(Run, SaysWhatDoesNotFit) {
  struct Case {
    std::vector<std::string> arguments;
    int status;
    std::string says;
  };
  for (const Case& wrong : std::vector<Case>{
           {{data("flow.pt")}, 4, "the model takes forward("},
           {{data("flow.pt"), "--input", "none.png"}, 4, "no such file, and it is no literal"},
           {{data("flow.pt"), "--input", x, "-c", "Chld"}, 2, "Child"},
           {{data("flow.pt"), "--input", x, "-c", ":none"},
            2,
            "is left out when an archive is saved"},
           {{data("flow.pt"), "--input", "1"}, 4, "Expected a value of type 'Tensor'"},
           {{data("flow.pt"), "--input", "2=" + x}, 4, "missing value for argument 'x'"},
           {{data("flow.pt"), "--input", x, "--input", "7=1"},
            4,
            "no argument 7: the model takes 3"},
           {{data("flow.pt"), "--shape", "2,x"}, 4, "give whole numbers"},
           {{data("flow.pt"), "--shape", "2,-3"}, 4, "--shape 2,-3: give whole numbers from 0 on"},
           {{data("flow.pt"), "--shape", "2,3"}, 4, "mat1 and mat2 shapes"},
           {{data("vit_scripted.pt"), "--shape", "1,5,9"},
            4,
            "1, 5, 9]\nin the module blocks.0.norm (LayerNorm)"},
           {{data("flow.pt"), "--input", x, "--method", "encode"}, 4, "no method \"encode\""},
           {{data("flow.pt"), "--input", x, "--device", "tpu9"}, 4, "tpu9"},
           {{x, "--input", x}, 3, "no archive of a program"},
           {{data("none.pt"), "--input", x}, 3, "none.pt"}}) {
    std::vector<std::string> all{"run"};
    all.insert(all.end(), wrong.arguments.begin(), wrong.arguments.end());
    all.insert(all.end(), {"-o", out});
    const Said said = anycapture(all);
    EXPECT_EQ(said.status, wrong.status) << said.err;
    EXPECT_THAT(said.err, HasSubstr(wrong.says));
    EXPECT_EQ(said.out, "");
    EXPECT_FALSE(std::filesystem::exists(out));
  }
}

TEST_F(Run, OperatorsComeFromALibrary) {
  const Said said = anycapture({"run", data("custom_op.pt"), "--input", x, "-o", out});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, AllOf(HasSubstr("anycapture_test::twice"), HasSubstr("--op-library FILE")));
  const std::string doubled = value({data("custom_op.pt"), "--op-library", ANYCAPTURE_TWICE_OP,
                                     "--input", "[1.5]", "-c", ":doubled"},
                                    ":doubled");
  EXPECT_EQ(doubled, bytes_of<float>({3}));
  const Said none = anycapture({"modules", data("custom_op.pt"), "--op-library", "none.so"});
  EXPECT_EQ(none.status, 3);
  EXPECT_THAT(none.err, HasSubstr("none.so"));
}

std::string exported(const std::string& name) {
  return support::data("exported/") + name;
}

std::string of_python(const std::string& run, const std::string& key) {
  return anycapture::safetensors::bytes_of(Reader(exported(run + ".reference.safetensors")), key);
}

std::vector<float> floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// The kernels of another LibTorch or CPU round differently.
auto agrees_with_python(const std::string& run, const std::string& key) {
  return ::testing::ResultOf(
      floats, ::testing::Pointwise(::testing::FloatNear(1e-6F), floats(of_python(run, key))));
}

TEST_F(Run, ExportedProgramsRun) {
  const std::string program = exported("vit_static.pt2");
  const std::string inputs = exported("vit_static.input.safetensors");
  EXPECT_THAT(value({program, "--input", inputs, "-c", "Attention:attn"}, "blocks.0.attn:attn"),
              agrees_with_python("vit_static", "blocks.0.attn:attn"));
  const Said modules = anycapture({"modules", program, "Attention", "--sites"});
  EXPECT_EQ(modules.status, 0) << modules.err;
  EXPECT_THAT(modules.out, AllOf(HasSubstr("blocks.0.attn:attn"), HasSubstr("nets.py:")));
}

TEST_F(Run, InputsInsideOfAnArgumentGoByDottedName) {
  const std::string program = exported("vit_static.pt2");
  const Said converted =
      anycapture({"convert", exported("vit_static.input.safetensors"), folder.file("given")});
  EXPECT_EQ(converted.status, 0) << converted.err;
  EXPECT_THAT(value({program, "--input", "x=" + folder.file("given/x.npy"), "--input",
                     "bias.a=" + folder.file("given/bias.a.npy"), "-c", "Attention:attn"},
                    "blocks.0.attn:attn"),
              agrees_with_python("vit_static", "blocks.0.attn:attn"));
}

TEST_F(Run, OperatorsOfExportedProgramsComeFromALibrary) {
  const std::string program = exported("functionalized.pt2");
  const std::string inputs = exported("functionalized.input.safetensors");
  const Said said = anycapture({"modules", program});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, AllOf(HasSubstr("anycapture_test.twice"), HasSubstr("--op-library FILE")));
  EXPECT_THAT(
      value({program, "--op-library", ANYCAPTURE_TWICE_OP, "--input", inputs, "-c", ":output"},
            ":output.0"),
      agrees_with_python("functionalized", ":output.0"));
}

TEST_F(Run, ModulesAreListed) {
  const Said said = anycapture({"modules", data("flow.pt")});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("(root)"), HasSubstr("shared"), HasSubstr("Linear")));
  const auto json = nlohmann::json::parse(anycapture({"modules", data("flow.pt"), "--json"}).out);
  EXPECT_EQ(json[1]["path"], "a");
  EXPECT_EQ(json[1]["aliases"][0], "shared");
  EXPECT_EQ(json[1]["parameters"], 20);
  const Said sites = anycapture({"modules", data("vit_scripted.pt"), "Attention:attn[*]"});
  EXPECT_THAT(sites.out, AllOf(HasSubstr("blocks.0.attn:attn[1]"), HasSubstr("make_archives.py:"),
                               ::testing::Not(HasSubstr("qkv"))));
}

}  // namespace
