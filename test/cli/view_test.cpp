// SPDX-License-Identifier: MIT
// What `anycapture view` writes and says; what a browser makes of it is tested in test/browser.
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/page.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::Source;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Rows that sum to 1, all of them different.
std::vector<float> attention(int heads, int queries, int keys) {
  std::vector<float> values;
  for (int row = 0; row < heads * queries; ++row) {
    float sum = 0;
    for (int key = 0; key < keys; ++key) {
      values.push_back(1 + static_cast<float>((row * 7 + key * 5) % 23));
      sum += values.back();
    }
    for (int key = 0; key < keys; ++key)
      values[values.size() - static_cast<std::size_t>(key) - 1] /= sum;
  }
  return values;
}

class View : public ::testing::Test {
 protected:
  void write(const std::vector<Source>& sources, const CaptureMetadata& metadata = {}) {
    anycapture::safetensors::write(path, sources, {{"anycapture", metadata.to_json()}});
  }

  // Of maps called m0:attn, m1:attn ... with 1 + 2 x 3 tokens.
  void write_maps(int layers, int heads = 2) {
    std::vector<Source> sources;
    for (int layer = 0; layer < layers; ++layer) {
      sources.push_back(source("m" + std::to_string(layer) + ":attn", Dtype::kF32, {1, heads, 7, 7},
                               bytes_of(attention(heads, 7, 7))));
    }
    CaptureMetadata metadata;
    metadata.grid = {2, 3};
    metadata.prefix = 1;
    write(sources, metadata);
  }

  Said view(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"view", path, "-o", out});
    return support::anycapture(more);
  }

  // Of a page that was written.
  nlohmann::json json(std::vector<std::string> more = {}) {
    const Said said = view(std::move(more));
    EXPECT_EQ(said.status, 0) << said.err;
    page = support::text_of_file(out);
    return support::json_of_page(page);
  }

  TempDir dir;
  const std::string path = dir.file("maps.safetensors");
  const std::string out = dir.file("maps.html");
  std::string page;
};

TEST_F(View, HoldsEachValueToA255thOfItsRow) {
  const std::vector<float> values = attention(2, 7, 7);
  write({source("a:attn", Dtype::kF32, {1, 2, 7, 7}, bytes_of(values))});
  const nlohmann::json layer = json()["groups"][0]["layers"][0];
  EXPECT_EQ(layer["key"], "a:attn");
  EXPECT_EQ(layer["form"], "steps");
  const std::vector<float> read =
      support::values_of_steps(support::block_of(page, layer["blocks"][0]), 7);
  ASSERT_EQ(read.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto row = values.begin() + static_cast<std::ptrdiff_t>(i / 7 * 7);
    EXPECT_NEAR(read[i], values[i], *std::max_element(row, row + 7) / 255) << i;
  }
}

