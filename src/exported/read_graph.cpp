// SPDX-License-Identifier: MIT
#include "exported/read_graph.h"

#include <anycapture/error.h>

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "exported/arguments.h"
#include "exported/higher_order.h"
#include "exported/sym_ops.h"

namespace anycapture {
namespace exported {
namespace {

using Json = nlohmann::json;

constexpr int kDeepest = 32;  // graphs in graphs

bool starts_with(const std::string& text, const char* start) {
  return text.rfind(start, 0) == 0;
}

std::string text_at(const Json& metadata, const char* name) {
  const auto found = metadata.find(name);
  return found == metadata.end() || !found->is_string() ? "" : found->get<std::string>();
}

// The name of what an argument of a graph's list of inputs brings; null for a constant.
const Json* name_of_input(const Json& json) {
  const Json& value = tagged(json).second;
  if (!value.is_object()) return nullptr;
  if (value.contains("name")) return &value.at("name");
  return value.contains("as_name") ? &value.at("as_name") : nullptr;
}

}  // namespace

// Values of a graph by name.
class GraphReader::Names {
 public:
  Slot made(const std::string& name, bool tensor) {
    const auto [found, added] = slots_.emplace(name, static_cast<Slot>(names_.size()));
    if (!added) throw Error(fmt::format("the value {} is made twice", printable(name)));
    names_.push_back(name);
    tensors_.push_back(tensor);
    return found->second;
  }
  Slot nameless() {
    names_.emplace_back();
    tensors_.push_back(false);
    return static_cast<Slot>(names_.size()) - 1;
  }
  Slot at(const std::string& name) const {
    const auto found = slots_.find(name);
    if (found != slots_.end()) return found->second;
    throw Error(fmt::format("it reads {}, which no node before it makes", printable(name)));
  }
  void give(Graph& graph) {
    graph.slot_names = std::move(names_);
    graph.tensors = std::move(tensors_);
  }

