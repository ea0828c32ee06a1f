// SPDX-License-Identifier: MIT
#include "capture/ivalues.h"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>

#include <algorithm>

namespace anycapture {
namespace capture {
namespace {

using detail::joined;

void collect(Tensors& into, const std::string& name, const c10::IValue& value);

void collect_tuple(Tensors& into, const std::string& name, const c10::IValue& value) {
  const auto& elements = value.toTupleRef().elements();
  const auto type = value.type()->cast<c10::TupleType>();
  const auto& schema = type != nullptr ? type->schema() : nullptr;  // of a NamedTuple
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::string field = schema != nullptr ? schema->arguments()[i].name() : std::to_string(i);
    collect(into, joined(name, field), elements[i]);
  }
}

void collect(Tensors& into, const std::string& name, const c10::IValue& value) {
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    into.add(name, tensor);
  } else if (value.isTuple()) {
    collect_tuple(into, name, value);
  } else if (value.isTensorList() || value.isList()) {
    std::size_t index = 0;
    for (const c10::IValue& inner : value.toListRef()) {
      collect(into, joined(name, std::to_string(index++)), inner);
    }
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      const std::string key = entry.key().isString() ? entry.key().toStringRef()
                              : entry.key().isInt()  ? std::to_string(entry.key().toInt())
                                                     : "";
      if (!key.empty()) collect(into, joined(name, key), entry.value());
    }
  }
}

}  // namespace

Tensors tensors_in(const c10::IValue& value) {
  Tensors result;
  collect(result, "", value);
  return result;
}

Tensors tensors_in_arguments(c10::ArrayRef<c10::IValue> all) {
  std::size_t holding = 0, lone = 0;
  for (const c10::IValue& argument : all) {
    const Tensors tensors = tensors_in(argument);
    if (!tensors.any_defined()) continue;
    ++holding;
    lone += tensors.is_lone() ? 1 : 0;
  }
  Tensors result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    collect(result, holding == 1 && lone == 1 ? "" : std::to_string(i), all[i]);
  }
  return result;
}

}  // namespace capture
}  // namespace anycapture
