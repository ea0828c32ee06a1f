// SPDX-License-Identifier: MIT
// An op that is running on this thread, and whose it is.
#pragma once

#include <anycapture/detail/frame.h>

#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>

#include <string>
#include <vector>

#include "eager/op_name.h"

namespace anycapture {
namespace capture {
class Session;
}
namespace eager {

struct RunningOp : at::ObserverContext {
  RunningOp(const OpName& op, RunningOp*& innermost_op);
  ~RunningOp() override { innermost = outer; }

  /// Whether one of the same name, spelled so, is running around it in the same module.
  bool is_inside_another(const std::string& what) const;

  const OpName& name;
  const detail::Frame* const frame;
  RunningOp*& innermost;
  RunningOp* const outer;
  bool attention = false;              ///< its end is of use to those who ask for attention
  std::vector<c10::IValue> arguments;  ///< of such a one, which it may have taken from the stack
};

struct OpOwner {
  const void* module;
  detail::Frame* frame;  ///< null outside any
};

/// The innermost frame's module that the session knows; outside any, the root if it is not hooked.
OpOwner owner_of_op(const capture::Session& session);

}  // namespace eager
}  // namespace anycapture
