// SPDX-License-Identifier: MIT
// Local variables of the Python source that a graph was exported from, by the line that each node's
// traceback holds.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "exported/calls.h"
#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// Values of one assignment, or of the last one, of a variable in one call of its function.
struct LocalValue {
  std::string call;         ///< of the module; empty for the root
  std::string function;     ///< `forward`
  std::string name;         ///< `attn`
  std::size_t index = 0;    ///< among the assignments of the function to this name, in source order
  bool is_final = false;    ///< no later one was run in this call
  std::size_t node = 0;     ///< after which the values are there
  std::size_t returns = 0;  ///< the last node of the function's call
  std::vector<NamedSlot> values;
  std::string file;
  std::size_t line = 0;
};

/// The lines of source that nodes of a program came from.
class KnownLines {
 public:
  void add(const Graph& graph);
  /// Where the statement of a line begins; 0 where it is not known.
  std::size_t statement_of(const std::string& file, std::size_t line) const;
  const std::string& text(const std::string& file, std::size_t line) const;
  bool empty() const { return files_.empty(); }

 private:
  std::map<std::string, std::map<std::size_t, std::string>> files_;
};

std::vector<LocalValue> locals_in(const Graph& graph, const Flow& flow,
                                  const std::vector<ModuleCall>& calls, const KnownLines& lines);

}  // namespace exported
}  // namespace anycapture
