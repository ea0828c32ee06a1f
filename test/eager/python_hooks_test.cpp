// SPDX-License-Identifier: MIT
// Against what Python's hooks saw and did, written down by test/data/hooks/make_reference.py.
#include <anycapture/anycapture.h>
#include <anycapture/gtest.h>
#include <anycapture/nn.h>

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <tuple>

#include "support/data.h"

namespace {

namespace nn = anycapture::nn;

using anycapture::Capturer;
using anycapture::Captures;

struct NetImpl : nn::Module {
  nn::Conv2d conv{
      register_module("conv", nn::Conv2d(nn::Conv2dOptions(1, 4, 3).padding(1).bias(false)))};
  nn::BatchNorm2d norm{register_module("norm", nn::BatchNorm2d(4))};
  nn::LSTM lstm{register_module("lstm", nn::LSTM(nn::LSTMOptions(16, 8).batch_first(true)))};
  nn::MultiheadAttention mha{register_module("mha", nn::MultiheadAttention(8, 2))};
  torch::nn::Sequential tail{register_module(
      "tail", torch::nn::Sequential(nn::Linear(8, 8), torch::nn::ReLU(torch::nn::ReLUOptions(true)),
                                    torch::nn::Linear(8, 2)))};

  at::Tensor forward(const at::Tensor& x) {
    const auto features = at::relu(norm(conv(x)));
    const auto states = std::get<0>(lstm(features.flatten(2)));
    const auto row = states.transpose(0, 1);
    return tail->forward(std::get<0>(mha(row, row, row)));
  }
};
ANYCAPTURE_MODULE(Net);

class PythonHooks : public testing::Test {
 protected:
  PythonHooks() {
    const at::NoGradGuard no_grad;
    for (auto& parameter : net_->named_parameters())
      parameter.value().copy_(reference_[parameter.key()]);
    for (auto& buffer : net_->named_buffers()) buffer.value().copy_(reference_[buffer.key()]);
    net_->eval();
  }

  const Captures reference_ = Captures::load(support::data("hooks/hooks_reference.safetensors"));
  Net net_;
};

TEST_F(PythonHooks, SawTheSameInputsAndOutputs) {
  Capturer cap(net_, {"*:input", "*:output", "!mha.*"});
  net_(reference_["x"]);
  anycapture::CompareOptions options{1e-5, 1e-6, {}};
  std::size_t seen = 0;
  for (const auto& key : reference_.keys("seen/*")) {
    const auto ours = key.substr(key.find('/') + 1);
    EXPECT_TRUE(cap.contains(ours)) << ours;
    options.map[ours] = key;
    ++seen;
  }
  EXPECT_EQ(seen, 23u);
  EXPECT_TRUE(anycapture::same(cap, reference_, options));
}

TEST_F(PythonHooks, ReplacedTheSame) {
  const auto tail = net_->tail->ptr(0);
  anycapture::HookOptions first;
  first.prepend = true;
  using torch::nn::Module;
  anycapture::register_forward_pre_hook(tail, [](Module&, const at::Tensor& x) { return x * 2; });
  anycapture::register_forward_pre_hook(
      tail, [](Module&, const at::Tensor& x) { return x + 1; }, first);
  anycapture::register_forward_hook(
      tail, [](Module&, const at::Tensor& x, const at::Tensor& y) { return y + x; });
  anycapture::register_forward_hook(
      tail, [](Module&, const at::Tensor&, const at::Tensor& y) { return y * 10; }, first);
  anycapture::register_forward_hook(
      tail, [](Module&, const at::Tensor&, const at::Tensor&) { return at::Tensor(); });
  EXPECT_TRUE(net_(reference_["x"]).allclose(reference_["replaced"], 1e-5, 1e-6));
}

}  // namespace
