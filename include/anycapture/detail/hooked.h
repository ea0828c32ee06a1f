// SPDX-License-Identifier: MIT
// What ANYCAPTURE_MODULE makes of a module's class. LibTorch calls forward() directly, it is no
// virtual function: so the object that a holder makes is of a class derived in layers, and the
// holder calls by the outermost that fits.
//
//   Impl     the user's class
//   Face     forward() with any number of arguments, so that defaults and overloads work
//   Wrapped  forward hooks, clone(), name()
//   Hooked   what is constructed; Impl's one signature again, which AnyModule asks for
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/any_module_holder.h>

#include <anycapture/detail/call.h>
#include <anycapture/detail/hooked_call.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace anycapture {
namespace detail {

template <class R, bool kConst, class... A>
struct Signature {};
/// No forward(), or more than one: overloads, a template.
struct NoSignature {};

template <class Method>
struct SignatureOfMethod {
  using type = NoSignature;
};
template <class R, class C, class... A>
struct SignatureOfMethod<R (C::*)(A...)> {
  using type = Signature<R, false, A...>;
};
template <class R, class C, class... A>
struct SignatureOfMethod<R (C::*)(A...) noexcept> {
  using type = Signature<R, false, A...>;
};
template <class R, class C, class... A>
struct SignatureOfMethod<R (C::*)(A...) const> {
  using type = Signature<R, true, A...>;
};
template <class R, class C, class... A>
struct SignatureOfMethod<R (C::*)(A...) const noexcept> {
  using type = Signature<R, true, A...>;
};

template <class Impl, class = void>
struct SignatureOf {
  using type = NoSignature;
};
template <class Impl>
struct SignatureOf<Impl, std::void_t<decltype(&Impl::forward)>>
    : SignatureOfMethod<decltype(&Impl::forward)> {};

/// Whether Impl::forward() is virtual, which no trait tells: by the pointer to it, as the Itanium
/// C++ ABI (2.3) lays it out. The compiler knows the answer.
template <class Impl>
bool forward_is_virtual() {
  if constexpr (std::is_same_v<typename SignatureOf<Impl>::type, NoSignature>) {
    return false;
  } else {
    const auto method = &Impl::forward;
    std::uintptr_t parts[2] = {};
    static_assert(sizeof method == sizeof parts);
    std::memcpy(parts, &method, sizeof parts);
#if defined(__aarch64__) || defined(__arm__)
    return (parts[1] & 1) != 0;
#else
    return (parts[0] & 1) != 0;
#endif
  }
}

/// The same object, of which the compiler knows no more than its type. Without, where classes are
/// in an unnamed namespace and all that derive from them in sight, it would call what Hooked has
/// directly, also for a module that a holder took and did not make.
template <class Impl>
Impl& of_any_make(Impl& module) {
  Impl* pointer = &module;
  __asm__("" : "+r"(pointer));
  return *pointer;
}

/// A call through a holder. A virtual forward() is called as such: what overrides it, Hooked or a
/// class derived from Impl, has hooks of its own.
template <class Impl, class Self, class... A>
ForwardResult<Self, A...> call_through_holder(Self& self, A&&... arguments) {
  const auto as_it_is = [&](auto&&... a) -> ForwardResult<Self, A...> {
    return self.forward(std::forward<decltype(a)>(a)...);
  };
  if (forward_is_virtual<Impl>()) return of_any_make(self).forward(std::forward<A>(arguments)...);
  return call_hooked(self, as_it_is, std::forward<A>(arguments)...);
}

/// A call of the function that overrides Impl::forward(), or stands for it in AnyModule.
template <class Impl, class Self, class... A>
ForwardResult<Self, A...> call_of_impl(Self& self, A&&... arguments) {
  const auto impls_own = [&](auto&&... a) -> ForwardResult<Self, A...> {
    if constexpr (std::is_abstract_v<Impl>) {
      return self.forward(std::forward<decltype(a)>(a)...);  // never made, but compiled
    } else {
      return self.Impl::forward(std::forward<decltype(a)>(a)...);
    }
  };
  return call_hooked(self, impls_own, std::forward<A>(arguments)...);
}

/// Marks the constructor that copies an Impl.
struct CopyOf {};

/// forward() with any number of arguments.
template <class Impl>
class AnyArity : public Impl {
 public:
  AnyArity() = default;
  AnyArity(CopyOf, const Impl& other) : Impl(other) {}
  using Impl::Impl;

