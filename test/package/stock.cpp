// SPDX-License-Identifier: MIT
// A model of LibTorch's own modules, with no line changed.
#include <anycapture/anycapture.h>
#include <torch/nn.h>

#include <iostream>

struct ModelImpl : torch::nn::Module {
  torch::nn::Linear first{register_module("first", torch::nn::Linear(4, 3))};
  torch::nn::Linear second{register_module("second", torch::nn::Linear(3, 2))};
  torch::Tensor forward(const torch::Tensor& x) { return second(first(x).relu()); }
};
TORCH_MODULE(Model);

int main() {
  Model model;
  anycapture::Capturer cap(model, "Linear:output");
  model->forward(torch::ones({1, 4}));
  std::cout << cap["first:output"].sizes() << ' ' << cap["second:output"].sizes() << '\n';
}
