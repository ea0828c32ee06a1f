// SPDX-License-Identifier: MIT
#include <anycapture/detail/hooked_call.h>

#include <anycapture/error.h>
#include <anycapture/hooks.h>
#include <anycapture/selector.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <utility>

#include "eager/hook_list.h"

namespace anycapture {
namespace detail {
namespace {

std::shared_ptr<const Hooks> hooks_of(const torch::nn::Module& module) {
  const auto* hookable = dynamic_cast<const Hookable*>(&module);
  return hookable == nullptr ? nullptr : hookable->hooks()->hooks();
}

// Python gives hooks the module to change, also one whose forward() is const.
torch::nn::Module& writable(const torch::nn::Module& module) {
  return const_cast<torch::nn::Module&>(module);
}

}  // namespace

at::Tensor only_tensor(const Tensors& tensors, const char* of) {
  at::Tensor only;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) continue;
    if (only.defined()) {
      throw Error(
          fmt::format("a forward hook takes one tensor, the module's {} holds {}: write it "
                      "with anycapture::Tensors& in place of at::Tensor",
                      of, tensors.size()));
    }
    only = tensors[i];
  }
  return only;
}

void replace_only(Tensors& tensors, at::Tensor value) {
  if (!value.defined()) return;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) continue;
    tensors[i] = std::move(value);
    return;
  }
}

HookedCall::HookedCall(const torch::nn::Module& module)
    : module_(module), hooks_(hooks_of(module)), frame_(module, Seen::kHolder) {}

HookedCall::~HookedCall() = default;

bool HookedCall::wants_input() const noexcept {
  return hooks_ != nullptr || frame_.wants_input();
}

bool HookedCall::wants_output() const noexcept {
  return hooks_ != nullptr || frame_.wants_output();
}

void HookedCall::before(Tensors& input) {
  if (hooks_ != nullptr) {
    for (const Hooks::Pre& hook : hooks_->before) hook.call(writable(module_), input);
    if (!hooks_->after.empty()) input_ = input.held();
  }
  if (frame_.wants_input()) frame_.input(input);
}

void HookedCall::after(Tensors& output) {
  if (hooks_ != nullptr) {
    try {
      while (hooks_called_ < hooks_->after.size()) {
        const Hooks::Post& hook = hooks_->after[hooks_called_++];
        hook.call(writable(module_), input_, output);
      }
    } catch (...) {
      call_always(output);
      throw;
    }
  }
  if (frame_.wants_output()) frame_.output(output);
}

void HookedCall::failed() noexcept {
  Tensors none;
  call_always(none);
}

void HookedCall::call_always(Tensors& output) noexcept {
  if (hooks_ == nullptr) return;
  while (hooks_called_ < hooks_->after.size()) {
    const Hooks::Post& hook = hooks_->after[hooks_called_++];
    if (!hook.always) continue;
    try {
      hook.call(writable(module_), input_, output);
    } catch (const std::exception& error) {
      std::fprintf(stderr,
                   "anycapture: warning: a forward hook of %s with always_call threw while another "
                   "error was passing: %s\n",
                   normalise_type(module_.name()).c_str(), error.what());
    } catch (...) {
      std::fprintf(stderr,
                   "anycapture: warning: a forward hook with always_call threw while "
                   "another error was passing\n");
    }
  }
}

void HookedCall::unreadable(SiteDirection direction, const std::type_info& type) {
  frame_.unreadable(direction, type);
}

}  // namespace detail
}  // namespace anycapture
