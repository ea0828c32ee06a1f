// SPDX-License-Identifier: MIT
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anycapture {
namespace {

using Words = std::vector<std::string>;

TEST(Nearest, GivesTypingErrorsBestFirst) {
  EXPECT_EQ(nearest("Atention", {"Linear", "Attentions", "Attention"}, 3),
            (Words{"Attention", "Attentions"}));
}

TEST(Nearest, CountsASwapOfNeighboursAsOneError) {
  EXPECT_EQ(nearest("atnt", {"attn"}, 1), Words{"attn"});
  EXPECT_EQ(nearest("ab", {"ba"}, 1), Words{"ba"});
}

TEST(Nearest, IgnoresCase) {
  EXPECT_EQ(nearest("ATTENTION", {"Attention"}, 3), Words{"Attention"});
}

TEST(Nearest, LeavesOutWhatIsAnotherWord) {
  EXPECT_EQ(nearest("Attention", {"Linear", "Mlp", "LayerNorm"}, 3), Words{});
}

TEST(Nearest, GivesTextsThatHoldTheWordAfterTypingErrors) {
  EXPECT_EQ(nearest("attn", {"blocks.10.attn", "blocks.0.attn", "atn"}, 3),
            (Words{"atn", "blocks.0.attn", "blocks.10.attn"}));
}

TEST(Nearest, GivesEachTextOnceAndNoMoreThanAskedFor) {
  EXPECT_EQ(nearest("attn", {"atn", "atn", "attm", "attk"}, 2), (Words{"atn", "attm"}));
  EXPECT_EQ(nearest("", {"a"}, 3), Words{});
  EXPECT_EQ(nearest("attn", {}, 3), Words{});
}

}  // namespace
}  // namespace anycapture
