// SPDX-License-Identifier: MIT
// What a graph writes into after it was captured.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <memory>

namespace anycapture {
namespace script {

/// Puts a tap in the place of each mark; one whose value is written to, before or after, copies it.
void turn_marks_into_taps(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace script
}  // namespace anycapture
