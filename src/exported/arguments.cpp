// SPDX-License-Identifier: MIT
#include "exported/arguments.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>
#include <anycapture/error.h>

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "exported/scalar_types.h"

namespace anycapture {
namespace exported {
namespace {

using c10::IValue;
using c10::TypeKind;
using Json = nlohmann::json;
using Kind = Argument::Kind;

double real(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  const std::string text = json.get<std::string>();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  throw Error(fmt::format("{} is no number", printable(text)));
}

template <class T>
T number_in(const Json& json) {
  if constexpr (std::is_same_v<T, double>) {
    return real(json);
  } else {
    return json.get<T>();
  }
}

class Reader {
 public:
  Reader(const c10::Argument* taken, const ArgumentContext& context)
      : type_(taken == nullptr ? nullptr : bare(taken->type())),
        optional_(taken != nullptr && taken->type()->kind() == TypeKind::OptionalType),
        is_dtype_(taken != nullptr && bare(taken->real_type())->kind() == TypeKind::ScalarTypeType),
        count_(taken != nullptr && taken->N() ? *taken->N() : 0),
        context_(context) {}

  Argument read(const Json& json) const {
    const auto [tag, value] = tagged(json);
    const auto found = readers().find(tag);
    if (found == readers().end())
      throw Error(fmt::format("an argument of the kind {} is not supported", printable(tag)));
    return (this->*found->second)(value);
  }

 private:
  using Read = Argument (Reader::*)(const Json&) const;

  static c10::TypePtr bare(const c10::TypePtr& type) {
    if (type->kind() != TypeKind::OptionalType) return type;
    return type->castRaw<c10::OptionalType>()->getElementType();
  }
  c10::TypePtr element() const {
    const auto list = type_ == nullptr ? nullptr : type_->castRaw<c10::ListType>();
    return list == nullptr ? nullptr : list->getElementType();
  }
  bool takes(TypeKind kind) const { return type_ != nullptr && type_->kind() == kind; }
  bool element_is(TypeKind kind) const {
    const c10::TypePtr inner = element();
    return inner != nullptr && inner->kind() == kind;
  }

  static Argument constant(IValue value) {
    Argument made;
    made.constant = std::move(value);
    return made;
  }
  Argument slot(const std::string& name) const {
    Argument made;
    made.kind = Kind::slot;
    made.slot = context_.slot_of(name);
    return made;
  }
  static Argument with_parts(Kind kind, Argument::Parts parts) {
    Argument made;
    made.kind = kind;
    made.parts = std::make_shared<Argument::Parts>(std::move(parts));
    return made;
  }
  static Argument list(ListOf of, std::vector<Argument> items) {
    Argument made = with_parts(Kind::list, {std::move(items), {}, nullptr, ""});
    made.list_of = of;
    return made;
  }

  // One number: for a tensor, a list of equal ones, or itself.
  template <class T>
  Argument number(T value) const {
    if (is_dtype_) throw Error(fmt::format("it takes a dtype, and the file gives {}", value));
    if (takes(TypeKind::TensorType)) return constant(number_as_tensor(value));
    if (takes(TypeKind::FloatType)) return constant(static_cast<double>(value));
    if (takes(TypeKind::BoolType)) return constant(value != 0);
    if (takes(TypeKind::ListType) && count_ > 0) {
      const auto count = static_cast<std::size_t>(count_);
      if (element_is(TypeKind::FloatType))
        return constant(std::vector<double>(count, static_cast<double>(value)));
      return constant(std::vector<std::int64_t>(count, static_cast<std::int64_t>(value)));
    }
    return constant(value);
  }

