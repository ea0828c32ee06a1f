// SPDX-License-Identifier: MIT
// Every built-in module whose forward LibTorch exports, called as a program calls it that knows
// nothing of sessions: what went in and what came out are captured.
#include <anycapture/anycapture.h>
#include <anycapture/torch_version.h>
#include <torch/nn.h>

#include <ATen/ATen.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace torch::nn;
using anycapture::Capturer;
using at::Tensor;
using Named = std::vector<std::pair<std::string, Tensor>>;

// The tensors of results and arguments, as their names are promised: a reference of its own.
void flatten(Named& into, const std::string& name, const Tensor& value) {
  if (value.defined()) into.emplace_back(name, value);
}
void flatten(Named& into, const std::string& name, const ASMoutput& value) {
  into.emplace_back(name + ".output", value.output);
}
void flatten(Named& into, const std::string& name, const utils::rnn::PackedSequence& value) {
  into.emplace_back(name + ".data", value.data());
  into.emplace_back(name + ".batch_sizes", value.batch_sizes());
}
void flatten(Named&, const std::string&, bool) {}
template <class A, class B>
void flatten(Named& into, const std::string& name, const std::tuple<A, B>& value) {
  flatten(into, name + ".0", std::get<0>(value));
  flatten(into, name + ".1", std::get<1>(value));
}

using State = std::tuple<Tensor, Tensor>;
std::set<std::string> heard_types, heard_methods;

template <class Holder, class Method, class... A>
void hear(const std::string& prefix, Holder module, Method method, const A&... arguments) {
  SCOPED_TRACE(module->name());
  module->eval();
  const at::NoGradGuard no_grad;
  Capturer cap(module, {":" + prefix + "output", ":" + prefix + "input"});
  const auto result = method(*module, arguments...);
  Named given, returned;
  int place = 0;
  (flatten(given, prefix + "input." + std::to_string(place++), arguments), ...);
  if (given.size() == 1) given[0].first = prefix + "input";
  flatten(returned, prefix + "output", result);
  std::vector<std::string> keys;
  for (auto* named : {&given, &returned}) {
    for (const auto& [name, value] : *named) {
      keys.push_back(":" + name);
      ASSERT_TRUE(cap.contains(":" + name)) << name;
      EXPECT_EQ(cap.calls(":" + name).size(), 1u) << name;
      EXPECT_TRUE(cap[":" + name].equal(value)) << name;
    }
  }
  EXPECT_THAT(cap.keys(), testing::ElementsAreArray(keys));
  heard_types.insert(c10::demangle(typeid(*module).name()));
  heard_methods.insert(module->name() + " " + prefix);
}

template <class Holder, class... A>
void hear_forward(Holder module, const A&... arguments) {
  hear(
      "", module, [](auto& m, const auto&... a) { return m.forward(a...); }, arguments...);
}
template <class Holder, class... A>
void hear_with_indices(Holder module, const A&... arguments) {
  hear_forward(module, arguments...);
  hear(
      "forward_with_indices.", module,
      [](auto& m, const auto&... a) { return m.forward_with_indices(a...); }, arguments...);
}
template <class Holder>
void hear_with_packed_input(Holder module) {
  const auto packed = utils::rnn::pack_padded_sequence(at::rand({3, 1, 4}), at::tensor({3L}));
  hear(
      "forward_with_packed_input.", module,
      [](auto& m, const auto& a) {
        const auto [output, state] = m.forward_with_packed_input(a);
        return std::make_tuple(output, state);
      },
      packed);
}

Tensor line() {
  return at::rand({1, 4, 8}) + 0.1;
}
Tensor plane() {
  return at::rand({1, 4, 8, 8}) + 0.1;
}
Tensor space() {
  return at::rand({1, 4, 8, 8, 8}) + 0.1;
}

void hear_activations() {
  const Tensor x = at::randn({2, 8});
  hear_forward(ELU(), x), hear_forward(SELU(), x), hear_forward(CELU(), x);
  hear_forward(Hardshrink(), x), hear_forward(Hardtanh(), x), hear_forward(LeakyReLU(), x);
  hear_forward(LogSigmoid(), x), hear_forward(Softmax(1), x), hear_forward(Softmin(1), x);
  hear_forward(LogSoftmax(1), x), hear_forward(Softmax2d(), plane()), hear_forward(PReLU(), x);
  hear_forward(ReLU(), x), hear_forward(ReLU6(), x), hear_forward(RReLU(), x);
  hear_forward(GLU(), x), hear_forward(GELU(), x), hear_forward(SiLU(), x), hear_forward(Mish(), x);
  hear_forward(Sigmoid(), x), hear_forward(Softplus(), x), hear_forward(Softshrink(), x);
  hear_forward(Softsign(), x), hear_forward(Tanh(), x), hear_forward(Tanhshrink(), x);
  hear_forward(Threshold(0.1, 1), x);
}

