// SPDX-License-Identifier: MIT
// A graph of the file, checked and resolved: each operator is there, each value is made before it
// is read.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

class GraphReader {
 public:
  /// `device`: in place of those in the file.
  explicit GraphReader(std::optional<at::Device> device) : device_(device) {}

  /// Throws Error or `nlohmann::json::exception`; where() says at which node.
  std::shared_ptr<const Graph> read(const nlohmann::json& json);
  const std::string& where() const { return where_; }

  /// Operators that this LibTorch does not have, by the first node that asks for each.
  const std::map<std::string, std::string>& missing() const { return missing_; }
  /// Kinds of nodes that are not supported, likewise.
  const std::map<std::string, std::string>& unsupported() const { return unsupported_; }

 private:
  class Names;

  Node read_node(const nlohmann::json& json, Names& names);
  void resolve(Node& node);
  static void check_symbol(const Node& node);
  void read_by_schema(Node& node, const nlohmann::json& inputs, const Names& names);
  void read_freely(Node& node, const nlohmann::json& inputs, const Names& names);
  void move_autocast(Node& node) const;
  static void read_results(Node& node, const nlohmann::json& json, Names& names);

  std::optional<at::Device> device_;
  std::string where_;
  int depth_ = 0;
  std::map<std::string, std::string> missing_, unsupported_;
};

/// `torch.ops.aten.softmax.int`: the operator, if there is one of this name.
std::optional<c10::OperatorHandle> find_operator(const std::string& target);

/// Marks where each slot is read for the last time. `graph` gives its outputs at the end.
void find_last_reads(Graph& graph);

}  // namespace exported
}  // namespace anycapture
