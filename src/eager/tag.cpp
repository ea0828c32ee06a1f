// SPDX-License-Identifier: MIT
#include <anycapture/detail/frame.h>
#include <anycapture/tag.h>

#include <torch/nn/module.h>

#include <cstring>
#include <utility>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/environment.h"
#include "eager/locals.h"

namespace anycapture {
namespace detail {

using capture::Session;
using capture::ThreadSessions;

at::Tensor fire_tag(const torch::nn::Module& module, const char* name, at::Tensor value) {
  eager::join_environment();
  if (name == nullptr) name = "";
  if (std::strncmp(name, "this->", 6) == 0) name += 6;  // ANYCAPTURE_TAG(this->cache_)
  eager::tag_wins(module, name);
  ThreadSessions::here().each([&](Session& session) {
    session.fire_tag({&module, nullptr, name}, value);
  });
  return value;
}

void fire_variable(const torch::nn::Module& module, const char* name, at::Tensor& variable) {
  variable = fire_tag(module, name, std::move(variable));
}

void fire_variable(const torch::nn::Module& module, const char* name, const at::Tensor& variable) {
  fire_tag(module, name, variable);
}

at::Tensor fire_function_tag(const char* function, const char* name, at::Tensor value) {
  eager::join_environment();
  if (name == nullptr) name = "";
  eager::function_tag_wins(function, name);
  const Frame* frame = Frame::innermost();
  const void* module = frame == nullptr ? nullptr : &frame->module();
  ThreadSessions::here().each([&](Session& session) {
    session.fire_tag({module, function, name}, value);
  });
  return value;
}

}  // namespace detail
}  // namespace anycapture
