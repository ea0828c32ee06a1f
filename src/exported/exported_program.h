// SPDX-License-Identifier: MIT
// What a torch.export archive holds, ready to be run.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "exported/graph.h"
#include "exported/inputs.h"
#include "exported/pytree.h"

namespace anycapture {
namespace exported {

/// What is done with one of the graph's outputs.
struct OutputUse {
  enum class Kind { user, state, input, dropped };
  Kind kind = Kind::user;
  std::string name;       ///< of the parameter, buffer or input that gets the new value
  std::size_t index = 0;  ///< of that input among the graph's
};

/// What a module takes and returns, where it was exported with its signature.
struct ModuleSignature {
  std::vector<std::string> inputs, outputs;  ///< values of the graph, by name; empty for constants
  std::vector<std::string> input_names, output_names;  ///< `1`, `output.logits` without `output`
};

struct ExportedProgram {
  std::string path;
  std::string torch_version;
  std::shared_ptr<const Graph> graph;
  /// Parameters, buffers and constants, by name.
  std::map<std::string, at::Tensor> state;
  std::vector<std::string> parameters;  ///< names in `state`, in the order of the graph
  std::vector<std::pair<std::size_t, std::string>> held;  ///< graph's input -> name in `state`
  std::vector<std::size_t> tokens;                        ///< graph's inputs that are none
  InputPlan inputs;
  std::vector<OutputUse> outputs;
  TreeSpec out_spec;
  std::vector<std::string> modules;  ///< paths, in named_modules() order; the root's is empty
  std::map<std::string, ModuleSignature> signatures;  ///< by module path

  /// Of the graph's outputs: those that the caller gets.
  std::vector<bool> returned() const {
    std::vector<bool> all;
    for (const OutputUse& use : outputs) all.push_back(use.kind == OutputUse::Kind::user);
    return all;
  }
};

}  // namespace exported
}  // namespace anycapture
