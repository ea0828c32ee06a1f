// SPDX-License-Identifier: MIT
#include "exported/exported_world.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/copy.h>
#include <ATen/ops/empty.h>
#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "capture/keep.h"
#include "exported/run.h"

namespace anycapture {
namespace exported {

using c10::IValue;
using capture::Sessions;

namespace {

at::Tensor whole_storage(const at::Tensor& tensor) {
  const auto bytes = static_cast<std::int64_t>(tensor.storage().nbytes());
  return at::empty({0}, tensor.options().dtype(at::kByte)).set_(tensor.storage(), 0, {bytes}, {1});
}

}  // namespace

ExportedWorld::Described::Described(const ExportedProgram& program) : sites(program) {
  for (const ModuleName& name : sites.modules()) {
    modules.push_back({name, nullptr, {}, false});
    modules.back().id = &modules.back();  // of a deque: it stays there
  }
}

ExportedWorld::ExportedWorld(ExportedProgram program) : program_(std::move(program)) {
  for (const auto& [input, name] : program_.held)
    held_.emplace_back(input, program_.state.at(name));
}

const ExportedWorld::Described& ExportedWorld::described() const {
  std::call_once(describe_, [this] { described_ = std::make_unique<Described>(program_); });
  return *described_;
}

const std::deque<capture::WorldModule>& ExportedWorld::modules() const {
  return described().modules;
}

capture::Hooking ExportedWorld::hooking(std::size_t module) const {
  if (module == 0 || described().sites.leaves_nodes(module)) return {true, true, "", ""};
  return {
      false, false,
      "it leaves no node in the graph: it computes nothing (Identity, a list of modules), was not "
      "called, or was optimised away when the program was exported",
      ""};
}

std::int64_t ExportedWorld::heads_in_batch(const void* module) const {
  const std::lock_guard<std::mutex> lock(heads_mutex_);
  const auto found = heads_.find(module);
  return found == heads_.end() ? 0 : found->second;
}

void ExportedWorld::find_heads(std::size_t module, const IValue& values) const {
  const ModuleName& name = modules()[module].name;
  if (normalise_type(name.type) != "MultiheadAttention") return;
  const auto weight =
      program_.state.find(name.path + (name.path.empty() ? "" : ".") + "out_proj.weight");
  if (weight == program_.state.end() || !values.isTensor() || values.toTensor().dim() != 3) return;
  const std::int64_t width = values.toTensor().size(-1);
  const std::lock_guard<std::mutex> lock(heads_mutex_);
  heads_[id_of(module)] = width == 0 ? 0 : weight->second.size(-1) / width;
}

// The names of those that are tensors.
std::vector<std::string> ExportedWorld::tensor_outputs() const {
  const std::vector<std::string> names = program_.out_spec.leaf_names();
  std::vector<std::string> tensors;
  auto name = names.begin();
  for (std::size_t i = 0; i < program_.outputs.size() && name != names.end(); ++i) {
    if (program_.outputs[i].kind != OutputUse::Kind::user) continue;
    const Argument& output = program_.graph->outputs[i];
    if (output.slot != kNoSlot && program_.graph->is_tensor(output.slot)) tensors.push_back(*name);
    ++name;
  }
  return tensors;
}

void ExportedWorld::check_sites(const BoundSelectors& selectors) const {
  const Sites& sites = described().sites;
  const auto known = [this, &sites](std::size_t module) {
    std::vector<capture::KnownSite> all;
    if (module == 0) {
      all.push_back({SiteKind::kInput, "input", {}});
      for (const std::string& name : program_.inputs.positions())
        all.push_back({SiteKind::kInput, "input." + name, {}});
      const std::vector<std::string> outputs = tensor_outputs();
      if (!outputs.empty()) all.push_back({SiteKind::kOutput, "output", {}});
      for (const std::string& name : outputs)
        all.push_back({SiteKind::kOutput, name.empty() ? "output" : "output." + name, {}});
    }
    for (const Place* place : sites.of_module(module)) {
      all.push_back({place->site, place->what + place->index, place->spellings});
      for (const NamedSlot& value : place->values)
        all.push_back({place->site,
                       place->what + (value.first.empty() ? "" : "." + value.first) + place->index,
                       place->spellings});
    }
    if (module != 0) return all;
    for (const GraphSites& graph : sites.graphs()) {  // the root has the nodes of all by name
      for (const Place& place : graph.places) {
        if (place.kind == Place::Kind::node) all.push_back({place.site, place.what, {}});
      }
    }
    return all;
  };
  std::string why =
      sites.has_lines()
          ? "of a torch.export program variables are known by the lines that its nodes came from, "
            "where a line tells which of its values a variable got"
          : "its nodes do not say what lines they came from, so no variable is known by name: "
            "export it with PyTorch 2.13, which writes them";
  if (tensor_outputs().size() < program_.out_spec.leaves())
    why += "; outputs that are no tensors are not captured";
  capture::check_sites(*this, selectors,
                       {known, [this](std::size_t module) { return id_of(module); }, why.c_str()});
}

std::string ExportedWorld::schema(const std::string&) const {
  return program_.inputs.schema();
}

std::vector<std::string> ExportedWorld::arguments(const std::string&) const {
  return program_.inputs.names();
}

std::vector<ProgramSite> ExportedWorld::sites(const std::string& path) const {
  const std::size_t module = capture::module_at(*this, path);
  std::vector<ProgramSite> all;
  if (module == 0) all.push_back({"input", SiteKind::kInput, "", "", 0});
  for (const Place* place : described().sites.of_module(module)) {
    const std::string type = place->site == SiteKind::kOp || place->site == SiteKind::kInput ? ""
                             : place->values.size() > 1 ? "Tuple"
                                                        : "Tensor";
    all.push_back({place->what + place->index, place->site, type, place->file, place->line});
  }
  if (module == 0 && !tensor_outputs().empty())
    all.push_back({"output", SiteKind::kOutput, "", "", 0});
  return all;
}

std::vector<std::pair<std::string, at::Tensor>> ExportedWorld::named_parameters() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const std::string& name : program_.parameters)
    all.emplace_back(name, program_.state.at(name));
  return all;
}

