// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/npy.h"
#include "core/npz_reader.h"
#include "core/safetensors_bytes.h"
#include "support/zip_bytes.h"
#include "support/cli.h"
#include "support/csv.h"
#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using anycapture::CaptureMetadata;
using anycapture::safetensors::contents;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::put;
using anycapture::safetensors::Reader;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string data_of(const std::string& path, const std::string& key) {
  const Reader reader(path);
  const auto* tensor = reader.find(key);
  if (tensor == nullptr) return "no " + key;
  return {reinterpret_cast<const char*>(reader.data(*tensor)), tensor->bytes};
}

class Convert : public ::testing::Test {
 protected:
  Convert() {
    CaptureMetadata metadata;
    metadata.order = {"m:b", "m:a"};
    metadata.sites["m:a"] = {"m", "Model", "a", "float32"};
    metadata.sites["m:b"] = {"m", "Model", "b", "int64"};
    metadata.model = "Model";
    anycapture::safetensors::write(
        in, {source("m:a", Dtype::kF32, {2, 2}, floats), source("m:b", Dtype::kI64, {}, integer)},
        {{"anycapture", metadata.to_json()}, {"by", "hand"}});
  }
  Said convert(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "convert");
    return support::anycapture(arguments);
  }
  void expect_done(const std::vector<std::string>& arguments) {
    const Said said = convert(arguments);
    EXPECT_EQ(said.err, "");
    EXPECT_EQ(said.out, "");
    EXPECT_EQ(said.status, 0);
  }

  const std::string floats = bytes_of<float>({1, -2.5, 1e5F, 0});
  const std::string integer = bytes_of<std::int64_t>({-7});
  TempDir folder;
  std::string in = folder.file("x.safetensors");
};

TEST_F(Convert, ToNpzAndBackKeepsEveryByte) {
  for (const char* packing : {"", "--compress"}) {
    const std::string npz = folder.file("x.npz"), back = folder.file("back.safetensors");
    std::vector<std::string> arguments{in, npz};
    if (*packing != '\0') arguments.emplace_back(packing);
    expect_done(arguments);
    const anycapture::npz::Reader reader(npz);
    ASSERT_EQ(reader.tensors().size(), 2u);
    EXPECT_EQ(reader.tensors()[0].key, "m:b");  // by execution
    EXPECT_EQ(reader.tensors()[1].shape, (std::vector<std::int64_t>{2, 2}));
    expect_done({npz, back});
    EXPECT_EQ(data_of(back, "m:a"), floats);
    EXPECT_EQ(data_of(back, "m:b"), integer);
  }
}

TEST_F(Convert, ASafetensorsFileKeepsWhatTheMetadataSaysOfTheKeysChosen) {
  const std::string out = folder.file("part.safetensors");
  expect_done({in, out, "--keys", "*:a"});
  const Reader reader(out);
  ASSERT_EQ(reader.tensors().size(), 1u);
  EXPECT_EQ(reader.metadata().at("by"), "hand");
  const auto metadata = CaptureMetadata::from_json(reader.metadata().at("anycapture"));
  EXPECT_EQ(metadata.model, "Model");
  EXPECT_THAT(metadata.order, ElementsAre("m:a"));
  EXPECT_EQ(metadata.sites.size(), 1u);
  expect_done({in, out, "--keys", "[m]:[b]"});
  EXPECT_NE(Reader(out).find("m:b"), nullptr);
  EXPECT_EQ(convert({in, out, "--keys", "none"}).status, 2);
}

TEST_F(Convert, FloatsToAnotherDtypeInPlace) {
  const Said said = convert({in, in, "--dtype", "f16"});
  EXPECT_EQ(said.status, 0);
  EXPECT_EQ(said.err,
            "anycapture: warning: 1 value of \"m:a\" is too large for the new dtype and became "
            "infinite\n");
  EXPECT_EQ(data_of(in, "m:a"), bytes_of<std::uint16_t>({0x3C00, 0xC100, 0x7C00, 0}));
  EXPECT_EQ(data_of(in, "m:b"), integer);  // no float
  expect_done({in, in, "--dtype", "f64"});
  EXPECT_EQ(data_of(in, "m:a"), bytes_of<double>({1, -2.5, HUGE_VAL, 0}));
}

TEST_F(Convert, WhatNumpyHasNoTypeForAsksForADtype) {
  const std::string bf16 = folder.file("b.safetensors"), npz = folder.file("b.npz");
  anycapture::safetensors::write(
      bf16, {source("x", Dtype::kBF16, {2}, bytes_of<std::uint16_t>({0x3F80, 0xC020}))});
  put(npz, "old");
  const Said said = convert({bf16, npz});
  EXPECT_EQ(said.status, 3);
  EXPECT_THAT(said.err, HasSubstr("--dtype f32"));
  EXPECT_EQ(contents(npz), "old");
  expect_done({bf16, npz, "--dtype", "f32"});
  expect_done({npz, bf16});
  EXPECT_EQ(data_of(bf16, "x"), bytes_of<float>({1, -2.5}));
}

