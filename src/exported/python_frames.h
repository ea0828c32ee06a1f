// SPDX-License-Identifier: MIT
// The Python functions that were running when a node was made.
#pragma once

#include <string>
#include <vector>

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

}  // namespace exported
}  // namespace anycapture
