// SPDX-License-Identifier: MIT
// Forward hooks, as `torch.nn.Module` has them in Python: pytorch/torch/nn/modules/module.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/tensors.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace torch {
namespace nn {
class Module;
}
}  // namespace torch

namespace anycapture {

namespace detail {
class HookList;
ANYCAPTURE_API at::Tensor only_tensor(const Tensors& tensors, const char* of);
ANYCAPTURE_API void replace_only(Tensors& tensors, at::Tensor value);
}  // namespace detail

/// What is called before a module's forward: `void(torch::nn::Module&, Tensors& input)`, which may
/// replace tensors; or, for a module that takes one tensor, `(torch::nn::Module&, const
/// at::Tensor&)` that gives nothing, or the tensor that goes in instead.
class ForwardPreHook {
 public:
  template <class F>
  ForwardPreHook(F hook) {
    if constexpr (std::is_invocable_v<F&, torch::nn::Module&, Tensors&>) {
      call_ = std::move(hook);
    } else {
      call_ = [hook = std::move(hook)](torch::nn::Module& module, Tensors& input) mutable {
        const at::Tensor value = detail::only_tensor(input, "input");
        if constexpr (std::is_void_v<std::invoke_result_t<F&, torch::nn::Module&, at::Tensor>>) {
          hook(module, value);
        } else {
          detail::replace_only(input, hook(module, value));
        }
      };
    }
  }
  void operator()(torch::nn::Module& module, Tensors& input) const { call_(module, input); }

 private:
  std::function<void(torch::nn::Module&, Tensors&)> call_;
};

/// What is called after a module's forward: `void(torch::nn::Module&, const Tensors& input,
/// Tensors& output)`, which may replace tensors of the output; or, for a module from one tensor to
/// one,
/// `(torch::nn::Module&, const at::Tensor& input, const at::Tensor& output)` that gives nothing, or
/// the tensor that is returned instead.
class ForwardHook {
 public:
  template <class F>
  ForwardHook(F hook) {
    if constexpr (std::is_invocable_v<F&, torch::nn::Module&, const Tensors&, Tensors&>) {
      call_ = std::move(hook);
    } else {
      call_ = [hook = std::move(hook)](torch::nn::Module& module, const Tensors& input,
                                       Tensors& output) mutable {
        const at::Tensor in = detail::only_tensor(input, "input");
        const at::Tensor out = detail::only_tensor(output, "output");
        if constexpr (std::is_void_v<
                          std::invoke_result_t<F&, torch::nn::Module&, at::Tensor, at::Tensor>>) {
          hook(module, in, out);
        } else {
          detail::replace_only(output, hook(module, in, out));
        }
      };
    }
  }
  void operator()(torch::nn::Module& module, const Tensors& input, Tensors& output) const {
    call_(module, input, output);
  }

 private:
  std::function<void(torch::nn::Module&, const Tensors&, Tensors&)> call_;
};

/// Python's RemovableHandle: letting go of it leaves the hook where it is.
class ANYCAPTURE_API HookHandle {
 public:
  HookHandle() = default;
  /// From the next call of the module on, the hook is not called. A second time, or when the module
  /// is gone, it does nothing.
  void remove() noexcept;

 private:
  friend class detail::HookList;
  std::weak_ptr<detail::HookList> hooks_;
  std::uint64_t id_ = 0;
};

struct HookOptions {
  bool prepend = false;  ///< runs before the hooks that are there, not behind them
  /// Of a forward hook: it runs also when forward or another hook throws, with an output that is
  /// empty if there is none; what it throws itself is then said on stderr.
  bool always_call = false;
};

namespace detail {
ANYCAPTURE_API HookHandle add_pre_hook(torch::nn::Module& module, ForwardPreHook hook,
                                       const HookOptions& options);
ANYCAPTURE_API HookHandle add_hook(torch::nn::Module& module, ForwardHook hook,
                                   const HookOptions& options);

template <class Model, class = void>
struct is_pointer_like : std::false_type {};
template <class Model>
struct is_pointer_like<Model, std::void_t<decltype(*std::declval<Model&>())>> : std::true_type {};

template <class Model>
torch::nn::Module& module_of(Model& model) {
  if constexpr (is_pointer_like<Model>::value) {
    return *model;
  } else {
    return model;
  }
}
}  // namespace detail

/// Registers a hook with a module that is hooked: made by a holder of ANYCAPTURE_MODULE or of
/// `anycapture::nn`. `model`: a holder, a `shared_ptr`, or the module. The hook goes with the
/// module, a clone() has none; it runs on every thread, on each call that a hooked holder or a
/// Sequential makes. A hook may register and remove hooks: the next call runs the new list. What it
/// throws leaves the call. Throws `anycapture::Error` when the module is not hooked.
template <class Model>
HookHandle register_forward_pre_hook(Model&& model, ForwardPreHook hook, HookOptions options = {}) {
  return detail::add_pre_hook(detail::module_of(model), std::move(hook), options);
}
template <class Model>
HookHandle register_forward_hook(Model&& model, ForwardHook hook, HookOptions options = {}) {
  return detail::add_hook(detail::module_of(model), std::move(hook), options);
}

}  // namespace anycapture
