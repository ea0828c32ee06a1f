// SPDX-License-Identifier: MIT
// A program's graph, ready to be run: values are slots of a frame, arguments stand in the order of
// each operator's schema.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/util/SmallVector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace anycapture {
namespace exported {

struct Graph;
class Runner;

using Slot = std::int32_t;
constexpr Slot kNoSlot = -1;
using Frame = std::vector<c10::IValue>;

/// What a list of a run's values is made into.
enum class ListOf : std::uint8_t { anything, tensors, optional_tensors, ints, floats, bools };

/// Where an argument comes from. What is not known before a run has slots in it.
struct Argument {
  enum class Kind : std::uint8_t {
    constant,
    slot,
    number_as_tensor,  ///< a slot's number, where the operator takes a tensor
    list,
    graph,
    op,   ///< an operator by name, of a higher-order one
    dict  ///< by `names`
  };
  /// What few have: a run goes over all arguments, which are small therefore.
  struct Parts {
    std::vector<Argument> items;
    std::vector<std::string> names;
    std::shared_ptr<const Graph> graph;
    std::string text;
  };

  Kind kind = Kind::constant;
  ListOf list_of = ListOf::anything;
  bool last = false;  ///< nothing reads the slot afterwards
  Slot slot = kNoSlot;
  c10::IValue constant;
  std::shared_ptr<Parts> parts;  ///< of a list, a graph, an operator and a dict
};

/// Calls `act(argument)` for it and all that it is made of.
template <class A, class Act>
void each_argument(A& argument, const Act& act) {
  act(argument);
  if (argument.parts == nullptr) return;
  for (auto& item : argument.parts->items) each_argument(item, act);
}

/// Where one result of a node goes.
struct Result {
  bool list = false;  ///< a list of tensors, each to a slot of `slots`; else one value
  c10::SmallVector<Slot, 2> slots;  ///< kNoSlot: it is dropped
};

struct Node;
/// The node's results, one each.
using HigherOrder = std::vector<c10::IValue> (*)(const Runner& runner, const Node& node,
                                                 Frame& frame);
/// Python's arithmetic on sizes and other numbers.
struct SymbolOp {
  c10::IValue (*run)(const std::vector<c10::IValue>& arguments);
  std::size_t arguments;  ///< how many it takes
};

struct Node {
  /// One of them runs it.
  std::optional<c10::OperatorHandle> op;
  const SymbolOp* symbol = nullptr;
  HigherOrder higher_order = nullptr;

  std::vector<Argument> arguments;
  c10::SmallVector<Result, 1> results;
  std::vector<Slot> dead;            ///< read for the last time here, or never
  std::vector<std::size_t> written;  ///< arguments that it writes into

  std::string name;                       ///< `softmax_3`
  std::string target;                     ///< `torch.ops.aten.softmax.int`
  std::vector<std::string> keywords;      ///< of a higher-order one's last arguments: their names
  std::string module_stack, stack_trace;  ///< as the file has them: exported/metadata.h
};

struct Graph {
  std::vector<Slot> inputs;
  std::vector<Argument> outputs;
  std::vector<Node> nodes;
  std::vector<std::string> slot_names;
  std::vector<bool> tensors;  ///< by slot: whether it holds one

  std::size_t slots() const { return slot_names.size(); }
  bool is_tensor(Slot slot) const {
    return slot != kNoSlot && tensors[static_cast<std::size_t>(slot)];
  }
};

/// Calls `act(graph)` for those that a node runs.
template <class Act>
void each_graph(const Node& node, const Act& act) {
  for (const Argument& one : node.arguments) {
    if (one.kind == Argument::Kind::graph) act(*one.parts->graph);
  }
}

/// The slots that a node reads, at any depth; not those of graphs inside.
template <class Act>
void each_read(const Node& node, const Act& act) {
  for (const Argument& one : node.arguments) {
    each_argument(one, [&](const Argument& inner) {
      if (inner.slot != kNoSlot) act(inner.slot);
    });
  }
}

}  // namespace exported
}  // namespace anycapture
