// SPDX-License-Identifier: MIT
// An instrumented model that has tags and a hooked holder as well.
#pragma once

#include <anycapture/module.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/types.h>

namespace tagged {

struct ScorerImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor helper(const torch::Tensor& x);
  torch::Tensor again(const torch::Tensor& x, int times);
};
ANYCAPTURE_MODULE(Scorer);

// What a constructor calls is not heard: the module is in no model yet.
struct Late : torch::nn::Module {
  Late();
  void fill();
  torch::Tensor forward(const torch::Tensor& x);
  torch::Tensor weight;
};

}  // namespace tagged
