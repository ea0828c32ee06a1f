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

bool is_in_place(const Module& module) {
  return is_one_of_in_place<ReLUImpl, ReLU6Impl, LeakyReLUImpl, RReLUImpl, ELUImpl, SELUImpl,
                            CELUImpl, HardtanhImpl, ThresholdImpl, DropoutImpl, Dropout2dImpl,
                            Dropout3dImpl, AlphaDropoutImpl, FeatureAlphaDropoutImpl>(module);
}

// Whether what a row gets, or hands from child to child, is written into from `first` on.
bool is_overwritten_from(const SequentialImpl& row, std::size_t first) {
  for (std::size_t next = first; next < row.size(); ++next) {
    const auto module = row.ptr(next);
    if (writes_into_input(*module)) return true;
    if (!hands_on(*module)) return false;
  }
  return false;
}

}  // namespace

bool writes_into_input(const Module& module) {
  if (const auto* row = dynamic_cast<const SequentialImpl*>(&module))
    return is_overwritten_from(*row, 0);
  return is_in_place(module);
}

bool output_is_overwritten(const SequentialImpl& sequential, std::size_t child) {
  return is_overwritten_from(sequential, child + 1);
}

std::vector<const Module*> givers_of_output(const SequentialImpl& sequential) {
  std::vector<const Module*> givers;
  for (std::size_t i = sequential.size(); i-- > 0;) {
    const auto module = sequential.ptr(i);
    givers.push_back(module.get());
    if (!hands_on(*module)) break;
  }
  return givers;
}

}  // namespace eager
}  // namespace anycapture
