// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace anycapture {
namespace cli {

/// Tokens from JSON: a list of texts, or an object whose `tokens` is one. Throws FileError that
/// starts with the path.
std::vector<std::string> read_tokens(const std::string& path);

}  // namespace cli
}  // namespace anycapture
