// SPDX-License-Identifier: MIT
// Hooked modules: ANYCAPTURE_MODULE(Attention); where TORCH_MODULE(Attention); stood.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <anycapture/detail/hooked.h>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace anycapture {
namespace detail {

template <class Impl>
struct HasForward {
  struct Other {
    int forward;
  };
  struct Both : Impl, Other {};
  // Ambiguous, so no expression, where Impl has a forward of any kind.
  template <class T>
  static std::false_type test(decltype(&T::forward)*);
  template <class T>
  static std::true_type test(...);
  static constexpr bool value = decltype(test<Both>(nullptr))::value;
};

template <class Impl>
constexpr const char* unhookable_because() {
  if constexpr (std::is_final_v<Impl>) {
    return "its class is final: leave `final` out";
  } else if constexpr (!HasForward<Impl>::value) {
    return "it has no forward()";
  } else {
    return nullptr;
  }
}

/// A std::shared_ptr of a plain Impl, which was not made by a holder, is taken for a hooked one:
/// Face and Hooked add neither data nor virtual functions, and what Wrapped adds is looked for with
/// dynamic_cast. To UndefinedBehaviorSanitizer's `vptr` check it is an error all the same.
template <class Impl>
[[gnu::no_sanitize("vptr")]] std::shared_ptr<Hooked<Impl>> taken_for_hooked(
    std::shared_ptr<Impl> module) {
  if (module != nullptr && dynamic_cast<const Hookable*>(module.get()) == nullptr) {
    note_unhooked(typeid(*module), Heard::kThroughHolder,
                  "it was made as a plain std::shared_ptr: only calls through its holder are "
                  "heard, none by as<>() or inside a Sequential; let the holder make it");
  }
  auto* hooked = static_cast<Hooked<Impl>*>(module.get());
  return {std::move(module), hooked};
}

/// A ModuleHolder whose calls go by the hooks. `As`: what `as<Holder>()` gives; Face has hooks and
/// is what holders make, Impl has none and is also what others made.
template <class Impl, class As = Face<Impl>>
class HookedHolder : public torch::nn::ModuleHolder<Hooked<Impl>> {
  using Base = torch::nn::ModuleHolder<Hooked<Impl>>;

 public:
  using ContainedType = As;
  using HookedImpl = Hooked<Impl>;
  using Base::Base;
  HookedHolder() = default;
  HookedHolder(std::shared_ptr<Impl> module) : Base(taken_for_hooked(std::move(module))) {}
  HookedHolder(std::shared_ptr<Face<Impl>> module)
      : HookedHolder(std::shared_ptr<Impl>(std::move(module))) {}

  Face<Impl>* get() { return Base::get(); }
  const Face<Impl>* get() const { return Base::get(); }
  Face<Impl>* operator->() { return get(); }
  const Face<Impl>* operator->() const { return get(); }
  Face<Impl>& operator*() { return *get(); }
  const Face<Impl>& operator*() const { return *get(); }

  template <class... A>
  auto operator()(A&&... arguments)
      -> decltype(std::declval<Face<Impl>&>().forward(std::forward<A>(arguments)...)) {
    return get()->forward(std::forward<A>(arguments)...);
  }

  /// To the stock holder of the same class, in copy-initialisation and as a function's argument.
  /// Calls through that one go past the hooks.
  template <class Holder, class = typename Holder::ContainedType,
            std::enable_if_t<std::is_base_of_v<torch::nn::ModuleHolder<Impl>, Holder>, int> = 0>
  operator Holder() const {
    return Holder(this->is_empty() ? std::shared_ptr<Impl>() : std::shared_ptr<Impl>(this->ptr()));
  }
};

/// What TORCH_MODULE makes, for classes that cannot be hooked.
template <class Impl>
class PlainHolder : public torch::nn::ModuleHolder<Impl> {
 public:
  using torch::nn::ModuleHolder<Impl>::ModuleHolder;
  PlainHolder() = default;

 private:
  bool noted_ = note_unhooked(typeid(Impl), Heard::kNowhere, unhookable_because<Impl>());
};

template <class Impl>
using Holder = std::conditional_t<unhookable_because<Impl>() == nullptr, HookedHolder<Impl>,
                                  PlainHolder<Impl>>;

}  // namespace detail
}  // namespace anycapture

/// Defines the holder `Name` of a module's class, as TORCH_MODULE_IMPL does; the class must be
/// complete. Inputs and outputs of its modules can be captured, and forward hooks registered, on
/// `m(x)`, `m->forward(x)`, `as<Name>()` and inside a Sequential. A module keeps its name();
/// clone() gives a hooked one.
///
/// Calls through `as<Impl>()`, a `std::shared_ptr<Impl>` or `Impl::forward` go past the hooks. A
/// class that is final or has no forward() gets what TORCH_MODULE gives, and reports say so. A
/// forward() that is virtual and final cannot be overridden: keep TORCH_MODULE there.
#define ANYCAPTURE_MODULE_IMPL(Name, ImplType)                     \
  class Name : public ::anycapture::detail::Holder<ImplType> {     \
   public:                                                         \
    using AnycaptureBase = ::anycapture::detail::Holder<ImplType>; \
    using AnycaptureBase::AnycaptureBase;                          \
    using Impl [[maybe_unused]] = ImplType;                        \
  }

/// Defines the holder `Name` of the class `NameImpl`, as TORCH_MODULE does.
#define ANYCAPTURE_MODULE(Name) ANYCAPTURE_MODULE_IMPL(Name, Name##Impl)
