// SPDX-License-Identifier: MIT
// The samples' vision transformer, and a function of eight assignments: compiled twice, plain and
// instrumented.
#ifndef WAY
#error "define WAY, the namespace of this compilation"
#endif

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>

namespace WAY {

/// ViT-S/16.
std::shared_ptr<torch::nn::Module> make_vit();
at::Tensor forward(torch::nn::Module& vit, const at::Tensor& image);
at::Tensor& eight(at::Tensor& x);

}  // namespace WAY
