// SPDX-License-Identifier: MIT
// An op as selectors and keys name it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "attention/op_kinds.h"

namespace at {
struct RecordFunction;
}

namespace anycapture {
namespace eager {

struct OpName {
  std::string registered;          ///< `aten::_softmax`; the overload is no part of it
  std::vector<std::string> whats;  ///< `@softmax`, `@_softmax`, `@aten::_softmax`; each once
  attention::OpKind kind = attention::OpKind::other;
  std::size_t arguments = 0;
  std::size_t results = 0;
  std::vector<bool> written;  ///< of each argument, whether the op writes into it
  bool writes = false;        ///< whether it does into any
};

/// Null for what is recorded and is no op (autograd's nodes, ranges that a profiler was told of),
/// and for the ops that give memory without values: `empty`.
const OpName* op_name(const at::RecordFunction& record);

}  // namespace eager
}  // namespace anycapture
