// SPDX-License-Identifier: MIT
#include "in_header.h"

torch::Tensor RUN(InHeader& model, const torch::Tensor& x) {
  return model.forward(x);
}
