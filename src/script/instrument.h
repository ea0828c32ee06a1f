// SPDX-License-Identifier: MIT
// A private copy of a method's graph, everything that it calls inlined, with taps.
#pragma once

#include <torch/csrc/jit/api/function_impl.h>

#include <anycapture/api.h>
#include <anycapture/selector.h>

#include <functional>
#include <memory>
#include <string>

namespace anycapture {
namespace script {

/// Of any module of this class. `what`: as in keys, without fields.
struct Wants {
  std::function<bool(const c10::ClassType* type, SiteKind kind, const std::string& what)> site;
  /// Whether any of what an op gave (kOp) or took (kOpInput) is wanted. `op`: `@softmax`.
  std::function<bool(const c10::ClassType* type, SiteKind kind, const std::string& op)> op;
  std::function<bool(const c10::ClassType* type)> numbers_ops;
};

/// Runs in place of the method, with the run's number as one more argument. LibTorch caches what it
/// plans for a function after its first runs, so a graph once run is never edited: each selection
/// has a function of its own.
class ANYCAPTURE_API Instrumented {
 public:
  /// `called`: by a program, not by its user.
  Instrumented(const torch::jit::Function& method, const Wants& wants, bool called);
  void run(torch::jit::Stack& stack) { function_->run(stack); }
  const torch::jit::Graph& graph() const { return *function_->graph(); }

 private:
  std::unique_ptr<torch::jit::GraphFunction> function_;
};

}  // namespace script
}  // namespace anycapture
