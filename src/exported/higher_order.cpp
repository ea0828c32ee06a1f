// SPDX-License-Identifier: MIT
// After torch/_higher_order_ops of PyTorch 2.13.
#include "exported/higher_order.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <anycapture/error.h>
#include <anycapture/torch_version.h>

#include <fmt/format.h>

#include <iterator>
#include <unordered_map>
#include <utility>

#include "exported/arguments.h"
#include "exported/functionalized.h"
#include "exported/run.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using Values = std::vector<IValue>;
using Kind = Argument::Kind;

const Graph& graph_at(const Node& node, std::size_t index) {
  return *node.arguments[index].parts->graph;
}

void append(Values& values, const Argument& argument, Frame& frame) {
  if (argument.kind == Kind::list) {
    for (const Argument& item : argument.parts->items) values.push_back(value_of(item, frame));
    return;
  }
  const IValue value = value_of(argument, frame);
  if (value.isList()) {
    for (const IValue& one : value.toListRef()) values.push_back(one);
  } else {
    values.push_back(value);
  }
}

Values list_at(const Node& node, std::size_t index, Frame& frame) {
  Values values;
  append(values, node.arguments[index], frame);
  return values;
}

// Positional ones from `first` on, one each.
Values rest_of(const Node& node, std::size_t first, Frame& frame) {
  Values values;
  for (std::size_t i = first; i < node.arguments.size() - node.keywords.size(); ++i)
    values.push_back(value_of(node.arguments[i], frame));
  return values;
}

bool is_true(const IValue& value) {
  if (value.isTensor()) return value.toTensor().item<bool>();
  if (!value.isBool() && !value.isInt())
    throw Error(fmt::format("a condition of the program is a {}", value.tagKind()));
  return value.isBool() ? value.toBool() : value.toInt() != 0;
}

