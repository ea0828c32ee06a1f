#pragma once
#include <torch/nn/module.h>
#include <torch/types.h>

struct BlockImpl : torch::nn::Module {
  torch::Tensor forward(torch::Tensor x) {
    auto inner = x + 1;
    return inner * 2;
  }
};