std::shared_ptr<capture::ProgramWorld> ExportedWorld::copy_of_state() const {
  ExportedProgram copy = program_;
  const std::set<std::string> parameters(copy.parameters.begin(), copy.parameters.end());
  const at::NoGradGuard no_grad;
  std::map<const void*, at::Tensor> copied;  // by memory: what shares it goes on sharing it
  for (auto& [name, tensor] : copy.state) {
    if (parameters.count(name) != 0) continue;
    at::Tensor& bytes = copied[capture::storage_of(tensor)];
    if (!bytes.defined()) bytes = whole_storage(tensor).clone();
    tensor = at::empty({0}, tensor.options())
                 .set_(bytes.storage(), tensor.storage_offset(), tensor.sizes(), tensor.strides());
  }
  return std::make_shared<ExportedWorld>(std::move(copy));
}

std::shared_ptr<capture::ProgramWorld> ExportedWorld::in_training() const {
  throw Error(
      "a torch.export program is in the mode that it was exported in: export model.train() for "
      "training");
}

std::shared_ptr<const Taps> ExportedWorld::taps_for(const Sessions& sessions) {
  const std::string key = capture::selectors_text(sessions);
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<const Taps>& made = taps_[key];
  if (made == nullptr) made = std::make_shared<Taps>(described().sites, sessions);
  return made;
}

void ExportedWorld::hear_leaves(const Sessions& sessions, SiteKind kind,
                                const std::vector<std::string>& names,
                                const std::vector<IValue>& leaves) {
  const std::string stem = kind == SiteKind::kInput ? "input" : "output";
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].isTensor()) continue;
    const std::string what = names[i].empty() ? stem : stem + "." + names[i];
    for (const auto& session : sessions) {
      if (session->listening()) session->fire_field(id_of(0), kind, what, leaves[i].toTensor());
    }
  }
}

