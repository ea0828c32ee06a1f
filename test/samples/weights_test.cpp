// SPDX-License-Identifier: MIT
#include "weights.h"

#include <ATen/ATen.h>

#include <anycapture/error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.h"
#include "support/throws.h"

namespace {

namespace safetensors = anycapture::safetensors;
using support::message_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

Shapes shapes_of(const VisionTransformer& model) {
  Shapes shapes;
  for (const auto& parameter : model->named_parameters())
    shapes[parameter.key()] = parameter.value().sizes().vec();
  return shapes;
}

ViTOptions tiny() {
  ViTOptions options;
  options.image_size = 16;
  options.patch_size = 8;
  options.channels = 1;
  options.width = 8;
  options.depth = 2;
  options.heads = 2;
  options.mlp_width = 16;
  options.classes = 3;
  return options;
}

// A file of zeros.
void write(const std::string& path, const Shapes& shapes,
           const safetensors::Metadata& metadata = {{"heads", "2"}},
           const std::map<std::string, safetensors::Dtype>& types = {}) {
  std::vector<safetensors::Source> sources;
  for (const auto& [key, shape] : shapes) {
    const auto type = types.count(key) ? types.at(key) : safetensors::Dtype::kF32;
    const auto scalar = type == safetensors::Dtype::kI64 ? at::kLong : at::kFloat;
    auto zeros = std::make_shared<at::Tensor>(at::zeros(shape, scalar));
    sources.push_back({key, type, shape, [zeros] {
                         return safetensors::Bytes{zeros->data_ptr(), zeros->nbytes(), zeros};
                       }});
  }
  safetensors::write(path, sources, metadata);
}

class WeightsTest : public testing::Test {
 protected:
  support::TempDir dir_;
  const std::string path_ = dir_.file("weights.safetensors");
  Shapes shapes_ = shapes_of(VisionTransformer(tiny()));

  // What loading says after the file's name.
  std::string refusal(std::int64_t heads = 0) {
    const auto text = message_of<anycapture::Error>([&] { load_vit(path_, heads); });
    EXPECT_THAT(text, StartsWith(path_ + ": "));
    return text.substr(std::min(text.size(), path_.size() + 2));
  }
};

TEST_F(WeightsTest, ComeBackAsTheyWereSaved) {
  const VisionTransformer saved(tiny());
  save_weights(*saved, path_, {{"heads", "2"}});
  const auto loaded = load_vit(path_);
  EXPECT_FALSE(loaded->is_training());
  const auto again = loaded->named_parameters();
  ASSERT_EQ(again.size(), saved->named_parameters().size());
  for (const auto& parameter : saved->named_parameters())
    EXPECT_TRUE(again[parameter.key()].equal(parameter.value())) << parameter.key();
}

TEST_F(WeightsTest, TakeHalfPrecision) {
  const auto half = std::make_shared<at::Tensor>(at::full({8}, 1.5, at::kHalf));
  Shapes others = shapes_;
  others.erase("norm.bias");
  write(path_, others);
  std::vector<safetensors::Source> sources;
  const safetensors::Reader file(path_);
  for (const auto& tensor : file.tensors()) {
    sources.push_back({tensor.key, tensor.dtype, tensor.shape, [&file, &tensor] {
                         return safetensors::Bytes{file.data(tensor), tensor.bytes, nullptr};
                       }});
  }
  sources.push_back({"norm.bias", safetensors::Dtype::kF16, {8}, [half] {
                       return safetensors::Bytes{half->data_ptr(), half->nbytes(), half};
                     }});
  const auto mixed = dir_.file("mixed.safetensors");
  safetensors::write(mixed, sources, {{"heads", "2"}});
  EXPECT_TRUE(load_vit(mixed)->named_parameters()["norm.bias"].equal(at::full({8}, 1.5)));
}

TEST_F(WeightsTest, ThatDoNotFitSayWhichAndWhy) {
  shapes_["blocks.1.mlp.fc2.weights"] = shapes_["blocks.1.mlp.fc2.weight"];
  shapes_.erase("blocks.1.mlp.fc2.weight");
  shapes_["norm.bias"] = {9};
  write(path_, shapes_, {{"heads", "2"}}, {{"norm.weight", safetensors::Dtype::kI64}});
  const auto message = message_of<anycapture::Error>([&] { load_vit(path_); });
  EXPECT_THAT(message, StartsWith(path_ + ": these weights do not fit the model"));
  EXPECT_THAT(message,
              AllOf(HasSubstr("\"blocks.1.mlp.fc2.weight\" is missing; nearest: \"blocks."),
                    HasSubstr("\"norm.bias\" has the shape (9), the model's is (8)"),
                    HasSubstr("\"norm.weight\" is I64; F64, F32, F16 and BF16 can be loaded"),
                    HasSubstr("the model has no \"blocks.1.mlp.fc2.weights\""),
                    Not(HasSubstr("plain ViTs"))));
}

TEST_F(WeightsTest, ThatDoNotFitChangeNothing) {
  VisionTransformer model(tiny());
  const auto before = model->named_parameters()["cls_token"].clone();
  shapes_["norm.bias"] = {9};
  write(path_, shapes_);
  EXPECT_THROW(load_weights(*model, path_), anycapture::Error);
  EXPECT_TRUE(model->named_parameters()["cls_token"].equal(before));
}

TEST_F(WeightsTest, OfAnotherModelAreNamed) {
  write(path_, {{"conv1.weight", {8, 3, 7, 7}}});
  EXPECT_EQ(refusal(),
            "these are not the weights of a timm ViT: there is no "
            "\"patch_embed.proj.weight\"; rename to timm's names");
}

TEST_F(WeightsTest, ShowNamesThatCannotWriteToTheTerminal) {
  shapes_["\x1b[31mpatch_embed.proj.weight"] = {1};
  write(path_, shapes_);
  EXPECT_THAT(refusal(), HasSubstr("the model has no \"\\x1b[31mpatch_embed.proj.weight\""));
  shapes_.erase("patch_embed.proj.weight");
  write(path_, shapes_);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("\"\\x1b[31mpatch_embed.proj.weight\""), Not(HasSubstr("\x1b"))));
}

