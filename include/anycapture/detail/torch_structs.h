// SPDX-License-Identifier: MIT
// The structs of tensors that built-in modules take and give.
#pragma once

#include <torch/nn/modules/adaptive.h>
#include <torch/nn/utils/rnn.h>

#include <type_traits>

namespace torch {
namespace nn {

template <class Value, class Visit,
          std::enable_if_t<std::is_same_v<std::remove_const_t<Value>, ASMoutput>, int> = 0>
void anycapture_visit(Value& value, Visit&& visit) {
  visit("output", value.output);
}

namespace utils {
namespace rnn {

template <class Value, class Visit,
          std::enable_if_t<std::is_same_v<std::remove_const_t<Value>, PackedSequence>, int> = 0>
void anycapture_visit(Value& value, Visit&& visit) {
  visit("data", value.data());
  visit("batch_sizes", value.batch_sizes());
  visit("sorted_indices", value.sorted_indices());
  visit("unsorted_indices", value.unsorted_indices());
}

}  // namespace rnn
}  // namespace utils
}  // namespace nn
}  // namespace torch
