// SPDX-License-Identifier: MIT
#include "exported/calls.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "exported/exported_program.h"
#include "exported/python_frames.h"

namespace anycapture {
namespace exported {
namespace {

// While nodes are gone through.
struct Open {
  ModuleCall call;
  std::vector<std::size_t> nodes;  // in order
};

class Finder {
 public:
  Finder(const Graph& graph, const Flow& flow, const std::set<std::string>& outer,
         const std::set<Slot>& state, const std::map<std::string, ModuleSignature>& signatures)
      : graph_(graph), flow_(flow), outer_(outer), state_(state), signatures_(signatures) {}

  std::vector<ModuleCall> find() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::size_t call : calls_of(graph_.nodes[i].module_stack)) {
        open_[call].nodes.push_back(i);
      }
    }
    std::vector<ModuleCall> calls;
    for (Open& one : open_) {
      one.call.first = one.nodes.front();
      one.call.last = one.nodes.back();
      name_values(one);
      calls.push_back(std::move(one.call));
    }
    return calls;
  }

 private:
  // Nodes of one call have the same text, mostly.
  const std::vector<std::size_t>& calls_of(const std::string& stack) {
    const auto [found, added] = by_stack_.try_emplace(stack);
    if (!added) return found->second;
    for (CalledModule& module : called_modules(stack)) {
      if (module.path.empty() || outer_.count(module.call) != 0) continue;
      const auto [call, is_new] = by_call_.emplace(module.call, open_.size());
      if (is_new) {
        open_.emplace_back();
        open_.back().call.call = std::move(module.call);
        open_.back().call.path = std::move(module.path);
        open_.back().call.type = std::move(module.type);
      }
      found->second.push_back(call->second);
    }
    return found->second;
  }

  static bool is_inside(const Open& one, std::size_t node) {
    return std::binary_search(one.nodes.begin(), one.nodes.end(), node);
  }

  void name_values(Open& one) const {
    if (const ModuleSignature* signature = signature_of(one.call)) {
      one.call.has_signature = one.call.in_order = true;
      one.call.inputs = by_name(signature->inputs, signature->input_names);
      one.call.outputs = by_name(signature->outputs, signature->output_names);
      return;
    }
    one.call.inputs = named(values_in(one));
    const std::vector<Slot> out = values_out(one);
    one.call.outputs = returned_as_given(one, out);
    const bool known = !one.call.outputs.empty();
    if (!known) one.call.outputs = named(out);
    one.call.in_order = known || out.size() < 2;
  }

  // Of the first call `path`, of later ones `path@1`.
  const ModuleSignature* signature_of(const ModuleCall& call) const {
    const std::string number = call.call.substr(without_call_number(call.call).size());
    const auto found = signatures_.find(call.path + number);
    return found == signatures_.end() ? nullptr : &found->second;
  }

  std::vector<NamedSlot> by_name(const std::vector<std::string>& values,
                                 const std::vector<std::string>& names) const {
    std::vector<NamedSlot> slots;
    for (std::size_t i = 0; i < values.size() && i < names.size(); ++i) {
      const auto found = std::find(graph_.slot_names.begin(), graph_.slot_names.end(), values[i]);
      if (values[i].empty() || found == graph_.slot_names.end()) continue;
      slots.emplace_back(names[i], static_cast<Slot>(found - graph_.slot_names.begin()));
    }
    return slots;
  }

  // Those of one operator that it returns in its order; empty where that is not known.
  std::vector<NamedSlot> returned_as_given(const Open& one, const std::vector<Slot>& slots) const {
    if (slots.empty()) return {};
    const auto maker = [this](Slot slot) { return flow_.maker[static_cast<std::size_t>(slot)]; };
    const std::size_t node = maker(slots.front());
    const bool alone =
        std::all_of(slots.begin(), slots.end(), [&](Slot slot) { return maker(slot) == node; });
    if (!alone || node == Flow::kNone) return {};
    std::vector<NamedSlot> values = results_of(graph_, graph_.nodes[node]);
    if (values.size() < 2) return {};
    if (is_recurrent(one.call.type)) return by_state(std::move(values));
    return returns(one, graph_.nodes[node]) ? values : std::vector<NamedSlot>();
  }

  static bool is_recurrent(const std::string& type) {
    const std::string module = "torch.nn.modules.rnn.";
    return type.compare(0, module.size(), module) == 0;
  }

  // Of LSTM (output, (hidden, cell)), of GRU and RNN (output, hidden).
  static std::vector<NamedSlot> by_state(std::vector<NamedSlot> values) {
    for (NamedSlot& value : values) {
      if (values.size() > 2 && value.first != "0")
        value.first = "1." + std::to_string(std::stoi(value.first) - 1);
    }
    return values;
  }

  // Whether its forward ends with `return x.chunk(2)`, of that node.
  static bool returns(const Open& one, const Node& node) {
    const std::vector<PythonFrame> frames = python_frames(node);
    const auto own = std::find_if(frames.begin(), frames.end(), [&](const PythonFrame& frame) {
      return frame.module.call == one.call.call && frame.line.function == "forward";
    });
    if (own == frames.end() || !runs_op(frames, static_cast<std::size_t>(own - frames.begin())))
      return false;
    const auto statements = python::statements_of(own->line.text);
    return statements.size() == 1 && statements[0].keyword == "return" &&
           gives_results_of(statements[0], node);
  }

