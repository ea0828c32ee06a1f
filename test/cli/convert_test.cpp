// SPDX-License-Identifier: MIT
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/npy.h"
#include "core/npz_reader.h"
#include "core/safetensors_bytes.h"
#include "core/zip_bytes.h"
#include "support/cli.h"
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
