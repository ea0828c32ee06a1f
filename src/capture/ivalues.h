// SPDX-License-Identifier: MIT
// The tensors inside what programs pass around.
#pragma once

#include <ATen/core/ivalue.h>

#include <anycapture/tensors.h>

#include <string>

namespace anycapture {
namespace capture {

/// Named by position, key or field, as `output.0`, `output.logits`; a lone tensor has no name.
Tensors tensors_in(const c10::IValue& value);

/// The same of a call's arguments, as Python's hooks get them: by position, unless the only one
/// that holds a tensor is a tensor.
Tensors tensors_in_arguments(c10::ArrayRef<c10::IValue> arguments);

}  // namespace capture
}  // namespace anycapture
