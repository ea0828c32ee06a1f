// SPDX-License-Identifier: MIT
#include "eager/in_place.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include "eager/is_one_of.h"

namespace anycapture {
namespace eager {
namespace {

using namespace torch::nn;

template <class... Types>
bool is_one_of_in_place(const Module& module) {
  const auto in_place = [](const auto* found) {
    return found != nullptr && found->options.inplace();
  };
  return (in_place(dynamic_cast<const Types*>(&module)) || ...);
}

// Its output is a view of its input, or the input itself (dropouts in evaluation).
bool hands_on(const Module& module) {
  return is_one_of<IdentityImpl, FlattenImpl, UnflattenImpl, DropoutImpl, Dropout2dImpl,
                   Dropout3dImpl, AlphaDropoutImpl, FeatureAlphaDropoutImpl>(module);
}

}  // namespace

bool writes_into_input(const Module& module) {
  return is_one_of_in_place<ReLUImpl, ReLU6Impl, LeakyReLUImpl, RReLUImpl, ELUImpl, SELUImpl,
                            CELUImpl, HardtanhImpl, ThresholdImpl, DropoutImpl, Dropout2dImpl,
                            Dropout3dImpl, AlphaDropoutImpl, FeatureAlphaDropoutImpl>(module);
}

bool output_is_overwritten(const SequentialImpl& sequential, std::size_t child) {
  for (std::size_t next = child + 1; next < sequential.size(); ++next) {
    const auto module = sequential.ptr(next);
    if (writes_into_input(*module)) return true;
    if (!hands_on(*module)) return false;
  }
  return false;
}

}  // namespace eager
}  // namespace anycapture
