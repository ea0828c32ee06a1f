// SPDX-License-Identifier: MIT
// `anycapture rollout`: what it writes; its values are tested in test/core/rollout_test.cpp.
#include <anycapture/image.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "core/npy.h"
#include "core/safetensors_bytes.h"
#include "support/cli.h"
#include "support/temp_dir.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::safetensors::Dtype;
using anycapture::safetensors::Reader;
using anycapture::safetensors::source;
using support::bytes_of;
using support::Said;
using support::TempDir;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

class RolloutCommand : public ::testing::Test {
 protected:
  RolloutCommand() {
    CaptureMetadata metadata;
    metadata.order = {"first:attn", "second:attn"};
    metadata.grid = {1, 1};
    metadata.prefix = 1;
    metadata.image = CaptureMetadata::Image{":input.0", {0}, {1}};
    anycapture::safetensors::write(
        path,
        {source("first:attn", Dtype::kF32, {1, 1, 2, 2}, bytes_of<float>({0.5, 0.5, 0, 1})),
         source("second:attn", Dtype::kF32, {1, 2, 2, 2},
                bytes_of<float>({1, 0, 0.5, 0.5, 1, 0, 0, 1})),
         source(":input.0", Dtype::kF32, {1, 1, 4, 4}, bytes_of(std::vector<float>(16, 0.5f))),
         source("bad:attention", Dtype::kF32, {2, 2},
                bytes_of<float>({std::numeric_limits<float>::quiet_NaN(), 0, 0, 1})),
         source("cross:attn", Dtype::kF32, {1, 2}, bytes_of<float>({0.25, 0.75}))},
        {{"anycapture", metadata.to_json()}});
  }

  Said rollout(std::vector<std::string> more) {
    more.insert(more.begin(), {"rollout", path});
    return support::anycapture(more);
  }

  std::vector<float> values(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"first:attn", "second:attn", "-o", dir.file("r.npy")});
    const Said said = rollout(more);
    EXPECT_EQ(said.status, 0) << said.err;
    const auto array = anycapture::npy::read(dir.file("r.npy"));
    const auto* data = static_cast<const float*>(array.bytes.data);
    return {data, data + array.bytes.size / sizeof(float)};
  }

  TempDir dir;
  const std::string path = dir.file("maps.safetensors");
};

TEST_F(RolloutCommand, MultipliesLayersByExecution) {
  // [1 0; .125 .875] times [.75 .25; 0 1]
  EXPECT_THAT(values(), ElementsAre(0.75f, 0.25f, FloatEq(0.09375f), FloatEq(0.90625f)));
  EXPECT_THAT(values({"--start-layer", "1"}), ElementsAre(1, 0, 0.125f, 0.875f));
  EXPECT_THAT(values({"--start-layer", "1", "--fusion", "min"}), ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(values({"--start-layer", "1", "--fusion", "max"}),
              ElementsAre(1, 0, FloatEq(0.2f), FloatEq(0.8f)));
}

TEST_F(RolloutCommand, NeverDiscardsTheClassTokenUnlessThereIsNone) {
  EXPECT_THAT(values({"--start-layer", "1", "--discard-ratio", "0.9"}),
              ElementsAre(1, 0, 0.125f, 0.875f));
  EXPECT_THAT(values({"--start-layer", "1", "--discard-ratio", "0.9", "--no-class-token"}),
              ElementsAre(1, 0, 0, 1));
}

TEST_F(RolloutCommand, KeepsPictureAndGridForLaterCommands) {
  const std::string out = dir.file("r.safetensors");
  ASSERT_EQ(rollout({"*t:attn", "second:attn", "-o", out}).status, 0);
  const Reader file(out);
  ASSERT_NE(file.find("rollout"), nullptr);
  EXPECT_THAT(file.find("rollout")->shape, ElementsAre(2, 2));
  EXPECT_NE(file.find(":input.0"), nullptr);
  const auto metadata = CaptureMetadata::from_json(file.metadata().at("anycapture"));
  EXPECT_EQ(metadata.image->key, ":input.0");
  EXPECT_EQ(metadata.prefix, 1);
  EXPECT_EQ(
      support::anycapture({"plot", out, "rollout", "--token", "0", "-o", dir.file("p.png")}).err,
      "");
}

TEST_F(RolloutCommand, DrawsWhereATokenLooks) {
  ASSERT_EQ(rollout({"first:attn", "-o", dir.file("r.png")}).status, 0);
  EXPECT_GT(anycapture::read_image(dir.file("r.png")).width, 100);
}

TEST_F(RolloutCommand, SaysWhatIsWrong) {
  EXPECT_THAT(rollout({"first:attn", "cross:attn", "-o", dir.file("r.npy")}).err,
              HasSubstr("\"cross:attn\" has (1, 2)"));
  EXPECT_THAT(rollout({"bad:attention", "-o", dir.file("r.npy")}).err,
              HasSubstr("row 0 of layer 0 is not finite"));
  EXPECT_THAT(rollout({":input.0", "-o", dir.file("r.npy")}).err,
              HasSubstr("holds attention maps"));
  EXPECT_THAT(rollout({"first:attn", "-o", dir.file("r.txt")}).err, HasSubstr("no ending"));
  EXPECT_THAT(rollout({"first:attn", "--start-layer", "1", "-o", dir.file("r.npy")}).err,
              HasSubstr("no layer 1"));
}

}  // namespace
