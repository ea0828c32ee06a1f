// SPDX-License-Identifier: MIT
#include "exported/run.h"

#include <ATen/core/List.h>
#include <ATen/core/stack.h>
#include <anycapture/error.h>

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <utility>

#include "exported/arguments.h"
#include "exported/metadata.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using torch::jit::Stack;

IValue& at(Frame& frame, Slot slot) {
  return frame[static_cast<std::size_t>(slot)];
}

void store(const Result& result, IValue value, Frame& frame) {
  if (!result.list) {
    if (!result.slots.empty() && result.slots[0] != kNoSlot)
      at(frame, result.slots[0]) = std::move(value);
    return;
  }
  const auto all = value.toListRef();
  if (all.size() < result.slots.size())
    throw Error(fmt::format("the operator gave {} tensors, and the program was exported with {}",
                            all.size(), result.slots.size()));
  for (std::size_t i = 0; i < result.slots.size(); ++i) {
    if (result.slots[i] != kNoSlot) at(frame, result.slots[i]) = all[i];
  }
}

std::string place_of(const Node& node) {
  const auto modules = called_modules(node.module_stack);
  const auto lines = python_lines(node.stack_trace);
  std::string text = fmt::format("node {} ({})", node.name, node.target);
  if (!modules.empty() && !modules.back().path.empty()) text += " in " + modules.back().path;
  if (!lines.empty())
    text += fmt::format(", {}:{}: {}", lines.back().file, lines.back().line, lines.back().text);
  return text;
}

void run_operator(const Node& node, Frame& frame, Stack& stack) {
  stack.clear();
  for (const Argument& one : node.arguments) {
    if (one.kind == Argument::Kind::slot) {  // most of them
      IValue& value = at(frame, one.slot);
      if (one.last) {
        stack.push_back(std::move(value));
      } else {
        stack.push_back(value);
      }
    } else {
      stack.push_back(value_of(one, frame));
    }
  }
  node.op->callBoxed(&stack);
  for (std::size_t i = 0; i < node.results.size(); ++i)
    store(node.results[i], std::move(stack[i]), frame);
}

void run_symbol(const Node& node, Frame& frame) {
  std::vector<IValue> arguments;
  arguments.reserve(node.arguments.size());
  for (const Argument& one : node.arguments) arguments.push_back(value_of(one, frame));
  try {
    IValue value = node.symbol->run(arguments);
    if (!node.results.empty()) store(node.results[0], std::move(value), frame);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", place_of(node), error.what()));
  }
}

void run_higher_order(const Runner& runner, const Node& node, Frame& frame) {
  std::vector<IValue> values = node.higher_order(runner, node, frame);
  // PyTorch before 2.9 writes all that it gives as one list.
  const bool one_list = node.results.size() == 1 && node.results[0].list &&
                        !(values.size() == 1 && values[0].isList());
  if (one_list) {
    c10::impl::GenericList list(c10::AnyType::get());
    for (IValue& one : values) list.push_back(std::move(one));
    return store(node.results[0], list, frame);
  }
  if (values.size() < node.results.size())
    throw Error(fmt::format("{} gave {} values, and {} are taken", place_of(node), values.size(),
                            node.results.size()));
  for (std::size_t i = 0; i < node.results.size(); ++i)
    store(node.results[i], std::move(values[i]), frame);
}

}  // namespace

void Runner::run_node(const Node& node, Frame& frame, Stack& stack) const {
  if (node.higher_order != nullptr) return run_higher_order(*this, node, frame);
  try {
    if (node.op) {
      run_operator(node, frame, stack);
    } else {
      run_symbol(node, frame);
    }
  } catch (c10::Error& error) {
    error.add_context(place_of(node));
    throw;
  }
}

void Runner::run_heard(const Graph& graph, std::size_t index, Frame& frame, Stack& stack) const {
  const Node& node = graph.nodes[index];
  std::vector<IValue> took;
  if (listener_->reads_arguments(graph, index)) {
    const Frame& kept = frame;
    for (const Argument& one : node.arguments) took.push_back(value_of(one, kept));
  }
  listener_->before(graph, index, frame, took);
  run_node(node, frame, stack);
  listener_->after(graph, index, frame, took);
}

std::vector<IValue> Runner::run(const Graph& graph, std::vector<IValue> inputs) const {
  if (inputs.size() != graph.inputs.size())
    throw Error(fmt::format("a graph of the program takes {} values and was given {}",
                            graph.inputs.size(), inputs.size()));
  Frame frame(graph.slots());
  for (std::size_t i = 0; i < inputs.size(); ++i) at(frame, graph.inputs[i]) = std::move(inputs[i]);
  inputs.clear();
  const std::vector<bool>* heard = listener_ == nullptr ? nullptr : listener_->heard(graph);
  Stack stack;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (heard != nullptr && (*heard)[i]) {
      run_heard(graph, i, frame, stack);
    } else {
      run_node(node, frame, stack);
    }
    for (const Slot slot : node.dead) at(frame, slot) = IValue();
  }
  std::vector<IValue> outputs;
  outputs.reserve(graph.outputs.size());
  for (const Argument& one : graph.outputs) outputs.push_back(value_of(one, frame));
  return outputs;
}

}  // namespace exported
}  // namespace anycapture
