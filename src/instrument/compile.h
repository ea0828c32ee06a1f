// SPDX-License-Identifier: MIT
// A compiler's command, run on the copy of its source.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace anycapture {
namespace instrument {

/// Runs `arguments`, a compiler and what it is told, with an instrumented copy in place of the
/// source; a command that compiles no C++ source, or a source that cannot be read, as it stands.
/// Messages, debug information and dependencies name the original. Where the copy does not compile
/// the original is compiled, so that errors are its own. What is left alone is said on stderr.
/// Returns the compiler's exit status.
int compile(const std::vector<std::string>& arguments,
            const std::vector<std::filesystem::path>& headers);

}  // namespace instrument
}  // namespace anycapture
