#pragma once
#include <torch/nn/module.h>
#include <torch/types.h>

struct OtherLayer : torch::nn::Module {
  torch::Tensor forward(torch::Tensor x);
};
