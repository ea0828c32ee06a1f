// SPDX-License-Identifier: MIT
#include "script/whats.h"

#include <algorithm>

#include "capture/op_whats.h"
#include "script/locals.h"
#include "script/taps.h"

namespace anycapture {
namespace script {

using torch::jit::Node;
using torch::jit::Value;

std::string method_what(const std::string& method, const char* what) {
  return method == "forward" ? what : method + "." + what;
}

std::vector<std::string> ops_of(const Node& node) {
  const auto kind = node.kind();
  if (kind.is_prim() || kind.ns() == tap_symbol().ns() || node.outputs().empty()) return {};
  const bool tensors =
      std::any_of(node.outputs().begin(), node.outputs().end(),
                  [](const Value* value) { return holds_tensors(*value->type()); });
  if (!tensors) return {};
  return capture::op_whats(kind.toQualString());
}

}  // namespace script
}  // namespace anycapture
