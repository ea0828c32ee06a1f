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
  own_.push_back({tensor, tensor});
  items_.push_back({std::move(name), &own_.back().tensor});
}

bool Tensors::any_defined() const {
  return std::any_of(items_.begin(), items_.end(),
                     [](const Item& item) { return item.tensor->defined(); });
}

void Tensors::check_replaced(const char* of) const {
  for (const Own& own : own_) {
    if (own.tensor.is_same(own.original)) continue;
    throw Error(
        fmt::format("a forward hook replaced a tensor of the module's {}, which is const "
                    "there: change what forward() takes or returns, or write into the tensor",
                    of));
  }
}

Tensors Tensors::held() const {
  Tensors held;
  for (const Item& item : items_) held.add(item.name, std::as_const(*item.tensor));
  return held;
}

}  // namespace anycapture
