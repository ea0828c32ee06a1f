// SPDX-License-Identifier: MIT
// The local variables of a scripted or traced method, by their Python names.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <cstddef>
#include <string>
#include <vector>

namespace anycapture {
namespace script {

/// One assignment to a local, as it stands in a graph.
struct Assignment {
  std::string name;
  std::size_t index = 0;  ///< among the assignments to this name, in the order of the source
  std::size_t line = 0;   ///< of the source, from 1; 0 if not known
  std::string file;       ///< of the source; empty if not known
  torch::jit::Value* value = nullptr;
  torch::jit::Node* before = nullptr;  ///< in front of which the value is there
  bool nested = false;                 ///< in a branch or a loop, which may not run
  bool traced = false;                 ///< named by a trace, which keeps no text
};

/// Whether a value of this type can hold a tensor.
bool holds_tensors(const c10::Type& type);

/// In the order of the graph. The names come from the source text that the archive keeps, and where
/// there is none, from the names of the graph's values: `attn0.1` is `attn`.
///
/// `graph`: of one method or function, nothing inlined. Blocks of forks are not looked into.
std::vector<Assignment> find_locals(torch::jit::Graph& graph);

}  // namespace script
}  // namespace anycapture