  Argument none(const Json&) const {
    return takes(TypeKind::TensorType) && !optional_ ? constant(at::Tensor()) : constant({});
  }
  Argument tensor(const Json& json) const { return slot(json.at("name").get<std::string>()); }
  Argument tensors(const Json& json) const {
    std::vector<Argument> items;
    for (const Json& one : json) items.push_back(tensor(one));
    if (type_ == nullptr) return list(ListOf::anything, std::move(items));
    return list(element_is(TypeKind::OptionalType) ? ListOf::optional_tensors : ListOf::tensors,
                std::move(items));
  }
  Argument optional_tensor(const Json& json) const {
    return json.contains("as_tensor") ? tensor(json.at("as_tensor")) : constant({});
  }
  Argument optional_tensors(const Json& json) const {
    std::vector<Argument> items;
    for (const Json& one : json) items.push_back(optional_tensor(one));
    return list(type_ == nullptr ? ListOf::anything : ListOf::optional_tensors, std::move(items));
  }
  Argument nested_tensors(const Json& json) const {
    std::vector<Argument> items;
    for (const Json& one : json) {
      std::vector<Argument> inner;
      for (const Json& name : one) inner.push_back(tensor(name));
      items.push_back(list(ListOf::tensors, std::move(inner)));
    }
    return list(ListOf::anything, std::move(items));
  }

  Argument whole(const Json& json) const { return number(json.get<std::int64_t>()); }
  Argument floating(const Json& json) const { return number(real(json)); }
  Argument boolean(const Json& json) const {
    const bool value = json.get<bool>();
    if (takes(TypeKind::TensorType)) return constant(number_as_tensor(value));
    if (takes(TypeKind::ListType) && count_ > 0) {
      c10::List<bool> all;
      for (std::int32_t i = 0; i < count_; ++i) all.push_back(value);
      return constant(all);
    }
    return constant(value);
  }
  Argument complex(const Json& json) const {
    const c10::complex<double> value(real(json.at("real")), real(json.at("imag")));
    return takes(TypeKind::TensorType) ? constant(number_as_tensor(value)) : constant(value);
  }
  Argument text(const Json& json) const { return constant(json.get<std::string>()); }
  Argument texts(const Json& json) const {
    c10::List<std::string> all;
    for (const Json& one : json) all.push_back(one.get<std::string>());
    return constant(all);
  }

  // For a list of numbers of any kind, of real ones, or of its own kind.
  template <class T>
  Argument numbers(const std::vector<T>& values) const {
    if (element_is(TypeKind::NumberType)) {
      c10::impl::GenericList all(c10::NumberType::get());
      for (const T value : values) all.push_back(IValue(value));
      return constant(all);
    }
    if (element_is(TypeKind::FloatType))
      return constant(std::vector<double>(values.begin(), values.end()));
    if (element_is(TypeKind::BoolType)) {
      c10::List<bool> all;
      for (const T value : values) all.push_back(value != 0);
      return constant(all);
    }
    if (element_is(TypeKind::TensorType) && values.empty()) return list(ListOf::tensors, {});
    return constant(values);
  }
  Argument wholes(const Json& json) const { return numbers(json.get<std::vector<std::int64_t>>()); }
  Argument floatings(const Json& json) const {
    std::vector<double> all;
    for (const Json& one : json) all.push_back(real(one));
    return numbers(all);
  }
  Argument booleans(const Json& json) const {
    c10::List<bool> all;
    for (const Json& one : json) all.push_back(one.get<bool>());
    return constant(all);
  }

  // `{"as_name": "n"}` or `{"as_int": 5}`.
  Argument symbol(const Json& json) const {
    if (!json.contains("as_name")) return constant_symbol(json);
    Argument made = slot(json.at("as_name").get<std::string>());
    if (takes(TypeKind::TensorType)) made.kind = Kind::number_as_tensor;
    if (takes(TypeKind::ListType) && count_ > 0) {
      std::vector<Argument> items(static_cast<std::size_t>(count_), made);
      return list(element_is(TypeKind::FloatType) ? ListOf::floats : ListOf::ints,
                  std::move(items));
    }
    return made;
  }
  Argument constant_symbol(const Json& json) const {
    if (json.contains("as_int")) return whole(json.at("as_int"));
    if (json.contains("as_float")) return floating(json.at("as_float"));
    return boolean(json.at("as_bool"));
  }
  template <ListOf kOf>
  Argument symbols(const Json& json) const {
    const Reader each(nullptr, context_);
    std::vector<Argument> items;
    for (const Json& one : json) items.push_back(each.symbol(one));
    if (type_ == nullptr) return list(ListOf::anything, std::move(items));
    return list(element_is(TypeKind::FloatType) ? ListOf::floats : kOf, std::move(items));
  }

