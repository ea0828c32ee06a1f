// SPDX-License-Identifier: MIT
// What may stand where a model is asked for: a module holder, a shared_ptr, a module, a Program.
#pragma once

#include <anycapture/api.h>

#include <anycapture/selector.h>

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {

namespace capture {
class World;
}

namespace detail {

/// Throws `anycapture::Error` when `model` is null.
ANYCAPTURE_API std::shared_ptr<capture::World> eager_world(
    const std::shared_ptr<torch::nn::Module>& model);
/// A module that no `shared_ptr` owns must outlive what is made of it.
ANYCAPTURE_API std::shared_ptr<capture::World> eager_world(torch::nn::Module& model);

template <class T, class = void>
struct is_holder : std::false_type {};
template <class T>
struct is_holder<T,
                 std::void_t<typename T::ContainedType, decltype(std::declval<const T&>().ptr())>>
    : std::true_type {};

template <class T>
struct is_shared_ptr : std::false_type {};
template <class T>
struct is_shared_ptr<std::shared_ptr<T>> : std::true_type {};

/// A Program brings its own.
template <class T, class = void>
struct has_world : std::false_type {};
template <class T>
struct has_world<T, std::void_t<decltype(std::declval<const T&>().world())>> : std::true_type {};

template <class Model>
std::shared_ptr<capture::World> world_of(Model& model) {
  using Plain = std::remove_const_t<Model>;
  using Pointer = std::shared_ptr<torch::nn::Module>;
  if constexpr (has_world<Plain>::value) {
    return model.world();
  } else if constexpr (is_shared_ptr<Plain>::value) {
    return eager_world(Pointer(model));
  } else if constexpr (is_holder<Plain>::value) {
    return eager_world(model.is_empty() ? Pointer() : Pointer(model.ptr()));
  } else {
    static_assert(
        std::is_convertible_v<Plain*, torch::nn::Module*>,
        "a model is a torch::nn module holder, a std::shared_ptr to a module, a module, or an "
        "anycapture::Program");
    return eager_world(const_cast<Plain&>(model));
  }
}

ANYCAPTURE_API std::vector<ModuleName> modules(const capture::World& world);
ANYCAPTURE_API void prepare(capture::World& world);

}  // namespace detail

/// Paths and types of a model's modules, in the order of named_modules(); one that is registered
/// twice stands once, with its further paths.
template <class Model>
std::vector<ModuleName> modules(Model&& model) {
  return detail::modules(*detail::world_of(model));
}

/// Does ahead what the first session would do to the model's Sequentials. That must not overlap a
/// forward of the same model on another thread; sessions opened afterwards may.
template <class Model>
void prepare(Model&& model) {
  detail::prepare(*detail::world_of(model));
}

}  // namespace anycapture
