// SPDX-License-Identifier: MIT
#include "exported/pytree.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <anycapture/error.h>
#include <anycapture/tensors.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/json_problem.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using detail::joined;
using Json = nlohmann::json;
using Kind = TreeSpec::Kind;

constexpr int kDeepest = 64;  // trees in trees

// Text, or a whole number that fits 64 bits with its sign.
bool is_key(const Json& json) {
  if (json.is_number_unsigned())
    return json.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  return json.is_string() || json.is_number_integer();
}

Json parsed(const std::string& text) {
  constexpr int kDeepestText = 400;  // brackets; each tree has two
  if (is_json_deeper(text, kDeepestText)) throw Error("a tree of values is too deep");
  return Json::parse(text, nullptr, false);
}

// Keys or fields, where the context holds them: `["a", "b"]`; of a dataclass, `[["a"], ["none"]]`;
// of a defaultdict, `{"dict_context": ["a"]}`.
const Json* names_in(const Json& context, std::size_t count) {
  if (context.is_object())
    return context.contains("dict_context") ? names_in(context.at("dict_context"), count) : nullptr;
  if (!context.is_array()) return nullptr;
  if (context.size() == count && std::all_of(context.begin(), context.end(), is_key))
    return &context;
  const bool dataclass = context.size() == 2 && context[0].is_array() &&
                         std::all_of(context[0].begin(), context[0].end(), is_key);
  return dataclass && context[0].size() == count ? &context[0] : nullptr;
}

Kind kind_of(const std::string& type, bool named) {
  const std::string name = type.substr(type.rfind('.') + 1);
  if (name == "tuple" || name == "Size") return Kind::tuple;
  if (name == "list" || name == "immutable_list" || name == "deque") return Kind::list;
  if (name == "NoneType") return Kind::none;
  if (name == "dict" || name == "immutable_dict" || name == "OrderedDict" || name == "defaultdict")
    return Kind::dict;
  return named ? Kind::other : Kind::tuple;
}

TreeSpec parse(const Json& json, const Json& fields, int depth) {
  if (depth > kDeepest) throw Error("a tree of values is too deep");
  TreeSpec spec;
  if (json.at("type").is_null()) return spec;
  spec.type = json.at("type").get<std::string>();
  for (const Json& child : json.at("children_spec"))
    spec.children.push_back(parse(child, fields, depth + 1));
  const std::size_t count = spec.children.size();
  const Json& raw = json.at("context");
  const std::string text = raw.is_string() ? raw.get<std::string>() : raw.dump();
  const Json context = parsed(text);
  const Json* names = names_in(context, count);
  const bool tuple = fields.is_object() && fields.contains(text);
  if (tuple) names = names_in(fields.at(text).at("field_names"), count);
  spec.kind = tuple ? Kind::named_tuple : kind_of(spec.type, names != nullptr);
  const bool keyed = names != nullptr && spec.kind != Kind::tuple && spec.kind != Kind::list;
  for (std::size_t i = 0; i < count; ++i) {
    if (!keyed) {
      spec.names.push_back(std::to_string(i));
      continue;
    }
    const Json& name = (*names)[i];
    spec.int_keys.push_back(!name.is_string());
    spec.names.push_back(name.is_string() ? name.get<std::string>() : name.dump());
  }
  return spec;
}

void add_names(const TreeSpec& spec, const std::string& name, std::vector<std::string>& names) {
  if (spec.kind == Kind::leaf) names.push_back(name);
  for (std::size_t i = 0; i < spec.children.size(); ++i)
    add_names(spec.children[i], joined(name, spec.names[i]), names);
}

const char* word_for(Kind kind) {
  switch (kind) {
    case Kind::tuple:
      return "a tuple";
    case Kind::list:
      return "a list";
    case Kind::named_tuple:
      return "a named tuple";
    default:
      return "a dict";
  }
}

[[noreturn]] void throw_misfit(const TreeSpec& spec, const std::string& name,
                               const std::string& got) {
  const std::string keys =
      spec.int_keys.empty() ? "" : fmt::format(" ({})", fmt::join(spec.names, ", "));
  throw InputError(fmt::format("input {}: the program was exported with {} of {}{}, and this is {}",
                               name, word_for(spec.kind), spec.children.size(), keys, got));
}

void flatten_dict(const TreeSpec& spec, const IValue& value, const std::string& name,
                  std::vector<IValue>& leaves) {
  const auto dict = value.toGenericDict();
  if (dict.size() != spec.children.size())
    throw_misfit(spec, name, fmt::format("a dict of {}", dict.size()));
  for (std::size_t i = 0; i < spec.children.size(); ++i) {
    const bool text = spec.int_keys.empty() || !spec.int_keys[i];
    const IValue key =
        text ? IValue(spec.names[i]) : IValue(std::int64_t{std::stoll(spec.names[i])});
    const auto found = dict.find(key);
    if (found == dict.end())
      throw_misfit(spec, name, fmt::format("a dict without {}", printable(spec.names[i])));
    flatten(spec.children[i], found->value(), joined(name, spec.names[i]), leaves);
  }
}

