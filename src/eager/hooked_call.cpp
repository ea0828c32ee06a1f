// SPDX-License-Identifier: MIT
#include <anycapture/detail/hooked_call.h>

#include <anycapture/error.h>
#include <anycapture/hooks.h>
#include <anycapture/selector.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "eager/hook_list.h"

namespace anycapture {
namespace detail {
namespace {

const HookList* hooks_of(const torch::nn::Module& module) {
  const auto* hookable = dynamic_cast<const Hookable*>(&module);
  return hookable == nullptr ? nullptr : hookable->anycapture_hooks().get();
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

HookedCall::HookedCall(const torch::nn::Module& module, Seen seen)
    : module_(module), hooks_(hooks_of(module)), frame_(module, seen) {}

HookedCall::~HookedCall() = default;

bool HookedCall::wants_input() const {
  return frame_.wants_input() || (hooks_ != nullptr && !hooks_->empty());
}

bool HookedCall::wants_output() const {
  return frame_.wants_output() || (hooks_ != nullptr && !hooks_->empty());
}

void HookedCall::before(Tensors& input) {
  if (hooks_ != nullptr) {
    input_ = input.held();
    const auto hooks = hooks_->hooks();
    for (const Hooks::Pre& hook : hooks->before) {
      (*hook.call)(writable(module_), input);
      input_ = input.held();
    }
    input.check_replaced("input");
  }
  if (frame_.wants_input()) frame_.input(input);
}

void HookedCall::after(Tensors& output) {
  if (hooks_ != nullptr) {
    const auto hooks = hooks_->hooks();
    try {
      for (const Hooks::Post& hook : hooks->after) {
        if (hook.always) called_.push_back(hook.id);
        (*hook.call)(writable(module_), input_, output);
      }
      output.check_replaced("output");
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
  const auto hooks = hooks_->hooks();
  for (const Hooks::Post& hook : hooks->after) {
    if (!hook.always || std::count(called_.begin(), called_.end(), hook.id) != 0) continue;
    called_.push_back(hook.id);
    try {
      (*hook.call)(writable(module_), input_, output);
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
