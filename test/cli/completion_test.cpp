// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::source;
using support::Said;
using support::TempDir;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  std::istringstream stream(text);
  Lines lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Whole lines; a completion says nothing else, and never fails.
Lines completed(Lines words) {
  words.insert(words.begin(), "__complete");
  const Said said = support::anycapture(words);
  EXPECT_EQ(said.err, "");
  EXPECT_EQ(said.status, 0);
  return lines_of(said.out);
}

// The candidates, without descriptions.
Lines candidates(const Lines& words) {
  Lines result;
  for (const std::string& line : completed(words))
    result.push_back(line.substr(0, line.find('\t')));
  return result;
}

// The commands that `anycapture --help` lists.
Lines commands() {
  Lines result;
  bool listed = false;
  for (const std::string& line : lines_of(support::anycapture({"--help"}).out)) {
    if (listed && line.size() > 2 && line[2] != ' ') {
      result.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    listed = listed ? !line.empty() : line == "Subcommands:";
  }
  return result;
}

class Completion : public ::testing::Test {
 protected:
  Completion() {
    CaptureMetadata metadata;
    metadata.order = {"b:x", "a.10:attn", "a.9:attn"};
    anycapture::safetensors::write(
        path,
        {source("a.9:attn", Dtype::kU8, {1}, "a"), source("a.10:attn", Dtype::kF16, {1, 2}, "abcd"),
         source("b:x", Dtype::kU8, {1}, "a"), source("b:x#1", Dtype::kU8, {1}, "a"),
         source("-dash", Dtype::kU8, {}, "a"), source("two\nlines", Dtype::kU8, {1}, "a")},
        {{"anycapture", metadata.to_json()}});
  }

  TempDir folder;
  std::string path = folder.file("x.safetensors");
};

// Whatever commands there are and come to be.
TEST_F(Completion, KnowsEveryCommandAndEveryOptionOfItsHelp) {
  const Lines all = commands();
  ASSERT_THAT(all, AllOf(Contains("inspect"), Contains("convert"), Contains("completion")));
  Lines expected = all;
  expected.emplace_back();  // or a file
  EXPECT_EQ(candidates({""}), expected);
  for (const std::string& command : all) {
    EXPECT_THAT(candidates({command.substr(0, 4)}), Contains(command));
    Lines options;
    for (const std::string& line : lines_of(support::anycapture({command, "--help"}).out)) {
      const std::size_t start = line.find("--");
      // Names stand in the first column: `  -h,--help`, `  --keys GLOB`
      if (line.compare(0, 3, "  -") != 0 || start > 8) continue;
      options.push_back(line.substr(start, line.find_first_of(" ,", start) - start));
    }
    EXPECT_EQ(candidates({command, "--"}), options) << command;
    EXPECT_THAT(options, Contains("--help"));
  }
  EXPECT_EQ(completed({"completion", "--h"}), Lines{"--help\tPrint this help message and exit"});
}

TEST_F(Completion, OfTheProgramItself) {
  EXPECT_THAT(candidates({"-"}), ElementsAre("-h", "--help", "--version"));
  EXPECT_THAT(
      completed({"insp"}),
      ElementsAre("inspect\tWhat is in a file: keys, shapes, dtypes, sizes", "\t.safetensors"));
  EXPECT_THAT(candidates({"__comp"}), ElementsAre(""));  // files alone
  EXPECT_THAT(completed({}), IsEmpty());
  EXPECT_THAT(completed({"nothing", ""}), IsEmpty());
  EXPECT_THAT(completed({"--version", ""}), IsEmpty());
  EXPECT_THAT(support::anycapture({"--help"}).out, Not(HasSubstr("__complete")));
}

TEST_F(Completion, OffersWhatCanStillBeGiven) {
  EXPECT_THAT(candidates({"stats", "--json", "--"}),
              AllOf(Contains("--no-quantiles"), Not(Contains("--json")), Not(Contains("--csv"))));
  EXPECT_THAT(candidates({"inspect", "--show", "x", "--"}),
              AllOf(Contains("--show"), Contains("--tree")));  // as often as one likes
  EXPECT_THAT(candidates({"inspect", "--tree", "--"}), Not(Contains("--tree")));
  EXPECT_THAT(completed({"inspect", path, "--", "--"}), IsEmpty());
}

TEST_F(Completion, ChoicesOfAnOption) {
  EXPECT_THAT(candidates({"convert", path, "out.npz", "--dtype", ""}),
              ElementsAre("f16", "bf16", "f32", "f64"));
  EXPECT_THAT(candidates({"convert", "--dtype=f"}),
              ElementsAre("--dtype=f16", "--dtype=f32", "--dtype=f64"));
  EXPECT_THAT(candidates({"convert", "--dtype", "f16", "--dty"}), IsEmpty());
  EXPECT_THAT(candidates({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(candidates({"completion", "zsh", ""}), IsEmpty());
  EXPECT_THAT(candidates({"plot", "--head", ""}), ElementsAre("mean", "each"));  // or a number
  EXPECT_THAT(candidates({"plot", "--scale="}), ElementsAre("--scale=shared", "--scale=each"));
  EXPECT_THAT(candidates({"diff", "--rtol", ""}), IsEmpty());  // a number
  EXPECT_THAT(candidates({"diff", "--rtol="}), IsEmpty());
  EXPECT_THAT(candidates({"diff", "--json="}), IsEmpty());
}

TEST_F(Completion, FilesByWhatTheCommandTakes) {
  EXPECT_THAT(completed({"inspect", ""}), ElementsAre("\t.safetensors"));
  EXPECT_THAT(completed({"diff", path, ""}), ElementsAre("\t.safetensors"));
  EXPECT_THAT(completed({"convert", ""}), ElementsAre("\t.safetensors .npz .npy"));
  EXPECT_THAT(completed({"convert", path, ""}), ElementsAre("\t.safetensors .npz .npy .csv"));
  EXPECT_THAT(completed({"convert", "--dtype", "f16", "--compress", path, ""}),
              ElementsAre("\t.safetensors .npz .npy .csv"));
  EXPECT_THAT(completed({"convert", path, "out.npz", ""}), IsEmpty());
  EXPECT_THAT(completed({"plot", "--index", "1", ""}), ElementsAre("\t.safetensors .npz .npy"));
  EXPECT_THAT(completed({"view", "--compare", path, ""}), ElementsAre("\t.safetensors .npz .npy"));
  EXPECT_THAT(completed({"view", "--tokens", ""}), ElementsAre("\t.json"));
  EXPECT_THAT(completed({"view", path, "-o", ""}), ElementsAre("\t.html"));
  EXPECT_THAT(candidates({"view", path, "b"}), ElementsAre("b:x"));
  EXPECT_THAT(candidates({"rollout", "--fusion", ""}), ElementsAre("mean", "max", "min"));
  EXPECT_THAT(completed({"plot", path, "b:x", "-o", ""}), ElementsAre("\t.png .svg .pdf"));
  EXPECT_THAT(completed({"plot", path, "b:x", "--out=p"}), ElementsAre("\t.png .svg .pdf"));
  EXPECT_THAT(completed({"plot", path, "b:x", "--image", ""}), ElementsAre("\t"));  // any
}

TEST_F(Completion, KeysOfTheFileInOrder) {
  EXPECT_THAT(completed({"inspect", path, ""}),
              ElementsAre("b:x\tuint8 [1]", "a.10:attn\tfloat16 [1, 2]", "a.9:attn\tuint8 [1]"));
  EXPECT_THAT(candidates({path, "a."}), ElementsAre("a.10:attn", "a.9:attn"));
  EXPECT_THAT(candidates({"stats", "--json", path, "b:x", "a.9"}), ElementsAre("a.9:attn"));
  EXPECT_THAT(candidates({"stats", path, "b:x", "b:x", "a.9"}), ElementsAre("a.9:attn"));
  EXPECT_THAT(candidates({"diff", path, path, "--ignore", "b"}), ElementsAre("b:x"));
  EXPECT_THAT(candidates({"convert", path, "x.npz", "--keys=b"}), ElementsAre("--keys=b:x"));
  EXPECT_THAT(candidates({"inspect", path, "--show", "b"}), ElementsAre("b:x", "b:x#1"));
  EXPECT_THAT(candidates({"plot", path, "b"}), ElementsAre("b:x", "b:x#1"));
  EXPECT_THAT(candidates({"inspect", path, "--", "-"}), ElementsAre("-dash"));
  EXPECT_THAT(candidates({"inspect", "--show", ""}), IsEmpty());  // no file yet
}

TEST_F(Completion, KeysOfNumpysFiles) {
  const std::string npz = folder.file("x.npz"), npy = folder.file("x.npy");
  EXPECT_EQ(support::anycapture({"convert", path, npz}).status, 0);
  EXPECT_EQ(support::anycapture({"convert", path, npy, "--keys", "b:x"}).status, 2);  // two calls
  EXPECT_THAT(candidates({"convert", npz, "y.npz", "--keys", "a"}),
              ElementsAre("a.10:attn", "a.9:attn"));
}

TEST_F(Completion, OfAFileThatCannotBeReadIsNothing) {
  const std::string broken = folder.file("broken.safetensors"), pipe = folder.file("pipe");
  put(broken, "nothing of the kind");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& file :
       {broken, pipe, folder.file("none"), folder.file(""), std::string()}) {
    EXPECT_THAT(completed({"inspect", file, ""}), IsEmpty()) << file;
  }
}

TEST_F(Completion, ReadsNoMoreThanTheHeader) {
  const std::string huge = folder.file("huge.safetensors");
  put(huge,
      anycapture::safetensors::file_of(
          R"({"x":{"dtype":"F32","shape":[17179869184],"data_offsets":[0,68719476736]}})", ""));
  std::filesystem::resize_file(
      huge, std::filesystem::file_size(huge) + (std::uint64_t{64} << 30));  // sparse
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(completed({"inspect", huge, ""}), ElementsAre("x\tfloat32 [17179869184]"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(Completion, PrintsTheScripts) {
  EXPECT_THAT(support::anycapture({"completion", "bash"}).out,
              HasSubstr("\ncomplete -F _anycapture anycapture\n"));
  EXPECT_THAT(support::anycapture({"completion", "zsh"}).out, StartsWith("#compdef anycapture\n"));
  EXPECT_THAT(support::anycapture({"completion", "fish"}).out,
              HasSubstr("\ncomplete -c anycapture"));
  const Said said = support::anycapture({"completion", "tcsh"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, StartsWith("SHELL: \"tcsh\" is not bash, zsh or fish\n"));
  EXPECT_EQ(support::anycapture({"completion"}).status, 2);
}

}  // namespace
