// SPDX-License-Identifier: MIT
#include "core/glob.h"

#include <anycapture/error.h>

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "core/what_pattern.h"

namespace anycapture {
namespace {

struct Case {
  std::string pattern;
  std::vector<std::string> yes;
  std::vector<std::string> no;
};

TEST(Glob, MatchesByTheTable) {
  const std::vector<Case> table{
      {"", {""}, {"a"}},
      {"a", {"a"}, {"", "ab", "A"}},
      {"*", {"", "a", "a.b"}, {}},
      {"**", {"", "a.b"}, {}},
      {"*.attn", {"blocks.3.attn", ".attn"}, {"attn", "blocks.3.attn.qkv", "blocks.3.xattn"}},
      {"a*b", {"ab", "axb", "a.b.b"}, {"a", "b", "aba"}},
      {"a*a", {"aa", "aba"}, {"a"}},
      {"a*b*c", {"abc", "abbc", "axbxcxc"}, {"acb", "ac"}},
      {"?", {"a", "\xC3\xA9"}, {"", "ab"}},
      {"a?c", {"abc", "a.c"}, {"ac", "abbc"}},
      {"*?", {"a", "abc"}, {""}},
      {"*.fc?", {"mlp.fc1", "a.fc.fc2"}, {"fc1", "mlp.fc", "mlp.fc12"}},
      {"*a?*b[12]*", {"axb1", "xaxxb2x", "axb3b1"}, {"ab1", "axb", "axb3"}},
      {"*?", {"\xFF\xA9", "\xA9\xA9", "\xE6\xB3"}, {}},
      {"*??", {"\xFF\xA9", "\xE6\xB3\xA8\xA8"}, {"\xE6\xB3\xA8", "\xFF"}},
      {"*?[b\xC3\xA9]", {"ab", "xx\xC3\xA9\xC3\xA9"}, {"b", "\xC3\xA9", "ba"}},
      {"a*b?b*", {"abxb", "abbbxx", "axbbbbb"}, {"abb", "abxxb"}},
      {"*ab*ab*ab", {"ababab", "xabyabzab"}, {"abab", "ababa"}},
      {"blocks.[0-5].mlp", {"blocks.0.mlp", "blocks.5.mlp"}, {"blocks.6.mlp", "blocks.10.mlp"}},
      {"[!0-5]", {"6", "a"}, {"3", ""}},
      {"[^a]", {"b"}, {"a"}},
      {"[]]", {"]"}, {"["}},
      {"[!]]", {"a"}, {"]"}},
      {"[a-]", {"a", "-"}, {"b"}},
      {"[*?[{]", {"*", "?", "[", "{"}, {"a"}},
      {"[\xC3\xA0-\xC3\xBC]", {"\xC3\xA9"}, {"e", "\xC3\xA9\xC3\xA9"}},
      {"{a,b}", {"a", "b"}, {"", "c", "a,b"}},
      {"{a,b{c,d}}x", {"ax", "bcx", "bdx"}, {"bx", "cx"}},
      {"blocks.{0,11}.*", {"blocks.0.attn", "blocks.11.attn"}, {"blocks.1.attn", "blocks.0"}},
      {"x{,.y}", {"x", "x.y"}, {"x."}},
      {"{[,],a}", {",", "a"}, {"["}},
      {"{a*,*b}", {"a1", "1b"}, {"1a"}},
  };
  for (const Case& row : table) {
    const Glob glob(row.pattern);
    for (const std::string& text : row.yes) {
      EXPECT_TRUE(glob.matches(text)) << row.pattern << " for " << text;
    }
    for (const std::string& text : row.no) {
      EXPECT_FALSE(glob.matches(text)) << row.pattern << " for " << text;
    }
  }
}

TEST(Glob, OverPathsLetsALeadingStarDotMatchNothing) {
  const auto glob = [](std::string_view text) { return Glob::over_paths(text, {text, 0}); };
  EXPECT_TRUE(glob("*.attn").matches("attn"));
  EXPECT_TRUE(glob("*.attn").matches("blocks.3.attn"));
  EXPECT_FALSE(glob("*.attn").matches("xattn"));
  EXPECT_TRUE(glob("{*.q,*.k}").matches("k"));
  EXPECT_FALSE(glob("a*.attn").matches("attn"));
}

TEST(Glob, IsNotSlowOnPatternsThatBlowUpBacktracking) {
  const Glob glob("*a*a*a*a*a*a*a*a*a*a*b*c");
  const std::string text(20000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob.matches(text));
  EXPECT_FALSE(glob.matches(text + "c"));
  EXPECT_TRUE(glob.matches(text + "bc"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

// By the definition, one character after the other.
bool slow_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return slow_match(pattern.substr(1), text) ||
           (!text.empty() && slow_match(pattern, text.substr(1)));
  }
  if (text.empty()) return false;
  if (pattern[0] == '[') {  // the only class that the test uses: [!a]
    return text[0] != 'a' && slow_match(pattern.substr(4), text.substr(1));
  }
  return (pattern[0] == '?' || pattern[0] == text[0]) &&
         slow_match(pattern.substr(1), text.substr(1));
}

TEST(Glob, AgreesWithASlowMatcherOnRandomPatterns) {
  std::mt19937 random(1);
  const std::vector<std::string> parts{"*", "*", "?", "[!a]", "a", "b", "a", "b"};
  int matched = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string pattern, text;
    for (auto left = random() % 8; left > 0; --left) pattern += parts[random() % parts.size()];
    for (auto left = random() % 9; left > 0; --left) text += random() % 2 == 0 ? 'a' : 'b';
    const bool expected = slow_match(pattern, text);
    matched += expected;
    ASSERT_EQ(Glob(pattern).matches(text), expected) << pattern << " for " << text;
  }
  EXPECT_GT(matched, 2000);
}

TEST(Glob, ThrowsForUnbalancedBrackets) {
  EXPECT_THROW(Glob("a[0"), SelectorError);
  EXPECT_THROW(Glob("{a"), SelectorError);
}

TEST(KeyGlob, ChoosesKeysByPathAndWhat) {
  EXPECT_TRUE(KeyGlob("*").matches(":output"));
  EXPECT_TRUE(KeyGlob("*").matches("blocks.0.attn:attn[0]"));
  EXPECT_TRUE(KeyGlob("*.attn:attn").matches("attn:attn"));
  EXPECT_FALSE(KeyGlob("*.attn:attn").matches("blocks.0.attn:attn[0]"));
  EXPECT_TRUE(KeyGlob("*.attn:@aten::*").matches("blocks.0.attn:@aten::_softmax"));
  EXPECT_FALSE(KeyGlob("*.attn:softmax").matches("blocks.0.attn:@aten::softmax"));
  EXPECT_TRUE(KeyGlob("*.attn:attn[0]").matches("blocks.0.attn:attn[0]"));
  EXPECT_FALSE(KeyGlob("*.attn:attn[0]").matches("blocks.0.attn:attn[1]"));
  EXPECT_FALSE(KeyGlob("*.attn:attn[0]").matches("blocks.0.attn:attn0"));
  EXPECT_TRUE(KeyGlob("*.attn:attn[*]").matches("blocks.0.attn:attn[1]"));
  EXPECT_FALSE(KeyGlob("*.attn:attn[*]").matches("blocks.0.attn:attn"));
  EXPECT_TRUE(KeyGlob("blocks.[0-5].attn:*").matches("blocks.3.attn:output.0"));
}

TEST(KeyGlob, WithoutAWhatIsAPathOrAWholeKey) {
  EXPECT_TRUE(KeyGlob("*.attn").matches("blocks.0.attn:attn"));
  EXPECT_FALSE(KeyGlob("*.attn").matches("blocks.0.mlp:output"));
  EXPECT_TRUE(KeyGlob("*put").matches("blocks.0.mlp:output"));
}

TEST(KeyGlob, TellsFunctionsFromModules) {
  EXPECT_TRUE(KeyGlob("fn:softmax_scores:*").matches("fn:softmax_scores:scores"));
  EXPECT_FALSE(KeyGlob("*.attn:*").matches("fn:softmax_scores:scores"));
}

}  // namespace
}  // namespace anycapture
