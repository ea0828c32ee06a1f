// SPDX-License-Identifier: MIT
// What the shells complete: read from the definitions of the commands, so that it is never behind
// them. completions/ has the scripts that ask for it.
#pragma once

#include <string>
#include <vector>

#include "cli/argument_info.h"

namespace anycapture {
namespace cli {

/// The command that the scripts call: `anycapture __complete WORD... LAST`, words without quotes.
constexpr const char* kComplete = "__complete";

/// What may stand in the place of the last word and starts as it does; it may be empty. A line
/// each, with a tab and a description behind it. A line that starts with a tab says that files may
/// stand there too, and which are meant: `\t.safetensors .npz`. Reads no more of a file than its
/// header; one that cannot be read has no keys.
std::string completions(const CommandInfo& program, const std::vector<std::string>& words);

}  // namespace cli
}  // namespace anycapture
