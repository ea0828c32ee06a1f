// SPDX-License-Identifier: MIT
// What an op is to attention, by its name.
#pragma once

#include <string_view>

namespace anycapture {
namespace attention {

enum class OpKind {
  other,
  softmax,  ///< gives weights, where it goes over the last axis
  passes,   ///< weights stay weights: dropout, a cast, a view, a mask over heads
  product,  ///< multiplies weights with values
  fused,    ///< is the whole of attention, and computes no weights that come out of it
};

/// Which arguments of an op that passes may be the weights.
enum class Passing {
  first,  ///< the first one
  turns,  ///< the first one, and another axis may come to be the last
  any,    ///< any: a difference of two maps
  turned  ///< the first one, if it was turned: a projection mixes heads there, else features
};

/// `name`: `aten::softmax`, without an overload.
OpKind kind_of_op(std::string_view name);
Passing passing_of_op(std::string_view name);

}  // namespace attention
}  // namespace anycapture
