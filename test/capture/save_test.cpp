// SPDX-License-Identifier: MIT
#include <anycapture/anycapture.h>
#include <anycapture/metadata.h>
#include <anycapture/safetensors.h>
#include <torch/nn/module.h>

#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>
#include <functional>

#include "support/temp_dir.h"
#include "support/throws.h"
#include "support/tiny_models.h"

namespace {

using anycapture::CaptureMetadata;
using anycapture::Capturer;
using anycapture::Captures;
using support::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

at::Tensor input() {
  return at::arange(24, at::kFloat).reshape({2, 3, 4}) / 24;
}

struct EmitImpl : torch::nn::Module {
  at::Tensor forward(at::Tensor x) {
    ANYCAPTURE_TAG(x);
    return x;
  }
};
TORCH_MODULE(Emit);

class SaveTest : public ::testing::Test {
 protected:
  support::TempDir dir_;
  std::string file_ = dir_.file("capture.safetensors");
};

TEST_F(SaveTest, WhatIsLoadedIsWhatWasCaptured) {
  tiny::Model model(2);
  Capturer cap(model, "*");
  model->forward(input());
  model->blocks[0]->as<tiny::Block>()->forward(input() * 2);
  cap.save(file_);
  const Captures loaded = Captures::load(file_);
  EXPECT_EQ(loaded.keys(), cap.keys());
  for (const auto& [key, calls] : cap) {
    const auto read = loaded.calls(key);
    ASSERT_EQ(read.size(), calls.size()) << key;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      EXPECT_TRUE(at::equal(read[i].value, calls[i].value)) << key;
      EXPECT_EQ(read[i].sequence, calls[i].sequence);
    }
  }
}

TEST_F(SaveTest, EveryDtypeComesBack) {
  for (at::ScalarType dtype :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16,
        at::kFloat, at::kDouble, at::kComplexFloat, at::kComplexDouble}) {
    Emit model;
    const at::Tensor x = at::arange(6).reshape({2, 3}).to(dtype);
    Capturer cap(model, ":x");
    model->forward(x);
    cap.save(file_);
    const at::Tensor read = Captures::load(file_)[":x"];
    EXPECT_EQ(read.scalar_type(), dtype);
    EXPECT_TRUE(at::equal(read, x)) << dtype;
  }
}

TEST_F(SaveTest, StridedScalarAndEmptyTensorsComeBack) {
  const at::Tensor base = at::arange(24, at::kFloat).reshape({4, 6});
  for (const at::Tensor& x : {base.t(), base.slice(1, 0, 6, 2), at::tensor(3.5f).reshape({}),
                              at::empty({0, 7}), base[0].expand({3, 6})}) {
    Emit model;
    Capturer cap(model, ":x");
    model->forward(x);
    cap.save(file_);
    const at::Tensor read = Captures::load(file_)[":x"];
    EXPECT_EQ(read.sizes(), x.sizes());
    EXPECT_TRUE(at::equal(read, x));
  }
}

TEST_F(SaveTest, QuantisedAndSparseTensorsAreSavedAsDenseFloats) {
  const at::Tensor dense = at::tensor({0.f, 1.f, 0.f, 2.f}).reshape({2, 2});
  for (const at::Tensor& x :
       {at::quantize_per_tensor(dense, 0.5, 0, at::kQInt8), dense.to_sparse()}) {
    Emit model;
    Capturer cap(model, ":x");
    model->forward(x);
    cap.save(file_);
    EXPECT_TRUE(at::equal(Captures::load(file_)[":x"], dense));
  }
}

TEST_F(SaveTest, TheMetadataNamesSitesOrderAndWhatViewersNeed) {
  tiny::Model model(1);
  Capturer cap(model, "*");
  model->forward(input());
  anycapture::SaveOptions options;
  options.grid = {{3, 1}};
  options.prefix = 0;
  options.tokens = {"a", "b", "c"};
  options.image = at::zeros({3, 4, 4});
  options.image_mean = {0.5, 0.5, 0.5};
  options.image_std = {0.25, 0.25, 0.25};
  options.model = "tiny";
  cap.save(file_, options);
  const anycapture::safetensors::Reader reader(file_);
  const auto metadata = CaptureMetadata::from_json(reader.metadata().at("anycapture"));
  EXPECT_THAT(metadata.order, ElementsAre("blocks.0.attn:attn", "blocks.0:residual"));
  EXPECT_EQ(metadata.sites.at("blocks.0.attn:attn").type, "Attention");
  EXPECT_EQ(metadata.sites.at("blocks.0.attn:attn").dtype, "float32");
  EXPECT_EQ(metadata.calls.at("blocks.0:residual").at(0).sequence, 1u);
  EXPECT_EQ(metadata.grid, (std::array<int, 2>{3, 1}));
  EXPECT_EQ(metadata.prefix, 0);
  EXPECT_THAT(metadata.tokens, ::testing::SizeIs(3));
  EXPECT_EQ(metadata.image->key, ":input.0");
  EXPECT_NE(reader.find(":input.0"), nullptr);
  EXPECT_FALSE(metadata.libtorch.empty());
}

