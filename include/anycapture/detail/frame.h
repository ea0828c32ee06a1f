// SPDX-License-Identifier: MIT
// The door by which calls of modules reach the sessions; what hooked modules and relays are made
// of.
#pragma once

#include <anycapture/api.h>
#include <anycapture/tag.h>
#include <anycapture/tensors.h>

#include <memory>
#include <typeinfo>

namespace anycapture {

namespace capture {
struct OpCounts;
}

namespace detail {

/// How a call of a module was noticed, from the outside in.
enum class Seen : char { kRelay, kHolder, kSource, kInterposed };

enum class SiteDirection : char { kInput, kOutput };

/// One call of one module on this thread, from construction to destruction. The outermost mechanism
/// opens it; those further in find it and stay silent (`opened()` is false). Only made while
/// `listening()`.
class ANYCAPTURE_API Frame {
 public:
  /// `method` is not copied; anything but "forward" is in the keys: `encode.output`. `overload`
  /// tells apart the functions that are instrumented: one that calls another is still one call.
  Frame(const torch::nn::Module& module, Seen seen, const char* method = "forward",
        unsigned overload = 0);
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame();

  bool opened() const noexcept { return opened_; }
  bool wants_input() const noexcept { return wants_input_; }    ///< an open session asks for it
  bool wants_output() const noexcept { return wants_output_; }  ///< an open session asks for it
  void input(const Tensors& tensors);
  void output(const Tensors& tensors);
  /// What goes in or out is of a type in which no tensor can be found: the report says so.
  void unreadable(SiteDirection direction, const std::type_info& type);

  /// The next frame further out on this thread, or null.
  const Frame* outer() const noexcept { return outer_; }
  const torch::nn::Module& module() const noexcept { return *module_; }
  const char* method() const noexcept { return method_; }
  static Frame* innermost() noexcept;

  /// The run of autograd's backward that it was opened in; null outside any.
  const void* backward() const noexcept { return backward_; }
  Frame* outer() noexcept { return outer_; }
  /// How often ops ran in this call.
  capture::OpCounts& op_counts();
  /// output() is called, also where nobody asked for it: a session has something to throw.
  void ask_for_output() noexcept { wants_output_ = true; }

 private:
  const torch::nn::Module* module_;
  const char* method_;
  Frame* outer_ = nullptr;
  const void* backward_ = nullptr;
  std::unique_ptr<capture::OpCounts> op_counts_;
  int exceptions_;  // that were passing when it opened
  Seen seen_;       // the innermost mechanism that joined
  unsigned overload_;
  bool opened_ = true;
  bool wants_input_ = false;
  bool wants_output_ = false;
};

}  // namespace detail
}  // namespace anycapture