TEST_F(View, LeavesNoPlaceholderAndAsksForNoNetwork) {
  write_maps(1);
  json();
  EXPECT_THAT(page, Not(HasSubstr("<!--data-->")));
  EXPECT_THAT(page, Not(HasSubstr("<!--title-->")));
  EXPECT_THAT(page, Not(HasSubstr("/*script*/")));
  EXPECT_THAT(page, HasSubstr("<title>maps.safetensors</title>"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
}

TEST_F(View, EscapesWhatNamesHold) {
  const std::string name = "</script><b>&\xE2\x80\xA8\"'";
  write({source(name, Dtype::kF32, {2}, bytes_of(std::vector<float>{1, 2}))});
  EXPECT_EQ(json()["tensors"][0]["key"], name);
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script\u003e\u003cb\u003e\u0026\u2028)"));
}

TEST_F(View, FindsMapsByNameAndBySum) {
  const std::vector<float> half(49, 0.5f);
  write({source("a:attention", Dtype::kF32, {7, 7}, bytes_of(half)),
         source("b:output", Dtype::kF32, {7, 7}, bytes_of(half)),
         source("c:attn", Dtype::kF32, {3, 2, 5}, bytes_of(attention(3, 2, 5))),
         source("d:ids", Dtype::kI64, {2, 1}, bytes_of(std::vector<std::int64_t>{1, 1}))});
  const nlohmann::json said = json();
  ASSERT_EQ(said["groups"].size(), 2);
  EXPECT_EQ(said["groups"][0]["layers"][0]["key"], "a:attention");
  EXPECT_EQ(said["groups"][0]["layers"][0]["otherSums"], 7);
  EXPECT_EQ(said["groups"][1]["layers"][0]["key"], "c:attn");
  EXPECT_EQ(said["groups"][1]["queries"], 2);
  ASSERT_EQ(said["tensors"].size(), 2);
  EXPECT_EQ(said["tensors"][0]["key"], "b:output");
  EXPECT_EQ(said["tensors"][1]["dtype"], "int64");
}

TEST_F(View, CountsWhatIsNotFinite) {
  std::vector<float> values = attention(1, 7, 7);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  values[10] = std::numeric_limits<float>::infinity();
  write({source("a:attention", Dtype::kF32, {1, 7, 7}, bytes_of(values))});
  const nlohmann::json layer = json()["groups"][0]["layers"][0];
  EXPECT_EQ(layer["nan"], 1);
  EXPECT_EQ(layer["inf"], 1);
  EXPECT_EQ(layer["otherSums"], 0);
}

TEST_F(View, ChoosesLayersHeadsAndKeys) {
  write_maps(3);
  nlohmann::json group = json({"--layers", "0,2", "--heads", "1"})["groups"][0];
  EXPECT_EQ(group["heads"], nlohmann::json({1}));
  ASSERT_EQ(group["layers"].size(), 2);
  EXPECT_EQ(group["layers"][1]["place"], 2);
  EXPECT_THAT(json({"--layers", "0,2"})["notes"],
              ElementsAre("the page has 2 of 3 layers: rollout is over those alone"));
  group = json({"m1:*"})["groups"][0];
  ASSERT_EQ(group["layers"].size(), 1);
  EXPECT_EQ(group["layers"][0]["key"], "m1:attn");
  EXPECT_THAT(view({"--layers", "3"}).err, HasSubstr("no layer 3 among the 3 attention maps"));
  EXPECT_THAT(view({"--heads", "2"}).err, HasSubstr("no head 2: give 0 to 1"));
}

TEST_F(View, SaysWhichItemOfABatchItShows) {
  write({source("a:attn", Dtype::kF32, {2, 1, 3, 3}, bytes_of(attention(2, 3, 3)))});
  EXPECT_THAT(view().err, HasSubstr("item 0 of a batch of 2: --batch chooses another"));
  EXPECT_THAT(view({"--batch", "1"}).err, Not(HasSubstr("note")));
  EXPECT_EQ(json({"--batch", "1"})["batch"], nlohmann::json({{"item", 1}, {"items", 2}}));
  EXPECT_EQ(view({"--batch", "2"}).status, 2);
}

TEST_F(View, SaysWhichGridWouldFit) {
  write_maps(1);
  EXPECT_EQ(json()["groups"][0]["grid"], nlohmann::json({{"rows", 2}, {"cols", 3}, {"prefix", 1}}));
  const Said said = view({"--grid", "4x4"});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("the 7 tokens of \"m0:attn\" are not 4 x 4 patches"));
  EXPECT_THAT(said.err, HasSubstr("--grid 2x3 --prefix 1 would fit"));
}

TEST_F(View, LaysTheGridThatTheFileTellsBeforeAGuess) {
  CaptureMetadata metadata;
  metadata.grid = {8, 8};
  metadata.prefix = 0;
  write({source("cross:attn", Dtype::kF32, {1, 1, 64, 10}, bytes_of(attention(1, 64, 10)))},
        metadata);
  const nlohmann::json shown = json();
  EXPECT_EQ(shown["groups"][0]["grid"], nlohmann::json({{"rows", 8}, {"cols", 8}, {"prefix", 0}}));
  EXPECT_EQ(shown["groups"][0]["gridIsKnown"], true);
  EXPECT_THAT(shown["notes"], IsEmpty());
  write({source("step:attn", Dtype::kF32, {1, 1, 1, 8}, bytes_of(attention(1, 1, 8)))});
  EXPECT_EQ(json()["groups"][0]["grid"], nullptr) << "one patch is no picture";
}

TEST_F(View, SaysWhatTheFileTellsThatFitsNothing) {
  CaptureMetadata metadata;
  metadata.grid = {4, 4};
  metadata.prefix = 1;
  metadata.tokens = {"a", "b", "c"};
  write({source("m:attn", Dtype::kF32, {1, 1, 20, 20}, bytes_of(attention(1, 20, 20)))}, metadata);
  const Said said = view();
  EXPECT_EQ(said.status, 0);
  const char* const unfit[] = {
      "the 20 tokens of \"m:attn\" are not the 17 of the 4 x 4 patches behind 1 prefix token that "
      "the file tells of: give --grid ROWSxCOLUMNS; --grid 4x5 --prefix 0 would fit",
      "the file tells of 3 tokens, but the maps have 20 queries and 20 keys"};
  const nlohmann::json notes = support::json_of_page(support::text_of_file(out))["notes"];
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_THAT(said.err, HasSubstr(unfit[i]));
    EXPECT_THAT(notes[i], HasSubstr(unfit[i]));
  }
  metadata.tokens = {"CLS"};
  write({source("m:attn", Dtype::kF32, {1, 1, 17, 17}, bytes_of(attention(1, 17, 17)))}, metadata);
  EXPECT_THAT(json()["notes"], IsEmpty()) << "what is in front of the patches alone has a text";
}

