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

/// `name`: `aten::softmax`, without an overload.
OpKind kind_of_op(std::string_view name);

}  // namespace attention
}  // namespace anycapture
