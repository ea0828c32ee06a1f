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

}  // namespace exported
}  // namespace anycapture