TEST_F(WeightsTest, ThatAreNoPlainViTsSayWhatTheSampleKnows) {
  const auto* plain = "; this sample knows plain ViTs: no LayerScale, register tokens or average";
  auto registers = shapes_;
  registers["reg_token"] = {1, 4, 8};
  write(path_, registers);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("the model has no \"reg_token\""), HasSubstr(plain)));
  registers["pos_embed"] = {1, 4, 8};
  write(path_, registers);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is for 3 patches"), HasSubstr(plain)));
}

TEST_F(WeightsTest, WithAPlaceTooManyAreRefused) {
  shapes_["pos_embed"] = {1, 7, 8};
  write(path_, shapes_);
  EXPECT_EQ(refusal(), "\"pos_embed\" is for 6 patches, which make no square beside one CLS token");
}

TEST_F(WeightsTest, WithAHoleInTheBlocksNameIt) {
  shapes_["blocks.2.norm1.weight"] = {8};
  write(path_, shapes_);
  EXPECT_EQ(refusal(),
            "\"blocks.2.attn.qkv.weight\" is missing, but \"blocks.2.norm1.weight\" is there");
}

// A model of such sizes would take more memory than there is.
TEST_F(WeightsTest, MakeNoModelLargerThanTheirFile) {
  const auto refusal_with = [&](const std::string& key, const std::vector<std::int64_t>& shape) {
    auto shapes = shapes_;
    shapes[key] = shape;
    write(path_, shapes);
    return refusal();
  };
  EXPECT_EQ(
      refusal_with("head.weight", {1 << 20, 1}),
      "\"head.weight\" has the shape (1048576, 1), by the other shapes it must be (1048576, 8)");
  EXPECT_EQ(refusal_with("head.weight", {1, 3, 8}),
            "\"head.weight\" has the shape (1, 3, 8), a timm ViT's has 2 axes, none empty");
  EXPECT_EQ(refusal_with("head.weight", {0, 8}),
            "\"head.weight\" has the shape (0, 8), a timm ViT's has 2 axes, none empty");
  EXPECT_EQ(
      refusal_with("blocks.1.mlp.fc1.weight", {2, 8}),
      "\"blocks.1.mlp.fc1.weight\" has the shape (2, 8), by the other shapes it must be (16, 8)");
  write(path_, shapes_, {{"heads", "2"}}, {{"head.weight", safetensors::Dtype::kI64}});
  EXPECT_EQ(refusal(), "\"head.weight\" is I64; F64, F32, F16 and BF16 can be loaded");
}

TEST_F(WeightsTest, NeedHeadsThatDivideTheWidth) {
  const std::string give = ": give the number of heads (to the demo: --heads)";
  write(path_, shapes_, {});
  EXPECT_EQ(refusal(),
            "no number of heads is known for a width of 8 (the metadata has no \"heads\")" + give);
  EXPECT_EQ(refusal(3),
            "a width of 8 does not divide into 3 heads: give the number of heads, a "
            "divisor of 8 (to the demo: --heads)");
  EXPECT_EQ(load_vit(path_, 4)->options.heads, 4);
  for (const std::string heads : {"", "abc", "-2", "0", "2.0", "9", "99999999999999999999"}) {
    write(path_, shapes_, {{"heads", heads}});
    EXPECT_EQ(refusal(), "the metadata's \"heads\" is \"" + heads +
                             "\", no whole number from 1 to the width, 8" + give);
  }
}

TEST_F(WeightsTest, ThatAreMissingOrTruncatedAreFileErrors) {
  EXPECT_THAT(message_of<anycapture::FileError>([&] { load_vit(path_); }), StartsWith(path_));
  write(path_, shapes_);
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, bytes.size() / 2, bytes.size() - 1}) {
    const auto part = dir_.file("part.safetensors");
    std::ofstream(part, std::ios::binary) << bytes.substr(0, length);
    EXPECT_THAT(message_of<anycapture::FileError>([&] { load_vit(part); }), StartsWith(part))
        << length << " bytes";
  }
}

}  // namespace
