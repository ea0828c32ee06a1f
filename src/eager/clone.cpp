// SPDX-License-Identifier: MIT
//
// torch/nn/cloneable.h for hooked modules. Cloneable makes an Impl; what Impl's reset() lets hold
// on to `this` (a function, a child's pointer to its parent) must hold on to the hooked module
// instead.
#include <anycapture/detail/hooked.h>
#include <anycapture/error.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

namespace anycapture {
namespace detail {
namespace {

using torch::OrderedDict;
using torch::nn::Module;

// Private and protected members of Module.
using ParameterDict = OrderedDict<std::string, at::Tensor>;
using Parameters = ParameterDict Module::*;
using Children = OrderedDict<std::string, std::shared_ptr<Module>> Module::*;
using CloneInto = void (Module::*)(Module&, CloneDevice);
Parameters parameters_member();
Parameters buffers_member();
Children children_member();
CloneInto clone_into_member();
template <Parameters parameters, Parameters buffers, Children children, CloneInto clone_into>
struct Members {
  friend Parameters parameters_member() { return parameters; }
  friend Parameters buffers_member() { return buffers; }
  friend Children children_member() { return children; }
  friend CloneInto clone_into_member() { return clone_into; }
};
template struct Members<&Module::parameters_, &Module::buffers_, &Module::children_,
                        &Module::clone_>;

void check_count(std::size_t original, std::size_t copy, const char* what, const char* made_by) {
  if (original == copy) return;
  throw Error(
      fmt::format("a clone has {1} {2}, the module has {0}: call {3} in reset(), not in the "
                  "constructor",
                  original, copy, what, made_by));
}

void copy_data(const ParameterDict& from, ParameterDict& to,
               const c10::optional<c10::Device>& device) {
  for (const auto& item : from) {
    const at::Tensor& tensor = item.value();
    if (!tensor.defined()) continue;
    const bool moves = device && tensor.device() != *device;
    to[item.key()].set_data(moves ? tensor.to(*device) : tensor.clone());
  }
}

}  // namespace

void clear_for_clone(Module& copy) {
  (copy.*parameters_member()).clear();
  (copy.*buffers_member()).clear();
  (copy.*children_member()).clear();
}

void copy_into_clone(const Module& original, Module& copy,
                     const c10::optional<c10::Device>& device) {
  const auto &parameters = original.*parameters_member(), &buffers = original.*buffers_member();
  const auto& children = original.*children_member();
  auto& copies = copy.*children_member();
  check_count(parameters.size(), (copy.*parameters_member()).size(), "parameters",
              "register_parameter()");
  check_count(buffers.size(), (copy.*buffers_member()).size(), "buffers", "register_buffer()");
  check_count(children.size(), copies.size(), "child modules", "register_module()");
  copy_data(parameters, copy.*parameters_member(), device);
  copy_data(buffers, copy.*buffers_member(), device);
  for (const auto& child : children) {
    Module& into = *copies[child.key()];
    (into.*clone_into_member())(*child.value(), device);
  }
}

}  // namespace detail
}  // namespace anycapture
