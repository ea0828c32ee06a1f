// SPDX-License-Identifier: MIT
// What a fused attention op took, by the names in its schema: they differ between versions.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <c10/util/ArrayRef.h>

#include <memory>

#include "attention/fused_call.h"

namespace anycapture {
namespace attention {

/// Null where the op took what weights cannot be made of (nested tensors). `detach`, `copy`: as
/// FusedCall has them.
std::shared_ptr<const FusedCall> fused_call(const c10::FunctionSchema& schema,
                                            c10::ArrayRef<c10::IValue> arguments,
                                            const at::Tensor& output, bool detach, bool copy);

}  // namespace attention
}  // namespace anycapture