TEST_F(SaveTest, OneErrorListsAllStaleKeysAndNothingIsWritten) {
  struct StaleImpl : torch::nn::Module {
    at::Tensor forward(at::Tensor a, at::Tensor b) {
      ANYCAPTURE_TAG(a);
      ANYCAPTURE_TAG(b);
      a.add_(1);
      b.add_(1);
      return a;
    }
  };
  StaleImpl model;
  Capturer cap(model, "*");
  model.forward(at::zeros({1}), at::zeros({1}));
  EXPECT_THAT(message_of<anycapture::StaleCaptureError>([&] { cap.save(file_); }),
              AllOf(HasSubstr(":a"), HasSubstr(":b")));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(SaveTest, AFolderThatIsNotThereIsNamed) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  const std::string path = dir_.file("missing/capture.safetensors");
  EXPECT_THAT(message_of<anycapture::FileError>([&] { cap.save(path); }), HasSubstr(path));
}

TEST_F(SaveTest, KeysChooseWhatIsSaved) {
  tiny::Model model(2);
  Capturer cap(model, "*");
  model->forward(input());
  anycapture::SaveOptions options;
  options.keys = "*:residual";
  cap.save(file_, options);
  EXPECT_THAT(Captures::load(file_).keys(), ElementsAre("blocks.0:residual", "blocks.1:residual"));
}

TEST_F(SaveTest, ATensorOfALoadedFileMayBeWrittenTo) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  cap.save(file_);
  at::Tensor read = Captures::load(file_)["blocks.0.attn:attn"];
  read.zero_();
  EXPECT_TRUE(at::equal(Captures::load(file_)["blocks.0.attn:attn"], cap["blocks.0.attn:attn"]));
}

TEST_F(SaveTest, LoadedCapturesStackInTheOrderOfTheModel) {
  tiny::Model model(12);
  Capturer cap(model, "Attention");
  model->forward(input());
  const at::Tensor stacked = cap.stack("*.attn:attn");
  cap.save(file_);
  EXPECT_TRUE(at::equal(Captures::load(file_).stack("*.attn:attn"), stacked));
}

TEST_F(SaveTest, NothingIsNotSaved) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  EXPECT_THAT(message_of<anycapture::KeyError>([&] { cap.save(file_); }),
              HasSubstr("nothing was captured, so nothing was saved: run the model's forward"));
  model->forward(input());
  anycapture::SaveOptions options;
  options.keys = "*.mlp:output";
  EXPECT_THAT(message_of<anycapture::KeyError>([&] { cap.save(file_, options); }),
              HasSubstr("no key matches \"*.mlp:output\" among the 1 that fired"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(SaveTest, OptionsThatNoViewerCouldReadAreRefused) {
  tiny::Model model(1);
  Capturer cap(model, "Attention");
  model->forward(input());
  using anycapture::SaveOptions;
  const auto said = [&](const std::function<void(SaveOptions&)>& set) {
    SaveOptions options;
    options.image = at::zeros({3, 4, 4});
    set(options);
    return message_of<anycapture::Error>([&] { cap.save(file_, options); });
  };
  EXPECT_THAT(said([](SaveOptions& o) {
                o.grid = {-7, 3};
              }),
              AllOf(HasSubstr("SaveOptions::grid is [-7, 3]"), HasSubstr("from 1")));
  EXPECT_THAT(said([](SaveOptions& o) { o.prefix = -4; }), HasSubstr("SaveOptions::prefix is -4"));
  EXPECT_THAT(said([](SaveOptions& o) { o.image = at::zeros({7}); }), HasSubstr("of shape [7]"));
  EXPECT_THAT(
      said([](SaveOptions& o) {
        o.image_mean = {0.5, 0.5};
      }),
      HasSubstr("SaveOptions::image_mean is [0.5, 0.5], must be one number, or one a channel"));
  EXPECT_THAT(said([](SaveOptions& o) { o.image_std = {NAN}; }), HasSubstr("image_std is [nan]"));
  EXPECT_THAT(said([](SaveOptions& o) { o.tokens = {"\xFF"}; }),
              ::testing::StartsWith(file_ + ": "));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(SaveTest, AKeyThatTheMetadataOrdersTwiceIsReadOnce) {
  const std::vector<float> data{1};
  const auto bytes = [&] { return anycapture::safetensors::Bytes{data.data(), 4, nullptr}; };
  const auto write = [&](const std::vector<std::string>& keys) {
    std::vector<anycapture::safetensors::Source> sources;
    for (const auto& key : keys)
      sources.push_back({key, anycapture::safetensors::Dtype::kF32, {1}, bytes});
    anycapture::safetensors::write(file_, sources,
                                   {{"anycapture", R"({"version":1,"order":["a:x","a:x"]})"}});
  };
  write({"a:x"});
  EXPECT_EQ(Captures::load(file_)["a:x"].item<float>(), 1);
  write({"a:x", "a:x#1", "a:x#01"});
  EXPECT_EQ(Captures::load(file_).calls("a:x").size(), 2u);  // the other is a key of another writer
  EXPECT_EQ(Captures::load(file_)["a:x#01"].item<float>(), 1);
}

}  // namespace
