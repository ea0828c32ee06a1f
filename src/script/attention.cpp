// SPDX-License-Identifier: MIT
#include "script/attention.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "attention/op_kinds.h"
#include "script/nodes.h"
#include "script/taps.h"

namespace anycapture {
namespace script {
namespace {

using attention::OpKind;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;

OpKind kind_of(const Node& node) {
  return attention::kind_of_op(node.kind().toQualString());
}

std::int64_t axis_of(const Node& softmax) {
  const torch::jit::FunctionSchema* schema = softmax.maybeSchema();
  if (schema == nullptr) return -1;
  const auto index = schema->argumentIndexWithName("dim");
  if (!index) return -1;
  const auto axis = torch::jit::toIValue(softmax.input(static_cast<std::size_t>(*index)));
  return axis && axis->isInt() ? axis->toInt() : -1;
}

// The last axis is -1, or one that only a shape tells from others: 1 at least.
bool may_be_last_axis(const Node& softmax) {
  return axis_of(softmax) == -1 || axis_of(softmax) > 0;
}

bool passes(const Node& node) {
  const auto kind = node.kind();
  return kind == prim::unchecked_cast || kind == prim::TupleUnpack || kind == prim::ListUnpack ||
         kind == prim::ListConstruct || kind_of(node) == OpKind::passes;
}

Value* weights_behind(Value* value, int depth);

// What either branch of an `if` gives; of a dropout, in place or not, the weights in front of it.
Value* weights_of_branches(Value* value, int depth) {
  std::set<Value*> found;
  for (torch::jit::Block* block : value->node()->blocks())
    found.insert(weights_behind(block->outputs()[value->offset()], depth));
  if (found.count(nullptr) != 0) return nullptr;
  return found.size() == 1 ? *found.begin() : value;
}

Value* weights_behind(Value* value, int depth) {
  constexpr int kFar = 12;  // ops between a softmax and its product
  if (depth > kFar) return nullptr;
  Node* node = value->node();
  if (node->kind() == prim::If) return weights_of_branches(value, depth + 1);
  if (kind_of(*node) == OpKind::softmax) return may_be_last_axis(*node) ? value : nullptr;
  if (!passes(*node)) return nullptr;
  for (Value* input : node->inputs()) {
    if (Value* weights = weights_behind(input, depth + 1)) return weights;
  }
  return nullptr;
}

// Null where a factor of a product is none.
Value* attention_weights(Value* factor) {
  return weights_behind(factor, 0);
}

// -1 where it is not known.
std::int64_t softmax_axis(const Value& weights) {
  return kind_of(*weights.node()) == OpKind::softmax ? axis_of(*weights.node()) : -1;
}

// A free function, or another method of the graph's own module; null for what else a node is.
const torch::jit::GraphFunction* own_callee(const Node& node, const torch::jit::Graph& graph) {
  if (node.kind() == prim::CallFunction) {
    const auto type = node.input(0)->type()->cast<c10::FunctionType>();
    return type == nullptr ? nullptr : with_graph(*type->function());
  }
  const bool own = node.kind() == prim::CallMethod && !graph.inputs().empty() &&
                   node.input(0) == graph.inputs()[0];
  const auto type = own ? node.input(0)->type()->cast<c10::ClassType>() : nullptr;
  return type == nullptr ? nullptr : with_graph(type->getMethod(node.s(torch::jit::attr::name)));
}

// As deep as they call each other.
void inline_own_calls(torch::jit::Graph& graph) {
  constexpr int kDeep = 8;
  bool any = true;
  for (int depth = 0; any && depth < kDeep; ++depth) {
    any = false;
    each_node(*graph.block(), [&](Node* node) {
      const torch::jit::GraphFunction* function = own_callee(*node, graph);
      if (function == nullptr) return;
      any = true;
      const auto body = function->graph()->copy();
      if (node->kind() == prim::CallFunction) node->removeInput(0);
      torch::jit::inlineCallTo(node, const_cast<torch::jit::GraphFunction*>(function), body.get());
    });
  }
}

// Behind the weights, where the module that multiplies them is there already; else before it does.
void mark_weights(torch::jit::Graph& graph, Node* attend, Value* weights) {
  Value* self = attend->input(0);
  const bool there = weights->node()->isDominatedBy(self->node());
  const auto tap = torch::jit::toIValue(attend->input(2));
  set_axis(tap->toInt(), softmax_axis(*weights));
  const torch::jit::WithInsertPoint here(there ? weights->node()->next() : attend);
  Value* number = graph.insertConstant(*tap);
  graph.insertNode(graph.create(mark_symbol(), {self, weights, attend->input(1), number}, 0));
}

}  // namespace

void mark_attention(torch::jit::Graph& graph) {
  std::set<std::pair<Value*, Value*>> marked;  // weights, and whose
  each_node_and_fork(graph, [&](torch::jit::Graph& inside, Node* node) {
    if (node->kind() != attend_symbol()) return;
    for (std::size_t i = 3; i < node->inputs().size(); ++i) {
      Value* weights = attention_weights(node->input(i));
      if (weights != nullptr && marked.emplace(weights, node->input(0)).second)
        mark_weights(inside, node, weights);
    }
    node->destroy();
  });
}

bool is_product(const Node& node) {
  return kind_of(node) == OpKind::product;
}

bool is_fused_attention(const Node& node) {
  return kind_of(node) == OpKind::fused;
}

bool computes_attention(torch::jit::Graph& original) {
  const auto graph = original.copy();
  inline_own_calls(*graph);
  std::vector<Node*> products;
  bool fused = false;
  each_node_and_fork(*graph, [&](torch::jit::Graph&, Node* node) {
    if (is_product(*node)) products.push_back(node);
    fused = fused || is_fused_attention(*node);
  });
  if (fused) return true;
  if (products.empty()) return false;
  torch::jit::Inline(*graph);
  return std::any_of(products.begin(), products.end(), [](Node* product) {
    const auto inputs = product->inputs();
    return std::any_of(inputs.begin(), inputs.end(),
                       [](Value* factor) { return attention_weights(factor) != nullptr; });
  });
}

}  // namespace script
}  // namespace anycapture
