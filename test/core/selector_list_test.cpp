// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anycapture {
namespace {

using Texts = std::vector<std::string>;

TEST(SelectorList, KeepsTheOrder) {
  const SelectorList list(Texts{"Attention", "!blocks.0.*", "blocks.0.attn:attn"});
  ASSERT_EQ(list.selectors().size(), 3u);
  EXPECT_EQ(list.selectors()[1].text(), "!blocks.0.*");
}

TEST(SelectorList, MayBeEmpty) {
  EXPECT_TRUE(SelectorList(Texts{}).selectors().empty());
}

TEST(SelectorList, RefusesToTakeAwayFromNothing) {
  try {
    SelectorList(Texts{"!blocks.0.*", "Attention"});
    FAIL() << "nothing was thrown";
  } catch (const SelectorError& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "selector \"!blocks.0.*\" comes first, so there is nothing it could take away: put what "
        "to capture in front of it, such as \"*\" and then \"!blocks.0.*\"");
  }
}

TEST(SelectorList, SplitsAtSemicolons) {
  EXPECT_EQ(SelectorList::split("Attention:attn;!blocks.0.*"),
            (Texts{"Attention:attn", "!blocks.0.*"}));
  EXPECT_EQ(SelectorList::split(" Attention ; ; Mlp:fc ;"), (Texts{"Attention", "Mlp:fc"}));
  EXPECT_EQ(SelectorList::split(""), Texts{});
  EXPECT_EQ(SelectorList::split(" ;; "), Texts{});
}

TEST(SelectorList, DoesNotSplitARegularExpression) {
  EXPECT_EQ(SelectorList::split("!re:/a;b\\/;c/:x;Mlp"), (Texts{"!re:/a;b\\/;c/:x", "Mlp"}));
  EXPECT_EQ(SelectorList::split("re:/a;b"), Texts{"re:/a;b"});
}

}  // namespace
}  // namespace anycapture