  std::vector<NamedSlot> named(const std::vector<Slot>& slots) const {
    std::vector<NamedSlot> named;
    for (const Slot slot : slots)
      named.emplace_back(slots.size() == 1 ? "" : graph_.slot_names[static_cast<std::size_t>(slot)],
                         slot);
    return named;
  }

  std::vector<Slot> values_in(const Open& one) const {
    std::vector<Slot> slots;
    for (const std::size_t i : one.nodes) {
      each_read(graph_.nodes[i], [&](Slot slot) {
        const auto index = static_cast<std::size_t>(slot);
        if (!graph_.is_tensor(slot) || state_.count(slot) != 0) return;
        if (is_inside(one, flow_.maker[index])) return;
        if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
      });
    }
    return slots;
  }

  std::vector<Slot> values_out(const Open& one) const {
    std::vector<Slot> slots;
    for (const std::size_t i : one.nodes) {
      for (const Result& result : graph_.nodes[i].results) {
        for (const Slot slot : result.slots) {
          if (!graph_.is_tensor(slot)) continue;
          const auto& readers = flow_.readers[static_cast<std::size_t>(slot)];
          if (std::any_of(readers.begin(), readers.end(),
                          [&](std::size_t node) { return !is_inside(one, node); }))
            slots.push_back(slot);
        }
      }
    }
    if (slots.empty()) return unread_of(graph_.nodes[one.nodes.back()]);
    drop_passed_through(one, slots);
    return slots;
  }

  // What nobody reads is what it returns all the same.
  std::vector<Slot> unread_of(const Node& last) const {
    std::vector<Slot> slots;
    if (!last.written.empty()) return slots;
    for (const NamedSlot& value : results_of(graph_, last)) {
      if (flow_.readers[static_cast<std::size_t>(value.second)].empty())
        slots.push_back(value.second);
    }
    return slots;
  }

  // `x.to(torch.float32)` gives x itself where it is that already, and PyTorch then reads it by the
  // new name everywhere: beside other values, no output.
  void drop_passed_through(const Open& one, std::vector<Slot>& slots) const {
    const auto is_passed = [&](Slot slot) {
      const Node& node = graph_.nodes[flow_.maker[static_cast<std::size_t>(slot)]];
      const std::string name = node.op ? node.op->schema().name() : "";
      const bool gives_itself = name == "aten::to" || name == "aten::contiguous" ||
                                name == "aten::dropout" || name == "aten::type_as" ||
                                name == "aten::alias" || name == "aten::detach";
      if (!gives_itself || node.arguments.empty() || node.arguments[0].slot == kNoSlot)
        return false;
      return !is_inside(one, flow_.maker[static_cast<std::size_t>(node.arguments[0].slot)]);
    };
    std::vector<Slot> own;
    std::copy_if(slots.begin(), slots.end(), std::back_inserter(own),
                 [&](Slot slot) { return !is_passed(slot); });
    if (!own.empty()) slots = std::move(own);
  }

  const Graph& graph_;
  const Flow& flow_;
  const std::set<std::string>& outer_;
  const std::set<Slot>& state_;
  const std::map<std::string, ModuleSignature>& signatures_;
  std::vector<Open> open_;
  std::unordered_map<std::string, std::size_t> by_call_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_stack_;
};

}  // namespace

Flow::Flow(const Graph& graph, const std::vector<bool>& returned)
    : maker(graph.slots(), kNone), readers(graph.slots()), nodes(graph.nodes.size()) {
  const auto read = [this](Slot slot, std::size_t node) {
    auto& all = readers[static_cast<std::size_t>(slot)];
    if (all.empty() || all.back() != node) all.push_back(node);
  };
  for (std::size_t i = 0; i < nodes; ++i) {
    each_read(graph.nodes[i], [&](Slot slot) { read(slot, i); });
    for (const Result& result : graph.nodes[i].results) {
      for (const Slot slot : result.slots) {
        if (slot != kNoSlot) maker[static_cast<std::size_t>(slot)] = i;
      }
    }
  }
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    if (i < returned.size() && !returned[i]) continue;
    each_argument(graph.outputs[i], [&](const Argument& one) {
      if (one.slot != kNoSlot) read(one.slot, nodes);
    });
  }
}

std::vector<ModuleCall> calls_in(const Graph& graph, const Flow& flow,
                                 const std::set<std::string>& outer, const std::set<Slot>& state,
                                 const std::map<std::string, ModuleSignature>& signatures) {
  return Finder(graph, flow, outer, state, signatures).find();
}

std::vector<NamedSlot> results_of(const Graph& graph, const Node& node) {
  std::vector<NamedSlot> values;
  for (std::size_t i = 0; i < node.results.size(); ++i) {
    const Result& result = node.results[i];
    for (std::size_t k = 0; k < result.slots.size(); ++k) {
      if (!graph.is_tensor(result.slots[k])) continue;
      const bool lone = !result.list && node.results.size() == 1;
      values.emplace_back(lone ? "" : std::to_string(result.list ? k : i), result.slots[k]);
    }
  }
  return values;
}

std::vector<Slot> operands_of(const Node& node) {
  std::size_t first = 0;
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    if (node.arguments[i].kind == Argument::Kind::graph) first = i + 1;
  }
  std::vector<Slot> slots;
  for (std::size_t i = first; i < node.arguments.size(); ++i) {
    const Argument& one = node.arguments[i];
    if (one.kind != Argument::Kind::list) {
      slots.push_back(one.slot);
      continue;
    }
    for (const Argument& item : one.parts->items) slots.push_back(item.slot);
  }
  return slots;
}

}  // namespace exported
}  // namespace anycapture
