#pragma once
#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>

struct Layer : torch::nn::Module {
  Layer();
  torch::Tensor forward(torch::Tensor x);
  std::shared_ptr<torch::nn::Module> block;
};
const char* file_of_layer();