TEST_F(View, TakesTokensFromAFile) {
  write_maps(1);
  const std::string tokens = dir.file("tokens.json");
  put(tokens, R"({"tokens": ["a", "b", "c", "d", "e", "f", "g"]})");
  EXPECT_EQ(json({"--tokens", tokens})["tokens"].size(), 7);
  put(tokens, R"(["a", "b"])");
  Said said = view({"--tokens", tokens});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("gives 2 tokens, but the maps have 7 queries and 7 keys"));
  put(tokens, R"(["a", 2])");
  said = view({"--tokens", tokens});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("holds no tokens"));
  put(tokens, "[");
  EXPECT_THAT(view({"--tokens", tokens}).err, HasSubstr("is no JSON"));
  EXPECT_EQ(view({"--tokens", dir.file("none.json")}).status, 3);
}

TEST_F(View, StaysWithinItsBudgetAndSaysHow) {
  std::vector<Source> sources;
  for (int layer = 0; layer < 4; ++layer) {
    sources.push_back(source("m" + std::to_string(layer) + ":attn", Dtype::kF32, {8, 260, 260},
                             bytes_of(attention(8, 260, 260))));
  }
  sources.push_back(source("x", Dtype::kF32, {5, 5}, bytes_of(std::vector<float>(25, 2))));
  write(sources);
  const Said said = view({"--max-mb", "1", "--exact"});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.err, HasSubstr("not f16, means over heads"));
  EXPECT_LT(std::filesystem::file_size(out), 1'000'000);
  const nlohmann::json page_json = support::json_of_page(support::text_of_file(out));
  EXPECT_EQ(page_json["groups"][0]["mean"], true);
  EXPECT_THAT(page_json["notes"][0], HasSubstr("--max-mb"));
  EXPECT_THAT(view({"--max-mb", "0"}).err, HasSubstr("--max-mb"));
}

TEST_F(View, ComparesWhatBothHold) {
  write_maps(2);
  const std::string other = dir.file("other.safetensors");
  std::vector<float> values = attention(2, 7, 7);
  std::swap(values[0], values[1]);
  anycapture::safetensors::write(
      other, {source("m0:attn", Dtype::kF32, {1, 2, 7, 7}, bytes_of(values)),
              source("m1:attn", Dtype::kF32, {1, 2, 3, 3}, bytes_of(attention(2, 3, 3))),
              source("new", Dtype::kF32, {1}, bytes_of(std::vector<float>{1}))});
  const Said said = view({"--compare", other});
  EXPECT_EQ(said.status, 0);
  EXPECT_THAT(said.err, HasSubstr("1 key is in B alone: \"new\""));
  EXPECT_THAT(said.err, HasSubstr("1 key has another shape in B: \"m1:attn\""));
  page = support::text_of_file(out);
  const nlohmann::json layer = support::json_of_page(page)["groups"][0]["layers"][0];
  ASSERT_EQ(layer["blocks"].size(), 3);
  const std::vector<float> difference =
      support::values_of_steps(support::block_of(page, layer["blocks"][2]), 7);
  EXPECT_NEAR(difference[0], values[1] - values[0], 1e-3);
  EXPECT_NEAR(difference[9], 0, 1e-7);
  EXPECT_THAT(view({"--compare"}).err, HasSubstr("--compare takes two files"));
}

TEST_F(View, SaysWhatCannotBeShown) {
  write_maps(1);
  Said said = support::anycapture({"view", path, "-o", dir.file("maps.png")});
  EXPECT_EQ(said.status, 2);
  EXPECT_THAT(said.err, HasSubstr("give .html"));
  EXPECT_EQ(support::anycapture({"view", dir.file("none.safetensors"), "-o", out}).status, 3);
  EXPECT_EQ(support::anycapture({"view", path, "-o", dir.file("no/such/folder.html")}).status, 3);
  write({});
  EXPECT_THAT(view().err, HasSubstr("holds no tensors"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
