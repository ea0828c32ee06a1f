// SPDX-License-Identifier: MIT
// Inputs and outputs of modules, and forward hooks as PyTorch has them in Python.
#include <ATen/ATen.h>

#include <anycapture/anycapture.h>
#include <anycapture/nn.h>

#include <iostream>

namespace nn = anycapture::nn;  // what torch::nn holds, the built-in modules hooked

struct ClassifierImpl : nn::Module {
  at::Tensor forward(const at::Tensor& x) { return head(body->forward(norm(x))); }

  nn::LayerNorm norm{register_module("norm", nn::LayerNorm(nn::LayerNormOptions({8})))};
  nn::Sequential body{register_module(
      "body",
      nn::Sequential(nn::Linear(8, 16), nn::ReLU(nn::ReLUOptions(true)), nn::Dropout(0.1)))};
  nn::Linear head{register_module("head", nn::Linear(16, 3))};
};
ANYCAPTURE_MODULE(Classifier);  // in place of TORCH_MODULE(Classifier);

int main() {
  const at::NoGradGuard no_grad;
  Classifier model;
  model->eval();

  {
    anycapture::Capturer cap(model, {"*:output", "norm:input"});
    model(at::ones({1, 8}));
    for (const auto& [key, calls] : cap) std::cout << key << ' ' << calls[0].value.sizes() << '\n';
  }

  int calls = 0;
  auto counter = anycapture::register_forward_hook(
      model->head, [&](torch::nn::Module&, const at::Tensor& /*input*/,
                       const at::Tensor& /*output*/) { ++calls; });
  anycapture::register_forward_pre_hook(
      model->head, [](torch::nn::Module&, const at::Tensor& input) { return input * 0; });
  const auto silenced = model(at::ones({1, 8}));
  counter.remove();
  model(at::ones({1, 8}));
  std::cout << "head ran " << calls
            << " time, its input replaced: " << silenced.squeeze(0).equal(model->head->bias)
            << '\n';
}
