// SPDX-License-Identifier: MIT
// All that can be asked for in a program, and where in its graphs it is.
#pragma once

#include <anycapture/selector.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "exported/calls.h"
#include "exported/exported_program.h"

namespace anycapture {
namespace exported {

/// A value, or several, of a site at one place of a graph.
struct Place {
  enum class Kind { field, local, unknown_local, node, op, weights, fused, call_begins };

  Kind kind = Kind::field;
  SiteKind site = SiteKind::kOutput;
  std::size_t module = 0;  ///< index in the world
  std::string path;        ///< that the call went by, where it is not the module's first
  std::string what;        ///< `output`, `attn`, `softmax_3`, `@softmax`
  std::string index;       ///< `[0]` of an assignment, which goes behind the fields
  std::vector<NamedSlot> values;
  std::size_t node = 0;    ///< after which the values are there; of an input, in front of which
  std::size_t fires = 0;   ///< the node after which it fires: `node` or a later one
  std::int64_t axis = -1;  ///< of a softmax
  Slot factor = kNoSlot;   ///< what weights are multiplied with
  bool copy = false;       ///< of a fused operator: what it took is written into later
  std::vector<std::string> spellings;  ///< of an op
  std::string file;                    ///< of a local
  std::size_t line = 0;
  /// Of a local: the variable of one call of its function. Without an index it fires what the last
  /// of its assignments that was run gave, in whichever graph that was.
  std::string variable;
  bool returns = false;  ///< of a local: it is that
};

struct GraphSites {
  const Graph* graph = nullptr;
  std::vector<Place> places;  ///< in the order of their nodes
};

class Sites {
 public:
  explicit Sites(const ExportedProgram& program);

  const std::vector<ModuleName>& modules() const { return modules_; }
  const std::vector<GraphSites>& graphs() const { return graphs_; }
  /// Of a module, in order: each what once.
  std::vector<const Place*> of_module(std::size_t module) const;
  bool has_lines() const { return has_lines_; }
  /// Whether the module has a variable of this name.
  bool has_local(std::size_t module, const std::string& what) const {
    return locals_.count({module, what}) != 0;
  }
  /// Whether any node is of the module or of one in it.
  bool leaves_nodes(std::size_t module) const { return leaves_nodes_[module]; }

 private:
  struct Known {
    std::string type, object;
  };
  using Called = std::map<std::string, Known>;  // by path, of modules that leave nodes
  static void find_called(const Graph& graph, Called& called);
  void name_modules(const ExportedProgram& program, const Called& called);
  std::optional<std::size_t> module_of(const std::string& path) const;
  /// Of the graph that is being looked through.
  struct Around {
    std::set<std::string> calls;  ///< of modules that it is run inside of
    std::string path;             ///< of the innermost of them
    std::set<Slot> state;         ///< slots with parameters, buffers and constants
  };
  void add_graph(const ExportedProgram& program, const Graph& graph, const Around& around,
                 const class KnownLines& lines);
  void add_calls(GraphSites& into, const std::vector<ModuleCall>& calls);
  void add_locals(GraphSites& into, const Flow& flow, const std::vector<ModuleCall>& calls,
                  const class KnownLines& lines);
  void add_returns(GraphSites& into, const std::vector<ModuleCall>& calls, bool is_root);
  static void find_copies(std::vector<Place>& places, const class Writes& writes);
  void number_locals();
  void add_nodes(GraphSites& into, const Flow& flow, const std::string& around);

  std::vector<ModuleName> modules_;
  std::unordered_map<std::string, std::size_t> by_path_;
  std::vector<bool> leaves_nodes_;
  std::vector<GraphSites> graphs_;
  std::map<std::string, std::map<std::string, Place>> variables_;  // by call, then by name
  std::map<std::string, std::string> scopes_;  // variable -> function of which class it is in
  std::set<std::pair<std::size_t, std::string>> locals_;  // module and name
  bool has_lines_ = false;
};

}  // namespace exported
}  // namespace anycapture
