// SPDX-License-Identifier: MIT
#include "exported/writes.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace anycapture {
namespace exported {
namespace {

void add_slots(std::vector<Slot>& slots, const Argument& argument) {
  each_argument(argument, [&](const Argument& one) {
    if (one.slot != kNoSlot) slots.push_back(one.slot);
  });
}

void add_slots(std::vector<Slot>& slots, const Result& result) {
  std::copy_if(result.slots.begin(), result.slots.end(), std::back_inserter(slots),
               [](Slot slot) { return slot != kNoSlot; });
}

// What may be views of each other: by the schema; all that a higher-order operator takes and gives.
std::vector<Slot> views_of(const Node& node) {
  std::vector<Slot> slots;
  if (node.symbol != nullptr) return slots;
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    if (!node.op || node.op->schema().arguments()[i].alias_info() != nullptr)
      add_slots(slots, node.arguments[i]);
  }
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    if (!node.op || node.op->schema().returns()[i].alias_info() != nullptr)
      add_slots(slots, node.results[i]);
  }
  return slots;
}

// Inputs that may be written into when the graph has run: all of a graph that a node runs.
std::vector<Slot> written_afterwards(const ExportedProgram& program, const Graph& graph) {
  if (&graph != program.graph.get()) return graph.inputs;
  std::vector<Slot> slots;
  for (const OutputUse& use : program.outputs) {
    if (use.kind == OutputUse::Kind::input) slots.push_back(graph.inputs[use.index]);
    for (const auto& [input, name] : program.held) {
      if (use.kind == OutputUse::Kind::state && use.name == name)
        slots.push_back(graph.inputs[input]);
    }
  }
  return slots;
}

}  // namespace

Writes::Writes(const ExportedProgram& program, const Graph& graph)
    : graph_(graph), same_(graph.slots()), last_(graph.slots()) {
  std::iota(same_.begin(), same_.end(), 0);
  for (const Node& node : graph.nodes) share(views_of(node));
  const auto write = [this](Slot slot, std::size_t end) {
    last_[static_cast<std::size_t>(memory_of(slot))] = end;
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    std::vector<Slot> written;
    for (const std::size_t argument : graph.nodes[i].written)
      add_slots(written, graph.nodes[i].arguments[argument]);
    for (const Slot slot : written) write(slot, i + 1);
  }
  for (const Slot slot : written_afterwards(program, graph)) write(slot, graph.nodes.size() + 1);
}

Slot Writes::memory_of(Slot slot) const {
  while (same_[static_cast<std::size_t>(slot)] != slot)
    slot = same_[static_cast<std::size_t>(slot)];
  return slot;
}

void Writes::share(const std::vector<Slot>& slots) {
  for (const Slot slot : slots)
    same_[static_cast<std::size_t>(memory_of(slot))] = memory_of(slots[0]);
}

bool Writes::follow(std::size_t node) const {
  std::vector<Slot> slots;
  for (const Argument& argument : graph_.nodes[node].arguments) add_slots(slots, argument);
  for (const Result& result : graph_.nodes[node].results) add_slots(slots, result);
  return std::any_of(slots.begin(), slots.end(), [&](Slot slot) {
    return last_[static_cast<std::size_t>(memory_of(slot))] > node + 1;
  });
}

}  // namespace exported
}  // namespace anycapture
