// SPDX-License-Identifier: MIT
// A program that knows nothing of anycapture: it links LibTorch and no more. Prints its result.
#include <torch/nn.h>
#include <torch/types.h>

#include <cstring>
#include <iostream>

namespace {

struct NetImpl : torch::nn::Module {
  torch::nn::Embedding words{register_module("words", torch::nn::Embedding(10, 8))};
  torch::nn::TransformerEncoder encoder{register_module(
      "encoder", torch::nn::TransformerEncoder(
                     torch::nn::TransformerEncoderLayer(
                         torch::nn::TransformerEncoderLayerOptions(8, 2).dim_feedforward(4)),
                     2))};
  torch::nn::Linear head{register_module("head", torch::nn::Linear(8, 3))};
  torch::Tensor forward(const torch::Tensor& x) { return head(encoder(words(x))); }
};
TORCH_MODULE(Net);

}  // namespace

// `whole`: the model is set to evaluate, as most programs do.
int main(int argc, char** argv) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(7);
  Net net;
  if (argc > 1 && std::strcmp(argv[1], "whole") == 0) {
    net->eval();
  } else {
    for (auto& child : net->encoder->children()) child->eval();
  }
  std::cout << net(torch::arange(5).view({5, 1})).sum().item<double>() << '\n';
}
