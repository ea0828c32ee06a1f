// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::Source;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Source floats(const std::string& key, const std::vector<float>& values) {
  return source(key, Dtype::kF32, {static_cast<std::int64_t>(values.size())}, bytes_of(values));
}

class Diff : public ::testing::Test {
 protected:
  // Writes a capture whose keys were executed in this order.
  std::string write(const std::string& name, const std::vector<Source>& sources) {
    CaptureMetadata metadata;
    for (const Source& one : sources) {
      if (one.key.find('#') == std::string::npos) metadata.order.push_back(one.key);
    }
    anycapture::safetensors::write(folder.file(name), sources,
                                   {{"anycapture", metadata.to_json()}});
    return folder.file(name);
  }

  TempDir folder;
};

TEST_F(Diff, FollowsTheOrderOfExecution) {
  const std::string a = write("a.safetensors", {floats("z", {1, 2}), floats("y", {1, 2.5}),
                                                floats("b", {0, 0, 3}), floats("a", {1})});
  const std::string b =
      write("b.safetensors", {floats("a", {1.000001F}), floats("b", {0, 0}), floats("y", {1, 2}),
                              floats("z", {1, 2}), floats("more", {1})});
  const Said said = support::anycapture({"diff", a, b});
  EXPECT_EQ(said.err, "");
  EXPECT_EQ(said.status, 1);
  EXPECT_EQ(said.out, R"(
           key    max abs   max rel  mean abs    cosine  differing  first differing
same       z            0         0         0  1.000000
DIFFERS    y          0.5      0.25      0.25  0.996546     1 of 2  [1]: 2.5 against 2.0
SHAPE      b                                                        float32 [3] against float32 [2]
close      a     9.54e-07  9.54e-07  9.54e-07  1.000000
only in B  more

3 of 5 do not agree, the first executed is y
)" + 1);
}

TEST_F(Diff, AgreesWithinTheTolerance) {
  const std::string a = write("a.safetensors", {floats("x", {1, 2})});
  const std::string b = write("b.safetensors", {floats("x", {1, 2.01F})});
  EXPECT_EQ(support::anycapture({"diff", a, b}).status, 1);
  EXPECT_EQ(support::anycapture({"diff", a, b, "--atol", "0.011"}).status, 0);
  EXPECT_EQ(support::anycapture({"diff", a, b, "--rtol", "0.1"}).status, 0);
  EXPECT_THAT(support::anycapture({"diff", a, a}).out, HasSubstr("\nall 1 agree\n"));
  const Said negative = support::anycapture({"diff", a, a, "--rtol", "-1"});
  EXPECT_EQ(negative.status, 2);
  EXPECT_THAT(negative.err, HasSubstr("give numbers from 0"));
}

