// SPDX-License-Identifier: MIT
// The door by which calls of modules reach the sessions; what hooked modules and relays are made of.
#pragma once

#include <ATen/core/Tensor.h>

#include <anycapture/api.h>
#include <anycapture/tag.h>

#include <string>
#include <vector>

namespace anycapture {
namespace detail {

/// A tensor inside an input or an output. `name` is what follows `input` or `output` in its key:
/// "" for a lone tensor, ".0" in a tuple or vector, ".last_hidden_state" in a dict or struct.
struct Field {
  std::string name;
  at::Tensor* tensor;  ///< written to when an editing hook replaces the tensor
};
using Fields = std::vector<Field>;

/// How a call of a module was noticed, from the outside in.
enum class Seen : char { kRelay, kHolder, kSource };

/// One call of one module on this thread, from construction to destruction. The outermost mechanism
/// opens it; those further in find it and stay silent (`opened()` is false). Only made while
/// `listening()`.
class ANYCAPTURE_API Frame {
 public:
  /// `method` is not copied; anything but "forward" is in the keys: `encode.output`.
  Frame(const torch::nn::Module& module, Seen seen, const char* method = "forward");
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame();

  bool opened() const noexcept { return opened_; }
  bool wants_input() const noexcept { return wants_input_; }    ///< an open session asks for it
  bool wants_output() const noexcept { return wants_output_; }  ///< an open session asks for it
  void input(const Fields& fields);
  /// `overwritten`: what runs next writes into these tensors, so that they are cloned at once.
  void output(const Fields& fields, bool overwritten = false);

  /// The next frame further out on this thread, or null.
  const Frame* outer() const noexcept { return outer_; }
  const torch::nn::Module& module() const noexcept { return *module_; }
  const char* method() const noexcept { return method_; }
  static const Frame* innermost() noexcept;

 private:
  const torch::nn::Module* module_;
  const char* method_;
  Frame* outer_ = nullptr;
  int exceptions_;  // that were passing when it opened
  Seen seen_;       // the innermost mechanism that joined
  bool opened_ = true;
  bool wants_input_ = false;
  bool wants_output_ = false;
};

}  // namespace detail
}  // namespace anycapture