  template <class... A>
  auto forward(A&&... arguments) -> ForwardResult<Impl, A...> {
    Impl& self = *this;
    return call_through_holder<Impl>(self, std::forward<A>(arguments)...);
  }
  template <class... A>
  auto forward(A&&... arguments) const -> ForwardResult<const Impl, A...> {
    const Impl& self = *this;
    return call_through_holder<Impl>(self, std::forward<A>(arguments)...);
  }
};

template <class Impl, class = typename SignatureOf<Impl>::type>
class Face : public AnyArity<Impl> {
 public:
  using AnyArity<Impl>::AnyArity;
};

// The signature itself is there too: for braced arguments, and to override where it is virtual.
template <class Impl, class R, class... A>
class Face<Impl, Signature<R, false, A...>> : public AnyArity<Impl> {
 public:
  using AnyArity<Impl>::AnyArity;
  using AnyArity<Impl>::forward;
  R forward(A... arguments) {
    Impl& self = *this;
    return call_of_impl<Impl>(self, std::forward<A>(arguments)...);
  }
};

template <class Impl, class R, class... A>
class Face<Impl, Signature<R, true, A...>> : public AnyArity<Impl> {
 public:
  using AnyArity<Impl>::AnyArity;
  using AnyArity<Impl>::forward;
  R forward(A... arguments) const {
    const Impl& self = *this;
    return call_of_impl<Impl>(self, std::forward<A>(arguments)...);
  }
};

/// What Cloneable<Impl>::clone() does, with `copy` in place of a new Impl: parameters and buffers
/// are copied, children cloned into those that reset() made.
ANYCAPTURE_API void clear_for_clone(torch::nn::Module& copy);
ANYCAPTURE_API void copy_into_clone(const torch::nn::Module& original, torch::nn::Module& copy,
                                    const c10::optional<c10::Device>& device);

/// Whether `Impl::clone` is Cloneable's: what it makes is known then.
template <class Impl, class = void>
struct clones_by_cloneable : std::false_type {};
template <class Impl>
struct clones_by_cloneable<Impl, std::void_t<decltype(&Impl::clone)>>
    : std::is_same<decltype(&Impl::clone), decltype(&torch::nn::Cloneable<Impl>::clone)> {};

template <class>
struct ArgumentOf;
template <class R, class C, class A>
struct ArgumentOf<R (C::*)(A) const> {
  using type = A;
};
/// `const std::optional<torch::Device>&`, whichever optional this LibTorch has.
using CloneDevice = ArgumentOf<decltype(&torch::nn::Module::clone)>::type;
using OptionalDevice = Plain<CloneDevice>;

template <class Impl, class Made>
class Wrapped : public Face<Impl>, public Hookable {
 public:
  using Face<Impl>::Face;
  Wrapped() = default;
  /// With the parameters and children of `other`.
  Wrapped(CopyOf, const Impl& other) : Face<Impl>(CopyOf(), other) {
    // On LibTorch 1.13 Cloneable derives virtually from Module, which is then ours to copy.
    static_cast<torch::nn::Module&>(*this) = other;
    name_after(*this, typeid(Impl));
  }

  /// Hooked like this one; where Impl has a clone() of its own, what that makes.
  std::shared_ptr<torch::nn::Module> clone(CloneDevice device = {}) const override {
    if constexpr (clones_by_cloneable<Impl>::value) {
      const torch::NoGradGuard no_grad;
      auto copy = std::make_shared<Made>(CopyOf(), static_cast<const Impl&>(*this));
      clear_for_clone(*copy);
      copy->reset();
      copy_into_clone(*this, *copy, device);
      return copy;
    } else {
      return Impl::clone(device);
    }
  }

 private:
  bool named_ = (name_after(*this, typeid(Impl)), true);
};

template <class Impl, class = typename SignatureOf<Impl>::type>
class Hooked : public Wrapped<Impl, Hooked<Impl>> {
 public:
  using Wrapped<Impl, Hooked<Impl>>::Wrapped;
};

// One forward() and no other, a member of this very class: by it AnyModule tells the arguments.
template <class Impl, class R, bool kConst, class... A>
class Hooked<Impl, Signature<R, kConst, A...>> : public Wrapped<Impl, Hooked<Impl>> {
 public:
  using Wrapped<Impl, Hooked<Impl>>::Wrapped;
  R forward(A... arguments) {
    Impl& self = *this;
    return call_of_impl<Impl>(self, std::forward<A>(arguments)...);
  }
};

/// Marks what AnyModule keeps a hooked module in: its calls have hooks already.
struct HookedPlaceholder {};

}  // namespace detail
}  // namespace anycapture

namespace torch {
namespace nn {

/// What AnyModule and Sequential keep a hooked module in: to them it is of its own class, so that
/// at<Impl>() and get<Impl>() find it, and called with its hooks.
template <class Impl, class Signature, class... A>
struct AnyModuleHolder<anycapture::detail::Hooked<Impl, Signature>, A...>
    : AnyModuleHolder<Impl, A...>, anycapture::detail::HookedPlaceholder {
  using Base = AnyModuleHolder<Impl, A...>;
  using Hooked = anycapture::detail::Hooked<Impl, Signature>;

  explicit AnyModuleHolder(std::shared_ptr<Hooked>&& made)
      : Base(std::shared_ptr<Impl>(made)), hooked(made.get()) {}

  AnyValue forward(std::vector<AnyValue>&& arguments) override {
    Module& defaults = *hooked;
    if (defaults._forward_has_default_args() && arguments.size() < sizeof...(A) &&
        arguments.size() >= defaults._forward_num_required_args()) {
      arguments = defaults._forward_populate_default_args(std::move(arguments));
    }
    if (arguments.size() != sizeof...(A)) return Base::forward(std::move(arguments));  // says so
    return torch::unpack<AnyValue, A...>(
        [this](auto&&... values) {
          return AnyValue(hooked->forward(std::forward<decltype(values)>(values)...));
        },
        typename Base::CheckedGetter{arguments});
  }

  std::unique_ptr<AnyModulePlaceholder> copy() const override {
    return std::make_unique<AnyModuleHolder>(*this);
  }

  std::unique_ptr<AnyModulePlaceholder> clone_module(
      anycapture::detail::OptionalDevice device) const override {
    auto made = this->module->clone(device);
    if (auto again = std::dynamic_pointer_cast<Hooked>(made)) {
      return std::make_unique<AnyModuleHolder>(std::move(again));
    }
    return std::make_unique<Base>(std::dynamic_pointer_cast<Impl>(made));
  }

  Hooked* hooked;  // `module`, which the base keeps as an Impl
};

}  // namespace nn
}  // namespace torch
