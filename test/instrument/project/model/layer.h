#pragma once
#include <torch/nn/module.h>
#include <torch/types.h>

struct Layer : torch::nn::Module {
  torch::Tensor forward(torch::Tensor x);
};
const char* file_of_layer();
