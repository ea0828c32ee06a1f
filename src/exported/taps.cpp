// SPDX-License-Identifier: MIT
#include "exported/taps.h"

#include <anycapture/tensors.h>

#include <algorithm>
#include <memory>

#include "attention/fused_ops.h"
#include "capture/ivalues.h"
#include "exported/arguments.h"
#include "exported/exported_world.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using capture::Sessions;
using Kind = Place::Kind;

bool any_chooses(const Sessions& sessions, std::size_t module, const std::string& what,
                 SiteKind kind) {
  return std::any_of(sessions.begin(), sessions.end(), [&](const auto& session) {
    return session->selectors().chooses(module, what, kind) >= 0;
  });
}

template <class Asks>
bool any_selector(const Sessions& sessions, std::size_t module, Asks asks) {
  return std::any_of(sessions.begin(), sessions.end(), [&](const auto& session) {
    const BoundSelectors& bound = session->selectors();
    const std::vector<std::size_t>& all = bound.selectors_of(module);
    return std::any_of(all.begin(), all.end(), [&](std::size_t index) {
      const Selector& one = bound.selectors()[index];
      return !one.negative() && asks(one);
    });
  });
}

// The names of nodes are asked for one by one: `*` means variables.
bool names_node(const Sessions& sessions, std::size_t module, const std::string& what) {
  return any_selector(sessions, module,
                      [&](const Selector& one) { return one.has_what() && one.what() == what; });
}

// Whether one asks for a node by name at the root, and does not hear it at its own module.
bool names_node_at_root(const Sessions& sessions, const Place& place) {
  return std::any_of(sessions.begin(), sessions.end(), [&](const auto& session) {
    const BoundSelectors& bound = session->selectors();
    const std::vector<std::size_t>& own = bound.selectors_of(place.module);
    const std::vector<std::size_t>& root = bound.selectors_of(0);
    return std::any_of(root.begin(), root.end(), [&](std::size_t index) {
      const Selector& one = bound.selectors()[index];
      const bool both = std::find(own.begin(), own.end(), index) != own.end();
      return !both && !one.negative() && one.has_what() && one.what() == place.what;
    });
  });
}

bool chooses_any_field(const Sessions& sessions, std::size_t module, const Place& place,
                       const std::string& what) {
  return std::any_of(place.values.begin(), place.values.end(), [&](const NamedSlot& value) {
    return any_chooses(sessions, module, detail::joined(what, value.first) + place.index,
                       place.site);
  });
}

}  // namespace

Taps::Taps(const Sites& sites, const Sessions& sessions) {
  for (const GraphSites& one : sites.graphs()) {
    const Flow flow(*one.graph);
    GraphTaps& taps = graphs_[one.graph];
    for (const Place& place : one.places) add(taps, place, flow, sites, sessions);
  }
  for (const GraphSites& one : sites.graphs()) {
    GraphTaps& taps = graphs_[one.graph];
    for (const Place& place : one.places) hold_assigned(taps, place);
    const std::vector<Node>& nodes = one.graph->nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!nodes[i].written.empty()) taps.nodes[i].writes = true;
    }
    taps.heard.resize(nodes.size());
    for (const auto& [node, all] : taps.nodes) taps.heard[node] = true;
  }
}

void Taps::hold_assigned(GraphTaps& taps, const Place& place) const {
  if (place.returns || place.variable.empty()) return;
  const auto held = variables_.find(place.variable);
  if (held != variables_.end())
    taps.nodes[place.node].hold.push_back({held->second, true, place.values});
}

void Taps::add_ops(GraphTaps& taps, const Place& place, const Sessions& sessions) {
  for (const std::string& spelled : place.spellings) {
    const auto asked = [&](SiteKind kind) {
      return any_selector(sessions, place.module,
                          [&](const Selector& one) { return one.may_match_op(spelled, kind); });
    };
    const bool inputs = asked(SiteKind::kOpInput);
    if (!inputs && !asked(SiteKind::kOp)) continue;
    NodeTaps& node = taps.nodes[place.node];
    node.takes = node.takes || inputs;
    // In front of an operator that may write into them; what it gives also counts its calls.
    if (inputs) node.before.push_back({&place, spelled, SiteKind::kOpInput, place.module, 0});
    node.after.push_back({&place, spelled, SiteKind::kOp, place.module, 0});
  }
}

