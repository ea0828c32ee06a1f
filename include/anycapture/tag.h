// SPDX-License-Identifier: MIT
// Tags: tensors that a model's own source names. All that model code needs to include.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>

#include <atomic>
#include <utility>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {
namespace detail {

/// Sessions open in the process plus forward hooks registered; while it is zero, every site returns
/// at once.
ANYCAPTURE_API extern std::atomic<int> listeners;

inline bool listening() noexcept {
  return __builtin_expect(listeners.load(std::memory_order_relaxed) != 0, 0);
}

ANYCAPTURE_API at::Tensor fire_tag(const torch::nn::Module& module, const char* name,
                                   at::Tensor value);
// Out of line as a whole, so that where it stands a tag that is off is a load and a branch. A
// variable that cannot be assigned is observed only.
[[gnu::cold]] ANYCAPTURE_API void fire_variable(const torch::nn::Module& module, const char* name,
                                                at::Tensor& variable);
[[gnu::cold]] ANYCAPTURE_API void fire_variable(const torch::nn::Module& module, const char* name,
                                                const at::Tensor& variable);
ANYCAPTURE_API at::Tensor fire_function_tag(const char* function, const char* name,
                                            at::Tensor value);

template <class Module, class Variable>
void tag_variable(const Module* module, const char* name, Variable& variable) {
  if (listening()) fire_variable(*module, name, variable);
}

}  // namespace detail

/// Names `value` for the sessions that listen to `module`, under the key `path:name`, and returns
/// it (an editing hook may have replaced it). `module` is `this` of a `torch::nn::Module`.
///
/// With no session open in the process it costs one relaxed atomic load, so it stays in production
/// code. `name` may not be empty, be `output`, `input`, `attention` or `return`, nor hold any of
/// `: # [ ]`: a session that hears such a tag throws `anycapture::Error`.
template <class Module>
at::Tensor tag(const Module* module, const char* name, at::Tensor value) {
  if (!detail::listening()) return value;
  return detail::fire_tag(*module, name, std::move(value));
}

/// The same in a free function: the key is `path:function.name` of the innermost hooked module that
/// is running on this thread, else `fn:function:name`.
inline at::Tensor tag(const char* name, at::Tensor value,
                      const char* function = __builtin_FUNCTION()) {
  if (!detail::listening()) return value;
  return detail::fire_function_tag(function, name, std::move(value));
}

}  // namespace anycapture

/// Tags a local variable of a member function of a module under its own name. A statement of its
/// own.
#define ANYCAPTURE_TAG(variable) ::anycapture::detail::tag_variable(this, #variable, variable)
