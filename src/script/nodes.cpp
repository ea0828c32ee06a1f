// SPDX-License-Identifier: MIT
#include "script/nodes.h"

#include <vector>

namespace anycapture {
namespace script {

using torch::jit::Block;
using torch::jit::Function;
using torch::jit::Graph;
using torch::jit::GraphFunction;
using torch::jit::Node;

const GraphFunction* with_graph(const Function& function) {
  return dynamic_cast<const GraphFunction*>(&function);
}

void each_node(Block& block, const std::function<void(Node*)>& call) {
  std::vector<Node*> nodes(block.nodes().begin(), block.nodes().end());
  for (Node* node : nodes) {
    for (Block* inner : node->blocks()) each_node(*inner, call);
    call(node);
  }
}

void each_node_and_fork(Graph& graph, const std::function<void(Graph&, Node*)>& call) {
  each_node(*graph.block(), [&](Node* node) {
    if (node->hasAttribute(torch::jit::attr::Subgraph)) {
      each_node_and_fork(*node->g(torch::jit::attr::Subgraph), call);
    }
    call(graph, node);
  });
}

}  // namespace script
}  // namespace anycapture