void hear_dropouts_and_reshapes() {
  const Tensor x = at::randn({2, 8});
  hear_forward(Dropout(), x), hear_forward(Dropout2d(), plane()),
      hear_forward(Dropout3d(), space());
  hear_forward(AlphaDropout(), x), hear_forward(FeatureAlphaDropout(), plane());
  hear_forward(Identity(), x), hear_forward(Linear(8, 3), x), hear_forward(Flatten(), plane());
  hear_forward(Bilinear(8, 8, 2), x, x);
  hear_forward(Unflatten(UnflattenOptions(1, {2, 4})), x);
  hear_forward(Functional([](const Tensor& t) { return t * 2; }), x);
  hear_forward(Fold(FoldOptions({4, 5}, {2, 2})), at::randn({1, 12, 12}));
  hear_forward(Unfold(UnfoldOptions({2, 2})), plane());
  hear_forward(PixelShuffle(2), plane()), hear_forward(PixelUnshuffle(2), plane());
  hear_forward(Upsample(UpsampleOptions().scale_factor(std::vector<double>{2})), line());
  hear_forward(Embedding(5, 3), at::tensor({1L, 4L}));
  hear_forward(EmbeddingBag(5, 3), at::tensor({1L, 4L}), at::tensor({0L}), Tensor());
}

void hear_convolutions_and_norms() {
  hear_forward(Conv1d(4, 3, 2), line()), hear_forward(Conv2d(4, 3, 2), plane());
  hear_forward(Conv3d(4, 3, 2), space());
  hear_forward(ConvTranspose1d(4, 3, 2), line()), hear_forward(ConvTranspose2d(4, 3, 2), plane());
  hear_forward(ConvTranspose3d(4, 3, 2), space());
  hear_forward(LayerNorm(LayerNormOptions({8})), line()), hear_forward(GroupNorm(2, 4), line());
  hear_forward(BatchNorm1d(4), line()), hear_forward(BatchNorm2d(4), plane());
  hear_forward(BatchNorm3d(4), space()), hear_forward(InstanceNorm1d(4), line());
  hear_forward(InstanceNorm2d(4), plane()), hear_forward(InstanceNorm3d(4), space());
  hear_forward(LocalResponseNorm(2), plane()), hear_forward(CrossMapLRN2d(2), plane());
}

void hear_paddings() {
  hear_forward(ReflectionPad1d(1), line()), hear_forward(ReflectionPad2d(1), plane());
  hear_forward(ReflectionPad3d(1), space()), hear_forward(ReplicationPad1d(1), line());
  hear_forward(ReplicationPad2d(1), plane()), hear_forward(ReplicationPad3d(1), space());
  hear_forward(ConstantPad1d(1, 2.), line()), hear_forward(ConstantPad2d(1, 2.), plane());
  hear_forward(ConstantPad3d(1, 2.), space()), hear_forward(ZeroPad2d(1), plane());
#if ANYCAPTURE_TORCH_AT_LEAST(2, 6)
  hear_forward(ZeroPad1d(1), line()), hear_forward(ZeroPad3d(1), space());
#endif
}

void hear_poolings() {
  hear_forward(AvgPool1d(2), line()), hear_forward(AvgPool2d(2), plane());
  hear_forward(AvgPool3d(2), space());
  hear_with_indices(MaxPool1d(2), line()), hear_with_indices(MaxPool2d(2), plane());
  hear_with_indices(MaxPool3d(2), space());
  hear_forward(AdaptiveAvgPool1d(2), line()), hear_forward(AdaptiveAvgPool2d(2), plane());
  hear_forward(AdaptiveAvgPool3d(2), space());
  hear_with_indices(AdaptiveMaxPool1d(2), line()), hear_with_indices(AdaptiveMaxPool2d(2), plane());
  hear_with_indices(AdaptiveMaxPool3d(2), space());
  hear_forward(MaxUnpool1d(2), line(), at::arange(8).mul(2).expand({1, 4, 8}));
  hear_forward(MaxUnpool2d(2), plane(), at::arange(64).view({8, 8}).mul(4).expand({1, 4, 8, 8}));
  hear_forward(MaxUnpool3d(2), space(),
               at::arange(512).view({8, 8, 8}).mul(8).expand({1, 4, 8, 8, 8}));
  hear_forward(LPPool1d(2, 2), line()), hear_forward(LPPool2d(2, 2), plane());
#if ANYCAPTURE_TORCH_AT_LEAST(2, 6)
  hear_forward(LPPool3d(2, 2), space());
#endif
  // They draw where to pool: given here, so that every call gives the same.
  const Tensor draws2 = at::rand({1, 4, 2}), draws3 = at::rand({1, 4, 3});
  hear_with_indices(
      FractionalMaxPool2d(FractionalMaxPool2dOptions(2).output_size(3)._random_samples(draws2)),
      plane());
  hear_with_indices(
      FractionalMaxPool3d(FractionalMaxPool3dOptions(2).output_size(3)._random_samples(draws3)),
      space());
}

