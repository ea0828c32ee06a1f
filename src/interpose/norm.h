// SPDX-License-Identifier: MIT
// A batch or instance norm's forward, a template that is compiled into every program. It first
// calls
// `_check_input_dim(input)`, then, as the last thing, the op: what goes in is heard at the one,
// what comes out at the other.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <tuple>

#include "interpose/call.h"

namespace anycapture {
namespace interpose {

/// On the thread, from the check of a norm to its op.
void expect_output(const torch::nn::Module& norm, const at::Tensor& input);
/// Of any call of the op: gives `output` to the norm that waits for it.
void take_output(const at::Tensor& input, const at::Tensor& output);

template <class Norm>
void check_norm(Forward& forward, Norm& self, const at::Tensor& input) {
  call_next<void, Norm, const at::Tensor&>(resolve(forward.symbol, forward.next), self, input);
  if (!detail::listening() || !is_own_forward(forward, self)) return;
  detail::Frame frame(self, detail::Seen::kInterposed);
  if (frame.wants_input()) give_input(frame, input);
  if (frame.wants_output()) expect_output(self, input);
}

/// `A`: the types of the op's parameters, as they are declared; the first is its input.
template <class... A>
at::Tensor call_norm(const char* symbol, std::atomic<void*>& next, A... arguments) {
  const auto op = reinterpret_cast<at::Tensor (*)(A...)>(resolve(symbol, next));
  at::Tensor output = op(arguments...);
  if (detail::listening()) take_output(std::get<0>(std::tie(arguments...)), output);
  return output;
}

}  // namespace interpose
}  // namespace anycapture
