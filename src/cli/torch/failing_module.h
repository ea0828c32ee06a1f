// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

namespace anycapture {
class Program;

namespace cli {

/// Where a model throws: the innermost module that was called and did not return, as
/// `blocks.0.attn (Attention)`. Calls `run` once more to see; empty when that does not throw.
std::string failing_module(const Program& program, const std::function<void()>& run);

}  // namespace cli
}  // namespace anycapture
