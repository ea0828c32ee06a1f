// SPDX-License-Identifier: MIT
#include "core/python_statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anycapture {
namespace python {
namespace {

using Names = std::vector<std::vector<std::string>>;
using testing::ElementsAre;

// The only statement of a line.
Statement only(const std::string& line) {
  const std::vector<Statement> all = statements_of(line);
  EXPECT_EQ(all.size(), 1u) << line;
  return all.empty() ? Statement{} : all[0];
}

TEST(PythonStatements, KnowWhatIsAssigned) {
  const std::vector<std::pair<std::string, Names>> kTable{
      {"x = f(y)", {{"x"}}},
      {"x: torch.Tensor = f(y)", {{"x"}}},
      {"x += y", {{"x"}}},
      {"x @= y", {{"x"}}},
      {"x **= 2", {{"x"}}},
      {"x //= 2", {{"x"}}},
      {"x <<= 2", {{"x"}}},
      {"a, b = f(x)", {{"a", "b"}}},
      {"(a, b) = f(x)", {{"a", "b"}}},
      {"[a, *rest] = f(x)", {{"a", "rest"}}},
      {"a, self.b = f(x)", {{"a", ""}}},
      {"a = b = f(x)", {{"a"}, {"b"}}},
      {"self.cache = x", {{""}}},
      {"x[0] = y", {{""}}},
      {"f(a=1, b=2)", {}},
      {"x == y", {}},
      {"x <= y", {}},
      {"x != y", {}},
      {"f(x)", {}},
      {"x = 'a = b'  # y = 2", {{"x"}}},
      {"y = f(a, k=b) if c == d else g(e)", {{"y"}}},
      {"return x", {}},
      {"x = f(\n    a,\n    b)", {{"x"}}},
      {"x = a + \\\n  b", {{"x"}}},
      {"x = \"\"\"\ny = 2\n\"\"\"", {{"x"}}},
  };
  for (const auto& [line, targets] : kTable) EXPECT_EQ(only(line).targets, targets) << line;
}

TEST(PythonStatements, KnowAnotherNameForTheSame) {
  EXPECT_EQ(only("shortcut = x").alias, "x");
  EXPECT_EQ(only("shortcut = x  # kept").alias, "x");
  EXPECT_EQ(only("shortcut = self.x").alias, "self.x");
  EXPECT_EQ(only("shortcut = self.a.x").alias, "");
  EXPECT_EQ(only("shortcut = self.f(x)").alias, "");
  EXPECT_EQ(only("shortcut = x.clone()").alias, "");
  EXPECT_EQ(only("shortcut = None").alias, "");
  EXPECT_EQ(only("f(x)").alias, "");
}

TEST(PythonStatements, KnowWhetherACallIsLast) {
  EXPECT_TRUE(only("a = f(x)  # (b)").ends_in_call);
  EXPECT_FALSE(only("a = f(x)[0]").ends_in_call);
  EXPECT_FALSE(only("a = f(x) + b").ends_in_call);
  EXPECT_FALSE(only("f(x)").ends_in_call);
}

TEST(PythonStatements, KnowWhichCallIsLast) {
  EXPECT_EQ(only("a, b = x.relu().chunk(2)").callee, "chunk");
  EXPECT_FALSE(only("a, b = x.relu().chunk(2)").calls_within);
  EXPECT_EQ(only("return swap(x.chunk(2, dim=-1))").callee, "swap");
  EXPECT_TRUE(only("return swap(x.chunk(2, dim=-1))").calls_within);
  EXPECT_EQ(only("a = b * (c + d)").callee, "");
  EXPECT_EQ(only("a = f(x)[0]").callee, "");
  EXPECT_TRUE(only("return x.chunk(2), y.chunk(2)").is_display);
}

TEST(PythonStatements, KnowWhatIsWrittenInPlace) {
  const auto written = [](const std::string& text) {
    const anycapture::python::Write write =
        anycapture::python::write_of(anycapture::python::statements_of(text).front(), text);
    return write.name + (write.name.empty() ? "" : write.whole ? ", whole" : ", a part");
  };
  EXPECT_EQ(written("x.add_(y)"), "x, whole");
  EXPECT_EQ(written("x[0].add_(y)"), "x, a part");
  EXPECT_EQ(written("x[1:] += 2"), "x, a part");
  EXPECT_EQ(written("x[:,0]=y"), "x, a part");
  EXPECT_EQ(written("torch.relu_(x)"), "x, whole");
  EXPECT_EQ(written("F.relu_(x[0])"), "x, a part");
  EXPECT_EQ(written("F.relu(x, inplace=True)"), "x, whole");
  EXPECT_EQ(written("y = F.relu(x, inplace=True)"), "x, a part");
  EXPECT_EQ(written("torch.relu_(self.f(x))"), "");
  EXPECT_EQ(written("F.relu_(g(x))"), "");
  EXPECT_EQ(written("self.ring[0] = x"), "");
  EXPECT_EQ(written("self.mean.mul_(x)"), "");
  EXPECT_EQ(written("y = x.add(1)"), "");
  EXPECT_EQ(written("x.add(1)"), "");
  EXPECT_EQ(written("return x"), "");
}

TEST(PythonStatements, LeaveOutDecorators) {
  EXPECT_EQ(only("@torch.jit.export\ndef f(x):").keyword, "def");
}

TEST(PythonStatements, KnowWhereTheyStand) {
  const std::string source =
      "    def forward(self, x: Tensor,\n"
      "                y=1):\n"
      "        '''Says x = 1.'''\n"
      "        if x.sum() > 0:  # a comment: with a colon\n"
      "            a = x\n"
      "            b = a\n"
      "\n"
      "        elif y == 1: b = x; c = b\n"
      "        else:\n"
      "            b = f(x)\n"
      "        return b\n";
  const std::vector<Statement> all = statements_of(source);
  std::vector<std::string> texts;
  std::vector<int> parents;
  for (const Statement& one : all) {
    texts.push_back(source.substr(one.begin, one.end - one.begin));
    parents.push_back(one.parent);
  }
  EXPECT_THAT(texts, ElementsAre("def forward(self, x: Tensor,\n                y=1)",
                                 "'''Says x = 1.'''", "if x.sum() > 0", "a = x", "b = a",
                                 "elif y == 1", "b = x", "c = b", "else", "b = f(x)", "return b"));
  EXPECT_THAT(parents, ElementsAre(-1, 0, 0, 2, 2, 0, 5, 5, 0, 8, 0));
  EXPECT_EQ(all[9].line, 9u);
  EXPECT_EQ(all[9].keyword, "");
  EXPECT_EQ(all[10].keyword, "return");
  EXPECT_EQ(statement_at(all, source.find("f(x)")), 9);
  EXPECT_EQ(statement_at(all, source.find("\n\n") + 1), -1);
}

TEST(PythonStatements, KnowWhatIsSpelledOut) {
  for (const char* line : {"x = a, b", "x = (a, b)", "x = [a]", "x = {'k': v}",
                           "x = [f(y) for y in z]", "x = (a,", "x = [f(", "x = y = a, b",
                           "x, y = (f(z) for z in (a, b))", "x, y = map(f, z)", "x = dict(a=b)"})
    EXPECT_TRUE(only(line).is_display) << line;
  for (const char* line : {"x = f(a, b)", "x = (a @ b) * (", "x = (", "x = [a][0]", "x = (f(a, b))",
                           "x = f('a, b')", "x = a  # b, c", "x = dict"})
    EXPECT_FALSE(only(line).is_display) << line;
}

TEST(PythonStatements, TakeWhateverComes) {
  for (const std::string text : {"", "\n\n", "(((", "'", "\"\"\"", "x = (", "\\", "if", "=", "a = ",
                                 "/path/file.py(3): forward\n/other.py(4): f\n", "\xff\xfe = x"}) {
    statements_of(text);
  }
}

}  // namespace
}  // namespace python
}  // namespace anycapture
