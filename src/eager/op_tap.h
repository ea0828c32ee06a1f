// SPDX-License-Identifier: MIT
// Hears the ops that run on a thread: what an op of `@softmax` took and gave, as at::RecordFunction
// tells it.
#pragma once

namespace anycapture {
namespace eager {

/// Registers the tap with LibTorch for this thread, or takes it away: it is there while an open
/// session of the thread asks for ops, and hears no other thread.
void update_op_tap();

/// The run of autograd's backward that this thread is in; null outside any.
const void* current_backward() noexcept;

}  // namespace eager
}  // namespace anycapture