void Taps::add_node(GraphTaps& taps, const Place& place, const Sites& sites,
                    const Sessions& sessions) {
  const auto add = [&](std::size_t module) {
    if (!sites.has_local(module, place.what))  // which is what the name means there
      taps.nodes[place.node].after.push_back({&place, place.what, place.site, module, 0});
  };
  if (names_node(sessions, place.module, place.what)) add(place.module);
  if (place.module != 0 && names_node_at_root(sessions, place)) add(0);
}

void Taps::add(GraphTaps& taps, const Place& place, const Flow& flow, const Sites& sites,
               const Sessions& sessions) {
  const Tap tap{&place, place.what, place.site, place.module, 0};
  switch (place.kind) {
    case Kind::unknown_local:
      return;
    case Kind::op:
      return add_ops(taps, place, sessions);
    case Kind::node:
      return add_node(taps, place, sites, sessions);
    case Kind::call_begins:
      if (any_selector(sessions, place.module,
                       [](const Selector& one) { return one.numbers_ops(); }))
        taps.nodes[place.node].before.push_back(tap);
      return;
    case Kind::field:
    case Kind::local:
      if (chooses_any_field(sessions, place.module, place, place.what)) add_values(taps, tap, flow);
      return;
    case Kind::fused:
    case Kind::weights:
      if (!any_chooses(sessions, place.module, place.what, place.site)) return;
      taps.nodes[place.node].after.push_back(tap);
      if (place.kind == Kind::fused) taps.nodes[place.node].takes = true;
      return;
  }
}

// Each value is held where it is made: when all fire, its slot may be empty.
void Taps::add_values(GraphTaps& taps, Tap tap, const Flow& flow) {
  const Place& place = *tap.place;
  if (place.returns) {
    tap.held = ++held_;
    variables_[place.variable] = tap.held;
  } else {
    const auto maker = [&](const NamedSlot& value) {
      return flow.maker[static_cast<std::size_t>(value.second)];
    };
    const bool input = place.site == SiteKind::kInput;
    const bool later = std::any_of(place.values.begin(), place.values.end(),
                                   [&](const auto& one) { return maker(one) != place.fires; });
    if (later && !input) tap.held = ++held_;
    for (const NamedSlot& value : place.values) {
      if (tap.held == 0) break;
      const bool passed = maker(value) == Flow::kNone;  // an input of the graph
      NodeTaps& node = taps.nodes[passed ? 0 : maker(value)];
      (passed ? node.hold_inputs : node.hold).push_back({tap.held, false, {value}});
    }
    if (input) return taps.nodes[place.node].before.push_back(tap);
  }
  taps.nodes[place.fires].after.push_back(tap);
}

const Taps::GraphTaps* Taps::of(const Graph& graph) const {
  const auto found = graphs_.find(&graph);
  return found == graphs_.end() ? nullptr : &found->second;
}

const std::vector<bool>* TapListener::heard(const Graph& graph) {
  const Taps::GraphTaps* taps = taps_.of(graph);
  return taps == nullptr ? nullptr : &taps->heard;
}

bool TapListener::reads_arguments(const Graph& graph, std::size_t node) const {
  return taps_.of(graph)->nodes.at(node).takes;
}

TapListener::Values TapListener::values_of(const Place& place, const Frame& frame) {
  Values values;
  for (const auto& [name, slot] : place.values) {
    const IValue& value = frame[static_cast<std::size_t>(slot)];
    if (value.isTensor()) values.emplace_back(name, value.toTensor());
  }
  return values;
}

void TapListener::keep(const std::vector<Taps::Hold>& holds, const Frame& frame) {
  for (const Taps::Hold& hold : holds) {
    Values& values = held_[hold.held];
    if (hold.anew) values.clear();
    for (const auto& [name, slot] : hold.values) {
      const IValue& value = frame[static_cast<std::size_t>(slot)];
      if (value.isTensor()) values.emplace_back(name, value.toTensor());
    }
  }
}

void TapListener::before(const Graph& graph, std::size_t index, const Frame& frame,
                         const std::vector<IValue>& took) {
  const Taps::NodeTaps& taps = taps_.of(graph)->nodes.at(index);
  keep(taps.hold_inputs, frame);
  for (const Taps::Tap& tap : taps.before) {
    if (tap.place->kind == Kind::call_begins) {
      ops_.erase(tap.module);
    } else {
      fire(tap, values_of(*tap.place, frame), graph, frame, took);
    }
  }
  if (taps.writes) tell_writes(graph.nodes[index], frame);
}

