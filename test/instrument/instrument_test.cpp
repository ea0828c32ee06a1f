// SPDX-License-Identifier: MIT
#include "instrument/instrument.h"

#include <gtest/gtest.h>

#include <string>

#include "instrument/rewrite.h"

namespace {

using anycapture::instrument::rewritten;

TEST(InstrumentTest, LinesAreThoseOfTheOriginal) {
  const std::string source = "// a\n#include \"a.h\"\n\nTensor f(Tensor x) {\n  return x;\n}\n";
  const rewriting::Tree tree(source);
  EXPECT_EQ(
      rewritten(tree, rewriting::of(source).insertions, "dir/a \"b\".cpp", true),
      "#line 1 \"dir/a \\\"b\\\".cpp\"\n"
      "// a\n#include \"a.h\"\n"
      "#include <anycapture/detail/instrumented.h>\n#line 3 \"dir/a \\\"b\\\".cpp\"\n"
      "\nTensor f(Tensor x) { ::anycapture::detail::Locals anycapture_(\"f\", 40u, \"x\", x);\n"
      "  anycapture_.returning(x); return x;\n}\n");
}

TEST(InstrumentTest, ASourceWithoutTensorsIsLeftAsItIs) {
  EXPECT_TRUE(rewriting::of("int main() { int n = 3; n += 2; return n; }").insertions.empty());
  EXPECT_TRUE(rewriting::of("").insertions.empty());
}

TEST(InstrumentTest, ASourceThatDoesNotParseIsLeftAlone) {
  const std::string source = "Tensor f(Tensor x) {\n  x = g(x;\n  if (x { y = ;\n";
  EXPECT_TRUE(rewriting::of(source).insertions.empty());
}

}  // namespace