 private:
  std::unordered_map<std::string, Slot> slots_;
  std::vector<std::string> names_;
  std::vector<bool> tensors_;
};

std::shared_ptr<const Graph> GraphReader::read(const Json& json) {
  if (++depth_ > kDeepest) throw Error("its graphs lie too deep in one another");
  auto graph = std::make_shared<Graph>();
  Names names;
  const std::string outer = std::exchange(where_, "the inputs");
  for (const Json& input : json.at("inputs")) {
    const Json* name = name_of_input(input);
    graph->inputs.push_back(
        name == nullptr ? names.nameless()
                        : names.made(name->get<std::string>(), input.contains("as_tensor")));
  }
  for (const Json& node : json.at("nodes")) graph->nodes.push_back(read_node(node, names));
  where_ = "the outputs";
  const ArgumentContext context{[&](const std::string& name) { return names.at(name); }, {}, {}};
  for (const Json& output : json.at("outputs"))
    graph->outputs.push_back(read_argument(output, nullptr, context));
  names.give(*graph);
  find_last_reads(*graph);
  where_ = outer;
  --depth_;
  return graph;
}

Node GraphReader::read_node(const Json& json, Names& names) {
  Node node;
  node.target = json.at("target").get<std::string>();
  const auto name = json.find("name");  // not there before 2.9
  if (name != json.end() && name->is_string()) node.name = name->get<std::string>();
  where_ = fmt::format("node {} ({})", printable(node.name), printable(node.target));
  resolve(node);
  const Json& inputs = json.at("inputs");
  if (node.op) {
    read_by_schema(node, inputs, names);
  } else {
    read_freely(node, inputs, names);
    move_autocast(node);
  }
  read_results(node, json.at("outputs"), names);
  check_symbol(node);
  check_higher_order(node);
  const Json& metadata = json.at("metadata");
  node.module_stack = text_at(metadata, "nn_module_stack");
  node.stack_trace = text_at(metadata, "stack_trace");
  return node;
}

void GraphReader::resolve(Node& node) {
  constexpr const char* kHigherOrder = "torch.ops.higher_order.";
  if (starts_with(node.target, kHigherOrder)) {
    node.higher_order = higher_order(node.target.substr(std::string(kHigherOrder).size()));
    if (node.higher_order == nullptr) unsupported_.emplace(node.target, node.name);
  } else if (starts_with(node.target, "torch.ops.")) {
    node.op = find_operator(node.target);
    if (!node.op) node.symbol = symbol_op(node.target);
    if (!node.op && node.symbol == nullptr) missing_.emplace(node.target, node.name);
  } else {
    node.symbol = symbol_op(node.target);
    if (node.symbol == nullptr) unsupported_.emplace(node.target, node.name);
  }
}

void GraphReader::check_symbol(const Node& node) {
  if (node.symbol == nullptr) return;
  if (node.arguments.size() != node.symbol->arguments || node.results.size() > 1)
    throw Error(fmt::format("it takes {} values and gives one, and here {} and {}",
                            node.symbol->arguments, node.arguments.size(), node.results.size()));
}

void GraphReader::read_by_schema(Node& node, const Json& inputs, const Names& names) {
  const ArgumentContext context{[&](const std::string& name) { return names.at(name); },
                                [this](const Json& graph) { return read(graph); }, device_};
  std::unordered_map<std::string, const Json*> given;
  for (const Json& one : inputs) {
    const std::string& name = one.at("name").get_ref<const std::string&>();
    if (!given.emplace(name, &one.at("arg")).second)
      throw Error(fmt::format("its argument {} is given twice", printable(name)));
  }
  std::size_t used = 0;
  const c10::FunctionSchema& schema = node.op->schema();
  for (const c10::Argument& argument : schema.arguments()) {
    const auto found = given.find(argument.name());
    if (argument.alias_info() != nullptr && argument.alias_info()->isWrite())
      node.written.push_back(node.arguments.size());
    if (found != given.end()) {
      node.arguments.push_back(read_argument(*found->second, &argument, context));
      ++used;
    } else if (argument.default_value()) {
      node.arguments.emplace_back();
      node.arguments.back().constant = *argument.default_value();
    } else if (argument.type()->kind() == c10::TypeKind::OptionalType) {
      node.arguments.emplace_back();
    } else {
      throw Error(fmt::format("its argument {} is missing", argument.name()));
    }
  }
  if (used == given.size()) return;
  for (const auto& [name, json] : given) {  // it is an older one
    if (!schema.argumentIndexWithName(name))
      missing_.emplace(fmt::format("{} with {}", node.target, name), node.name);
  }
}

void GraphReader::read_freely(Node& node, const Json& inputs, const Names& names) {
  const ArgumentContext context{[&](const std::string& name) { return names.at(name); },
                                [this](const Json& graph) { return read(graph); }, device_};
  for (const Json& one : inputs) {
    const auto kind = one.find("kind");
    const bool keyword = kind != one.end() && kind->is_number() && kind->get<int>() == 2;
    node.arguments.push_back(read_argument(one.at("arg"), nullptr, context));
    const Argument& read = node.arguments.back();
    if (read.kind == Argument::Kind::op && !find_operator(read.parts->text))
      missing_.emplace(read.parts->text, node.name);
    if (keyword) node.keywords.push_back(one.at("name").get<std::string>());
    if (!keyword && !node.keywords.empty()) throw Error("its arguments are out of order");
  }
}

// What ran in it on the old device is run on the new one.
void GraphReader::move_autocast(Node& node) const {
  const bool moves = device_ && device_->type() != at::kMeta;  // which has none
  if (!moves || node.target != "torch.ops.higher_order.wrap_with_autocast") return;
  if (node.arguments.empty() || !node.arguments[0].constant.isString()) return;
  node.arguments[0].constant = c10::IValue(c10::DeviceTypeName(device_->type(), true));
}

void GraphReader::read_results(Node& node, const Json& json, Names& names) {
  const auto named = [&names](const Json& value, const char* field) {
    return names.made(value.at(field).get<std::string>(), std::string(field) == "name");
  };
  for (const Json& output : json) {
    const auto [tag, value] = tagged(output);
    Result result;
    if (tag == "as_tensor") {
      result.slots.push_back(named(value, "name"));
    } else if (tag == "as_sym_int" || tag == "as_sym_float" || tag == "as_sym_bool") {
      result.slots.push_back(named(value, "as_name"));
    } else if (tag == "as_tensors") {
      result.list = true;
      for (const Json& one : value) result.slots.push_back(named(one, "name"));
    } else if (tag == "as_optional_tensor") {
      result.slots.push_back(value.contains("as_tensor") ? named(value.at("as_tensor"), "name")
                                                         : kNoSlot);
    } else if (tag == "as_none") {
      result.slots.push_back(kNoSlot);
    } else {
      throw Error(fmt::format("a result of the kind {} is not supported", printable(tag)));
    }
    node.results.push_back(std::move(result));
  }
  if (!node.op) return;
  const std::size_t returns = node.op->schema().returns().size();
  if (returns != node.results.size())
    throw Error(
        fmt::format("it has {} results, and its operator gives {}", node.results.size(), returns));
}

std::optional<c10::OperatorHandle> find_operator(const std::string& target) {
  // torch.ops.NAMESPACE.NAME.OVERLOAD
  const std::size_t space = std::string("torch.ops.").size();
  const std::size_t name = target.find('.', space);
  const std::size_t overload = name == std::string::npos ? name : target.find('.', name + 1);
  if (overload == std::string::npos) return std::nullopt;
  const std::string which = target.substr(overload + 1);
  const auto found = c10::Dispatcher::singleton().findSchema(
      {target.substr(space, name - space) + "::" + target.substr(name + 1, overload - name - 1),
       which == "default" ? "" : which});
  return found ? std::optional<c10::OperatorHandle>(*found) : std::nullopt;
}

void find_last_reads(Graph& graph) {
  std::vector<bool> read(graph.slots(), false);
  const auto mark = [&read](Slot slot) {
    const auto index = static_cast<std::size_t>(slot);
    const bool before = read[index];
    read[index] = true;
    return before;
  };
  for (const Argument& output : graph.outputs) {
    each_argument(output, [&](const Argument& one) {
      if (one.slot != kNoSlot) mark(one.slot);
    });
  }
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    for (const Result& result : node->results) {
      for (const Slot slot : result.slots) {
        if (slot != kNoSlot && !read[static_cast<std::size_t>(slot)]) node->dead.push_back(slot);
      }
    }
    // Moved out of the frame by its last reader; what a higher-order node reads, it may read again.
    const bool moves = node->op.has_value();
    std::vector<Argument*> reads;
    for (Argument& one : node->arguments) {
      each_argument(one, [&](Argument& inner) {
        if (inner.slot != kNoSlot) reads.push_back(&inner);
      });
    }
    for (auto one = reads.rbegin(); one != reads.rend(); ++one) {
      if (mark((*one)->slot)) continue;
      if (moves && (*one)->kind == Argument::Kind::slot) {
        (*one)->last = true;
      } else {
        node->dead.push_back((*one)->slot);
      }
    }
  }
}

}  // namespace exported
}  // namespace anycapture
