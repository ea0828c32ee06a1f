// SPDX-License-Identifier: MIT
// How the sites of a method are called.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <string>
#include <vector>

namespace anycapture {
namespace script {

/// `input`, `encode.input`.
std::string method_what(const std::string& method, const char* what);

/// `@softmax`, `@aten::softmax` of an operation on tensors; else none.
std::vector<std::string> ops_of(const torch::jit::Node& node);

}  // namespace script
}  // namespace anycapture