  template <class T>
  static T known(const std::optional<T>& value, const char* what, const Json& json) {
    if (value) return *value;
    throw Error(fmt::format("{} {} is one that this LibTorch does not have", what, json.dump()));
  }
  Argument dtype(const Json& json) const {
    return constant(
        static_cast<std::int64_t>(known(scalar_type(json.get<std::int64_t>()), "dtype", json)));
  }
  Argument layout_of(const Json& json) const {
    return constant(
        static_cast<std::int64_t>(known(layout(json.get<std::int64_t>()), "layout", json)));
  }
  Argument format_of(const Json& json) const {
    return constant(static_cast<std::int64_t>(
        known(memory_format(json.get<std::int64_t>()), "memory format", json)));
  }
  Argument device_of(const Json& json) const {
    return constant(context_.device ? *context_.device : device(json));
  }

  Argument graph(const Json& json) const {
    if (!context_.graph_of) throw Error("a graph stands where none can be");
    return with_parts(Kind::graph, {{}, {}, context_.graph_of(json.at("graph")), ""});
  }
  Argument op(const Json& json) const {
    return with_parts(Kind::op, {{}, {}, nullptr, json.get<std::string>()});
  }
  Argument object(const Json& json) const {
    throw Error(fmt::format("an object of the class {} is not supported",
                            printable(json.at("class_fqn").get<std::string>())));
  }
  Argument dict(const Json& json) const {
    Argument::Parts parts;
    const Reader each(nullptr, context_);
    for (const auto& [name, value] : json.items()) {
      parts.names.push_back(name);
      parts.items.push_back(each.read(value));
    }
    return with_parts(Kind::dict, std::move(parts));
  }
  template <class T>
  Argument lists(const Json& json) const {
    std::vector<Argument> items;
    for (const Json& one : json) {
      std::vector<T> values;
      for (const Json& value : one) values.push_back(number_in<T>(value));
      items.push_back(constant(values));
    }
    return list(ListOf::anything, std::move(items));
  }

  static const std::unordered_map<std::string, Read>& readers() {
    static const std::unordered_map<std::string, Read> kReaders{
        {"as_none", &Reader::none},
        {"as_tensor", &Reader::tensor},
        {"as_tensors", &Reader::tensors},
        {"as_optional_tensor", &Reader::optional_tensor},
        {"as_optional_tensors", &Reader::optional_tensors},
        {"as_nested_tensors", &Reader::nested_tensors},
        {"as_int", &Reader::whole},
        {"as_ints", &Reader::wholes},
        {"as_float", &Reader::floating},
        {"as_floats", &Reader::floatings},
        {"as_bool", &Reader::boolean},
        {"as_bools", &Reader::booleans},
        {"as_complex", &Reader::complex},
        {"as_string", &Reader::text},
        {"as_strings", &Reader::texts},
        {"as_sym_int", &Reader::symbol},
        {"as_sym_float", &Reader::symbol},
        {"as_sym_bool", &Reader::symbol},
        {"as_sym_ints", &Reader::symbols<ListOf::ints>},
        {"as_sym_floats", &Reader::symbols<ListOf::floats>},
        {"as_sym_bools", &Reader::symbols<ListOf::bools>},
        {"as_scalar_type", &Reader::dtype},
        {"as_layout", &Reader::layout_of},
        {"as_memory_format", &Reader::format_of},
        {"as_device", &Reader::device_of},
        {"as_graph", &Reader::graph},
        {"as_operator", &Reader::op},
        {"as_custom_obj", &Reader::object},
        {"as_string_to_argument", &Reader::dict},
        {"as_int_lists", &Reader::lists<std::int64_t>},
        {"as_float_lists", &Reader::lists<double>},
    };
    return kReaders;
  }

