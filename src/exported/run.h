// SPDX-License-Identifier: MIT
// Runs graphs node by node.
#pragma once

#include <vector>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// Hears the nodes of a run. What a hook throws ends the run.
class Listener {
 public:
  virtual ~Listener() = default;
  /// Which nodes of a graph hear; null for none: called once for each time that a graph is run.
  virtual const std::vector<bool>* heard(const Graph& graph) = 0;
  /// Whether the hooks read what a node took; else `took` is empty.
  virtual bool reads_arguments(const Graph& graph, std::size_t node) const = 0;
  virtual void before(const Graph& graph, std::size_t node, const Frame& frame,
                      const std::vector<c10::IValue>& took) = 0;
  /// The node's results are in the frame.
  virtual void after(const Graph& graph, std::size_t node, const Frame& frame,
                     const std::vector<c10::IValue>& took) = 0;
};

/// One run of a program; re-entrant, for graphs inside of graphs.
class Runner {
 public:
  explicit Runner(Listener* listener) : listener_(listener) {}

  /// The graph's outputs. `inputs`: as many as it has.
  std::vector<c10::IValue> run(const Graph& graph, std::vector<c10::IValue> inputs) const;

 private:
  void run_node(const Node& node, Frame& frame, torch::jit::Stack& stack) const;
  void run_heard(const Graph& graph, std::size_t index, Frame& frame,
                 torch::jit::Stack& stack) const;

  Listener* listener_;
};

}  // namespace exported
}  // namespace anycapture
