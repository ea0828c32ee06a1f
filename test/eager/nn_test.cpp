// SPDX-License-Identifier: MIT
// anycapture::nn in the place of torch::nn, as a user's file has it.
#include <anycapture/anycapture.h>
#include <anycapture/hooks.h>
#include <anycapture/nn.h>

#include <ATen/ATen.h>

#include <sstream>
#include <tuple>

#include "support/throws.h"

namespace {

namespace nn = anycapture::nn;

using anycapture::Capturer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct NetImpl : nn::Cloneable<NetImpl> {
  nn::Conv2d conv{nullptr};
  nn::BatchNorm2d norm{nullptr};
  nn::LSTM lstm{nullptr};
  nn::MultiheadAttention mha{nullptr};
  nn::Sequential tail{nullptr};
  NetImpl() { reset(); }
  void reset() override {
    conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(1, 4, 3).padding(1).bias(false)));
    norm = register_module("norm", nn::BatchNorm2d(4));
    lstm = register_module("lstm", nn::LSTM(nn::LSTMOptions(16, 8).batch_first(true)));
    mha = register_module("mha", nn::MultiheadAttention(8, 2));
    tail = register_module("tail", nn::Sequential(nn::Linear(8, 8), nn::ReLU(), nn::Linear(8, 2)));
  }
  at::Tensor forward(const at::Tensor& x) {
    const auto features = nn::functional::relu(norm(conv->forward(x)));
    const auto [states, state] = lstm->forward(features.flatten(2));
    const auto row = states.transpose(0, 1);
    return tail->forward(std::get<0>(mha(row, row, row)));
  }
};
ANYCAPTURE_MODULE(Net);

TEST(NnTest, EveryBuiltInModuleIsHooked) {
  Net net;
  net->eval();
  Capturer cap(net, {"*:output"});
  const auto y = net(at::randn({2, 1, 4, 4}));
  EXPECT_THAT(cap.keys(),
              ElementsAre("conv:output", "norm:output", "lstm:output.0", "lstm:output.1.0",
                          "lstm:output.1.1", "mha:output.0", "mha:output.1", "tail.0:output",
                          "tail.1:output", "tail.2:output", "tail:output", ":output"));
  EXPECT_TRUE(cap["norm:output"].equal(net->norm->forward(cap["conv:output"])));
  EXPECT_TRUE(cap["tail:output"].equal(y));
}

TEST(NnTest, InputsOfSeveralArgumentsAreNumbered) {
  nn::Bilinear bilinear(2, 3, 4);
  Capturer cap(bilinear, "*:input");
  const auto a = at::ones({1, 2}), b = at::ones({1, 3});
  bilinear(a, b);
  EXPECT_THAT(cap.keys(), ElementsAre(":input.0", ":input.1"));
  EXPECT_TRUE(cap[":input.1"].is_same(b));
}

TEST(NnTest, NamesAndClonesAreThoseOfTorch) {
  nn::Linear linear(2, 3);
  EXPECT_EQ(linear->name(), "torch::nn::LinearImpl");
  EXPECT_EQ(linear->options.out_features(), 3);
  const auto copy = linear->clone();
  ASSERT_NE(copy->as<nn::Linear>(), nullptr);
  ASSERT_NE(copy->as<torch::nn::Linear>(), nullptr);
  EXPECT_EQ(copy->parameters().size(), 2u);
  Net net;
  net->eval();
  const auto x = at::randn({1, 1, 4, 4});
  auto clone = std::dynamic_pointer_cast<NetImpl>(net->clone());
  clone->eval();
  Capturer cap(clone, "conv:output");
  EXPECT_TRUE(clone->forward(x).equal(net(x)));
  EXPECT_EQ(cap.size(), 1u);
}

torch::nn::Linear same(torch::nn::Linear plain) {
  return plain;
}

TEST(NnTest, AHookedHolderConvertsToItsStockHolder) {
  nn::Linear hooked(2, 2);
  torch::nn::Linear plain = hooked;
  EXPECT_EQ(plain.ptr().get(), hooked.ptr().get());
  EXPECT_EQ(same(hooked).ptr(), plain.ptr());
  Capturer cap(hooked, "*:output");
  plain->forward(at::ones({1, 2}));  // past the hooks
  hooked->forward(at::ones({1, 2}));
  EXPECT_EQ(cap.calls(":output").size(), 1u);
}

