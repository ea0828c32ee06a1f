// SPDX-License-Identifier: MIT
// A call of Impl::forward() with forward hooks and sessions around it.
#pragma once

#include <torch/nn/module.h>

#include <anycapture/detail/collect.h>
#include <anycapture/detail/hooked_call.h>

#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace anycapture {
namespace detail {

/// What `Impl::forward` returns for these arguments; ill-formed where it does not take them.
template <class Impl, class... A>
using ForwardResult = decltype(std::declval<Impl&>().forward(std::declval<A>()...));

template <class Void, class Impl, class... A>
struct takes : std::false_type {};
template <class Impl, class... A>
struct takes<std::void_t<ForwardResult<Impl, A...>>, Impl, A...> : std::true_type {};

/// Whether forward cannot write to the caller's variable at place I, given as an lvalue.
template <std::size_t I, class Impl, class Indexes, class... A>
struct takes_const_at;
template <std::size_t I, class Impl, std::size_t... J, class... A>
struct takes_const_at<I, Impl, std::index_sequence<J...>, A...>
    : takes<void, Impl, std::conditional_t<I == J, const std::remove_reference_t<A>&, A&&>...> {};

template <class T, class = void>
struct copies_handles : std::false_type {};
template <class T>
struct copies_handles<T, std::enable_if_t<can_hold_tensors<T>()>> : std::is_copy_constructible<T> {
};

/// An argument that hooks may replace: a copy of the handle where forward cannot write to the
/// caller's variable, and the caller's own otherwise.
template <std::size_t I, class Impl, class A, class... All>
using Argument = std::conditional_t<
    std::conjunction_v<std::is_lvalue_reference<A>, copies_handles<Plain<A>>,
                       takes_const_at<I, Impl, std::index_sequence_for<All...>, All...>>,
    Plain<A>, A&&>;

template <class A, class Held>
decltype(auto) pass(Held& held) {
  if constexpr (std::is_reference_v<Held>) {
    return static_cast<A&&>(held);
  } else {
    return static_cast<const Held&>(held);
  }
}

/// `Self` is Impl or const Impl. `run(arguments...)` is the call itself.
template <class Self, class Run, class... A>
class Call {
 public:
  using Result = ForwardResult<Self, A...>;

  [[gnu::noinline]] static Result while_listening(Self& self, Run run, A&&... arguments) {
    HookedCall call(self);
    try {
      if (!call.wants_input()) {
        return returned(call, [&]() -> Result { return run(std::forward<A>(arguments)...); });
      }
      return with_input(call, run, std::index_sequence_for<A...>(), std::forward<A>(arguments)...);
    } catch (...) {
      call.failed();
      throw;
    }
  }

 private:
  template <std::size_t... I>
  static Result with_input(HookedCall& call, Run& run, std::index_sequence<I...> indexes,
                           A&&... arguments) {
    std::tuple<Argument<I, Self, A, A...>...> held(std::forward<A>(arguments)...);
    Tensors input;
    collect_arguments(input, held, indexes);
    if (input.empty()) (note_unreadable<A>(call, SiteDirection::kInput), ...);
    call.before(input);
    return returned(call, [&]() -> Result {
      return run(pass<A, std::tuple_element_t<I, decltype(held)>>(std::get<I>(held))...);
    });
  }

  template <class Made>
  static Result returned(HookedCall& call, Made make) {
    if constexpr (std::is_void_v<Result>) {
      make();
      Tensors output;
      if (call.wants_output()) call.after(output);
    } else {
      std::conditional_t<std::is_reference_v<Result>, Result, std::remove_const_t<Result>> result =
          make();
      if (call.wants_output()) {
        Tensors output = collected("", result);
        if (output.empty()) note_unreadable<Result>(call, SiteDirection::kOutput);
        call.after(output);
      }
      if constexpr (std::is_reference_v<Result>) {
        return static_cast<Result>(result);
      } else {
        return result;
      }
    }
  }

  // Numbers and the like hold no tensor, and nobody expects one.
  template <class T>
  static void note_unreadable(HookedCall& call, SiteDirection direction) {
    if constexpr (std::is_class_v<Plain<T>> && !can_hold_tensors<Plain<T>>())
      call.unreadable(direction, typeid(T));
  }
};

template <class Self, class Run, class... A>
ForwardResult<Self, A...> call_hooked(Self& self, Run run, A&&... arguments) {
  if (!listening()) return run(std::forward<A>(arguments)...);
  return Call<Self, Run, A...>::while_listening(self, std::move(run),
                                                std::forward<A>(arguments)...);
}

}  // namespace detail
}  // namespace anycapture
