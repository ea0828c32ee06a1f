// SPDX-License-Identifier: MIT
// anycapture instrument, as typed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "support/cli.h"
#include "support/temp_dir.h"

namespace {

using support::Said;
using support::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

#ifdef ANYCAPTURE_HAS_INSTRUMENT

constexpr const char* kSource =
    "struct AttentionImpl : Module {\n"
    "  Tensor forward(Tensor x) {\n"
    "    auto attn = x.softmax(-1);\n"
    "    static Tensor kept = attn;\n"
    "    return attn;\n"
    "  }\n"
    "};\n"
    "Tensor helper(Tensor y) { return y; }\n";

class InstrumentTest : public ::testing::Test {
 protected:
  InstrumentTest() { std::ofstream(file()) << kSource; }
  std::string file() const { return folder_.file("a.cpp"); }
  TempDir folder_;
};

TEST_F(InstrumentTest, ListsWhatHasANameAndWhatIsLeftAlone) {
  const Said said = support::anycapture({"instrument", "--print", file()});
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, file() +
                          "\n"
                          "AttentionImpl::forward\n"
                          "     2  x        parameter\n"
                          "     3  attn[0]  declaration\n"
                          "     5  return   return\n"
                          "helper\n"
                          "     8  return   return\n"
                          "     8  y        parameter\n"
                          "left alone\n"
                          "     4  AttentionImpl::forward: static Tensor kept = attn;: a static "
                          "variable\n"
                          "5 places, each named where it holds a tensor\n");
}

TEST_F(InstrumentTest, ListsOneClass) {
  const Said said = support::anycapture({"instrument", file(), "--class", "AttentionImpl"});
  EXPECT_THAT(said.out, AllOf(HasSubstr("attn[0]"), Not(HasSubstr("helper"))));
}

TEST_F(InstrumentTest, AFolderOfHeadersIsOneWord) {
  const Said said =
      support::anycapture({"instrument", "-I", "include", "-I", folder_.file(""), file()});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, HasSubstr("attn[0]"));
}

TEST_F(InstrumentTest, WritesTheCopy) {
  const std::string copy = folder_.file("copy.cpp");
  const Said said = support::anycapture({"instrument", file(), "-o", copy});
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, "");
  std::ifstream in(copy);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_THAT(text, HasSubstr("anycapture_.set(\"attn\", 0, attn);"));
}

TEST_F(InstrumentTest, AFileThatIsNotThereIsNamed) {
  const Said said = support::anycapture({"instrument", folder_.file("no.cpp")});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("no.cpp cannot be read: No such file or directory"));
}

TEST_F(InstrumentTest, ALauncherWithoutACompilerSaysWhatToWrite) {
  const Said said = support::anycapture({"instrument", "--compile", "g++"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("instrument --compile [--header FILE]... -- g++"));
}

#else

TEST(InstrumentTest, SaysWhatBringsTheParser) {
  const Said said = support::anycapture({"instrument", "-I", "include", "a.cpp"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("run cmake/tree_sitter.sh"));
}

#endif

}  // namespace
