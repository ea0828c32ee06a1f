// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/csv.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// `late` fires after `early`, whose second call, the last of all, is the one with a NaN.
class Stats : public ::testing::Test {
 protected:
  Stats() {
    CaptureMetadata metadata;
    metadata.order = {"early", "late"};
    metadata.calls["early"] = {{0, 0, ""}, {2, 0, ""}};
    metadata.calls["late"] = {{1, 0, ""}};
    const std::vector<float> attention{0.5, 0.5, 0.5, 0.5, 1, 0, 1, 0};
    anycapture::safetensors::write(
        path,
        {source("early", Dtype::kF32, {2, 3}, bytes_of<float>({1, 2, 3, 0, -8, 5})),
         source("early#1", Dtype::kF32, {2}, bytes_of<float>({1, kNan})),
         source("late", Dtype::kF32, {1, 2, 2, 2}, bytes_of(attention))},
        {{"anycapture", metadata.to_json()}});
  }

  TempDir folder;
  std::string path = folder.file("x.safetensors");
};

TEST_F(Stats, PrintsATableInTheOrderOfExecution) {
  const Said said = support::anycapture({"stats", path});
  EXPECT_EQ(said.err, "");
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.out, R"(
key      min  at            max  at            mean     std    p1  median  p99  NaN  zeros  min..max
early     -8  [1, 1]          5  [1, 2]         0.5   4.113  -7.6     1.5  4.9           1  ▅   ▅▅█▅
late       0  [0, 1, 0, 1]    1  [0, 1, 0, 0]   0.5  0.3536     0     0.5    1           2  ▅   █  ▅
early#1    1  [0]             1  [0]              1       0     1       1    1    1         █

key   entropy per head, nats  of at most
late  0.69  0.00                    0.69
)" + 1);
}

TEST_F(Stats, ChecksThatAllIsFinite) {
  const Said bad = support::anycapture({"stats", path, "--check-finite"});
  EXPECT_EQ(bad.status, 1);
  EXPECT_EQ(bad.out, "early#1: 1 NaN and 0 Inf of 2 values, the first at [1]\n");
  const Said good = support::anycapture({"stats", path, "late", "--check-finite"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.out, "1 tensor, all values finite\n");
  for (const char* form : {"--json", "--csv"}) {
    const Said said = support::anycapture({"stats", path, "--check-finite", form});
    EXPECT_EQ(said.status, 2);
    EXPECT_EQ(said.out, "");
    EXPECT_THAT(said.err, HasSubstr("--check-finite excludes " + std::string(form)));
  }
}

TEST_F(Stats, LeavesQuantilesOut) {
  EXPECT_THAT(support::anycapture({"stats", path, "--no-quantiles"}).out, Not(HasSubstr("median")));
}

TEST_F(Stats, JsonHoldsTheSame) {
  const auto json = nlohmann::json::parse(support::anycapture({"stats", path, "--json"}).out);
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["name"], "early");
  EXPECT_EQ(json[0]["min"], -8);
  EXPECT_EQ(json[0]["min_index"], nlohmann::json({1, 1}));
  EXPECT_EQ(json[0]["median"], 1.5);
  EXPECT_EQ(json[1]["name"], "late");
  EXPECT_NEAR(json[1]["entropy_per_head"][0], std::log(2), 1e-6);
  EXPECT_EQ(json[1]["entropy_per_head"][1], 0);
  EXPECT_EQ(json[2]["nan"], 1);
}

TEST_F(Stats, CsvHoldsTheSame) {
  const Said said = support::anycapture({"stats", path, "--csv"});
  EXPECT_EQ(said.err, "");
  const auto rows = support::csv_rows(said.out);
  const auto json = nlohmann::json::parse(support::anycapture({"stats", path, "--json"}).out);
  ASSERT_EQ(rows.size(), json.size());
  const auto spaced = [](const nlohmann::json& numbers) {
    std::string text;
    for (const auto& number : numbers) text += (text.empty() ? "" : " ") + number.dump();
    return text;
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto row = rows[i];
    EXPECT_EQ(row["key"], json[i]["name"]);
    EXPECT_EQ(row["dtype"], json[i]["dtype"]);
    for (const char* name :
         {"count", "min", "max", "mean", "std", "p1", "median", "p99", "nan", "inf", "zeros"}) {
      EXPECT_EQ(std::stod(row[name]), json[i][name].get<double>()) << row["key"] << " " << name;
    }
    for (const char* name : {"shape", "min_index", "max_index"}) {
      EXPECT_EQ(row[name], spaced(json[i][name])) << row["key"] << " " << name;
    }
    for (std::size_t h = 0; h < 8; ++h) {
      EXPECT_EQ(row["h" + std::to_string(h + 1)], json[i]["histogram"][h].dump());
    }
    EXPECT_EQ(row["entropy_per_head"].empty(), json[i].count("entropy_per_head") == 0);
  }
  EXPECT_EQ(support::anycapture({"stats", path, "--csv", "--json"}).status, 2);
}

TEST_F(Stats, CsvWithoutQuantilesLeavesTheirFieldsEmpty) {
  auto row = support::csv_rows(
      support::anycapture({"stats", path, "late", "--csv", "--no-quantiles"}).out)[0];
  EXPECT_EQ(row["mean"], "0.5");
  for (const char* name : {"p1", "median", "p99", "h1", "h8", "entropy_per_head"}) {
    EXPECT_EQ(row.at(name), "") << name;
  }
}

TEST_F(Stats, OfNoFiniteValueSaysHowMany) {
  const std::string file = folder.file("nan.safetensors");
  anycapture::safetensors::write(
      file, {source("x", Dtype::kF32, {3}, bytes_of<float>({kNan, kInf, kNan}))});
  EXPECT_EQ(support::anycapture({"stats", file}).out, "key  NaN  Inf\nx      2    1\n");
}

}  // namespace