void hear_losses() {
  const Tensor a = at::rand({3, 4}), b = at::rand({3, 4}), c = at::rand({3, 4});
  const Tensor classes = at::tensor({0L, 3L, 1L}), signs = at::tensor({1., -1., 1.}, at::kFloat);
  const Tensor labels = at::tensor({0L, 2L, -1L, -1L}).expand({3, 4}).contiguous();
  hear_forward(L1Loss(), a, b), hear_forward(MSELoss(), a, b), hear_forward(BCELoss(), a, b);
  hear_forward(BCEWithLogitsLoss(), a, b), hear_forward(KLDivLoss(), a, b);
  hear_forward(HingeEmbeddingLoss(), a, b.sign()), hear_forward(HuberLoss(), a, b);
  hear_forward(SmoothL1Loss(), a, b), hear_forward(SoftMarginLoss(), a, b.sign());
  hear_forward(PoissonNLLLoss(), a, b), hear_forward(MultiLabelSoftMarginLoss(), a, b);
  hear_forward(NLLLoss(), a, classes), hear_forward(CrossEntropyLoss(), a, classes);
  hear_forward(MultiMarginLoss(), a, classes), hear_forward(MultiLabelMarginLoss(), a, labels);
  hear_forward(CosineEmbeddingLoss(), a, b, signs);
  hear_forward(MarginRankingLoss(), a.select(1, 0), b.select(1, 0), signs);
  hear_forward(TripletMarginLoss(), a, b, c),
      hear_forward(TripletMarginWithDistanceLoss(), a, b, c);
  hear_forward(CosineSimilarity(), a, b), hear_forward(PairwiseDistance(), a, b);
  hear_forward(CTCLoss(), at::rand({6, 1, 4}).log_softmax(2), at::tensor({1L, 2L}).view({1, 2}),
               at::tensor({6L}), at::tensor({2L}));
  hear_forward(AdaptiveLogSoftmaxWithLoss(
                   AdaptiveLogSoftmaxWithLossOptions(16, 6, std::vector<std::int64_t>{2, 4})),
               at::rand({3, 16}), classes);
}

void hear_recurrent() {
  const Tensor x = at::rand({3, 1, 4}), cell_input = at::rand({1, 4}), state = at::rand({1, 2});
  hear_forward(RNN(4, 2), x), hear_forward(GRU(4, 2), x), hear_forward(LSTM(4, 2), x);
  hear_with_packed_input(RNN(4, 2)), hear_with_packed_input(GRU(4, 2));
  hear_with_packed_input(LSTM(4, 2));
  hear_forward(RNNCell(4, 2), cell_input, state), hear_forward(GRUCell(4, 2), cell_input, state);
  hear_forward(LSTMCell(4, 2), cell_input, State(state, state));
}

void hear_transformers() {
  const Tensor x = at::rand({3, 1, 8}), mask = at::zeros({3, 3});
  hear_forward(MultiheadAttention(8, 2), x, x, x, Tensor(), true, mask);
  const TransformerEncoderLayer encoder(TransformerEncoderLayerOptions(8, 2).dim_feedforward(4));
  const TransformerDecoderLayer decoder(TransformerDecoderLayerOptions(8, 2).dim_feedforward(4));
  hear_forward(encoder, x, mask), hear_forward(decoder, x, x, mask);
  hear_forward(TransformerEncoder(TransformerEncoderOptions(encoder, 2)), x);
  hear_forward(TransformerDecoder(TransformerDecoderOptions(decoder, 2)), x, x);
  hear_forward(Transformer(TransformerOptions(8, 2, 1, 1)), x, x);
}

TEST(Interpose, HearsEveryForwardThatLibTorchExports) {
  heard_types.clear(), heard_methods.clear();
  hear_activations();
  hear_dropouts_and_reshapes();
  hear_convolutions_and_norms();
  hear_paddings();
  hear_poolings();
  hear_losses();
  hear_recurrent();
  hear_transformers();
  EXPECT_THAT(anycapture::interposed_types(), testing::ElementsAreArray(heard_types));
  // As `nm -D` counts them, whose names every_symbol_test.sh compares; and the six norms.
  EXPECT_EQ(heard_types.size(), 6 + (ANYCAPTURE_TORCH_AT_LEAST(2, 6) ? 121u : 118u));
  EXPECT_EQ(heard_methods.size(), 6 + (ANYCAPTURE_TORCH_AT_LEAST(2, 6) ? 132u : 129u));
}

}  // namespace