std::vector<IValue> ExportedWorld::run(const std::vector<IValue>& leaves,
                                       const Sessions& sessions) {
  std::vector<IValue> inputs(program_.graph->inputs.size());
  for (const auto& [input, value] : held_) inputs[input] = value;
  for (std::size_t i = 0; i < leaves.size(); ++i)
    inputs[program_.inputs.leaves()[i].index] = leaves[i];
  for (const std::size_t token : program_.tokens) inputs[token] = at::empty({0});
  if (sessions.empty()) return Runner(nullptr).run(*program_.graph, std::move(inputs));
  const auto taps = taps_for(sessions);
  TapListener listener(*this, *taps, sessions);
  return Runner(&listener).run(*program_.graph, std::move(inputs));
}

// What the program does to its state and inputs is done at the end, as Python does; the rest is
// what it returns.
std::vector<IValue> ExportedWorld::apply(std::vector<IValue> outputs,
                                         const std::vector<IValue>& leaves,
                                         const Sessions& sessions) {
  const auto write = [&sessions](const at::Tensor& into, const IValue& value) {
    for (const auto& session : sessions) session->about_to_write(into);
    into.copy_(value.toTensor());
  };
  std::vector<IValue> user;
  const at::AutoGradMode no_grad(false);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputUse& use = program_.outputs[i];
    if (use.kind == OutputUse::Kind::user) {
      user.push_back(std::move(outputs[i]));
    } else if (use.kind == OutputUse::Kind::state) {
      write(program_.state.at(use.name), outputs[i]);
    } else if (use.kind == OutputUse::Kind::input) {
      for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
        if (program_.inputs.leaves()[leaf].index == use.index)
          write(leaves[leaf].toTensor(), outputs[i]);
      }
    }
  }
  return user;
}

// As Python's hooks have it: one that alone holds tensors and is one has no name.
std::vector<std::string> ExportedWorld::names_of(const std::vector<IValue>& leaves) const {
  std::vector<std::string> names = program_.inputs.positions();
  const auto is_tensor = [](const IValue& leaf) { return leaf.isTensor(); };
  const auto first = std::find_if(leaves.begin(), leaves.end(), is_tensor);
  if (first != leaves.end() && std::count_if(first, leaves.end(), is_tensor) == 1) {
    std::string& name = names[static_cast<std::size_t>(first - leaves.begin())];
    if (name.find('.') == std::string::npos) name.clear();
  }
  return names;
}

std::vector<IValue> ExportedWorld::run_heard(const std::vector<IValue>& leaves,
                                             const Sessions& sessions) {
  for (const auto& session : sessions) session->wants(id_of(0), SiteKind::kOutput, "forward");
  try {
    hear_leaves(sessions, SiteKind::kInput, names_of(leaves), leaves);
    std::vector<IValue> outputs = apply(run(leaves, sessions), leaves, sessions);
    hear_leaves(sessions, SiteKind::kOutput, program_.out_spec.leaf_names(), outputs);
    return outputs;
  } catch (...) {
    for (const auto& session : sessions) session->left_by_exception();
    throw;
  }
}

IValue ExportedWorld::call(const std::string&, const Program::Inputs& inputs,
                           const Program::Keywords& keywords) {
  const std::vector<IValue> leaves = program_.inputs.bind(inputs, keywords);
  const Sessions sessions = capture::listening_to(*this);
  const std::vector<IValue> outputs =
      sessions.empty() ? apply(run(leaves, {}), leaves, {}) : run_heard(leaves, sessions);
  const IValue* leaf = outputs.data();
  return unflatten(program_.out_spec, leaf);
}

}  // namespace exported
}  // namespace anycapture
