// SPDX-License-Identifier: MIT
#include "exported/sites.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "capture/op_whats.h"
#include "capture/program_sites.h"
#include "exported/attention.h"
#include "exported/locals.h"
#include "exported/metadata.h"
#include "exported/writes.h"

namespace anycapture {
namespace exported {
namespace {

// Of a module and what is below it: where its weights lie.
using Weights = std::vector<std::pair<std::string, const void*>>;

Weights weights_below(const ExportedProgram& program, const std::string& path) {
  Weights weights;
  const std::string start = path + ".";
  for (auto it = program.state.lower_bound(start); it != program.state.end(); ++it) {
    if (it->first.compare(0, start.size(), start) != 0) break;
    if (it->second.numel() > 0)
      weights.emplace_back(it->first.substr(start.size()), it->second.data_ptr());
  }
  return weights;
}

}  // namespace

Sites::Sites(const ExportedProgram& program) {
  Called called;
  find_called(*program.graph, called);
  name_modules(program, called);
  KnownLines lines;
  lines.add(*program.graph);
  has_lines_ = !lines.empty() || program.graph->nodes.empty();
  Around around;
  for (const auto& [input, name] : program.held) around.state.insert(program.graph->inputs[input]);
  add_graph(program, *program.graph, around, lines);
  number_locals();
}

void Sites::find_called(const Graph& graph, Called& called) {
  std::set<std::string> seen;
  for (const Node& node : graph.nodes) {
    each_graph(node, [&](const Graph& inner) { find_called(inner, called); });
    if (!seen.insert(node.module_stack).second) continue;
    for (CalledModule& module : called_modules(node.module_stack))
      called.emplace(std::move(module.path), Known{module.type, module.object});
  }
}

// A module that goes by several paths has its first as its name. `strict=True` tells which are one;
// else those of the same type and weights are, but for a lone weight, which two may share.
void Sites::name_modules(const ExportedProgram& program, const Called& called) {
  std::map<Weights, std::size_t> by_weights;
  std::map<std::string, std::size_t> by_object;
  const auto add = [&](const std::string& path) {
    const auto found = called.find(path);
    by_path_.emplace(path, modules_.size());
    if (found != called.end() && !found->second.object.empty())
      by_object.emplace(found->second.object, modules_.size());
    modules_.push_back({path, found == called.end() ? "" : found->second.type, {}});
    leaves_nodes_.push_back(found != called.end());
  };
  const auto add_alias = [&](const std::string& path, std::size_t module) {
    modules_[module].aliases.push_back(path);
    by_path_.emplace(path, module);
  };
  add("");
  for (const std::string& path : program.modules) {
    if (path.empty() || without_call_number(path) != path) continue;
    const auto known = called.find(path);
    const auto object =
        known == called.end() ? by_object.end() : by_object.find(known->second.object);
    if (object != by_object.end()) {
      add_alias(path, object->second);
      continue;
    }
    Weights weights = weights_below(program, path);
    const auto same = weights.empty() ? by_weights.end() : by_weights.find(weights);
    if (same != by_weights.end() &&
        (known == called.end() || (known->second.object.empty() && weights.size() > 1 &&
                                   known->second.type == modules_[same->second].type))) {
      add_alias(path, same->second);
      continue;
    }
    if (!weights.empty()) by_weights.emplace(std::move(weights), modules_.size());
    add(path);
  }
}

// Weights of a fused operator are made of what it took when they are read.
void Sites::find_copies(std::vector<Place>& places, const Writes& writes) {
  for (Place& place : places)
    place.copy = place.kind == Place::Kind::fused && writes.follow(place.node);
}

// None of a name that `nn_module_stack` cannot spell, with a comma in it.
std::optional<std::size_t> Sites::module_of(const std::string& path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? std::nullopt : std::optional<std::size_t>(found->second);
}

void Sites::add_graph(const ExportedProgram& program, const Graph& graph, const Around& around,
                      const KnownLines& lines) {
  const Flow flow(graph, &graph == program.graph.get() ? program.returned() : std::vector<bool>());
  const std::vector<ModuleCall> calls =
      calls_in(graph, flow, around.calls, around.state, program.signatures);
  GraphSites made;
  made.graph = &graph;
  add_calls(made, calls);
  add_locals(made, flow, calls, lines);
  add_nodes(made, flow, around.path);
  find_copies(made.places, Writes(program, graph));
  for (const Node& node : graph.nodes) {
    each_graph(node, [&](const Graph& inner) {
      Around inside{around.calls, around.path, {}};
      for (CalledModule& module : called_modules(node.module_stack)) {
        inside.calls.insert(std::move(module.call));
        inside.path = std::move(module.path);
      }
      const std::vector<Slot> operands = operands_of(node);
      for (std::size_t i = 0; i < operands.size() && i < inner.inputs.size(); ++i) {
        if (around.state.count(operands[i]) != 0) inside.state.insert(inner.inputs[i]);
      }
      add_graph(program, inner, inside, lines);
    });
  }
  add_returns(made, calls, &graph == program.graph.get());
  std::stable_sort(made.places.begin(), made.places.end(),
                   [](const Place& one, const Place& other) { return one.node < other.node; });
  graphs_.push_back(std::move(made));
}

void Sites::add_calls(GraphSites& into, const std::vector<ModuleCall>& calls) {
  for (const ModuleCall& call : calls) {
    const std::optional<std::size_t> module = module_of(call.path);
    if (!module) continue;
    Place place;
    place.module = *module;
    place.path = call.path == modules_[*module].path ? "" : call.path;
    place.kind = Place::Kind::call_begins;
    place.node = place.fires = call.first;
    into.places.push_back(place);
    place.kind = Place::Kind::field;
    if (!call.inputs.empty()) {
      place.site = SiteKind::kInput;
      place.what = "input";
      place.values = call.inputs;
      into.places.push_back(place);
    }
    if (call.outputs.empty()) continue;
    place.site = SiteKind::kOutput;
    place.what = "output";
    place.values = call.outputs;
    place.node = place.fires = call.last;
    into.places.push_back(place);
  }
}

void Sites::add_locals(GraphSites& into, const Flow& flow, const std::vector<ModuleCall>& calls,
                       const KnownLines& lines) {
  for (LocalValue& local : locals_in(*into.graph, flow, calls, lines)) {
    const std::optional<std::size_t> module = module_of(local.path);
    if (!module) continue;
    Place place;
    place.kind = local.values.empty() ? Place::Kind::unknown_local : Place::Kind::local;
    place.site = SiteKind::kLocal;
    place.what = capture::local_what(local.function, local.name);
    place.values = std::move(local.values);
    place.node = place.fires = local.node;
    place.file = std::move(local.file);
    place.line = local.line;
    place.module = *module;
    place.path = local.path == modules_[*module].path ? "" : local.path;
    place.variable = local.call + "\n" + place.what;
    scopes_[place.variable] = local.type + "\n" + place.file + "\n" + local.function;
    const auto [variable, is_first] = variables_[local.call].emplace(place.what, place);
    if (!is_first) variable->second.values = place.values;
    locals_.emplace(place.module, place.what);
    into.places.push_back(std::move(place));
  }
}

// Variables get their values in any graph; the call that they are of returns in this one.
void Sites::add_returns(GraphSites& into, const std::vector<ModuleCall>& calls, bool is_root) {
  const auto add = [&](const std::string& call, const std::string& path, std::size_t last) {
    const std::optional<std::size_t> module = module_of(path);
    if (!module) return;
    for (auto& [what, variable] : variables_[call]) {
      Place place = variable;
      if (place.values.empty()) continue;  // what it has in the end is not known
      place.kind = Place::Kind::local;
      place.returns = true;
      place.module = *module;
      place.path = path == modules_[*module].path ? "" : path;
      place.node = place.fires = last;
      into.places.push_back(std::move(place));
    }
  };
  for (const ModuleCall& call : calls) add(call.call, call.path, call.last);
  if (is_root && !into.graph->nodes.empty()) add("", "", into.graph->nodes.size() - 1);
}

// Of each function: the statements that assign a name, in the order of the source.
void Sites::number_locals() {
  std::map<std::string, std::vector<std::size_t>> statements;
  const auto key = [this](const Place& place) {
    return scopes_[place.variable] + "\n" + place.what;
  };
  const auto each = [this](auto act) {
    for (GraphSites& graph : graphs_) {
      for (Place& place : graph.places) {
        if (!place.variable.empty()) act(place);
      }
    }
  };
  each([&](Place& place) { statements[key(place)].push_back(place.line); });
  for (auto& [name, lines] : statements) {
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  }
  each([&](Place& place) {
    const auto& lines = statements[key(place)];
    const auto at = std::lower_bound(lines.begin(), lines.end(), place.line) - lines.begin();
    if (!place.returns) place.index = "[" + std::to_string(at) + "]";
  });
}

void Sites::add_nodes(GraphSites& into, const Flow& flow, const std::string& around) {
  const Graph& graph = *into.graph;
  const auto owner = [&](std::size_t node, Place& place) {
    const std::vector<CalledModule> modules = called_modules(graph.nodes[node].module_stack);
    const std::string path = modules.empty() ? around : modules.back().path;
    place.module = module_of(path).value_or(0);
    place.path = path == modules_[place.module].path ? "" : path;
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    Place place;
    place.node = place.fires = i;
    place.values = results_of(graph, node);
    if (place.values.empty()) continue;
    owner(i, place);
    place.kind = Place::Kind::node;
    place.site = SiteKind::kLocal;
    place.what = node.name.empty()
                     ? graph.slot_names[static_cast<std::size_t>(place.values.front().second)]
                     : node.name;
    into.places.push_back(place);
    if (!node.op) continue;
    place.kind = Place::Kind::op;
    place.site = SiteKind::kOp;
    place.spellings = capture::op_whats(node.op->schema().name());
    if (place.spellings.empty()) continue;
    place.what = place.spellings.front();
    into.places.push_back(std::move(place));
  }
  for (const AttentionPlace& one : attention_in(graph, flow)) {
    Place place;
    place.kind = one.fused ? Place::Kind::fused : Place::Kind::weights;
    place.site = SiteKind::kAttention;
    place.what = "attention";
    place.node = place.fires = one.node;
    place.axis = one.axis;
    place.factor = one.values;
    owner(one.owner, place);
    if (!one.fused) place.values = {{"", one.weights}};
    into.places.push_back(std::move(place));
  }
}

std::vector<const Place*> Sites::of_module(std::size_t module) const {
  std::vector<const Place*> places;
  std::set<std::string> known;
  for (const GraphSites& graph : graphs_) {
    for (const Place& place : graph.places) {
      const bool named =
          place.kind != Place::Kind::call_begins && place.kind != Place::Kind::unknown_local;
      if (place.module == module && named && known.insert(place.what + place.index).second)
        places.push_back(&place);
    }
  }
  return places;
}

}  // namespace exported
}  // namespace anycapture
