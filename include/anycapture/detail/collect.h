// SPDX-License-Identifier: MIT
// Finding the tensors inside a value of any type.
#pragma once

#include <torch/nn/module.h>  // in front: on LibTorch 1.13 the next one needs it there
#include <torch/nn/modules/container/any_value.h>

#include <anycapture/api.h>
#include <anycapture/tensors.h>

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace anycapture {
namespace detail {

template <class T>
using Plain = std::remove_cv_t<std::remove_reference_t<T>>;

/// What visits the fields of a struct, where the question is only whether it has any to visit.
struct AnyField {
  template <class T>
  void operator()(const char*, T&) const {}
};

template <class T, class = void>
struct is_struct : std::false_type {};
template <class T>
struct is_struct<T, std::void_t<decltype(anycapture_visit(std::declval<T&>(), AnyField()))>>
    : std::true_type {};

template <class T, class = void>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<T, std::void_t<typename T::value_type, decltype(std::declval<T&>().has_value()),
                                  decltype(*std::declval<T&>())>> : std::true_type {};

template <class T, class = void>
struct is_tuple : std::false_type {};
template <class T>
struct is_tuple<T, std::void_t<decltype(std::tuple_size<T>::value)>> : std::true_type {};

/// std::map and std::unordered_map with string keys.
template <class T, class = void>
struct is_map : std::false_type {};
template <class T>
struct is_map<T, std::void_t<typename T::mapped_type, decltype(std::declval<T&>().begin()->second)>>
    : std::is_same<typename T::key_type, std::string> {};

/// torch::OrderedDict<std::string, Value>.
template <class T, class = void>
struct is_ordered_dict : std::false_type {};
template <class T>
struct is_ordered_dict<T, std::void_t<decltype(std::declval<T&>().begin()->key() + std::string()),
                                      decltype(std::declval<T&>().begin()->value())>>
    : std::true_type {};

/// std::vector, c10::ArrayRef and the like.
template <class T, class = void>
struct is_list : std::false_type {};
template <class T>
struct is_list<T, std::void_t<typename T::value_type, decltype(std::declval<T&>().begin()),
                              decltype(std::declval<T&>().size())>>
    : std::bool_constant<!is_map<T>::value && !is_tuple<T>::value && !is_ordered_dict<T>::value &&
                         !std::is_same_v<typename T::value_type, T> &&
                         !std::is_arithmetic_v<typename T::value_type>> {};

/// Types that hold each other in a circle, as trees of JSON do, are left at this depth.
constexpr int kDeepest = 8;

template <class T, int kDepth = 0>
constexpr bool can_hold_tensors();

template <class Tuple, int kDepth, std::size_t... I>
constexpr bool any_holds(std::index_sequence<I...>) {
  return (can_hold_tensors<Plain<std::tuple_element_t<I, Tuple>>, kDepth>() || ...);
}

/// Whether collect() can find a tensor in a T.
template <class T, int kDepth>
constexpr bool can_hold_tensors() {
  constexpr int kInner = kDepth + 1;
  if constexpr (std::is_same_v<T, at::Tensor>) {
    return true;
  } else if constexpr (!std::is_class_v<T> || kDepth == kDeepest) {
    return false;
  } else if constexpr (is_struct<T>::value) {
    return true;
  } else if constexpr (is_tuple<T>::value) {
    return any_holds<T, kInner>(std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (is_map<T>::value) {
    return can_hold_tensors<typename T::mapped_type, kInner>();
  } else if constexpr (is_ordered_dict<T>::value) {
    return can_hold_tensors<Plain<decltype(std::declval<T&>().begin()->value())>, kInner>();
  } else if constexpr (is_optional<T>::value || is_list<T>::value) {
    return can_hold_tensors<Plain<typename T::value_type>, kInner>();
  } else {
    return false;
  }
}

template <class T>
void collect(Tensors& into, const std::string& name, T& value);

template <class Tuple, std::size_t... I>
void collect_each(Tensors& into, const std::string& name, Tuple& value, std::index_sequence<I...>) {
  (collect(into, joined(name, std::to_string(I)), std::get<I>(value)), ...);
}

/// Adds the tensors inside `value`; a value of a type that is not known adds none.
template <class T>
void collect(Tensors& into, const std::string& name, T& value) {
  using Type = std::remove_cv_t<T>;
  if constexpr (!can_hold_tensors<Type>()) {
    return;
  } else if constexpr (std::is_same_v<Type, at::Tensor>) {
    into.add(name, value);
  } else if constexpr (is_struct<Type>::value) {
    anycapture_visit(
        value, [&](const char* field, auto& inner) { collect(into, joined(name, field), inner); });
  } else if constexpr (is_tuple<Type>::value) {
    collect_each(into, name, value, std::make_index_sequence<std::tuple_size_v<Type>>());
  } else if constexpr (is_map<Type>::value) {
    for (auto& [key, inner] : value) collect(into, joined(name, key), inner);
  } else if constexpr (is_ordered_dict<Type>::value) {
    for (auto& item : value) collect(into, joined(name, item.key()), item.value());
  } else if constexpr (is_optional<Type>::value) {
    if (value.has_value()) collect(into, name, *value);
  } else {
    std::size_t index = 0;
    for (auto&& inner : value) {
      if constexpr (std::is_lvalue_reference_v<decltype(inner)>) {
        collect(into, joined(name, std::to_string(index++)), inner);
      } else {
        const typename Type::value_type copy = inner;  // c10::List gives proxies
        collect(into, joined(name, std::to_string(index++)), copy);
      }
    }
  }
}

template <class T>
Tensors collected(const std::string& name, T& value) {
  Tensors tensors;
  collect(tensors, name, value);
  return tensors;
}

/// By position, as Python's hooks get them; a lone tensor has no name.
template <class Held, std::size_t... I>
void collect_arguments(Tensors& into, Held& held, std::index_sequence<I...>) {
  std::size_t holding = 0, lone = 0;
  const auto look = [&](const Tensors& tensors) {
    if (!tensors.any_defined()) return;
    ++holding;
    lone += tensors.is_lone() ? 1 : 0;
  };
  (look(collected("", std::get<I>(held))), ...);
  const bool numbered = holding != 1 || lone != 1;
  (collect(into, numbered ? std::to_string(I) : std::string(), std::get<I>(held)), ...);
}

using CollectAny = void (*)(Tensors& into, const std::string& name, torch::nn::AnyValue& value);

/// Makes a type known where only its `typeid` is, as with the children of a Sequential.
ANYCAPTURE_API bool know_type(const std::type_info& type, CollectAny collect);

template <class T>
bool know_type() {
  return know_type(typeid(T),
                   [](Tensors& into, const std::string& name, torch::nn::AnyValue& value) {
                     collect(into, name, *value.template try_get<T>());
                   });
}

}  // namespace detail
}  // namespace anycapture
