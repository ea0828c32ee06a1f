// SPDX-License-Identifier: MIT
// The tensors inside values of which only the `typeid` is known: what children of a Sequential take
// and give.
#pragma once

#include <anycapture/tensors.h>

#include <string>

namespace torch {
namespace nn {
class AnyValue;
}
}  // namespace torch

namespace anycapture {
namespace eager {

/// False when the value's type is not known.
bool collect_any(Tensors& into, const std::string& name, torch::nn::AnyValue& value);

}  // namespace eager
}  // namespace anycapture