void TapListener::after(const Graph& graph, std::size_t index, const Frame& frame,
                        const std::vector<IValue>& took) {
  const Taps::NodeTaps& taps = taps_.of(graph)->nodes.at(index);
  keep(taps.hold, frame);
  for (const Taps::Tap& tap : taps.after) {
    if (tap.held == 0) {
      fire(tap, values_of(*tap.place, frame), graph, frame, took);
      continue;
    }
    const Values values = std::move(held_[tap.held]);
    held_.erase(tap.held);
    fire(tap, values, graph, frame, took);
  }
}

void TapListener::fire(const Taps::Tap& tap, const Values& values, const Graph& graph,
                       const Frame& frame, const std::vector<IValue>& took) {
  const Place& place = *tap.place;
  for (const auto& session : sessions_) session->went_by(place.path);
  switch (place.kind) {
    case Kind::fused:
      return fire_fused(tap, graph.nodes[place.node], frame, took);
    case Kind::weights:
      return fire_weights(tap, values, frame);
    case Kind::op:
      return fire_op(tap, tap.kind == SiteKind::kOp ? values : inputs_of(took));
    default:
      break;
  }
  const void* id = world_.id_of(tap.module);
  for (const auto& [name, tensor] : values) {
    if (!tensor.defined()) continue;
    const std::string what = detail::joined(tap.what, name) + place.index;
    for (const auto& session : sessions_) {
      if (session->listening()) session->fire_field(id, tap.kind, what, tensor);
    }
  }
}

TapListener::Values TapListener::inputs_of(const std::vector<IValue>& took) {
  const Tensors tensors = capture::tensors_in_arguments(took);
  Values values;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].defined()) values.emplace_back(tensors.name(i), tensors[i]);
  }
  return values;
}

void TapListener::fire_weights(const Taps::Tap& tap, const Values& values, const Frame& frame) {
  const Place& place = *tap.place;
  if (values.empty()) return;
  const at::Tensor& weights = values[0].second;
  if (place.axis > 0 && place.axis != weights.dim() - 1) return;
  if (place.factor != kNoSlot)
    world_.find_heads(tap.module, frame[static_cast<std::size_t>(place.factor)]);
  for (const auto& session : sessions_) {
    if (!session->listening()) continue;
    session->fire_attention(world_.id_of(tap.module), weights, false);
    session->throw_failure();
  }
}

void TapListener::fire_op(const Taps::Tap& tap, const Values& values) {
  std::size_t& number = ops_[tap.module][tap.what];
  const std::string stem = tap.kind == SiteKind::kOp ? tap.what : tap.what + ".input";
  for (const auto& [name, tensor] : values) {
    for (const auto& session : sessions_) {
      if (!session->listening()) continue;
      session->fire_op(world_.id_of(tap.module), tap.kind, detail::joined(stem, name), number,
                       tensor, false);
      session->throw_failure();
    }
  }
  if (tap.kind == SiteKind::kOp) ++number;
}

void TapListener::fire_fused(const Taps::Tap& tap, const Node& node, const Frame& frame,
                             const std::vector<IValue>& took) {
  at::Tensor output;
  const Slot slot = node.results[0].slots.empty() ? kNoSlot : node.results[0].slots[0];
  if (slot != kNoSlot && frame[static_cast<std::size_t>(slot)].isTensor())
    output = frame[static_cast<std::size_t>(slot)].toTensor();
  for (const auto& session : sessions_) {
    if (!session->listening()) continue;
    session->fire_attention(
        world_.id_of(tap.module), [&]() -> std::shared_ptr<const capture::LazyTensor> {
          return attention::fused_call(node.op->schema(), took, output, session->options().detach,
                                       tap.place->copy || session->options().keep == Keep::clone);
        });
    session->throw_failure();
  }
}

// What was captured before it is written into stays what it was.
void TapListener::tell_writes(const Node& node, const Frame& frame) {
  const auto tell = [this](const IValue& value) {
    if (!value.isTensor() || !value.toTensor().defined()) return;
    for (const auto& session : sessions_) session->about_to_write(value.toTensor());
  };
  for (const std::size_t written : node.written) {
    each_argument(node.arguments[written], [&](const Argument& one) {
      if (one.slot != kNoSlot) tell(frame[static_cast<std::size_t>(one.slot)]);
    });
  }
}

}  // namespace exported
}  // namespace anycapture
