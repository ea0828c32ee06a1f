// SPDX-License-Identifier: MIT
#include "script/written.h"

#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>

#include <algorithm>

#include "script/locals.h"
#include "script/nodes.h"
#include "script/taps.h"

namespace anycapture {
namespace script {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;

bool is_container(const Value& value) {
  const auto kind = value.type()->kind();
  return kind != c10::TypeKind::TensorType && kind != c10::TypeKind::OptionalType;
}

bool writes(const Node& node) {
  const c10::FunctionSchema* schema = node.maybeSchema();
  return schema != nullptr && std::any_of(schema->arguments().begin(), schema->arguments().end(),
                                          [](const c10::Argument& one) {
                                            return one.alias_info() != nullptr &&
                                                   one.alias_info()->isWrite();
                                          });
}

// Whether something in the graph writes into a tensor of the value, before or after it is there.
bool is_written(const torch::jit::AliasDb& aliases, const Value* value, bool any_writes) {
  if (!is_container(*value)) return aliases.hasWriters(value);
  const Node* node = value->node();
  const bool constructed = node->kind() == prim::TupleConstruct ||
                           node->kind() == prim::ListConstruct ||
                           node->kind() == prim::DictConstruct;
  if (!constructed) return any_writes;
  return std::any_of(node->inputs().begin(), node->inputs().end(), [&](const Value* input) {
    return holds_tensors(*input->type()) && is_written(aliases, input, any_writes);
  });
}

}  // namespace

// Which values are written to must be known before the taps are there: each counts as a writer.
void turn_marks_into_taps(const std::shared_ptr<Graph>& graph) {
  {
    const torch::jit::AliasDb aliases(graph);
    bool any_writes = false;
    each_node(*graph->block(), [&](Node* node) { any_writes = any_writes || writes(*node); });
    each_node(*graph->block(), [&](Node* node) {
      if (node->kind() != mark_symbol()) return;
      const auto tap = torch::jit::toIValue(node->input(3));
      if (tap && is_written(aliases, node->input(1), any_writes)) mark_copied(tap->toInt());
    });
  }
  each_node_and_fork(*graph, [](Graph& inside, Node* node) {
    if (node->kind() != mark_symbol()) return;
    inside.create(tap_symbol(), node->inputs(), 0)->insertBefore(node);
    node->destroy();
  });
}

}  // namespace script
}  // namespace anycapture