TEST(NnTest, EmbeddingsComeFromPretrainedWeights) {
  const auto weights = at::arange(6, at::kFloat).view({3, 2});
  nn::Embedding embedding = nn::Embedding::from_pretrained(weights);
  nn::EmbeddingBag bag = nn::EmbeddingBag::from_pretrained(weights);
  Capturer cap(embedding, "*:output"), of_bag(bag, "*:output");
  EXPECT_TRUE(embedding(at::tensor({2L})).equal(weights.slice(0, 2)));
  bag(at::tensor({0L, 1L}), at::tensor({0L}));
  EXPECT_EQ(cap.size(), 1u);
  EXPECT_EQ(of_bag.size(), 1u);
  EXPECT_EQ(embedding->parameters().size(), 1u);
}

TEST(NnTest, StructsOfTorchAreSeen) {
  nn::AdaptiveLogSoftmaxWithLoss loss(
      nn::AdaptiveLogSoftmaxWithLossOptions(16, 6, std::vector<std::int64_t>{2, 4}));
  Capturer cap(loss, ":output");
  loss(at::randn({3, 16}), at::tensor({0L, 1L, 5L}));
  EXPECT_THAT(cap.keys(), ElementsAre(":output.output"));
}

// On LibTorch 1.13 these cannot be linked without what src/eager/norms_of_1_13.cpp has.
TEST(NnTest, NormsPrintThemselvesAsTheStockOnesDo) {
  const auto text = [](const auto& module) {
    std::ostringstream out;
    out << *module;
    return out.str();
  };
  EXPECT_EQ(text(nn::BatchNorm1d(4)), text(torch::nn::BatchNorm1d(4)));
  EXPECT_EQ(text(nn::BatchNorm2d(4)), text(torch::nn::BatchNorm2d(4)));
  const auto options = torch::nn::BatchNorm3dOptions(4).momentum(c10::nullopt).affine(false);
  EXPECT_EQ(text(nn::BatchNorm3d(options)), text(torch::nn::BatchNorm3d(options)));
  EXPECT_EQ(text(nn::InstanceNorm1d(4)), text(torch::nn::InstanceNorm1d(4)));
  EXPECT_EQ(text(nn::InstanceNorm2d(4)), text(torch::nn::InstanceNorm2d(4)));
  EXPECT_EQ(text(nn::InstanceNorm3d(4)), text(torch::nn::InstanceNorm3d(4)));
}

TEST(NnTest, FunctionsAreModulesToo) {
  nn::Sequential row(nn::Functional([](const at::Tensor& x) { return x * 2; }), nn::Flatten());
  Capturer cap(row, "Functional:output");
  row->forward(at::ones({1, 2}));
  EXPECT_TRUE(cap["0:output"].equal(at::full({1, 2}, 2.0)));
}

TEST(NnTest, HooksWorkOnStockModules) {
  nn::Linear linear(2, 2);
  const auto handle = anycapture::register_forward_hook(
      linear, [](torch::nn::Module&, const at::Tensor&, const at::Tensor& y) { return y * 0; });
  EXPECT_TRUE(linear(at::ones({1, 2})).equal(at::zeros({1, 2})));
  EXPECT_TRUE(torch::nn::Sequential(linear)->forward(at::ones({1, 2})).equal(at::zeros({1, 2})));
}

TEST(NnTest, AsFindsEveryModuleOfTheType) {
  nn::TransformerEncoderLayer layer(nn::TransformerEncoderLayerOptions(8, 2));
  int found = 0;
  for (const auto& module : layer->modules(false)) found += module->as<nn::Linear>() != nullptr;
  EXPECT_EQ(found, 3);  // two of the layer, one of its attention: all made by LibTorch
  nn::Sequential row(nn::Linear(2, 3), nn::ReLU());
  EXPECT_EQ(row->at<nn::LinearImpl>(0).weight.size(0), 3);
  EXPECT_EQ((*row->begin()).get<nn::Linear>()->weight.size(0), 3);
}

}  // namespace
