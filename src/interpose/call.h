// SPDX-License-Identifier: MIT
// A call of a function of LibTorch's that this library defines too, and that the loader finds here
// first: a frame around the next definition, which is LibTorch's own.
#pragma once

#include <torch/nn/module.h>

#include <anycapture/detail/call.h>
#include <anycapture/detail/frame.h>
#include <anycapture/detail/torch_structs.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace anycapture {
namespace interpose {

/// A member function of a built-in module.
struct Forward {
  const char* symbol;
  const char* type;    ///< `typeid(...).name()` of the modules whose own forward it is
  const char* method;  ///< as the frame is named: `forward`, `forward_with_indices`
  std::atomic<void*> next;
};

/// All of them, generated from the symbols of the LibTorch that was found.
extern Forward forwards[];
extern const std::size_t forward_count;

/// Looks up the next definition of a symbol. Ends the program where there is none: nobody can call
/// what is not there, unless two LibTorchs are mixed.
void* resolve(const char* symbol, std::atomic<void*>& next);

/// Whether this call is one of the module's forward: interposition is on, and the module is not of
/// a class derived from the built-in one, whose own forward may do more than this one.
bool is_own_forward(const Forward& forward, const torch::nn::Module& module);

// A pointer to a member function that is not virtual, as the Itanium C++ ABI (2.3) lays it out.
template <class Method>
Method method_at(void* function) {
  void* parts[2] = {function, nullptr};
  Method method;
  static_assert(sizeof method == sizeof parts);
  std::memcpy(&method, parts, sizeof method);
  return method;
}

template <class R, class Self, class... A>
struct MethodOf {
  using type = R (Self::*)(A...);
};
template <class R, class Self, class... A>
struct MethodOf<R, const Self, A...> {
  using type = R (Self::*)(A...) const;
};

template <class R, class Self, class... A>
R call_next(void* next, Self& self, A&&... arguments) {
  const auto method = method_at<typename MethodOf<R, Self, A...>::type>(next);
  return (self.*method)(std::forward<A>(arguments)...);
}

template <class... A>
void give_input(detail::Frame& frame, A&... arguments) {
  Tensors tensors;
  std::tuple<A&...> held(arguments...);
  detail::collect_arguments(tensors, held, std::index_sequence_for<A...>());
  frame.input(tensors);
}

template <class R, class Self, class... A>
[[gnu::noinline, gnu::cold]] R call_while_listening(Forward& forward, Self& self,
                                                    A&&... arguments) {
  void* next = resolve(forward.symbol, forward.next);
  if (!detail::listening() || !is_own_forward(forward, self))
    return call_next<R, Self, A...>(next, self, std::forward<A>(arguments)...);
  detail::Frame frame(self, detail::Seen::kInterposed, forward.method);
  if (frame.wants_input()) give_input(frame, arguments...);
  R result = call_next<R, Self, A...>(next, self, std::forward<A>(arguments)...);
  if (frame.wants_output()) frame.output(detail::collected("", result));
  return result;
}

/// `A`: the types of the parameters, as they are declared.
template <class R, class... A, class Self>
[[gnu::always_inline]] inline R call(Forward& forward, Self& self, A&&... arguments) {
  void* next = forward.next.load(std::memory_order_relaxed);
  if (__builtin_expect(next == nullptr || detail::listening(), 0))
    return call_while_listening<R, Self, A...>(forward, self, std::forward<A>(arguments)...);
  return call_next<R, Self, A...>(next, self, std::forward<A>(arguments)...);
}

}  // namespace interpose
}  // namespace anycapture
