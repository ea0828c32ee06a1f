// SPDX-License-Identifier: MIT
// After torch/_higher_order_ops/auto_functionalize.py of PyTorch 2.13.
#include "exported/functionalized.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/stack.h>
#include <anycapture/error.h>

#include <fmt/format.h>

#include <utility>

#include "exported/arguments.h"
#include "exported/read_graph.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using Values = std::vector<IValue>;

c10::OperatorHandle operator_named(const std::string& target) {
  auto found = find_operator(target);
  if (!found) throw Error(fmt::format("this LibTorch has no operator {}", printable(target)));
  return *found;
}

// A number where a tensor is taken, a list of anything where one of tensors is.
IValue fitted(IValue value, const c10::Argument& argument) {
  const c10::TypePtr& type = argument.type();
  if (value.isScalar() && type->kind() == c10::TypeKind::TensorType)
    return number_as_tensor(value.toScalar());
  if (!value.isList() || type->kind() != c10::TypeKind::ListType) return value;
  const c10::TypePtr element = type->castRaw<c10::ListType>()->getElementType();
  c10::impl::GenericList list(element);
  for (const IValue& one : value.toListRef()) list.push_back(one);
  return list;
}

// Also of memory that a stride leaves out: clone_preserve_strides of torch/_prims_common.
at::Tensor copied(const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  const auto elements = static_cast<std::int64_t>(at::detail::computeStorageNbytes(
      tensor.sizes(), tensor.strides(), 1, static_cast<std::size_t>(tensor.storage_offset())));
  return tensor.as_strided({elements}, {1}, 0)
      .clone()
      .as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
}

IValue copied(const IValue& value) {
  if (value.isTensor()) return copied(value.toTensor());
  if (!value.isList()) return value;
  c10::List<at::Tensor> list;
  for (const IValue& one : value.toListRef()) list.push_back(copied(one.toTensor()));
  return list;
}

std::vector<std::string> written_arguments(const c10::FunctionSchema& schema) {
  std::vector<std::string> names;
  for (const c10::Argument& one : schema.arguments()) {
    if (one.alias_info() != nullptr && one.alias_info()->isWrite()) names.push_back(one.name());
  }
  return names;
}

IValue taken(Keywords& keywords, const std::string& name) {
  const auto found = keywords.find(name);
  if (found == keywords.end()) return {};
  IValue value = std::move(found->second);
  keywords.erase(found);
  return value;
}

std::vector<std::int64_t> numbers(const IValue& value) {
  std::vector<std::int64_t> all;
  for (const IValue& one : value.toListRef()) all.push_back(one.toInt());
  return all;
}

// An argument again, from the copy of what it is a view of. `prefix`: `_x`, `_xs_0`.
IValue view_again(const std::string& prefix, Keywords& keywords, const Values& bases) {
  const IValue index = taken(keywords, prefix + "_base_index");
  if (index.isNone()) return {};
  if (index.toInt() < 0 || index.toInt() >= static_cast<std::int64_t>(bases.size()))
    throw Error(
        fmt::format("{}_base_index is {}, of {} bases", prefix, index.toInt(), bases.size()));
  const at::Tensor base = bases[static_cast<std::size_t>(index.toInt())].toTensor();
  if (keywords.count(prefix + "_alias") != 0) {
    taken(keywords, prefix + "_alias");
    return at::alias(base);
  }
  if (keywords.count(prefix + "_storage_offset") != 0) {
    const IValue size = taken(keywords, prefix + "_size"),
                 stride = taken(keywords, prefix + "_stride"),
                 offset = taken(keywords, prefix + "_storage_offset");
    return base.as_strided(numbers(size), numbers(stride), offset.toInt());
  }
  if (keywords.count(prefix + "_slice_dim") == 0) return base;
  const std::int64_t dim = taken(keywords, prefix + "_slice_dim").toInt(),
                     start = taken(keywords, prefix + "_slice_start").toInt(),
                     end = taken(keywords, prefix + "_slice_end").toInt();
  return base.slice(dim, start, end);
}

Values with_appended(Values results, const Values& more) {
  if (results.empty()) results.emplace_back();  // an operator that gives nothing gives None
  results.insert(results.end(), more.begin(), more.end());
  return results;
}

}  // namespace

const std::string& operator_of(const Node& node, std::size_t argument) {
  if (argument < node.arguments.size() && node.arguments[argument].kind == Argument::Kind::op)
    return node.arguments[argument].parts->text;
  throw Error(fmt::format("node {} ({}) names no operator", node.name, node.target));
}

Keywords keywords_of(const Node& node, Frame& frame) {
  Keywords keywords;
  const std::size_t first = node.arguments.size() - node.keywords.size();
  for (std::size_t i = 0; i < node.keywords.size(); ++i)
    keywords[node.keywords[i]] = value_of(node.arguments[first + i], frame);
  return keywords;
}

Values call_operator(const std::string& target, const Values& positional,
                     const Keywords& keywords) {
  const c10::OperatorHandle op = operator_named(target);
  torch::jit::Stack stack;
  for (const c10::Argument& one : op.schema().arguments()) {
    const auto found = keywords.find(one.name());
    if (stack.size() < positional.size()) {
      stack.push_back(fitted(positional[stack.size()], one));
    } else if (found != keywords.end()) {
      stack.push_back(fitted(found->second, one));
    } else if (one.default_value()) {
      stack.push_back(*one.default_value());
    } else {
      throw Error(fmt::format("{} needs its argument {}", target, one.name()));
    }
  }
  op.callBoxed(&stack);
  return stack;
}

Values functionalized(const Runner&, const Node& node, Frame& frame) {
  const std::string& op = operator_of(node, 0);
  Keywords keywords = keywords_of(node, frame);
  Values written;
  for (const std::string& name : written_arguments(operator_named(op).schema())) {
    written.push_back(copied(keywords[name]));
    keywords[name] = written.back();
  }
  return with_appended(call_operator(op, {}, keywords), written);
}

Values functionalized_from_bases(const Runner&, const Node& node, Frame& frame) {
  const std::string& op = operator_of(node, 0);
  Keywords keywords = keywords_of(node, frame);
  Values bases;
  const IValue given = taken(keywords, "_all_bases");
  if (given.isList()) {
    for (const IValue& one : given.toListRef()) bases.push_back(copied(one));
  }
  for (const std::string& name : written_arguments(operator_named(op).schema())) {
    const std::string prefix = "_" + name;
    const IValue length = taken(keywords, prefix + "_length");
    if (length.isNone()) {
      keywords[name] = view_again(prefix, keywords, bases);
      continue;
    }
    c10::impl::GenericList views(c10::AnyType::get());
    for (std::int64_t i = 0; i < length.toInt(); ++i) {
      const std::string one = fmt::format("{}_{}", prefix, i);
      if (keywords.count(one + "_base_index") == 0)
        throw Error(
            fmt::format("{} says {} tensors, and has no number {}", prefix, length.toInt(), i));
      views.push_back(view_again(one, keywords, bases));
    }
    keywords[name] = views;
  }
  return with_appended(call_operator(op, {}, keywords), bases);
}

}  // namespace exported
}  // namespace anycapture
