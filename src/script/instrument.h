// SPDX-License-Identifier: MIT
// A private copy of a method's graph, everything that it calls inlined, with taps.
#pragma once

#include <torch/csrc/jit/api/function_impl.h>

#include <anycapture/selector.h>

#include <functional>
#include <memory>
#include <string>

namespace anycapture {
namespace script {

/// Whether a site of any module of this class is wanted. `what`: as in keys, without fields.
using Wants =
    std::function<bool(const c10::ClassType* type, SiteKind kind, const std::string& what)>;

/// Runs in place of the method, with the run's number as one more argument. LibTorch caches what it
/// plans for a function after its first runs, so a graph once run is never edited: each selection
/// has a function of its own.
class Instrumented {
 public:
  /// `called`: by a program, not by its user.
  Instrumented(const torch::jit::Function& method, const Wants& wants, bool called);
  void run(torch::jit::Stack& stack) { function_->run(stack); }
  const torch::jit::Graph& graph() const { return *function_->graph(); }

 private:
  std::unique_ptr<torch::jit::GraphFunction> function_;
};

/// A site of a method, which wants no run to be known.
struct MethodSite {
  SiteKind kind;
  std::string what;
  std::size_t line = 0;  ///< of the source, from 1; 0 if not known
  std::string file;
  std::string type;  ///< `Tensor`, `Tuple[Tensor, Tensor]`
};

/// All that can be asked for of a module whose class has this method.
std::vector<MethodSite> sites_of(const torch::jit::Function& method);

}  // namespace script
}  // namespace anycapture
