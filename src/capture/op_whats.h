// SPDX-License-Identifier: MIT
// How the sites of an op are called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anycapture {
namespace capture {

/// `aten::_softmax`: `@softmax`, `@_softmax`, `@aten::_softmax`, each once. Empty for the ops that
/// give memory without values: `aten::empty`.
std::vector<std::string> op_whats(std::string_view registered);

}  // namespace capture
}  // namespace anycapture
