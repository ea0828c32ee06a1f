// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/selector.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace anycapture {
namespace {

struct Parsed {
  std::string text;
  bool negative;
  ModuleForm form;
  std::string module;
  bool has_what;
  std::string what;
};

const std::vector<Parsed>& parsed_table() {
  using F = ModuleForm;
  static const std::vector<Parsed> table{
      {"Attention", false, F::kWord, "Attention", false, ""},
      {"Attention:attn", false, F::kWord, "Attention", true, "attn"},
      {"blocks.3.attn:attn", false, F::kWord, "blocks.3.attn", true, "attn"},
      {"torch::nn::Linear", false, F::kWord, "torch::nn::Linear", false, ""},
      {"torch::nn::Linear:output", false, F::kWord, "torch::nn::Linear", true, "output"},
      {"::Linear:output", false, F::kWord, "::Linear", true, "output"},
      {"a:::output", false, F::kWord, "a::", true, "output"},
      {"a::b:c:d", false, F::kWord, "a::b:c", true, "d"},
      {"*.attn:attn", false, F::kGlob, "*.attn", true, "attn"},
      {"*", false, F::kGlob, "*", false, ""},
      {"*:*", false, F::kGlob, "*", true, "*"},
      {"*Attention", false, F::kGlob, "*Attention", false, ""},
      {"blocks.[0-5].mlp", false, F::kGlob, "blocks.[0-5].mlp", false, ""},
      {"blocks.[!0].mlp:output", false, F::kGlob, "blocks.[!0].mlp", true, "output"},
      {"blocks.{0,11}.*", false, F::kGlob, "blocks.{0,11}.*", false, ""},
      {"blocks.{0,1{0,1}}.attn", false, F::kGlob, "blocks.{0,1{0,1}}.attn", false, ""},
      {"blocks.?.attn", false, F::kGlob, "blocks.?.attn", false, ""},
      {"[[]x", false, F::kGlob, "[[]x", false, ""},
      {"!blocks.0.*", true, F::kGlob, "blocks.0.*", false, ""},
      {"!Attention:attn", true, F::kWord, "Attention", true, "attn"},
      {"!:output", true, F::kRoot, "", true, "output"},
      {":output", false, F::kRoot, "", true, "output"},
      {":input.0", false, F::kRoot, "", true, "input.0"},
      {"type:Attention", false, F::kType, "Attention", false, ""},
      {"type:*Attention:attn", false, F::kType, "*Attention", true, "attn"},
      {"type:torch::nn::Linear:output", false, F::kType, "torch::nn::Linear", true, "output"},
      {"type::Attention", false, F::kWord, "type::Attention", false, ""},
      {"path:Attention", false, F::kPath, "Attention", false, ""},
      {"path:blocks.0:output", false, F::kPath, "blocks.0", true, "output"},
      {"path::output", false, F::kWord, "path::output", false, ""},
      {"path:", false, F::kPath, "", false, ""},
      {"re:/blocks\\.\\d+/", false, F::kRegex, "blocks\\.\\d+", false, ""},
      {"re:/blocks\\.\\d+/:attn", false, F::kRegex, "blocks\\.\\d+", true, "attn"},
      {"re:/(?:a|b):c/:x", false, F::kRegex, "(?:a|b):c", true, "x"},
      {"!re:/a.*/", true, F::kRegex, "a.*", false, ""},
      {"fn:softmax_scores", false, F::kFunction, "softmax_scores", false, ""},
      {"fn:softmax_scores:scores", false, F::kFunction, "softmax_scores", true, "scores"},
      {"fn:my::scores:x", false, F::kFunction, "my::scores", true, "x"},
      {"!fn:*:x", true, F::kFunction, "*", true, "x"},
      {"Attention:attn[0]", false, F::kWord, "Attention", true, "attn[0]"},
      {"Attention:attn[*]", false, F::kWord, "Attention", true, "attn[*]"},
      {"Attention:forward.output", false, F::kWord, "Attention", true, "forward.output"},
      {"Attention:encode.output", false, F::kWord, "Attention", true, "encode.output"},
      {"Attention:{q,k,v}", false, F::kWord, "Attention", true, "{q,k,v}"},
      {"Attention:@softmax", false, F::kWord, "Attention", true, "@softmax"},
      {"*.attn:@aten::_softmax", false, F::kGlob, "*.attn", true, "@aten::_softmax"},
      {"Attention:attention", false, F::kWord, "Attention", true, "attention"},
      {"typ:Attention", false, F::kWord, "typ", true, "Attention"},
      {"my block.0:x", false, F::kWord, "my block.0", true, "x"},
      {"a%3Ab:x", false, F::kWord, "a%3Ab", true, "x"},
  };
  return table;
}

TEST(Selector, ParsesTheTable) {
  ASSERT_GE(parsed_table().size(), 40u);
  for (const Parsed& expected : parsed_table()) {
    SCOPED_TRACE(expected.text);
    const Selector got = Selector::parse(expected.text);
    EXPECT_EQ(got.text(), expected.text);
    EXPECT_EQ(got.negative(), expected.negative);
    EXPECT_EQ(got.form(), expected.form);
    EXPECT_EQ(got.module(), expected.module);
    EXPECT_EQ(got.has_what(), expected.has_what);
    EXPECT_EQ(got.what(), expected.what);
  }
}

TEST(Selector, LeavesOutSurroundingSpaces) {
  EXPECT_EQ(Selector::parse("  Attention:attn\n").text(), "Attention:attn");
}

std::string message_of(const std::string& text) {
  try {
    Selector::parse(text);
  } catch (const SelectorError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

struct Malformed {
  std::string text;
  std::string message;  // how it begins
};

TEST(Selector, SaysWhatIsMalformedAndWhere) {
  const std::vector<Malformed> table{
      {"", "a selector is empty: write \":output\" for the root's output"},
      {"  ", "a selector is empty"},
      {"!", "selector \"!\", character 2: nothing follows the \"!\": write what to take away"},
      {"Attention:",
       "selector \"Attention:\", character 11: nothing follows the \":\": write a name"},
      {":", "selector \":\", character 2: nothing follows the \":\""},
      {"re:/a/:", "selector \"re:/a/:\", character 8: nothing follows the \":\""},
      {"blocks.[0-5.mlp",
       "selector \"blocks.[0-5.mlp\", character 8: the \"[\" has no \"]\": write a class such as"},
      {"b\xC3\xA9.[0", "selector \"b\xC3\xA9.[0\", character 4: the \"[\" has no \"]\""},
      {"blocks.0-5].mlp", "selector \"blocks.0-5].mlp\", character 11: the \"]\" has no \"[\""},
      {"[]", "selector \"[]\", character 1: the \"[\" has no \"]\""},
      {"blocks.[5-0]",
       "selector \"blocks.[5-0]\", character 8: the range in \"[5-0]\" is upside down"},
      {"blocks.{0,11.attn",
       "selector \"blocks.{0,11.attn\", character 8: the \"{\" has no \"}\": write alternatives"},
      {"{Attention:attn,Mlp:fc}",
       "selector \"{Attention:attn,Mlp:fc}\", character 1: the \"{\" has no \"}\""},
      {"path:a}", "selector \"path:a}\", character 7: the \"}\" has no \"{\""},
      {"Attention:{q,k", "selector \"Attention:{q,k\", character 11: the \"{\" has no \"}\""},
      {"Attention:attn[a-c]",
       "selector \"Attention:attn[a-c]\", character 11: after the \":\" brackets number the"},
      {"Attention:attn[0].x",
       "selector \"Attention:attn[0].x\", character 11: after the \":\" brackets number the"},
      {"Attention:[0]", "selector \"Attention:[0]\", character 11: a name is missing"},
      {"Attention:@", "selector \"Attention:@\", character 11: a name is missing"},
      {"Attention:@.input", "selector \"Attention:@.input\", character 11: a name is missing"},
      {"Attention:@softmax.output.0",
       "selector \"Attention:@softmax.output.0\", character 11: an op's name alone stands for its "
       "result: write \"@softmax\", \"@softmax.0\" for the first of several, \"@softmax.input\" "
       "for"},
      {"Attention:@softmax[0].input",
       "selector \"Attention:@softmax[0].input\", character 11: after the \":\" brackets number"},
      {"Attention:output[0]",
       "selector \"Attention:output[0]\", character 11: only variables and ops are numbered: "
       "write \"output.0\""},
      {"Attention:attn#1",
       "selector \"Attention:attn#1\", character 15: a selector chooses all calls of a site"},
      {"Attention: attn",
       "selector \"Attention: attn\", character 11: a space after the \":\": leave it out"},
      {"type: Attention", "selector \"type: Attention\", character 6: a space after the \":\""},
      {"re:/a/:\tx", "selector \"re:/a/:\tx\", character 8: a space after the \":\""},
      {"re:blocks", "selector \"re:blocks\", character 4: a regular expression stands between"},
      {"re:/blocks", "selector \"re:/blocks\", character 4: the regular expression has no closing"},
      {"re:/a/x", "selector \"re:/a/x\", character 7: only \":what\" may follow the closing"},
      {"re:/(a/",
       "selector \"re:/(a/\", character 5: not a regular expression of ECMAScript's kind"},
      {"type:", "selector \"type:\", character 6: a type is missing"},
      {"fn:", "selector \"fn:\", character 4: a function's name is missing"},
      {"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
       "selector \"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}\", character 1: its "
       "braces spell out more than 1024 alternatives"},
  };
  for (const Malformed& one : table) {
    EXPECT_EQ(message_of(one.text).substr(0, one.message.size()), one.message);
  }
}

TEST(Selector, RefusesTextsThatOnlyAnAttackWouldHold) {
  EXPECT_NE(message_of(std::string(5000, '*')).find("the longest is 4096"), std::string::npos);
  EXPECT_NE(message_of(std::string(40, '{') + std::string(40, '}')).find("more than 32 deep"),
            std::string::npos);
}

TEST(Selector, PassesOnWhatTheRegularExpressionLibrarySays) {
  const std::string message = message_of("re:/(a/");
  const std::size_t kind = message.find("kind: ");
  ASSERT_NE(kind, std::string::npos) << message;
  EXPECT_GT(message.size(), kind + 10) << message;
}

struct Site {
  std::string what;
  SiteKind kind;
};

const Site kTagAttn{"attn", SiteKind::kTag};
const Site kTagFree{"softmax_scores.scores", SiteKind::kTag};
const Site kLocalAttn{"attn", SiteKind::kLocal};
const Site kLocalAttn0{"attn[0]", SiteKind::kLocal};
const Site kLocalAttn1{"attn[1]", SiteKind::kLocal};
const Site kLocalField{"qkv.0", SiteKind::kLocal};
const Site kLocalOther{"_pos_embed.x", SiteKind::kLocal};
const Site kLocalOutput{"forward.output", SiteKind::kLocal};
const Site kOutput{"output", SiteKind::kOutput};
const Site kOutput0{"output.0", SiteKind::kOutput};
const Site kOutputDeep{"output.0.1", SiteKind::kOutput};
const Site kEncodeOutput{"encode.output", SiteKind::kOutput};
const Site kInput1{"input.1", SiteKind::kInput};
const Site kAttention{"attention", SiteKind::kAttention};
const Site kSoftmax{"@softmax", SiteKind::kOp};
const Site kSoftmax1{"@softmax[1]", SiteKind::kOp};
const Site kSoftmaxInner{"@_softmax", SiteKind::kOp};
const Site kSoftmaxFull{"@aten::_softmax", SiteKind::kOp};
const Site kSoftmaxInput{"@softmax.input", SiteKind::kOpInput};

struct Chosen {
  std::string what;  // as after `*:`; "-" for none
  std::vector<Site> yes;
  std::vector<Site> no;
};

TEST(Selector, MatchesWhatsByTheTable) {
  const std::vector<Chosen> table{
      {"-",
       {kTagAttn, kTagFree, kOutput, kOutput0, kEncodeOutput, kAttention},
       {kLocalAttn, kLocalAttn0, kInput1, kSoftmax, kLocalOutput}},
      {"attn", {kTagAttn, kLocalAttn}, {kLocalAttn0, kOutput, kAttention, kTagFree}},
      {"at*", {kTagAttn, kLocalAttn}, {kAttention, kLocalAttn0}},
      {"forward.attn", {kTagAttn, kLocalAttn}, {kLocalAttn0, kLocalOther}},
      {"attn[0]", {kLocalAttn0}, {kLocalAttn, kLocalAttn1, kTagAttn}},
      {"attn[*]", {kLocalAttn0, kLocalAttn1}, {kLocalAttn, kTagAttn}},
      {"forward.attn[1]", {kLocalAttn1}, {kLocalAttn0, kLocalAttn}},
      {"*[*]", {kLocalAttn0, kLocalAttn1}, {kLocalAttn, kSoftmax}},
      {"*",
       {kTagAttn, kTagFree, kLocalAttn, kLocalField, kLocalOther, kLocalOutput},
       {kLocalAttn0, kOutput, kOutput0, kInput1, kAttention, kSoftmax}},
      {"forward.*", {kTagAttn, kLocalAttn, kLocalOutput}, {kLocalOther, kTagFree, kOutput}},
      {"f*", {}, {kLocalAttn, kLocalOutput, kTagAttn}},
      {"qkv", {kLocalField}, {kLocalAttn}},
      {"qkv.0", {kLocalField}, {kLocalAttn}},
      {"qkv.1", {}, {kLocalField}},
      {"_pos_embed.x", {kLocalOther}, {kLocalAttn}},
      {"*.x", {kLocalOther}, {kLocalAttn}},
      {"*.attn", {kLocalAttn, kTagAttn}, {kLocalOther, kLocalAttn0}},
      {"x", {}, {kLocalOther}},
      {"softmax_scores.*", {kTagFree}, {kTagAttn}},
      {"output",
       {kOutput, kOutput0, kOutputDeep},
       {kLocalOutput, kEncodeOutput, kInput1, kTagAttn}},
      {"output.0", {kOutput0, kOutputDeep}, {kOutput, kLocalOutput}},
      {"output.*", {kOutput0, kOutputDeep}, {kOutput}},
      {"forward.output", {kLocalOutput}, {kOutput, kOutput0}},
      {"encode.output", {kEncodeOutput, {"encode.output.1", SiteKind::kOutput}}, {kOutput}},
      {"input", {kInput1, {"input", SiteKind::kInput}}, {kOutput, {"input", SiteKind::kLocal}}},
      {"attention", {kAttention}, {kOutput, {"attention", SiteKind::kLocal}}},
      {"@softmax", {kSoftmax, {"@softmax.0", SiteKind::kOp}}, {{"@relu", SiteKind::kOp}, kOutput}},
      {"@*",
       {kSoftmax, {"@relu", SiteKind::kOp}, {"@topk.1", SiteKind::kOp}},
       {kOutput, kTagAttn, kSoftmaxInput, kSoftmaxInner, kSoftmaxFull, kSoftmax1}},
      {"@softmax.0", {{"@softmax.0", SiteKind::kOp}}, {kSoftmax, kSoftmaxInput}},
      {"@softmax[1]", {kSoftmax1}, {kSoftmax, {"@softmax[2]", SiteKind::kOp}}},
      {"@softmax[*]", {kSoftmax1}, {kSoftmax}},
      {"@softmax.input",
       {kSoftmaxInput, {"@softmax.input.1", SiteKind::kOpInput}},
       {kSoftmax, {"@softmax.input[1]", SiteKind::kOpInput}}},
      {"@*.input.1",
       {{"@softmax.input.1", SiteKind::kOpInput}},
       {kSoftmaxInput, {"@softmax.input.10", SiteKind::kOpInput}, kInput1}},
      {"@_softmax", {kSoftmaxInner}, {kSoftmax, kSoftmaxFull, {"@softmax", SiteKind::kTag}}},
      {"@*_", {{"@relu_", SiteKind::kOp}}, {kSoftmax, kSoftmaxInner}},
      {"@aten::*", {kSoftmaxFull, {"@aten::relu", SiteKind::kOp}}, {kSoftmax, kSoftmaxInner}},
      {"@aten::_softmax", {kSoftmaxFull}, {{"@aten::softmax", SiteKind::kOp}, kSoftmax}},
      {"{@softmax,@_softmax.input}",
       {kSoftmax, {"@_softmax.input", SiteKind::kOpInput}},
       {kSoftmaxInner, kSoftmaxInput}},
      {"{attn,output}", {kTagAttn, kOutput, kOutput0}, {kInput1, kLocalOutput}},
  };
  for (const Chosen& row : table) {
    const Selector selector = Selector::parse(row.what == "-" ? "*" : "*:" + row.what);
    for (const Site& site : row.yes) {
      EXPECT_TRUE(selector.matches_what(site.what, site.kind)) << row.what << " for " << site.what;
    }
    for (const Site& site : row.no) {
      EXPECT_FALSE(selector.matches_what(site.what, site.kind)) << row.what << " for " << site.what;
    }
  }
}

TEST(Selector, WithoutAWhatTakesEverythingAway) {
  const Selector selector = Selector::parse("!blocks.0.*");
  for (const Site& site : {kTagAttn, kLocalAttn0, kInput1, kOutput, kAttention, kSoftmax}) {
    EXPECT_TRUE(selector.matches_what(site.what, site.kind)) << site.what;
  }
}

TEST(Selector, TellsTheKindsThatItAsksFor) {
  const Selector plain = Selector::parse("Attention");
  EXPECT_TRUE(plain.asks_for(SiteKind::kTag));
  EXPECT_TRUE(plain.asks_for(SiteKind::kOutput));
  EXPECT_TRUE(plain.asks_for(SiteKind::kAttention));
  EXPECT_FALSE(plain.asks_for(SiteKind::kLocal));
  EXPECT_FALSE(plain.asks_for(SiteKind::kInput));
  EXPECT_FALSE(plain.asks_for(SiteKind::kOp));
  EXPECT_FALSE(plain.asks_only_for(SiteKind::kOutput));

  const Selector output = Selector::parse("Attention:{output,encode.output}");
  EXPECT_TRUE(output.asks_only_for(SiteKind::kOutput));
  EXPECT_FALSE(output.asks_for(SiteKind::kTag));
  EXPECT_FALSE(Selector::parse("Attention:{output,x}").asks_only_for(SiteKind::kOutput));

  const Selector op = Selector::parse("Attention:@softmax");
  EXPECT_TRUE(op.asks_only_for(SiteKind::kOp));
  EXPECT_FALSE(op.asks_for(SiteKind::kOpInput));
  EXPECT_FALSE(op.numbers_ops());
  EXPECT_TRUE(Selector::parse("Attention:@softmax.input").asks_only_for(SiteKind::kOpInput));
  EXPECT_TRUE(Selector::parse("Attention:{attn,@softmax[*]}").numbers_ops());
  EXPECT_FALSE(Selector::parse("Attention:attn[0]").numbers_ops());

  const Selector input = Selector::parse("Attention:@mat*.input.1[0]");
  EXPECT_TRUE(input.may_match_op("@matmul", SiteKind::kOpInput));
  EXPECT_FALSE(input.may_match_op("@matmul", SiteKind::kOp));
  EXPECT_FALSE(input.may_match_op("@softmax", SiteKind::kOpInput));
  EXPECT_FALSE(input.may_match_op("@aten::matmul", SiteKind::kOpInput));

  const Selector name = Selector::parse("Attention:attn");
  EXPECT_FALSE(name.may_match_op("@attn", SiteKind::kOp));
  EXPECT_TRUE(name.asks_for(SiteKind::kLocal));
  EXPECT_FALSE(name.asks_for(SiteKind::kOutput));
  EXPECT_FALSE(name.asks_only_for(SiteKind::kTag));
}

}  // namespace
}  // namespace anycapture