TEST_F(Convert, ToAFolderOfNpy) {
  const std::string out = folder.file("arrays");
  anycapture::safetensors::write(
      in, {source("m:a", Dtype::kF32, {2, 2}, floats), source("../up", Dtype::kU8, {0}, "")});
  expect_done({in, out + "/"});
  EXPECT_THAT(files_in(out), ElementsAre("..%2Fup.npy", "m:a.npy"));
  const auto array = anycapture::npy::read(out + "/m:a.npy");
  EXPECT_EQ(std::memcmp(array.bytes.data, floats.data(), floats.size()), 0);
  const Said again = convert({in, out});
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.err, HasSubstr("arrays: is not empty: name a new folder"));
}

TEST_F(Convert, OneNpyEachWay) {
  const std::string npy = folder.file("m:a.npy"), back = folder.file("back.safetensors");
  const Said two = convert({in, npy});
  EXPECT_EQ(two.status, 2);
  EXPECT_THAT(two.err,
              HasSubstr("a .npy file holds one tensor, these are 2: choose one with --keys"));
  expect_done({in, npy, "--keys", "m:a"});
  expect_done({npy, back});
  EXPECT_EQ(data_of(back, "m:a"), floats);
}

// Of values that no double prints in few digits; the reference is the textbook's, in long double.
TEST_F(Convert, ToACsvOfStatistics) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(std::sin(i) * 1e3 / 7);
  values[17] = values[18] = 0;
  std::vector<double> with_others = values;
  with_others.push_back(HUGE_VAL);
  with_others.push_back(NAN);
  anycapture::safetensors::write(
      in, {source("x:a", Dtype::kF64, {3, 334}, bytes_of(with_others)),
           source("empty", Dtype::kF32, {0, 4}, ""), source("m:b", Dtype::kI64, {}, integer)});
  const std::string csv = folder.file("stats.csv");
  expect_done({in, csv});
  auto rows = support::csv_rows(contents(csv));
  ASSERT_EQ(rows.size(), 3u);
  auto& row = rows[2];
  EXPECT_EQ(row["key"], "x:a");
  EXPECT_EQ(row["dtype"], "float64");
  EXPECT_EQ(row["shape"], "3 334");
  EXPECT_EQ(row["count"], "1002");
  EXPECT_EQ(row["nan"] + row["inf"] + row["zeros"], "113");

  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  long double sum = 0, squares = 0;
  for (double value : values) sum += value;
  for (double value : values) squares += (value - sum / 1000) * (value - sum / 1000);
  EXPECT_EQ(std::stod(row["min"]), *least);  // every digit
  EXPECT_EQ(std::stod(row["max"]), *most);
  const auto index = [&](auto at) {
    return std::to_string((at - values.begin()) / 334) + " " +
           std::to_string((at - values.begin()) % 334);
  };
  EXPECT_EQ(row["min_index"], index(least));
  EXPECT_EQ(row["max_index"], index(most));
  EXPECT_NEAR(std::stod(row["mean"]), static_cast<double>(sum / 1000), 1e-10);
  EXPECT_NEAR(std::stod(row["std"]), static_cast<double>(std::sqrt(squares / 1000)), 1e-10);

  std::array<int, 8> histogram{};
  for (double value : values) {
    ++histogram[static_cast<std::size_t>(
        std::min(7.0, std::floor((value - *least) / (*most - *least) * 8)))];
  }
  for (std::size_t h = 0; h < 8; ++h) {
    EXPECT_EQ(row["h" + std::to_string(h + 1)], std::to_string(histogram[h])) << h;
  }
  std::sort(values.begin(), values.end());  // as numpy.percentile: between two of them
  EXPECT_NEAR(std::stod(row["p1"]), values[9] + 0.99 * (values[10] - values[9]), 1e-10);
  EXPECT_NEAR(std::stod(row["median"]), (values[499] + values[500]) / 2, 1e-10);
  EXPECT_NEAR(std::stod(row["p99"]), values[989] + 0.01 * (values[990] - values[989]), 1e-10);
  EXPECT_EQ(row["entropy_per_head"], "");

  EXPECT_EQ(rows[0]["key"], "empty");
  EXPECT_EQ(rows[0]["shape"], "0 4");
  EXPECT_EQ(rows[0]["min"] + rows[0]["min_index"] + rows[0]["mean"] + rows[0]["h1"], "");
  EXPECT_EQ(rows[1]["shape"], "");  // no axes
  EXPECT_EQ(rows[1]["min"], "-7");
}

