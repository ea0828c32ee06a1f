// SPDX-License-Identifier: MIT
#include <anycapture/error.h>
#include <anycapture/tensors.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace anycapture {

at::Tensor& Tensors::at(std::string_view name) {
  std::string names;
  for (Item& item : items_) {
    if (item.name == name) return *item.tensor;
    names += (names.empty() ? "\"" : ", \"") + item.name + "\"";
  }
  throw KeyError(fmt::format("there is no tensor \"{}\" in this call; there {}", name,
                             names.empty() ? "is none at all" : "are " + names));
}

const at::Tensor& Tensors::at(std::string_view name) const {
  return const_cast<Tensors*>(this)->at(name);
}

void Tensors::add(std::string name, const at::Tensor& tensor) {
  own_.push_back(tensor);
  items_.push_back({std::move(name), &own_.back()});
}

bool Tensors::any_defined() const {
  return std::any_of(items_.begin(), items_.end(),
                     [](const Item& item) { return item.tensor->defined(); });
}

Tensors Tensors::held() const {
  Tensors held;
  for (const Item& item : items_) held.add(item.name, std::as_const(*item.tensor));
  return held;
}

}  // namespace anycapture
