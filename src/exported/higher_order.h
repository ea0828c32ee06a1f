// SPDX-License-Identifier: MIT
// Nodes that run graphs: cond, while_loop, map, scan, regions without grad or with autocast; and
// operators that write, made functional.
#pragma once

#include <string>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// `cond` of `torch.ops.higher_order.cond`; null for one that is not supported.
HigherOrder higher_order(const std::string& name);

/// That such a node has the arguments and graphs that it is run with. Throws Error.
void check_higher_order(const Node& node);

}  // namespace exported
}  // namespace anycapture