TEST_F(Convert, ACsvQuotesKeysAndKnowsAttention) {
  CaptureMetadata metadata;
  const std::string quoted = "a \"b\", [c]", lines = "two\nlines", plain = "\xC3\xA9:attn";
  metadata.order = {lines, quoted, plain};
  anycapture::safetensors::write(
      in,
      {source(plain, Dtype::kF32, {2, 1, 4},
              bytes_of<float>({0.25F, 0.25F, 0.25F, 0.25F, 0, 0.5F, 0.5F, 0})),
       source(quoted, Dtype::kU8, {1}, "x"), source(lines, Dtype::kU8, {1}, "y")},
      {{"anycapture", metadata.to_json()}});
  const std::string csv = folder.file("stats.csv");
  put(csv, "old");
  expect_done({in, csv});
  EXPECT_THAT(contents(csv), StartsWith("key,dtype,shape,count,min,min_index,max,max_index,mean,"
                                        "std,p1,median,p99,nan,inf,zeros,h1,h2,h3,h4,h5,h6,h7,h8,"
                                        "entropy_per_head\n\"two\nlines\",uint8,1,1,121,0,121,"));
  auto rows = support::csv_rows(contents(csv));
  ASSERT_EQ(rows.size(), 3u);  // by execution
  EXPECT_EQ(rows[0]["key"], lines);
  EXPECT_EQ(rows[1]["key"], quoted);
  EXPECT_EQ(rows[2]["key"], plain);
  const std::string& entropies = rows[2]["entropy_per_head"];
  std::size_t second = 0;
  EXPECT_NEAR(std::stod(entropies, &second), std::log(4), 1e-6);
  EXPECT_EQ(entropies.at(second), ' ');
  EXPECT_NEAR(std::stod(entropies.substr(second)), std::log(2), 1e-6);
}

TEST_F(Convert, ACsvIsTheSameFromEveryFormat) {
  const std::string npz = folder.file("x.npz"), csv = folder.file("a.csv");
  expect_done({in, npz});
  expect_done({in, csv});
  const std::string whole = contents(csv);
  expect_done({npz, csv});
  EXPECT_EQ(contents(csv), whole);
  expect_done({in, csv, "--keys", "*:a"});
  const std::string part = contents(csv);
  EXPECT_EQ(support::csv_rows(part).size(), 1u);
  expect_done({in, folder.file("m:a.npy"), "--keys", "m:a"});
  expect_done({folder.file("m:a.npy"), csv});
  EXPECT_EQ(contents(csv), part);
}

TEST_F(Convert, SaysHowAnNpzIsDamaged) {
  const std::string npz = folder.file("x.npz"), out = folder.file("out.safetensors");
  expect_done({in, npz});
  std::filesystem::resize_file(npz, std::filesystem::file_size(npz) - 10);
  EXPECT_EQ(convert({npz, out}).err,
            "anycapture: " + npz +
                ": is no zip file, or was cut short: write it again, or fetch it again\n");
  put(npz, anycapture::npz::zip_of({{"notes.txt", "hello"}}));
  EXPECT_EQ(convert({npz, out}).err,
            "anycapture: " + npz + ": is a zip file: give the path of a .safetensors file\n");
}

TEST_F(Convert, MistakesLeaveNothing) {
  EXPECT_THAT(convert({in, folder.file("x.npz"), "--dtype", "f8"}).err,
              HasSubstr("--dtype: \"f8\" is not f16, bf16, f32 or f64\n"));
  EXPECT_THAT(support::anycapture({"convert", "--help"}).out,
              HasSubstr("--dtype f16|bf16|f32|f64 "));
  const Said dtype = convert({in, folder.file("x.csv"), "--dtype", "f16"});
  EXPECT_EQ(dtype.status, 2);
  EXPECT_THAT(dtype.err, HasSubstr("x.csv: a .csv holds statistics of the values as they are: "
                                   "leave --dtype out\n"));
  EXPECT_THAT(convert({in, folder.file("x.csv"), "--compress"}).err,
              HasSubstr("x.csv: only .npz can be compressed\n"));
  EXPECT_EQ(convert({in, folder.file("none/x.csv")}).status, 3);
  EXPECT_THAT(convert({in, folder.file("x.pt")}).err,
              HasSubstr("\".pt\" is no ending that can be"));
  EXPECT_EQ(convert({in, folder.file("x.pt")}).status, 2);
  EXPECT_THAT(convert({in, folder.file("y.safetensors"), "--compress"}).err,
              HasSubstr("only .npz can be compressed"));
  EXPECT_EQ(convert({in, folder.file("none/x.npz")}).status, 3);
  EXPECT_EQ(convert({in, folder.file("x.npz"), "--dtype", "f17"}).status, 2);
  EXPECT_THAT(convert({folder.file("none"), folder.file("x.npz")}).err,
              StartsWith("anycapture: " + folder.file("none") + ": cannot be read"));
  EXPECT_THAT(files_in(folder.path()), ElementsAre("x.safetensors"));
}

}  // namespace
