// SPDX-License-Identifier: MIT
// Where a graph computes attention.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

namespace anycapture {
namespace script {

/// Whether a node multiplies, and so may multiply weights with values.
bool is_product(const torch::jit::Node& node);
/// Whether it is an op that computes attention as a whole.
bool is_fused_attention(const torch::jit::Node& node);

/// In place of each `(Any self, int run, int tap, factors...) -> ()` of attend_symbol(), a mark of
/// the weights among the factors, if there are any: what a softmax over the last axis gave, through
/// what leaves weights weights, such as dropout.
void mark_attention(torch::jit::Graph& graph);

/// Whether the method's own code, and that of free functions and other methods of the module
/// that it calls, computes attention; the softmax may be of a module that it calls.
bool computes_attention(torch::jit::Graph& graph);

}  // namespace script
}  // namespace anycapture
