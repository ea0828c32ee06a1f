// SPDX-License-Identifier: MIT
// Python's arithmetic on sizes and other numbers, as nodes of a graph do it.
#pragma once

#include <string>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

/// `_operator.floordiv`, `math.trunc`, `torch.sym_max` ...; of LibTorch's own operators on sizes,
/// those that older ones lack; null for any other.
const SymbolOp* symbol_op(const std::string& target);

}  // namespace exported
}  // namespace anycapture