void flatten_sequence(const TreeSpec& spec, const IValue& value, const std::string& name,
                      std::vector<IValue>& leaves) {
  std::vector<IValue> elements;
  if (value.isTuple()) {
    const auto& all = value.toTupleRef().elements();
    elements.assign(all.begin(), all.end());
  } else {
    for (const IValue& one : value.toListRef()) elements.push_back(one);
  }
  if (elements.size() != spec.children.size())
    throw_misfit(spec, name, fmt::format("one of {}", elements.size()));
  for (std::size_t i = 0; i < elements.size(); ++i)
    flatten(spec.children[i], elements[i], joined(name, spec.names[i]), leaves);
}

IValue dict_of(const TreeSpec& spec, std::vector<IValue> values) {
  const bool ints =
      !spec.int_keys.empty() &&
      std::all_of(spec.int_keys.begin(), spec.int_keys.end(), [](bool i) { return i; });
  const bool tensors =
      std::all_of(values.begin(), values.end(), [](const IValue& one) { return one.isTensor(); });
  const c10::TypePtr of = tensors ? c10::TypePtr(c10::TensorType::get()) : c10::AnyType::get();
  c10::impl::GenericDict dict(ints ? c10::TypePtr(c10::IntType::get()) : c10::StringType::get(),
                              of);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const IValue key =
        ints ? IValue(std::int64_t{std::stoll(spec.names[i])}) : IValue(spec.names[i]);
    dict.insert(key, std::move(values[i]));
  }
  return dict;
}

IValue list_of(std::vector<IValue> values) {
  const bool tensors =
      std::all_of(values.begin(), values.end(), [](const IValue& one) { return one.isTensor(); });
  c10::impl::GenericList list(tensors ? c10::TypePtr(c10::TensorType::get()) : c10::AnyType::get());
  for (IValue& one : values) list.push_back(std::move(one));
  return list;
}

// As TorchScript has named tuples: what reads captures finds the fields' names.
IValue named_tuple_of(const TreeSpec& spec, std::vector<IValue> values) {
  std::vector<c10::TypePtr> types;
  types.reserve(values.size());
  for (const IValue& one : values) types.push_back(one.type());
  const auto type =
      c10::TupleType::createNamed(c10::QualifiedName("anycapture.NamedTuple"), spec.names, types);
  return c10::ivalue::Tuple::createNamed(std::move(values), type);
}

}  // namespace

std::size_t TreeSpec::leaves() const {
  if (kind == Kind::leaf) return 1;
  std::size_t count = 0;
  for (const TreeSpec& child : children) count += child.leaves();
  return count;
}

std::vector<std::string> TreeSpec::leaf_names() const {
  std::vector<std::string> all;
  add_names(*this, "", all);
  return all;
}

TreeSpec parse_tree_spec(const std::string& text, const Json& fields) {
  const Json json = parsed(text);
  if (!json.is_array() || json.size() != 2 || json[0] != 1)
    throw Error("its trees of values are of a protocol that is not known");
  return parse(json[1], fields, 0);
}

void flatten(const TreeSpec& spec, const IValue& value, const std::string& name,
             std::vector<IValue>& leaves) {
  switch (spec.kind) {
    case Kind::leaf:
      leaves.push_back(value);
      return;
    case Kind::none:
      if (value.isNone()) return;
      throw InputError(fmt::format("input {}: the program was exported with none", name));
    case Kind::dict:
    case Kind::other:
      if (!value.isGenericDict()) throw_misfit(spec, name, "a " + value.tagKind());
      return flatten_dict(spec, value, name, leaves);
    default:
      if (!value.isTuple() && !value.isList()) throw_misfit(spec, name, "a " + value.tagKind());
      return flatten_sequence(spec, value, name, leaves);
  }
}

IValue unflatten(const TreeSpec& spec, const IValue*& leaf) {
  if (spec.kind == Kind::leaf) return *leaf++;
  if (spec.kind == Kind::none) return {};
  std::vector<IValue> values;
  values.reserve(spec.children.size());
  for (const TreeSpec& child : spec.children) values.push_back(unflatten(child, leaf));
  switch (spec.kind) {
    case Kind::list:
      return list_of(std::move(values));
    case Kind::dict:
    case Kind::other:
      return dict_of(spec, std::move(values));
    case Kind::named_tuple:
      return named_tuple_of(spec, std::move(values));
    default:
      return c10::ivalue::Tuple::create(std::move(values));
  }
}

}  // namespace exported
}  // namespace anycapture
