// SPDX-License-Identifier: MIT
// The tensors that an input or an output of a module holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace anycapture {

/// Tensors by name, in order: "" for a lone tensor, "0", "1" ... in a tuple or vector,
/// "last_hidden_state" in a dict or struct, "1.0" in what they hold. Undefined tensors are among
/// them. They refer to the tensors of the call and are good only while it runs.
class ANYCAPTURE_API Tensors {
 public:
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

  /// Assigning replaces the tensor in the call; in what a module takes as a list of const tensors,
  /// or returns as a reference to const, that is an `Error`.
  at::Tensor& operator[](std::size_t index) { return *items_[index].tensor; }
  const at::Tensor& operator[](std::size_t index) const { return *items_[index].tensor; }
  const std::string& name(std::size_t index) const { return items_[index].name; }

  /// By name. Throws `KeyError` with the names there are.
  at::Tensor& at(std::string_view name);
  const at::Tensor& at(std::string_view name) const;

  void add(std::string name, at::Tensor& tensor) { items_.push_back({std::move(name), &tensor}); }
  void add(std::string name, const at::Tensor& tensor);  ///< keeps a handle of its own

  bool any_defined() const;
  /// Whether it is one tensor, and not one in a tuple or the like.
  bool is_lone() const { return size() == 1 && name(0).empty(); }
  /// Throws `Error` when a tensor was replaced that is const in the call: `of`, "input" or
  /// "output".
  void check_replaced(const char* of) const;
  /// The same tensors, which stay when those of the call are moved away.
  Tensors held() const;

 private:
  struct Item {
    std::string name;
    at::Tensor* tensor;
  };
  std::vector<Item> items_;
  struct Own {
    at::Tensor tensor, original;
  };
  std::list<Own> own_;  // addresses stay
};

namespace detail {
/// `name.part`, or the one of them that is not empty.
inline std::string joined(const std::string& name, const std::string& part) {
  return name.empty() || part.empty() ? name + part : name + "." + part;
}
}  // namespace detail

}  // namespace anycapture
