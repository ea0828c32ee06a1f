// SPDX-License-Identifier: MIT
// Operators that write into what they are given, run on copies.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exported/graph.h"

namespace anycapture {
namespace exported {

using Keywords = std::map<std::string, c10::IValue>;

/// The operator that a node's argument names. Throws Error when it names none.
const std::string& operator_of(const Node& node, std::size_t argument);
Keywords keywords_of(const Node& node, Frame& frame);

/// What the operator gives. Throws Error when there is none of this name,
/// `torch.ops.aten.relu_.default`, or an argument is missing.
std::vector<c10::IValue> call_operator(const std::string& target,
                                       const std::vector<c10::IValue>& positional,
                                       const Keywords& keywords);

/// `auto_functionalized(operator, **arguments)`: the operator's results, then the copies that it
/// wrote into.
std::vector<c10::IValue> functionalized(const Runner& runner, const Node& node, Frame& frame);
/// `auto_functionalized_v2`: the copies are of tensors that the arguments are views of.
std::vector<c10::IValue> functionalized_from_bases(const Runner& runner, const Node& node,
                                                   Frame& frame);

}  // namespace exported
}  // namespace anycapture
