// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anycapture {
namespace {

using Texts = std::vector<std::string>;
using Indexes = std::vector<std::size_t>;

// 0 root, 1-3 block 0, 4-6 block 1, 7-8 top level.
const std::vector<ModuleName>& vit() {
  static const std::vector<ModuleName> modules{
      {"", "VitImpl", {}},
      {"blocks.0", "my::BlockImpl", {}},
      {"blocks.0.attn", "anycapture::detail::Hooked<my::AttentionImpl>", {}},
      {"blocks.0.attn.qkv", "torch::nn::LinearImpl", {"tied.qkv"}},
      {"blocks.1", "my::BlockImpl", {}},
      {"blocks.1.attn", "__torch__.timm.___torch_mangle_1.Attention", {}},
      {"blocks.1.mlp", "my::Linear", {}},
      {"attn", "AttentionPool<float>", {}},
      {"od:d", "HeadImpl", {}},
  };
  return modules;
}

BoundSelectors bind(const Texts& texts) {
  return BoundSelectors(SelectorList(texts), vit());
}

TEST(BoundSelectors, MatchModulesByTheTable) {
  const std::vector<std::pair<std::string, Indexes>> table{
      {"Attention", {2, 5}},
      {"AttentionImpl", {2}},
      {"attn", {7}},
      {"Linear", {3, 6}},
      {"torch::nn::Linear", {3}},
      {"torch::nn::LinearImpl", {3}},
      {"my::Linear", {6}},
      {"my::Attention", {2}},
      {"timm.Attention", {5}},
      {"__torch__.timm.___torch_mangle_1.Attention", {5}},
      {"AttentionPool", {7}},
      {"AttentionPool<float>", {7}},
      {"*.attn", {2, 5, 7}},
      {"*.attn:attn", {2, 5, 7}},
      {"blocks.*", {1, 2, 3, 4, 5, 6}},
      {"blocks.[1-9].*", {5, 6}},
      {"blocks.[!1]*", {1, 2, 3}},
      {"blocks.{0,1}", {1, 4}},
      {"blocks.?", {1, 4}},
      {"*Attention", {2, 5}},
      {"Att*", {2, 5, 7}},
      {"att*", {7}},
      {"{Block,Vit}", {0, 1, 4}},
      {"torch::nn::*", {3}},
      {"type:*Attention", {2, 5}},
      {"type:attn", {}},
      {"path:Attention", {}},
      {"path:attn", {7}},
      {"path:*.attn", {2, 5, 7}},
      {"path:", {0}},
      {":output", {0}},
      {"Vit", {0}},
      {"*", {0, 1, 2, 3, 4, 5, 6, 7, 8}},
      {"re:/blocks\\.\\d/", {1, 4}},
      {"re:/.*attn/:attn", {2, 5, 7}},
      {"re:/.*/", {0, 1, 2, 3, 4, 5, 6, 7, 8}},
      {"tied.qkv", {3}},
      {"tied.*", {3}},
      {"od%3Ad", {8}},
      {"path:od:d:output", {8}},
      {"fn:attn", {}},
  };
  for (const auto& [text, modules] : table) {
    // `!` so that one that matches nothing does not throw.
    EXPECT_EQ(bind({"*", "!" + text}).modules_of(1), modules) << text;
  }
}

TEST(BoundSelectors, GiveTheSelectorsOfEachModule) {
  const BoundSelectors bound = bind({"Attention:attn", "!blocks.*", "*.attn:output"});
  EXPECT_EQ(bound.modules_of().size(), 3u);
  EXPECT_EQ(bound.selectors_of(2), (Indexes{0, 1, 2}));
  EXPECT_EQ(bound.selectors_of(7), (Indexes{2}));
  EXPECT_EQ(bound.selectors_of(4), (Indexes{}));  // only taken away
  EXPECT_EQ(bound.selectors_of(0), (Indexes{}));
}

TEST(BoundSelectors, ChooseTheFirstSelectorThatWants) {
  const BoundSelectors bound = bind({"Attention:attn", "*.attn:*", "*.attn:output"});
  EXPECT_EQ(bound.chooses(2, "attn", SiteKind::kTag), 0);
  EXPECT_EQ(bound.chooses(2, "q", SiteKind::kTag), 1);
  EXPECT_EQ(bound.chooses(2, "output.0", SiteKind::kOutput), 2);
  EXPECT_EQ(bound.chooses(2, "input", SiteKind::kInput), -1);
  EXPECT_EQ(bound.chooses(7, "attn", SiteKind::kTag), 1);
  EXPECT_EQ(bound.chooses(0, "attn", SiteKind::kTag), -1);
}

TEST(BoundSelectors, TakeAwayAndAddAgainInOrder) {
  const BoundSelectors bound = bind({"*.attn:*", "!blocks.0.*", "blocks.0.attn:q", "!*:scores"});
  EXPECT_EQ(bound.chooses(2, "attn", SiteKind::kTag), -1);
  EXPECT_EQ(bound.chooses(2, "q", SiteKind::kTag), 2);
  EXPECT_EQ(bound.chooses(5, "q", SiteKind::kTag), 0);
  EXPECT_EQ(bound.chooses(5, "scores", SiteKind::kTag), -1);
  EXPECT_EQ(bound.chooses(5, "scores", SiteKind::kLocal), -1);
}

TEST(BoundSelectors, TellWhichKindsAModuleMayGive) {
  const BoundSelectors bound =
      bind({"*.attn", "!blocks.0.*", "blocks.0.attn:input", "!attn:output"});
  EXPECT_TRUE(bound.may_choose(5, SiteKind::kOutput));
  EXPECT_FALSE(bound.may_choose(5, SiteKind::kInput));
  EXPECT_FALSE(bound.may_choose(2, SiteKind::kOutput));
  EXPECT_TRUE(bound.may_choose(2, SiteKind::kInput));
  EXPECT_TRUE(bound.may_choose(7, SiteKind::kTag));
  EXPECT_FALSE(bound.may_choose(0, SiteKind::kOutput));
}

TEST(BoundSelectors, ChooseFunctionsOnlyByFn) {
  const BoundSelectors bound = bind({"*:*", "fn:softmax_*:scores", "fn:my::other", "!fn:*:secret"});
  EXPECT_EQ(bound.chooses_function("softmax_scores", "scores"), 1);
  EXPECT_EQ(bound.chooses_function("my::softmax_scores", "scores"), 1);
  EXPECT_EQ(bound.chooses_function("softmax_scores", "x"), -1);
  EXPECT_EQ(bound.chooses_function("my::other", "x"), 2);
  EXPECT_EQ(bound.chooses_function("other", "x"), -1);
  EXPECT_EQ(bound.chooses_function("my::other", "secret"), -1);
  EXPECT_EQ(bound.chooses(0, "scores", SiteKind::kTag), 0);
}

std::string message_of(const std::string& text, const std::vector<ModuleName>& modules = vit()) {
  try {
    BoundSelectors(SelectorList(Texts{text}), modules);
  } catch (const SelectorError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(BoundSelectors, NameTheNearestWhenNothingMatches) {
  const std::string types =
      "; the types there are: Vit, Block, Attention, Linear, AttentionPool<float>, Head; "
      "anycapture::modules(model) lists all paths and types";
  EXPECT_EQ(message_of("Atention:attn"),
            "selector \"Atention:attn\": none of the model's 9 modules has the type or the path "
            "\"Atention\"; nearest types: \"Attention\"" +
                types);
  EXPECT_EQ(message_of("blocks.0.atn"),
            "selector \"blocks.0.atn\": none of the model's 9 modules has the type or the path "
            "\"blocks.0.atn\"; nearest paths: \"blocks.0.attn\", \"blocks.1.attn\", \"blocks.0\"" +
                types);
  EXPECT_EQ(message_of("*.atn"),
            "selector \"*.atn\": none of the model's 9 modules has a path that matches \"*.atn\"; "
            "nearest paths: \"*.attn\"" +
                types);
  EXPECT_EQ(message_of("layers.*.attn"),
            "selector \"layers.*.attn\": none of the model's 9 modules has a path that matches "
            "\"layers.*.attn\"; nearest paths: \"*.attn\"" +
                types);
  EXPECT_EQ(message_of("typ:Attention"),
            "selector \"typ:Attention\": none of the model's 9 modules has the type or the path "
            "\"typ\"; the prefix is written \"type:Attention\"" +
                types);
  EXPECT_EQ(message_of("re:/layers.*/"),
            "selector \"re:/layers.*/\": none of the model's 9 modules has a path that matches "
            "/layers.*/ as a whole" +
                types);
  EXPECT_EQ(message_of("type:Attn*"),
            "selector \"type:Attn*\": none of the model's 9 modules has a type that matches "
            "\"Attn*\"" +
                types);
}

// What the message of a selector says between what it looked for and the types there are.
std::string hint_of(const std::string& text) {
  const std::string message = message_of(text);
  const std::size_t start = message.find("; ");
  return message.substr(start, message.find("; the types there are") - start);
}

TEST(BoundSelectors, SayHowSeveralSelectorsAreWritten) {
  const std::string list = "; several selectors are a list: {\"Vit\", \"Mlp:fc\"}";
  EXPECT_EQ(hint_of("Vit;Mlp:fc"), list);
  EXPECT_EQ(hint_of("Vit, Mlp:fc"), list);
  EXPECT_EQ(hint_of("Atention;").find("several"), std::string::npos);
  EXPECT_EQ(hint_of("blocks.{7,8}.none").find("several"), std::string::npos);
  EXPECT_EQ(hint_of("Pool<int,float>").find("several"), std::string::npos);
}

TEST(BoundSelectors, SayHowPythonsSpellingsAreWritten) {
  EXPECT_EQ(hint_of("torch.nn.Linear"), "; in C++ it is \"torch::nn::Linear\", or \"Linear\"");
  EXPECT_EQ(hint_of("type:models.Vit"), "; in C++ it is \"Vit\"");
  EXPECT_EQ(hint_of("torch.nn.Nothing").find("C++"), std::string::npos);
  EXPECT_EQ(hint_of("blocks[0].attn"), "; the path is written \"blocks.0.attn\"");
  EXPECT_EQ(hint_of("blocks[*].attn:attn"), "; the path is written \"blocks.*.attn:attn\"");
  EXPECT_EQ(hint_of("path:blocks[1].mlp"), "; the path is written \"blocks.1.mlp\"");
  EXPECT_EQ(hint_of("blocks[7].attn").find("written"), std::string::npos);
}

TEST(BoundSelectors, SayThatAColonIsTooMany) {
  const std::string near = "; nearest types: \"Attention\"";
  const std::string hint = near + "; one \":\" too many: a selector is \"module:what\"";
  EXPECT_EQ(hint_of("Attention:attn:0"), hint);
  EXPECT_EQ(hint_of("type:Attention:attn:0"), hint);
  EXPECT_EQ(hint_of("typ:Attention:attn"),
            near + "; the prefix is written \"type:Attention:attn\"");
}

TEST(BoundSelectors, SpeakOfTheOnlyModule) {
  const std::vector<ModuleName> owner{{"", "my::OwnerImpl", {}}};
  const std::string back =
      "; a child is seen once register_module() names it; anycapture::modules(model) lists all "
      "paths and types";
  EXPECT_EQ(
      message_of("Attention", owner),
      "selector \"Attention\": the model's only module, of type Owner, does not have the type "
      "or the path \"Attention\"" +
          back);
  EXPECT_EQ(
      message_of("path:*.attn", owner),
      "selector \"path:*.attn\": the model's only module, of type Owner, does not have a path "
      "that matches \"*.attn\"" +
          back);
}

TEST(BoundSelectors, NameFullTypesWhenANamespaceWasSpelledOut) {
  const std::string message = message_of("torch::nn::Linar");
  EXPECT_NE(message.find("nearest types: \"torch::nn::Linear\""), std::string::npos) << message;
}

TEST(BoundSelectors, LimitTheTypesThatAMessageLists) {
  std::vector<ModuleName> modules;
  for (int i = 0; i < 30; ++i) modules.push_back({"m", "Type" + std::to_string(i), {}});
  const std::string message = message_of("Nothing", modules);
  EXPECT_NE(message.find("Type11 and 18 more"), std::string::npos) << message;
}

TEST(BoundSelectors, MayBeToldThatNoMatchIsFine) {
  const BoundSelectors bound(SelectorList(Texts{"Nothing:x"}), vit(), Unmatched::allow);
  EXPECT_TRUE(bound.modules_of(0).empty());
}

TEST(BoundSelectors, DoNotMissWhatFunctionSelectorsMatch) {
  EXPECT_TRUE(bind({"fn:nothing_of_this_name"}).modules_of(0).empty());
}

}  // namespace
}  // namespace anycapture
