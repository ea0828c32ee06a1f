// SPDX-License-Identifier: MIT
#include "script/attention.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "attention/op_kinds.h"
#include "script/nodes.h"
#include "script/taps.h"

namespace anycapture {
namespace script {
namespace {

using attention::OpKind;
using attention::Passing;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;

OpKind kind_of(const Node& node) {
  return attention::kind_of_op(node.kind().toQualString());
}

struct Weights {
  Value* value = nullptr;  // null: there are none
  Value* axis = nullptr;   // that the softmax went over; null where it takes none: the last one
};

Value* axis_of(Node& softmax) {
  const torch::jit::FunctionSchema* schema = softmax.maybeSchema();
  if (schema == nullptr) return nullptr;
  const auto index = schema->argumentIndexWithName("dim");
  return index ? softmax.input(static_cast<std::size_t>(*index)) : nullptr;
}

// The last axis is -1, or one that only a run tells from others.
bool may_be_last_axis(Value* axis) {
  if (axis == nullptr) return true;
  const auto known = torch::jit::toIValue(axis);
  return !known || !known->isInt() || known->toInt() == -1 || known->toInt() > 0;
}

Passing passing_of(const Node& node) {
  return attention::passing_of_op(node.kind().toQualString());
}

// What of a node's inputs may be weights, where its result is.
torch::jit::ArrayRef<Value*> passed(Node& node) {
  const auto kind = node.kind();
  const auto inputs = node.inputs();
  if (kind == prim::ListConstruct) return inputs;
  if (kind == prim::unchecked_cast || kind == prim::TupleUnpack || kind == prim::ListUnpack)
    return inputs.slice(0, 1);
  if (kind_of(node) != OpKind::passes) return {};
  if (passing_of(node) == Passing::any) return inputs;
  const bool passes =
      passing_of(node) != Passing::turned || passing_of(*inputs[0]->node()) == Passing::turns;
  return inputs.slice(0, passes ? 1 : 0);
}

Weights weights_behind(Value* value, int depth);

// The axis of the branch that was taken: one more result of the `if`.
Value* axis_of_branches(Node* branches, const std::vector<Weights>& given) {
  Value* first = given[0].axis;
  const auto all = [&given](auto is) {
    return std::all_of(given.begin(), given.end(),
                       [&](const Weights& one) { return is(one.axis); });
  };
  if (all([&](Value* axis) { return axis == first; })) return first;
  if (!all([](Value* axis) { return axis != nullptr; })) return nullptr;
  for (std::size_t i = 0; i < given.size(); ++i)
    branches->blocks()[i]->registerOutput(given[i].axis);
  return branches->addOutput()->setType(first->type());
}

// What either branch of an `if` gives; of a dropout, in place or not, the weights in front of it.
Weights weights_of_branches(Value* value, int depth) {
  std::vector<Weights> given;
  std::set<Value*> found;
  for (torch::jit::Block* block : value->node()->blocks()) {
    given.push_back(weights_behind(block->outputs()[value->offset()], depth));
    found.insert(given.back().value);
  }
  if (found.count(nullptr) != 0) return {};
  return found.size() == 1 ? given[0] : Weights{value, axis_of_branches(value->node(), given)};
}

Weights weights_behind(Value* value, int depth) {
  constexpr int kFar = 12;  // ops between a softmax and its product
  if (depth > kFar) return {};
  Node* node = value->node();
  if (node->kind() == prim::If) return weights_of_branches(value, depth + 1);
  if (kind_of(*node) == OpKind::softmax) {
    Value* axis = axis_of(*node);
    return may_be_last_axis(axis) ? Weights{value, axis} : Weights{};
  }
  for (Value* input : passed(*node)) {
    const Weights weights = weights_behind(input, depth + 1);
    if (weights.value != nullptr) return weights;
  }
  return {};
}

// None where a factor of a product is none.
Weights attention_weights(Value* factor) {
  return weights_behind(factor, 0);
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

// What scores that weights are made of directly are a product of; null where they are not.
Value* query_of(Value* weights) {
  Node* softmax = weights->node();
  if (kind_of(*softmax) != OpKind::softmax) return nullptr;
  Node* scores = softmax->input(0)->node();
  const std::string_view name = scores->kind().toQualString();
  return name == "aten::bmm"       ? scores->input(0)
         : name == "aten::baddbmm" ? scores->input(1)
                                   : nullptr;
}

// Behind the weights, where the module that multiplies them is there already; else before it does.
void mark_weights(torch::jit::Graph& graph, Node* attend, const Weights& weights) {
  Value* self = attend->input(0);
  Node* made = weights.value->node();
  const torch::jit::WithInsertPoint here(made->isDominatedBy(self->node()) ? made->next() : attend);
  const auto or_none = [&graph](Value* value) {
    return value == nullptr ? graph.insertConstant(c10::IValue()) : value;
  };
  Node* tuple = graph.insertNode(
      graph.createTuple({weights.value, or_none(weights.axis), or_none(query_of(weights.value))}));
  Value* number = graph.insertConstant(*torch::jit::toIValue(attend->input(2)));
  graph.insertNode(
      graph.create(mark_symbol(), {self, tuple->output(), attend->input(1), number}, 0));
}

}  // namespace

void mark_attention(torch::jit::Graph& graph) {
  std::set<std::pair<Value*, Value*>> marked;  // weights, and whose
  each_node_and_fork(graph, [&](torch::jit::Graph& inside, Node* node) {
    if (node->kind() != attend_symbol()) return;
    for (std::size_t i = 3; i < node->inputs().size(); ++i) {
      const Weights weights = attention_weights(node->input(i));
      if (weights.value != nullptr && marked.emplace(weights.value, node->input(0)).second)
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
                       [](Value* factor) { return attention_weights(factor).value != nullptr; });
  });
}

}  // namespace script
}  // namespace anycapture
