// SPDX-License-Identifier: MIT
#include "weights.h"

#include <ATen/ATen.h>

#include <anycapture/error.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
           const safetensors::Metadata& metadata = {{"heads", "2"}}) {
  std::vector<safetensors::Source> sources;
  for (const auto& [key, shape] : shapes) {
    auto zeros = std::make_shared<at::Tensor>(at::zeros(shape));
    sources.push_back({key, safetensors::Dtype::kF32, shape, [zeros] {
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
  shapes_["blocks.1.mlp.fc1.weights"] = shapes_["blocks.1.mlp.fc1.weight"];
  shapes_.erase("blocks.1.mlp.fc1.weight");
  shapes_["norm.bias"] = {9};
  write(path_, shapes_);
  const auto message = message_of<anycapture::Error>([&] { load_vit(path_); });
  EXPECT_THAT(message, StartsWith(path_ + ": these weights do not fit the model"));
  EXPECT_THAT(message, AllOf(HasSubstr("`blocks.1.mlp.fc1.weight` is missing; nearest: `blocks."),
                             HasSubstr("`norm.bias` has the shape (9), the model's is (8)"),
                             HasSubstr("the model has no `blocks.1.mlp.fc1.weights`")));
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
  EXPECT_THAT(message_of<anycapture::Error>([&] { load_vit(path_); }),
              HasSubstr("these are no ViT's weights: there is no `patch_embed.proj.weight`"));
}

TEST_F(WeightsTest, WithAPlaceTooManyAreRefused) {
  shapes_["pos_embed"] = {1, 7, 8};
  write(path_, shapes_);
  EXPECT_THAT(message_of<anycapture::Error>([&] { load_vit(path_); }),
              HasSubstr("`pos_embed` is for 6 patches, which make no square"));
}

TEST_F(WeightsTest, NeedHeadsThatDivideTheWidth) {
  write(path_, shapes_, {});
  EXPECT_THAT(message_of<anycapture::Error>([&] { load_vit(path_); }),
              HasSubstr("a width of 8 does not divide into 0 heads"));
  EXPECT_THAT(message_of<anycapture::Error>([&] { load_vit(path_, 3); }),
              HasSubstr("does not divide into 3 heads"));
  EXPECT_EQ(load_vit(path_, 4)->options.heads, 4);
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
