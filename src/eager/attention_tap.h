// SPDX-License-Identifier: MIT
// Finds attention among the ops that run on a thread: a softmax over the last axis whose result is
// multiplied, which belongs to the module that multiplies; and fused ops.
#pragma once

#include "eager/running_op.h"

namespace anycapture {
namespace eager {

/// Sets what attention_ends() needs.
void attention_starts(RunningOp& op, const at::RecordFunction& record);
void attention_ends(const RunningOp& op, const at::RecordFunction& record);

/// No session of this thread asks for attention any more.
void forget_weights();

}  // namespace eager
}  // namespace anycapture
