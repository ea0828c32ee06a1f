// SPDX-License-Identifier: MIT
// Local variables of the Python source that a graph was exported from, by the line that each node's
// traceback holds.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "exported/calls.h"
#include "exported/graph.h"
#include "exported/known_lines.h"

namespace anycapture {
namespace exported {

/// One run of an assignment.
struct LocalValue {
  std::string call;        ///< of the module whose forward it is in; empty for the root
  std::string path, type;  ///< of that module
  std::string function;    ///< `forward`
  std::string name;        ///< `attn`
  std::size_t node = 0;    ///< that it ends with
  /// Empty where it cannot be known which of the statement's values the variable got.
  std::vector<NamedSlot> values;
  std::string file;
  std::size_t line = 0;  ///< where the statement begins
};

/// In the order of their nodes. Of a body that torch.cond and the like run there are none: its
/// nodes come from code that PyTorch made.
std::vector<LocalValue> locals_in(const Graph& graph, const Flow& flow,
                                  const std::vector<ModuleCall>& calls, const KnownLines& lines);

}  // namespace exported
}  // namespace anycapture
