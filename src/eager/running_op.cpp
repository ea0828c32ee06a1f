// SPDX-License-Identifier: MIT
#include "eager/running_op.h"

#include <algorithm>

#include "capture/session.h"
#include "eager/op_tap.h"

namespace anycapture {
namespace eager {

using detail::Frame;

RunningOp::RunningOp(const OpName& op, RunningOp*& innermost_op)
    : name(op), frame(Frame::innermost()), innermost(innermost_op), outer(innermost_op) {
  innermost = this;
}

bool RunningOp::is_inside_another(const std::string& what) const {
  for (const RunningOp* op = outer; op != nullptr && op->frame == frame; op = op->outer) {
    const std::vector<std::string>& whats = op->name.whats;
    if (std::find(whats.begin(), whats.end(), what) != whats.end()) return true;
  }
  return false;
}

OpOwner owner_of_op(const capture::Session& session) {
  const void* const backward = current_backward();
  Frame* frame = Frame::innermost();
  for (; frame != nullptr && frame->backward() == backward; frame = frame->outer()) {
    if (session.knows(&frame->module())) return {&frame->module(), frame};
  }
  if (frame != nullptr || backward != nullptr) return {nullptr, nullptr};
  return {session.unhooked_root(), nullptr};
}

}  // namespace eager
}  // namespace anycapture
