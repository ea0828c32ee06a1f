// SPDX-License-Identifier: MIT
// Operators that test/data/script/custom_op.pt and test/data/exported/functionalized.pt2 ask for.
#include <ATen/core/Tensor.h>
#include <ATen/ops/mul.h>
#include <torch/library.h>

namespace {

at::Tensor twice(const at::Tensor& x) {
  return at::mul(x, 2);
}

void accumulate(at::Tensor total, const at::Tensor& x) {
  total.add_(x);
}

}  // namespace

TORCH_LIBRARY(anycapture_test, library) {
  library.def("twice(Tensor x) -> Tensor", twice);
  library.def("accumulate(Tensor(a!) total, Tensor x) -> ()", accumulate);
}
