// SPDX-License-Identifier: MIT
// The Python functions that were running when a node was made.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/python_statements.h"
#include "exported/graph.h"
#include "exported/metadata.h"

namespace anycapture {
namespace exported {

/// One of them: where in its source, and which call of it.
struct PythonFrame {
  std::string instance;  ///< equal for nodes of the same call
  CalledModule module;   ///< that it belongs to; of the root, without a call
  PythonLine line;
  std::string inner;  ///< what it called there
};

/// From the outermost. A module's call has a frame each, called forward; those between are
/// functions that it calls. Where they are not as many, only the root's is known:
/// `super().forward(x)`, a forward of another name. None without a traceback.
std::vector<PythonFrame> python_frames(const Node& node);

/// Whether a frame runs the node's operator itself, or by functions of PyTorch that return what it
/// gives.
bool runs_op(const std::vector<PythonFrame>& frames, std::size_t frame);

/// `cat` of `torch.ops.aten.cat.default`.
std::string name_of_op(const Node& node);

/// Whether what a statement assigns or returns is what an operator gave, in its order:
/// `x.chunk(2)`, not `self.swapped_chunks(x)` nor `swap(x.chunk(2))`. Without `strict=True` the
/// file has no frames of functions, so that the name of what is called must tell.
bool gives_results_of(const python::Statement& statement, const Node& node);

}  // namespace exported
}  // namespace anycapture