Values joined(Values first, const Values& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// (predicate, graph, graph, operands)
Values cond(const Runner& runner, const Node& node, Frame& frame) {
  const bool holds = is_true(value_of(node.arguments[0], frame));
  return runner.run(graph_at(node, holds ? 1 : 2), list_at(node, 3, frame));
}

// (condition, body, carried, additional)
Values while_loop(const Runner& runner, const Node& node, Frame& frame) {
  const Graph& condition = graph_at(node, 0);
  const Graph& body = graph_at(node, 1);
  Values carried = list_at(node, 2, frame);
  const Values more = list_at(node, 3, frame);
  if (condition.outputs.size() != 1)
    throw Error(fmt::format("the condition of node {} gives {} values", node.name,
                            condition.outputs.size()));
  const auto goes_on = [&] { return is_true(runner.run(condition, joined(carried, more))[0]); };
  if (!goes_on()) {
    for (IValue& one : carried) {
      if (one.isTensor()) one = one.toTensor().clone();
    }
    return carried;
  }
  do {
    carried = runner.run(body, joined(std::move(carried), more));
  } while (goes_on());
  return carried;
}

std::int64_t length_of(const Values& values, const Node& node) {
  for (const IValue& one : values) {
    if (one.isTensor() && one.toTensor().dim() > 0) return one.toTensor().size(0);
  }
  throw Error(fmt::format("node {} ({}) has nothing to go over", node.name, node.target));
}

Values slice_of(const Values& values, std::int64_t index) {
  Values slices;
  for (const IValue& one : values)
    slices.push_back(one.isTensor() ? IValue(one.toTensor().select(0, index)) : one);
  return slices;
}

Values stacked(const std::vector<std::vector<at::Tensor>>& columns) {
  Values values;
  for (const auto& column : columns) values.emplace_back(at::stack(column));
  return values;
}

void append_row(std::vector<std::vector<at::Tensor>>& columns, const IValue* first,
                std::size_t count) {
  columns.resize(count);
  for (std::size_t i = 0; i < count; ++i) columns[i].push_back(first[i].toTensor());
}

// (body, mapped, additional): along the first axis.
Values map(const Runner& runner, const Node& node, Frame& frame) {
  const Values mapped = list_at(node, 1, frame), more = list_at(node, 2, frame);
  std::vector<std::vector<at::Tensor>> columns;
  const std::int64_t length = length_of(mapped, node);
  for (std::int64_t i = 0; i < length; ++i) {
    const Values row = runner.run(graph_at(node, 0), joined(slice_of(mapped, i), more));
    append_row(columns, row.data(), row.size());
  }
  return stacked(columns);
}

// (body, carried at first, gone over, additional): carried at last, and what each step gave.
Values scan(const Runner& runner, const Node& node, Frame& frame) {
  Values carried = list_at(node, 1, frame);
  const Values over = list_at(node, 2, frame), more = list_at(node, 3, frame);
  std::vector<std::vector<at::Tensor>> columns;
  const std::size_t kept = carried.size();
  const std::int64_t length = length_of(over, node);
  for (std::int64_t i = 0; i < length; ++i) {
    Values row =
        runner.run(graph_at(node, 0), joined(joined(std::move(carried), slice_of(over, i)), more));
    if (row.size() < kept)
      throw Error(fmt::format("the body of node {} gives too little", node.name));
    append_row(columns, row.data() + kept, row.size() - kept);
    row.resize(kept);
    carried = std::move(row);
  }
  return joined(std::move(carried), stacked(columns));
}

// (enabled, graph, arguments...)
Values with_grad_mode(const Runner& runner, const Node& node, Frame& frame) {
  const at::AutoGradMode mode(is_true(value_of(node.arguments[0], frame)));
  return runner.run(graph_at(node, 1), rest_of(node, 2, frame));
}

class Autocast {
 public:
  /// `dtype`: none for the one that is set.
  Autocast(at::DeviceType device, const IValue& dtype, bool enabled, bool caches)
      : device_(device),
        was_enabled_(is_enabled()),
        was_dtype_(dtype_now()),
        cached_(at::autocast::is_autocast_cache_enabled()) {
    const std::int64_t wanted =
        dtype.isNone() ? static_cast<std::int64_t>(was_dtype_) : dtype.toInt();
    if (wanted < 0 || wanted >= static_cast<std::int64_t>(at::ScalarType::Undefined))
      throw Error(fmt::format("autocast to the dtype number {}, which there is not", wanted));
    at::autocast::increment_nesting();
    set(enabled, static_cast<at::ScalarType>(wanted));
    at::autocast::set_autocast_cache_enabled(caches);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    set(was_enabled_, was_dtype_);
    at::autocast::set_autocast_cache_enabled(cached_);
  }

 private:
#if ANYCAPTURE_TORCH_AT_LEAST(2, 4)
  bool is_enabled() const {
    return at::autocast::is_autocast_enabled(device_);
  }
  at::ScalarType dtype_now() const {
    return at::autocast::get_autocast_dtype(device_);
  }
  void set(bool enabled, at::ScalarType dtype) const {
    at::autocast::set_autocast_enabled(device_, enabled);
    at::autocast::set_autocast_dtype(device_, dtype);
  }
#else
  bool is_cpu() const {
    return device_ == at::kCPU;
  }
  bool is_enabled() const {
    return is_cpu() ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
  }
  at::ScalarType dtype_now() const {
    return is_cpu() ? at::autocast::get_autocast_cpu_dtype()
                    : at::autocast::get_autocast_gpu_dtype();
  }
  void set(bool enabled, at::ScalarType dtype) const {
    if (is_cpu()) {
      at::autocast::set_cpu_enabled(enabled);
      at::autocast::set_autocast_cpu_dtype(dtype);
    } else {
      at::autocast::set_enabled(enabled);
      at::autocast::set_autocast_gpu_dtype(dtype);
    }
  }
#endif

  const at::DeviceType device_;
  const bool was_enabled_;
  const at::ScalarType was_dtype_;
  const bool cached_;
};

// (device, dtype, enabled, cache, graph, arguments...)
Values with_autocast(const Runner& runner, const Node& node, Frame& frame) {
  const at::Device device(value_of(node.arguments[0], frame).toStringRef());
  const IValue caches = value_of(node.arguments[3], frame);
  const Autocast autocast(device.type(), value_of(node.arguments[1], frame),
                          is_true(value_of(node.arguments[2], frame)),
                          caches.isNone() || is_true(caches));
  return runner.run(graph_at(node, 4), rest_of(node, 5, frame));
}

// (graph, arguments, hints): what a compiler may know.
Values hints_wrapper(const Runner& runner, const Node& node, Frame& frame) {
  return runner.run(graph_at(node, 0), list_at(node, 1, frame));
}

// (token, operator, arguments...): tokens stand for an order, which a graph has anyway.
Values with_effects(const Runner&, const Node& node, Frame& frame) {
  Values results{value_of(node.arguments[0], frame)};
  Values given =
      call_operator(operator_of(node, 1), rest_of(node, 2, frame), keywords_of(node, frame));
  if (given.empty()) given.emplace_back();
  return joined(std::move(results), given);
}

// `arguments`: at least; `graphs`: which of them.
struct Known {
  HigherOrder run;
  std::size_t arguments;
  std::vector<std::size_t> graphs;
};

const Known* known(const std::string& name) {
  static const std::unordered_map<std::string, Known> kTable{
      {"cond", {cond, 4, {1, 2}}},
      {"while_loop", {while_loop, 4, {0, 1}}},
      {"map_impl", {map, 3, {0}}},
      {"scan", {scan, 4, {0}}},
      {"wrap_with_set_grad_enabled", {with_grad_mode, 2, {1}}},
      {"wrap_with_autocast", {with_autocast, 5, {4}}},
      {"hints_wrapper", {hints_wrapper, 2, {0}}},
      {"with_effects", {with_effects, 2, {}}},
      {"auto_functionalized", {functionalized, 1, {}}},
      {"auto_functionalized_v2", {functionalized_from_bases, 1, {}}},
  };
  const auto found = kTable.find(name);
  return found == kTable.end() ? nullptr : &found->second;
}

// PyTorch before 2.9 writes all that it gives as one list.
void check_branch(const Node& node, const Graph& graph) {
  const Argument& operands = node.arguments[3];
  const bool one_list = node.results.size() == 1 && node.results[0].list;
  const bool takes =
      operands.kind != Kind::list || operands.parts->items.size() == graph.inputs.size();
  if (takes && (one_list || graph.outputs.size() >= node.results.size())) return;
  throw Error(fmt::format(
      "a branch of it takes {} values and gives {}, where {} are given and {} "
      "taken",
      graph.inputs.size(), graph.outputs.size(),
      operands.kind == Kind::list ? operands.parts->items.size() : 1, node.results.size()));
}

}  // namespace

HigherOrder higher_order(const std::string& name) {
  const Known* one = known(name);
  return one == nullptr ? nullptr : one->run;
}

void check_higher_order(const Node& node) {
  const Known* one = known(node.target.substr(node.target.rfind('.') + 1));
  if (one == nullptr) return;
  if (node.arguments.size() < one->arguments)
    throw Error(
        fmt::format("it has {} arguments, and takes {}", node.arguments.size(), one->arguments));
  for (const std::size_t index : one->graphs) {
    if (node.arguments[index].kind != Kind::graph)
      throw Error(fmt::format("its argument {} is no graph", index));
    if (one->run == cond) check_branch(node, graph_at(node, index));
  }
}

}  // namespace exported
}  // namespace anycapture