TEST_F(Diff, NamesAreMappedAndIgnored) {
  const std::string a = write(
      "a.safetensors", {floats("blocks.0.attn:attn", {1}), floats("blocks.0.attn:attn#1", {2}),
                        floats("blocks.11.attn:attn", {3}), floats(":input", {9})});
  const std::string b = write("b.safetensors", {floats("encoder.layer.0.self:probs", {1}),
                                                floats("encoder.layer.0.self:probs#1", {2}),
                                                floats("encoder.layer.11.self:probs", {3})});
  const std::string map = "encoder.layer.(*).self:probs=blocks.$1.attn:attn";
  const Said said = support::anycapture({"diff", a, b, "--map", map, "--ignore", ":in*"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, AllOf(HasSubstr("blocks.0.attn:attn#1"), HasSubstr("all 3 agree")));
  EXPECT_THAT(support::anycapture({"diff", a, b}).out,
              HasSubstr("no key is in both files: --map 'OLD=NEW'"));
  EXPECT_EQ(support::anycapture({"diff", a, b}).status, 1);
}

TEST_F(Diff, MapsTakeAnyKeyAndNoPatternTakesLong) {
  const std::string long_key(300, 'a');
  const std::string a = write("a.safetensors", {floats("enc.0.x", {1}), floats("\xC3\xA9\n", {2}),
                                                floats(long_key, {3}), floats("p[0]+q", {4})});
  const std::string b = write("b.safetensors", {floats("y.enc.0.00", {1}), floats("z", {2}),
                                                floats(long_key, {3}), floats("p", {4})});
  const Said said =
      support::anycapture({"diff", a, b, "--map", "(enc.(*)).x=y.$1.$20", "--map", "?\n=z", "--map",
                           "*a*a*a*a*a*a*a*a*b=c", "--map", "p[0]+q=p"});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_THAT(said.out, HasSubstr("all 4 agree"));
}

TEST_F(Diff, MalformedMapsAreExplained) {
  const std::string a = write("a.safetensors", {floats("x.0", {1}), floats("x.1", {1})});
  const auto error = [&](const std::string& map) {
    const Said said = support::anycapture({"diff", a, a, "--map", map});
    EXPECT_EQ(said.status, 2) << map;
    return said.err;
  };
  EXPECT_THAT(error("x"), HasSubstr("--map \"x\": it has no OLD=NEW; write it as"));
  EXPECT_THAT(error("x.*=y.*"), HasSubstr("a * in NEW stands for nothing"));
  EXPECT_THAT(error("x.(*=y"), HasSubstr("its parentheses do not match"));
  EXPECT_THAT(error("x.(*)=y.$2"), HasSubstr("$2 is none of its 1 pairs of parentheses"));
  EXPECT_THAT(error("x.)(*=y"), HasSubstr("its parentheses do not match"));
  EXPECT_THAT(error("x.(*)=y.$\x1b"), HasSubstr(": $\\x1b is none of its 1 pairs"));
  EXPECT_THAT(error("x.*=y"), HasSubstr("--map gives both \"x.0\" and \"x.1\" the name \"y\""));
}

TEST_F(Diff, FailFastStopsAtTheFirst) {
  const std::string a =
      write("a.safetensors", {floats("p", {1}), floats("q", {1}), floats("r", {1})});
  const std::string b =
      write("b.safetensors", {floats("p", {1}), floats("q", {2}), floats("r", {2})});
  EXPECT_THAT(support::anycapture({"diff", a, b, "--fail-fast"}).out,
              AllOf(HasSubstr("q"), Not(HasSubstr("\nDIFFERS  r")),
                    HasSubstr("the first executed is q; 1 were not compared")));
}

TEST_F(Diff, TellsDtypesApartAndComparesTheirValues) {
  const std::string a = write("a.safetensors", {floats("x", {1, 2})});
  const std::string b =
      write("b.safetensors", {source("x", Dtype::kF64, {2}, bytes_of<double>({1, 2}))});
  const Said said = support::anycapture({"diff", a, b});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.out, HasSubstr("same  x    float32 float64"));
  const std::string c =
      write("c.safetensors", {source("x", Dtype::kC64, {2}, bytes_of<float>({1, 0, 2, 0}))});
  EXPECT_THAT(support::anycapture({"diff", a, c}).out,
              HasSubstr("DTYPE  x    float32 against complex64: only one is complex\n"));
  EXPECT_THAT(support::anycapture({"diff", a, c, "--json"}).out,
              AllOf(HasSubstr("\"outcome\": \"DTYPE\""), HasSubstr("\"agrees\": false")));
}

TEST_F(Diff, ValuesThatDifferNeverReadTheSame) {
  const std::string a = write(
      "a.safetensors",
      {floats("x", {0.1F}), source("n", Dtype::kI64, {1}, bytes_of<std::int64_t>({100000001}))});
  const std::string b =
      write("b.safetensors", {floats("x", {0.10000001F}),
                              source("n", Dtype::kI64, {1}, bytes_of<std::int64_t>({100000002}))});
  EXPECT_THAT(support::anycapture({"diff", a, b, "--rtol", "0", "--atol", "0"}).out,
              AllOf(HasSubstr("[0]: 0.1 against 0.10000001"),
                    HasSubstr("[0]: 100000001 against 100000002")));
}

TEST_F(Diff, JsonHoldsTheSame) {
  const std::string a = write("a.safetensors", {floats("x", {1, 2}), floats("y", {0})});
  const std::string b =
      write("b.safetensors", {floats("x", {1, std::numeric_limits<float>::infinity()})});
  const auto json = nlohmann::json::parse(support::anycapture({"diff", a, b, "--json"}).out);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["outcome"], "DIFFERS");
  EXPECT_EQ(json[0]["max_abs"], "inf");
  EXPECT_EQ(json[0]["first"], nlohmann::json({1}));
  EXPECT_EQ(json[1]["outcome"], "only in A");
  EXPECT_EQ(json[1]["agrees"], false);
}

}  // namespace
