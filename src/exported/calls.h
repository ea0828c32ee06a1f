// SPDX-License-Identifier: MIT
// The calls of modules that nodes of a graph belong to, and what went in and out.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "exported/graph.h"
#include "exported/metadata.h"

namespace anycapture {
namespace exported {

struct ModuleSignature;

/// A value under the name that it has in `input` or `output`: empty for a lone one.
using NamedSlot = std::pair<std::string, Slot>;

struct ModuleCall {
  std::string call, path, type;
  std::size_t first = 0, last = 0;  ///< of its nodes
  std::vector<NamedSlot> inputs, outputs;
  bool has_signature = false;  ///< that names them
  bool in_order = false;       ///< a lone output, or several with their names and places in Python
};

/// Which nodes of a graph make and read each slot.
struct Flow {
  /// `returned`: of the graph's outputs, those that are read outside; empty for all.
  explicit Flow(const Graph& graph, const std::vector<bool>& returned = {});

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::vector<std::size_t> maker;                 ///< kNone: an input
  std::vector<std::vector<std::size_t>> readers;  ///< nodes() for the graph's outputs
  std::size_t nodes = 0;
};

/// `outer`: calls that the graph is run inside of, when it is a node's. `state`: slots that hold
/// parameters, buffers and constants. Names of values: by `signatures` where a module was exported
/// with one; else of what its nodes read from outside of the call, and of what is read there. The
/// file does not say in which order it returns several, which have the names of their nodes then,
/// but where it returns those of one operator as they are.
std::vector<ModuleCall> calls_in(const Graph& graph, const Flow& flow,
                                 const std::set<std::string>& outer, const std::set<Slot>& state,
                                 const std::map<std::string, ModuleSignature>& signatures);

/// The tensors that a node gives, named by place where it gives several.
std::vector<NamedSlot> results_of(const Graph& graph, const Node& node);

/// The inputs of a graph that a node runs which are slots of the outer graph, in order; kNoSlot for
/// others.
std::vector<Slot> operands_of(const Node& node);

}  // namespace exported
}  // namespace anycapture
