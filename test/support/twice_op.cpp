// SPDX-License-Identifier: MIT
// An operator that test/data/script/custom_op.pt asks for.
#include <ATen/core/Tensor.h>
#include <ATen/ops/mul.h>
#include <torch/library.h>

namespace {

at::Tensor twice(const at::Tensor& x) {
  return at::mul(x, 2);
}

}  // namespace

TORCH_LIBRARY(anycapture_test, library) {
  library.def("twice(Tensor x) -> Tensor", twice);
}
