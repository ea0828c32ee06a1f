// SPDX-License-Identifier: MIT
//
// LibTorch 1.13 keeps pretty_print() of its batch and instance norms to itself, although its
// headers declare it: a class derived from them, which a hooked one is, cannot be linked. Later
// ones export it.
#include <anycapture/torch_version.h>

#if !ANYCAPTURE_TORCH_AT_LEAST(2, 0)

#include <torch/nn/functional/instancenorm.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/instancenorm.h>

#include <anycapture/api.h>

#include <ostream>

namespace torch {
namespace nn {
namespace {

void print(std::ostream& stream, double momentum) {
  stream << momentum;
}
void print(std::ostream& stream, const c10::optional<double>& momentum) {
  if (momentum) {
    stream << *momentum;
  } else {
    stream << "None";
  }
}

template <class Options>
void print_norm(std::ostream& stream, const char* name, std::size_t dimensions,
                const Options& options) {
  stream << std::boolalpha << "torch::nn::" << name << dimensions << "d(" << options.num_features()
         << ", eps=" << options.eps() << ", momentum=";
  print(stream, options.momentum());
  stream << ", affine=" << options.affine()
         << ", track_running_stats=" << options.track_running_stats() << ")";
}

}  // namespace

template <size_t D, typename Derived>
ANYCAPTURE_API void BatchNormImplBase<D, Derived>::pretty_print(std::ostream& stream) const {
  print_norm(stream, "BatchNorm", D, this->options);
}

template <size_t D, typename Derived>
ANYCAPTURE_API void InstanceNormImpl<D, Derived>::pretty_print(std::ostream& stream) const {
  print_norm(stream, "InstanceNorm", D, this->options);
}

template void BatchNormImplBase<1, BatchNorm1dImpl>::pretty_print(std::ostream&) const;
template void BatchNormImplBase<2, BatchNorm2dImpl>::pretty_print(std::ostream&) const;
template void BatchNormImplBase<3, BatchNorm3dImpl>::pretty_print(std::ostream&) const;
template void InstanceNormImpl<1, InstanceNorm1dImpl>::pretty_print(std::ostream&) const;
template void InstanceNormImpl<2, InstanceNorm2dImpl>::pretty_print(std::ostream&) const;
template void InstanceNormImpl<3, InstanceNorm3dImpl>::pretty_print(std::ostream&) const;

}  // namespace nn
}  // namespace torch

#endif
