// SPDX-License-Identifier: MIT
#include <anycapture/detail/frame.h>

#include <torch/nn/module.h>

#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <exception>
#include <string>

#include "capture/listening.h"
#include "capture/session.h"
#include "eager/environment.h"
#include "eager/op_tap.h"

namespace anycapture {
namespace detail {
namespace {

using capture::Session;
using capture::ThreadSessions;

thread_local Frame* innermost_frame = nullptr;

bool is_forward(const char* method) {
  return std::strcmp(method, "forward") == 0;
}

void fire(const Frame& frame, SiteKind kind, const Tensors& tensors) {
  std::string prefix = is_forward(frame.method()) ? "" : std::string(frame.method()) + ".";
  prefix += kind == SiteKind::kInput ? "input" : "output";
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string what = joined(prefix, tensors.name(i));
    ThreadSessions::here().each(
        [&](Session& session) { session.fire_field(&frame.module(), kind, what, tensors[i]); });
  }
}

template <class... Types>
bool is_one_of(const std::type_info& type) {
  return ((type == typeid(Types)) || ...);
}

bool is_number(const std::type_info& type) {
  return is_one_of<bool, char, int, unsigned, long, unsigned long, long long, unsigned long long,
                   float, double, std::nullptr_t>(type);
}

}  // namespace

Frame::Frame(const torch::nn::Module& module, Seen seen, const char* method, unsigned overload)
    : module_(&module),
      method_(method),
      exceptions_(std::uncaught_exceptions()),
      seen_(seen),
      overload_(overload) {
  Frame* top = innermost_frame;
  if (top != nullptr && top->module_ == module_ && std::strcmp(top->method_, method) == 0 &&
      (top->seen_ < seen || (seen == Seen::kSource && top->overload_ != overload))) {
    top->seen_ = seen;
    top->overload_ = overload;
    opened_ = false;
    return;
  }
  outer_ = top;
  backward_ = eager::current_backward();
  eager::join_environment();
  const bool may_be_root = seen != Seen::kInterposed;  // the first that is built in is a leaf
  ThreadSessions::here().each([&](Session& session) {
    wants_input_ = wants_input_ || session.wants(module_, SiteKind::kInput, method, may_be_root);
    wants_output_ = wants_output_ || session.wants(module_, SiteKind::kOutput, method, may_be_root);
  });
  innermost_frame = this;
}

Frame::~Frame() {
  if (!opened_) return;
  innermost_frame = outer_;
  if (std::uncaught_exceptions() <= exceptions_) return;
  ThreadSessions::here().each([](Session& session) { session.left_by_exception(); });
}

void Frame::input(const Tensors& tensors) {
  fire(*this, SiteKind::kInput, tensors);
}

void Frame::output(const Tensors& tensors) {
  ThreadSessions::here().each([](Session& session) { session.throw_failure(); });
  fire(*this, SiteKind::kOutput, tensors);
}

void Frame::unreadable(SiteDirection direction, const std::type_info& type) {
  if (is_number(type)) return;  // nobody expects a tensor in it
  const std::string name = c10::demangle(type.name());
  std::string why = fmt::format("its {} is a {}, in which no tensor can be seen: tag what you want",
                                direction == SiteDirection::kInput ? "input" : "output", name);
  const bool is_template = name.find('<') != std::string::npos;
  if (!is_template)
    why += fmt::format(", or write ANYCAPTURE_VISITABLE({}, its fields); behind the struct",
                       name.substr(name.rfind(':') + 1));
  ThreadSessions::here().each([&](Session& session) { session.unreadable(module_, why); });
}

capture::OpCounts& Frame::op_counts() {
  if (op_counts_ == nullptr) op_counts_ = std::make_unique<capture::OpCounts>();
  return *op_counts_;
}

Frame* Frame::innermost() noexcept {
  return innermost_frame;
}

}  // namespace detail
}  // namespace anycapture
