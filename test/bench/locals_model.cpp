// SPDX-License-Identifier: MIT
#include "locals_model.h"

// All that vit.h includes, which stands in a namespace here.
#include <anycapture/tag.h>

#include <ATen/ATen.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/version.h>

#include <cmath>
#include <cstdint>

namespace WAY {

#include "vit.h"

std::shared_ptr<torch::nn::Module> make_vit() {
  return std::make_shared<VisionTransformerImpl>(ViTOptions{});
}

at::Tensor forward(torch::nn::Module& vit, const at::Tensor& image) {
  return static_cast<VisionTransformerImpl&>(vit).forward(image);
}

at::Tensor& eight(at::Tensor& x) {
  at::Tensor& a = x;
  at::Tensor& b = a;
  at::Tensor& c = b;
  at::Tensor& d = c;
  at::Tensor& e = d;
  at::Tensor& f = e;
  at::Tensor& g = f;
  at::Tensor& h = g;
  return h;
}

}  // namespace WAY
