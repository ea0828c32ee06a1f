// SPDX-License-Identifier: MIT
// What ANYCAPTURE_MODULE makes of a module's class. LibTorch calls forward() directly, it is no
// virtual function: so the object that a holder makes is of a class derived in three layers, and
// the holder calls by the outermost that fits.
//
//   Impl     the user's class
//   Face     forward() with any number of arguments, so that defaults and overloads work
//   Wrapped  forward hooks, clone(), name()
//   Hooked   what is constructed; Impl's one signature again, which AnyModule and Sequential ask
//   for
#pragma once

#include <torch/nn/module.h>

#include <anycapture/detail/collect.h>
#include <anycapture/detail/hooked_call.h>

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

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

/// What `Impl::forward` returns for these arguments; ill-formed where it does not take them.
template <class Impl, class... A>
using ForwardResult = decltype(std::declval<Impl&>().forward(std::declval<A>()...));

template <class Void, class Impl, class... A>
struct takes : std::false_type {};
template <class Impl, class... A>
struct takes<std::void_t<ForwardResult<Impl, A...>>, Impl, A...> : std::true_type {};

/// An argument that hooks may replace: a copy of the handle where forward cannot write to the
/// caller's variable, and the caller's own otherwise.
template <bool kCopy, class A>
using Argument = std::conditional_t<kCopy && std::is_lvalue_reference_v<A>, Plain<A>, A&&>;

template <class A>
constexpr bool kCopies = can_hold_tensors<Plain<A>>() && std::is_copy_constructible_v<Plain<A>>;

/// `A`, or a reference to const in its place where a copy is made.
template <class A>
using Passed = std::conditional_t<kCopies<A> && std::is_lvalue_reference_v<A>,
                                  const std::remove_reference_t<A>&, A&&>;

template <class A, class Held>
decltype(auto) pass(Held& held) {
  if constexpr (std::is_reference_v<Held>) {
    return static_cast<A&&>(held);
  } else {
    return static_cast<const Held&>(held);
  }
}

template <class T>
bool holds_tensor(T& value) {
  Tensors tensors;
  collect(tensors, "", value);
  return tensors.any_defined();
}

/// By position where more than one argument holds a tensor, as Python's hooks get them.
template <class Held, std::size_t... I>
void collect_arguments(Tensors& into, Held& held, std::index_sequence<I...>) {
  const bool several = (std::size_t{0} + ... + (holds_tensor(std::get<I>(held)) ? 1 : 0)) > 1;
  (collect(into, several ? std::to_string(I) : std::string(), std::get<I>(held)), ...);
}

/// Impl::forward() with hooks around it. `Self` is Impl or const Impl.
template <class Impl, class Self, class... A>
class Forward {
 public:
  using Result = ForwardResult<Self, A...>;

  static Result call(Self& self, A&&... arguments) {
    if (!listening()) return self.Impl::forward(std::forward<A>(arguments)...);
    return while_listening(self, std::forward<A>(arguments)...);
  }

 private:
  static constexpr bool kCopy = takes<void, Self, Passed<A>...>::value;

  [[gnu::noinline]] static Result while_listening(Self& self, A&&... arguments) {
    HookedCall call(self);
    try {
      if (!call.wants_input()) {
        return returned(
            call, [&]() -> Result { return self.Impl::forward(std::forward<A>(arguments)...); });
      }
      return with_input(call, self, std::index_sequence_for<A...>(), std::forward<A>(arguments)...);
    } catch (...) {
      call.failed();
      throw;
    }
  }

  template <std::size_t... I>
  static Result with_input(HookedCall& call, Self& self, std::index_sequence<I...> indexes,
                           A&&... arguments) {
    std::tuple<Argument<kCopy && kCopies<A>, A>...> held(std::forward<A>(arguments)...);
    Tensors input;
    collect_arguments(input, held, indexes);
    call.before(input);
    return returned(call, [&]() -> Result {
      return self.Impl::forward(
          pass<A, std::tuple_element_t<I, decltype(held)>>(std::get<I>(held))...);
    });
  }

  template <class Run>
  static Result returned(HookedCall& call, Run run) {
    if constexpr (std::is_void_v<Result>) {
      run();
      Tensors output;
      if (call.wants_output()) call.after(output);
    } else {
      if (!call.wants_output()) return run();
      std::conditional_t<std::is_reference_v<Result>, Result, std::remove_const_t<Result>> result =
          run();
      Tensors output;
      collect(output, "", result);
      if (!can_hold_tensors<Plain<Result>>()) {
        call.unreadable(SiteDirection::kOutput, typeid(Result));
      }
      call.after(output);
      if constexpr (std::is_reference_v<Result>) {
        return static_cast<Result>(result);
      } else {
        return result;
      }
    }
  }
};

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
    return Forward<Impl, Impl, A...>::call(*this, std::forward<A>(arguments)...);
  }
  template <class... A>
  auto forward(A&&... arguments) const -> ForwardResult<const Impl, A...> {
    return Forward<Impl, const Impl, A...>::call(*this, std::forward<A>(arguments)...);
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
    return Forward<Impl, Impl, A...>::call(*this, std::forward<A>(arguments)...);
  }
};

template <class Impl, class R, class... A>
class Face<Impl, Signature<R, true, A...>> : public AnyArity<Impl> {
 public:
  using AnyArity<Impl>::AnyArity;
  using AnyArity<Impl>::forward;
  R forward(A... arguments) const {
    return Forward<Impl, const Impl, A...>::call(*this, std::forward<A>(arguments)...);
  }
};

template <class>
struct ArgumentOf;
template <class R, class C, class A>
struct ArgumentOf<R (C::*)(A) const> {
  using type = A;
};
/// `const std::optional<torch::Device>&`, whichever optional this LibTorch has.
using CloneDevice = ArgumentOf<decltype(&torch::nn::Module::clone)>::type;

template <class Impl, class Made>
class Wrapped : public Face<Impl>, public Hookable {
 public:
  using Face<Impl>::Face;
  Wrapped() = default;
  /// With the parameters and children of `other`, which goes afterwards.
  Wrapped(CopyOf, const Impl& other) : Face<Impl>(CopyOf(), other) {
    // On LibTorch 1.13 Cloneable derives virtually from Module, which is then ours to copy.
    static_cast<torch::nn::Module&>(*this) = other;
    name_after(*this, typeid(Impl));
  }

  /// What Impl makes, hooked.
  std::shared_ptr<torch::nn::Module> clone(CloneDevice device = {}) const override {
    std::shared_ptr<torch::nn::Module> plain = Impl::clone(device);
    if constexpr (std::is_copy_constructible_v<Impl>) {
      if (const auto* made = dynamic_cast<const Impl*>(plain.get())) {
        return std::make_shared<Made>(CopyOf(), *made);
      }
    }
    return plain;
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
  R forward(A... arguments) { return Face<Impl>::forward(std::forward<A>(arguments)...); }
};

}  // namespace detail
}  // namespace anycapture
