// SPDX-License-Identifier: MIT
// Ways through a graph.
#pragma once

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include <functional>

namespace anycapture {
namespace script {

/// Of a function that was written in TorchScript; null for a builtin one.
const torch::jit::GraphFunction* with_graph(const torch::jit::Function& function);

/// The nodes that are there when it starts, those of inner blocks before theirs. Not into the
/// graphs of forks, which are other functions.
void each_node(torch::jit::Block& block, const std::function<void(torch::jit::Node*)>& call);

/// Into these too; with the graph that a node is of.
void each_node_and_fork(torch::jit::Graph& graph,
                        const std::function<void(torch::jit::Graph&, torch::jit::Node*)>& call);

}  // namespace script
}  // namespace anycapture