  const c10::TypePtr type_;
  const bool optional_;
  const bool is_dtype_;
  const std::int32_t count_;  // of a list of a given length; else 0
  const ArgumentContext& context_;
};

IValue slot_value(const Argument& argument, Frame& frame) {
  IValue& value = frame[static_cast<std::size_t>(argument.slot)];
  return argument.last ? std::move(value) : value;
}

IValue slot_value(const Argument& argument, const Frame& frame) {
  return frame[static_cast<std::size_t>(argument.slot)];
}

// `F`: Frame, from which values are moved, or const Frame.
template <class F>
IValue any_value(const Argument& argument, F& frame);

template <class T, class F, class Get>
IValue list_of(const Argument& argument, F& frame, Get get) {
  c10::List<T> made;
  made.reserve(argument.parts->items.size());
  for (const Argument& item : argument.parts->items) made.push_back(get(any_value(item, frame)));
  return made;
}

template <class F>
IValue list_value(const Argument& argument, F& frame) {
  using OptionalTensor = c10::optional<at::Tensor>;
  switch (argument.list_of) {
    case ListOf::tensors:
      return list_of<at::Tensor>(argument, frame,
                                 [](IValue value) { return std::move(value).toTensor(); });
    case ListOf::optional_tensors:
      return list_of<OptionalTensor>(argument, frame, [](IValue value) {
        return value.isNone() ? OptionalTensor() : OptionalTensor(std::move(value).toTensor());
      });
    case ListOf::ints:
      return list_of<std::int64_t>(argument, frame,
                                   [](const IValue& value) { return value.toScalar().toLong(); });
    case ListOf::floats:
      return list_of<double>(argument, frame,
                             [](const IValue& value) { return value.toScalar().toDouble(); });
    case ListOf::bools:
      return list_of<bool>(argument, frame, [](const IValue& value) { return value.toBool(); });
    default:
      break;
  }
  c10::impl::GenericList made(c10::AnyType::get());
  for (const Argument& item : argument.parts->items) made.push_back(any_value(item, frame));
  return made;
}

template <class F>
IValue any_value(const Argument& argument, F& frame) {
  switch (argument.kind) {
    case Kind::constant:
      return argument.constant;
    case Kind::slot:
      return slot_value(argument, frame);
    case Kind::number_as_tensor: {
      const IValue& value = frame[static_cast<std::size_t>(argument.slot)];
      return value.isTensor() ? value : IValue(number_as_tensor(value.toScalar()));
    }
    case Kind::list:
      return list_value(argument, frame);
    case Kind::dict: {
      c10::impl::GenericDict made(c10::StringType::get(), c10::AnyType::get());
      const Argument::Parts& parts = *argument.parts;
      for (std::size_t i = 0; i < parts.items.size(); ++i)
        made.insert(parts.names[i], any_value(parts.items[i], frame));
      return made;
    }
    default:
      return argument.parts->text;
  }
}

}  // namespace

Argument read_argument(const Json& json, const c10::Argument* taken,
                       const ArgumentContext& context) {
  return Reader(taken, context).read(json);
}

IValue value_of(const Argument& argument, Frame& frame) {
  return any_value(argument, frame);
}

IValue value_of(const Argument& argument, const Frame& frame) {
  return any_value(argument, frame);
}

at::Tensor number_as_tensor(const at::Scalar& number) {
  return at::native::wrapped_scalar_tensor(number);
}

std::pair<const std::string&, const Json&> tagged(const Json& json) {
  if (json.is_object() && json.size() == 1) return {json.begin().key(), json.begin().value()};
  throw Error("something that has one kind of several has none, or more");
}

}  // namespace exported
}  // namespace anycapture
